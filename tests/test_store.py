# ruff: noqa: F811 - pytest takes fixtures by the names of arguments
"""Stores: what is in one, and what cannot be read."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from store_cases import COLUMNS, GRID, files, no_waiting_for_the_disk, store, write, write_file  # noqa: F401

from skspectra.datasets import LAMOST_WAVELENGTH, load_spectra, open_spectra_store, write_spectra_store
from skspectra.datasets._loading import _read_files
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

# What is in a store


@pytest.mark.parametrize("block_bytes", [1, 3000, 2**26])
@pytest.mark.parametrize("wavelength", [None, LAMOST_WAVELENGTH])
def test_a_store_holds_what_load_spectra_loads(files, tmp_path, wavelength, block_bytes):
    if wavelength is not None:  # the grid of these spectra must overlap that of LAMOST
        files = [write_file(files[0], 12, 1, np.linspace(3600.0, 9200.0, 900))]

    store = write(files, tmp_path / "store", wavelength=wavelength, block_bytes=block_bytes)

    loaded = load_spectra(files, wavelength=wavelength)
    assert isinstance(store.data, np.memmap)
    assert not store.data.flags.writeable
    assert store.data.dtype == np.float32
    np.testing.assert_array_equal(store.data, loaded.data)
    np.testing.assert_array_equal(store.wavelength, loaded.wavelength)
    for name in COLUMNS:
        np.testing.assert_array_equal(store[name], loaded[name])
        assert store[name].dtype == loaded[name].dtype


def test_the_files_of_a_store_are_read_without_the_package(files, tmp_path):
    store = write(files, tmp_path / "store")

    assert np.load(tmp_path / "store" / "data.npy").shape == (13, 40)  # the length in the header grew from none
    np.testing.assert_array_equal(np.load(tmp_path / "store" / "data.npy", mmap_mode="r"), store.data)
    assert not (tmp_path / "store.part").exists()


def test_catalogues_label_spectra_of_files_read_before_and_after(tmp_path):
    for name in "12", "34", "56":
        (tmp_path / f"{name}.txt").write_text(",".join(["1.5"] * 2600))
    (tmp_path / "3-index.csv").write_text("id,type\n12,star\n56,qso\n")
    (tmp_path / "9-index.csv").write_text("id,type\n34,galaxy\n56,qso\n")

    store = write_spectra_store(tmp_path, tmp_path / "store", block_bytes=1)

    assert store.target.tolist() == ["STAR", "GALAXY", "QSO"]
    np.testing.assert_array_equal(store.target, load_spectra(tmp_path).target)


def test_other_files_in_a_folder_are_passed_over(files, tmp_path):
    (files[0].parent / "notes.txt").write_text("Nothing but words.")

    assert len(write(files[0].parent, tmp_path / "store").data) == 13


def test_catalogues_that_disagree_are_refused(tmp_path):
    (tmp_path / "12.txt").write_text(",".join(["1.5"] * 2600))
    (tmp_path / "one.csv").write_text("id,type\n12,star\n")
    (tmp_path / "two.csv").write_text("id,type\n12,qso\n")

    message = r"two.csv: its label Label\(target='QSO'.* for 12 differs from .*target='STAR'.* in .*one.csv"
    with pytest.raises(ValueError, match=message):
        write_spectra_store(tmp_path, tmp_path / "store", block_bytes=1)


def test_a_transformer_prepares_the_spectra_and_bad_pixels_can_be_nan(tmp_path):
    flux = np.arange(1.0, 41.0, dtype=np.float32)[None]
    mask = np.zeros((1, 40), bool)
    mask[0, 20] = True
    path = tmp_path / "one.npz"
    np.savez(path, flux=flux + 1000 * mask, mask=mask, wavelength=GRID)

    bad = write(path, tmp_path / "bad", bad_pixels="nan")
    prepared = make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler())
    good = write(path, tmp_path / "good", bad_pixels="nan", transformer=prepared)

    assert np.flatnonzero(np.isnan(bad.data)).tolist() == [20]
    np.testing.assert_allclose(good.data[0], np.arange(40) / 39, atol=1e-6)
    assert bad.transformer == "None"
    assert good.transformer.startswith("Pipeline(steps=[('missingfluxinterpolator'")


def test_a_block_of_files_is_read_between_two_writes(files, tmp_path, monkeypatch):
    blocks = []
    read_all = _read_files._read_all

    def record(paths, *args):
        blocks.append([Path(file.path).name for file in paths])
        return read_all(paths, *args)

    monkeypatch.setattr(_read_files, "_read_all", record)
    two_files = os.path.getsize(files[0]) + os.path.getsize(files[1])
    write(files, tmp_path / "store", block_bytes=two_files)

    assert blocks[0] == ["a.npz", "b.npz"]
    assert [name for block in blocks for name in block] == ["a.npz", "b.npz", "c.npz", "d.npz"]


# What cannot be read


def test_an_unreadable_file_ends_the_writing_and_the_same_call_goes_on(files, tmp_path, monkeypatch):
    whole = files[2].read_bytes()
    files[2].write_bytes(whole[:-100])
    with pytest.raises(ValueError, match=r"c\.npz"):
        write(files, tmp_path / "store")
    with pytest.raises(ValueError, match=r"the store is not complete, only store\.part exists: call"):
        open_spectra_store(tmp_path / "store")

    files[2].write_bytes(whole)
    read = []
    read_all = _read_files._read_all
    monkeypatch.setattr(_read_files, "_read_all", lambda paths, *args: read.extend(paths) or read_all(paths, *args))
    store = write(files, tmp_path / "store")

    assert [Path(file.path).name for file in read] == ["c.npz", "d.npz"]
    np.testing.assert_array_equal(store.data, load_spectra(files, wavelength=None).data)


def test_unreadable_files_are_listed_where_that_is_asked_for(files, tmp_path):
    files[1].write_bytes(b"PK\x03\x04 no archive")
    write_file(files[3], 2, 4, np.linspace(1.0, 2.0, 30))
    (tmp_path / "empty").mkdir()
    paths = [*files, tmp_path / "none.fits", tmp_path / "empty"]

    with pytest.warns(UserWarning, match="4 of 5 files could not be loaded"):
        store = write(paths, tmp_path / "store", on_error="warn")

    assert [Path(path).name for path, _ in store.failures] == ["b.npz", "d.npz", "none.fits", "empty"]
    assert "its grid (30 pixels from 1.00 to 2.00 angstrom) is not that of" in dict(store.failures)[str(files[3])]
    assert store.filename.tolist() == [str(files[0])] * 3 + [str(files[2])]


@pytest.mark.parametrize("on_error", ["raise", "warn"])
def test_a_second_spectrum_of_one_name_is_refused_with_its_file(files, tmp_path, on_error):
    write_file(files[3], 2, 4, spectrum_id=["new", "b-4"])
    message = r"the spectrum b-4 of array is a duplicate of one in .*b\.npz"

    if on_error == "raise":
        with pytest.raises(ValueError, match=r"d\.npz: " + message):
            write(files, tmp_path / "store")
        return
    with pytest.warns(UserWarning, match=message):
        store = write(files, tmp_path / "store", on_error="warn")
    assert "new" not in store.spectrum_id
    assert len(store.data) == 9


def test_a_file_with_a_spectrum_that_the_transformer_refuses_is_named(files, tmp_path):
    # Between two files that are well.
    np.savez(files[2], flux=np.ones((1, 40)), mask=np.ones((1, 40), bool), wavelength=GRID)
    params = {"transformer": MissingFluxInterpolator(), "bad_pixels": "nan", "block_bytes": 2**26}

    with pytest.raises(ValueError, match=r"c\.npz: Input X has spectra that are entirely NaN"):
        write(files, tmp_path / "store", **params)
    with pytest.warns(UserWarning, match=r"1 of 4 files .*c\.npz: Input X has spectra that are entirely NaN"):
        store = write(files, tmp_path / "store", on_error="warn", **params)

    good = [files[0], files[1], files[3]]
    np.testing.assert_array_equal(store.data, load_spectra(good, wavelength=None).data)
    assert store.filename.tolist() == load_spectra(good, wavelength=None).filename.tolist()


def test_spectra_without_a_name_may_be_many(tmp_path):
    path = write_file(tmp_path / "a.npz", 3, spectrum_id=["", "", ""])
    assert len(write(path, tmp_path / "store").data) == 3


def test_no_spectra_at_all_is_an_error_and_leaves_no_store(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: the folder holds no spectra"):
        write(tmp_path / "empty", tmp_path / "store")
    with pytest.raises(ValueError, match=r"No spectra could be loaded from .* the folder holds no spectra"):
        write(tmp_path / "empty", tmp_path / "store", on_error="warn")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"wavelength": "sdss"}, "wavelength must be an array of numbers"),
        ({"wavelength": [2.0, 1.0]}, "wavelength must be positive and strictly increasing"),
        ({"bad_pixels": "drop"}, "'bad_pixels' parameter of write_spectra_store .* Got 'drop'"),
        ({"on_error": "ignore"}, "'on_error' parameter of write_spectra_store .* Got 'ignore'"),
        ({"transformer": np.log}, "'transformer' parameter of write_spectra_store .* implementing 'transform'"),
        ({"block_bytes": 0}, r"'block_bytes' parameter of write_spectra_store .* \[1, inf\). Got 0"),
        ({"block_bytes": True}, "'block_bytes' parameter .* Got True"),
    ],
)
def test_parameters_out_of_range_are_named(files, tmp_path, params, message):
    with pytest.raises(ValueError, match=message):
        write(files, tmp_path / "store", **params)
    assert not (tmp_path / "store.part").exists()


class HalfTheLength:
    def transform(self, X):
        return X[:, ::2]


def test_a_transformer_that_changes_the_length_is_refused(files, tmp_path):
    with pytest.raises(ValueError, match=r"a\.npz: .* changed the shape of an array from \(3, 40\) to \(3, 20\)"):
        write(files, tmp_path / "store", transformer=HalfTheLength())
