"""Stores of spectra on disk: what is in them, and what happens when the writing or the store is broken off."""

import errno
import filecmp
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skspectra.datasets import (
    LAMOST_WAVELENGTH,
    load_spectra,
    open_spectra_store,
    write_spectra_store,
)
from skspectra.datasets._loading import _read_files
from skspectra.datasets._loading._table import SpectraTable
from skspectra.datasets._store import _writer
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

COLUMNS = ("target", "subclass", "survey", "object_id", "spectrum_id", "filename", "redshift", "snr")
GRID = np.linspace(4000.0, 5000.0, 40)


def write_file(path, n=3, seed=0, grid=GRID, **fields):
    flux = np.random.default_rng(seed).normal(5.0, 1.0, (n, len(grid))).astype(np.float32)
    fields = {"target": np.array(["STAR", "GALAXY", "QSO"])[np.arange(n) % 3]} | fields
    names = [f"{Path(path).stem}-{i}" for i in range(n)]
    np.savez(path, flux=flux, wavelength=grid, **{"spectrum_id": names, "object_id": names} | fields)
    return path


@pytest.fixture
def files(tmp_path):
    """Four files of 3, 5, 1 and 4 spectra."""
    folder = tmp_path / "files"
    folder.mkdir()
    return [
        write_file(folder / "a.npz", 3, 1, redshift=[0.1, np.nan, 2.0]),
        write_file(folder / "b.npz", 5, 2, subclass=["M0", "", "", "G2", ""]),
        write_file(folder / "c.npz", 1, 3, snr=[7.5]),
        write_file(folder / "d.npz", 4, 4),
    ]


def write(files, store, **params):
    return write_spectra_store(files, store, **{"wavelength": None, "block_bytes": 1} | params)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """Processes are killed here, not machines: what was written need not be on the disk itself."""
    connect = sqlite3.connect

    def connect_without_sync(*args, **kwargs):
        database = connect(*args, **kwargs)
        database.execute("PRAGMA synchronous = OFF")
        return database

    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(sqlite3, "connect", connect_without_sync)


def same_folders(one, other):
    names = sorted(path.name for path in Path(one).iterdir())
    assert names == sorted(path.name for path in Path(other).iterdir())
    return filecmp.cmpfiles(one, other, names, shallow=False)[0] == names


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

    with pytest.raises(ValueError, match=r"two.csv: it has 12 as Label\(target='QSO'.*one.csv as Label\(target='STAR'"):
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
        blocks.append([Path(path).name for path in paths])
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
    with pytest.raises(ValueError, match=r"the store is not complete, only store\.part is there: call"):
        open_spectra_store(tmp_path / "store")

    files[2].write_bytes(whole)
    read = []
    read_all = _read_files._read_all
    monkeypatch.setattr(_read_files, "_read_all", lambda paths, *args: read.extend(paths) or read_all(paths, *args))
    store = write(files, tmp_path / "store")

    assert [Path(path).name for path in read] == ["c.npz", "d.npz"]
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
    message = r"it holds the spectrum b-4 of array a second time, after .*b\.npz"

    if on_error == "raise":
        with pytest.raises(ValueError, match=r"d\.npz: " + message):
            write(files, tmp_path / "store")
        return
    with pytest.warns(UserWarning, match=message):
        store = write(files, tmp_path / "store", on_error="warn")
    assert "new" not in store.spectrum_id
    assert len(store.data) == 9


def test_a_file_with_a_spectrum_that_the_transformer_refuses_is_named(files, tmp_path):
    np.savez(files[2], flux=np.full((1, 40), np.nan), wavelength=GRID)  # between two files that are well
    params = {"transformer": MissingFluxInterpolator(), "block_bytes": 2**26}

    with pytest.raises(ValueError, match=r"c\.npz: Input X has spectra of NaN alone"):
        write(files, tmp_path / "store", **params)
    with pytest.warns(UserWarning, match=r"1 of 4 files .*c\.npz: Input X has spectra of NaN alone"):
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
    with pytest.raises(ValueError, match=r"There are no spectra to write in .* the folder holds no spectra"):
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
    with pytest.raises(ValueError, match=r"a\.npz: .* made an array of shape \(3, 20\) of one of \(3, 40\)"):
        write(files, tmp_path / "store", transformer=HalfTheLength())


# Going on


@pytest.fixture
def begun(files, tmp_path):
    """A store of which two files are written."""
    last = files[2].read_bytes()
    files[2].write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"c\.npz"):
        write(files, tmp_path / "store")
    files[2].write_bytes(last)
    return tmp_path / "store.part"


def test_a_file_changed_since_it_was_read_is_noticed(begun, files, tmp_path):
    write_file(files[0], 6, 9)
    with pytest.raises(ValueError, match=r"a\.npz: the file was changed after it was read into .*store\.part"):
        write(files, tmp_path / "store")
    files[0].unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.npz|no such file"):
        write(files[:1], tmp_path / "other")
    with pytest.raises(ValueError, match=r"a\.npz: the file was changed after .* now missing"):
        write(files, tmp_path / "store")


def test_other_files_or_parameters_are_refused(begun, files, tmp_path):
    with pytest.raises(ValueError, match=r"1 of the files in it are not among 'paths'; use the same"):
        write(files[1:], tmp_path / "store")
    with pytest.raises(ValueError, match="begun with other transformer: None, now MinMaxSpectrumScaler"):
        write(files, tmp_path / "store", transformer=MinMaxSpectrumScaler())
    assert len(write([*files, write_file(files[0].with_name("e.npz"), 2)], tmp_path / "store").data) == 15


def test_a_begun_store_that_was_truncated_is_refused(begun, files, tmp_path):
    os.truncate(begun / "data.npy", os.path.getsize(begun / "data.npy") - 1)
    with pytest.raises(ValueError, match=r"data\.npy: it is truncated: it has \d+ bytes, \d+ were written; delete"):
        write(files, tmp_path / "store")


def test_a_begun_store_of_a_catalogue_alone_goes_on(tmp_path):
    (tmp_path / "1-index.csv").write_text("id,type\n2,star\n")
    (tmp_path / "2.txt").write_text("1.5,1.5")
    with pytest.raises(ValueError, match=r"2\.txt: it has 2 fluxes, not 2600"):
        write_spectra_store([tmp_path / "1-index.csv", tmp_path / "2.txt"], tmp_path / "store", block_bytes=1)
    (tmp_path / "2.txt").write_text(",".join(["1.5"] * 2600))

    store = write_spectra_store([tmp_path / "1-index.csv", tmp_path / "2.txt"], tmp_path / "store", block_bytes=1)

    assert store.target.tolist() == ["STAR"]


def test_a_second_process_is_kept_away(begun, files, tmp_path, monkeypatch):
    monkeypatch.undo()  # without the statement of no_waiting_for_the_disk, the first to meet the lock
    other = SpectraTable(begun / "table.sqlite")
    with pytest.raises(OSError, match=r"store\.part: another process is writing this store"):
        write(files, tmp_path / "store")
    other.close()
    assert len(write(files, tmp_path / "store").data) == 13


def test_a_complete_store_is_opened_and_not_written_again(files, tmp_path, monkeypatch):
    write(files, tmp_path / "store")
    monkeypatch.setattr(_read_files, "_read_all", None)

    assert len(write(files, tmp_path / "store").data) == 13
    with pytest.raises(FileExistsError, match="written with other files: delete it or choose another"):
        write(files[:2], tmp_path / "store")
    with pytest.raises(FileExistsError, match="written with other bad_pixels: keep, now nan"):
        write(files, tmp_path / "store", bad_pixels="nan")
    with pytest.raises(FileExistsError, match="is not a store of spectra"):
        write(files, tmp_path / "files")


# The writing process is killed, the disk is full

RUN_AND_DIE = """
    import os, signal, sqlite3, sys
    from pathlib import Path
    from skspectra.datasets import write_spectra_store
    from skspectra.datasets._loading._table import SpectraTable

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def before(function, n):
        calls = iter(range(n))
        def call(*args):
            if next(calls, None) is None:
                die()
            return function(*args)
        return call

    def after(function, n):
        calls = iter(range(n))
        def call(*args):
            function(*args)
            if next(calls, None) is None:
                die()
        return call

    def no_sync(descriptor):
        pass

    connect = sqlite3.connect
    def connect_without_sync(*args, **kwargs):
        database = connect(*args, **kwargs)
        database.execute("PRAGMA synchronous = OFF")
        return database

    os.fsync, sqlite3.connect = no_sync, connect_without_sync
    commit, rename = SpectraTable.commit, os.rename
    points = {f"fsync-{n}": ("os.fsync", before(no_sync, n)) for n in range(17)}
    points |= {f"commit-{n}": ("commit", before(commit, n)) for n in (0, 1, 3)}
    points |= {f"committed-{n}": ("commit", after(commit, n)) for n in (0, 1, 3)}
    points |= {"rename": ("rename", before(rename, 0)), "renamed": ("rename", after(rename, 0))}
    folder = Path(sys.argv[1])
    for name, (target, function) in points.items():
        child = os.fork()
        if child == 0:
            if target == "commit":
                SpectraTable.commit = function
            else:
                setattr(os, target.removeprefix("os."), function)
            write_spectra_store(sys.argv[2:], folder / name, wavelength=None, block_bytes=1)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (name, status)
        print(name)
"""


def run_script(script, *args):
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, args)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split("\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_process_leaves_no_store_and_the_same_call_completes_it(files, tmp_path):
    write(files, tmp_path / "whole")
    killed = tmp_path / "killed"
    killed.mkdir()

    names = [name for name in run_script(RUN_AND_DIE, killed, *files) if name]

    assert len(names) == 25
    for name in names:
        store = killed / name
        if name in ("fsync-16", "renamed"):  # the store was complete
            assert len(open_spectra_store(store).data) == 13
        else:
            assert not store.exists()
            with pytest.raises(ValueError, match=f"only {name}.part is there"):
                open_spectra_store(store)
        write(files, store)
        assert same_folders(store, tmp_path / "whole"), name
        assert not (killed / f"{name}.part").exists()


DISK_FULL = """
    import resource, sys
    from skspectra.datasets import write_spectra_store

    for limit in sys.argv[2:]:
        folder = f"{sys.argv[1]}/{limit}"
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
        try:
            write_spectra_store(f"{folder}/*.npz", f"{folder}/store", wavelength=None, block_bytes=1)
        except OSError as error:
            print(error.errno, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_full_disk_is_an_error_that_says_so_and_the_same_call_goes_on(tmp_path):
    n_features = {5_000: 10, 100_000: 2600}  # by bytes that fit in a file: short spectra fill the table first
    for limit, n in n_features.items():
        (tmp_path / str(limit)).mkdir()
        for i, name in enumerate("abcd"):
            write_file(tmp_path / str(limit) / f"{name}.npz", 4, i, np.linspace(4000.0, 5000.0, n))

    table_full, flux_full, *_ = run_script(DISK_FULL, tmp_path, *n_features)

    assert re.search("None .*the table could not be written: .*the same call goes on", table_full)
    assert re.search(rf"{errno.EFBIG} .*bytes free; 8 spectra are safe, and the same call goes on", flux_full)
    for limit in n_features:
        folder = tmp_path / str(limit)
        assert not (folder / "store").exists()
        files = f"{folder}/*.npz"
        np.testing.assert_array_equal(write(files, folder / "store").data, load_spectra(files, wavelength=None).data)


def test_a_disk_that_fills_at_the_end_leaves_no_store(files, tmp_path, monkeypatch):
    whole = write(files, tmp_path / "whole")

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(_writer.StoreWriter, "_write_columns", full)
        with pytest.raises(OSError, match=r"No space left on device, with .* free; 13 spectra are safe") as caught:
            write(files, tmp_path / "store")
    assert caught.value.errno == errno.ENOSPC
    assert not (tmp_path / "store").exists()
    np.testing.assert_array_equal(write(files, tmp_path / "store").data, whole.data)


# A store that was damaged later


@pytest.fixture
def store(files, tmp_path):
    write(files, tmp_path / "store")
    return tmp_path / "store"


def test_a_truncated_or_missing_file_is_named(store):
    path = store / "data.npy"
    size = os.path.getsize(path)
    os.truncate(path, size - 4)
    with pytest.raises(ValueError, match=rf"data\.npy is truncated: {size - 4} bytes, {size} bytes were written"):
        open_spectra_store(store)
    os.truncate(path, size + 4)
    with pytest.raises(ValueError, match=rf"data\.npy is {size + 4} bytes, {size} bytes were written"):
        open_spectra_store(store)
    (store / "target.npy").rename(store / "aim.npy")
    os.truncate(path, size)
    with pytest.raises(ValueError, match=r"target\.npy is missing"):
        open_spectra_store(store)


def test_a_wrong_width_is_noticed(store):
    np.save(store / "data.npy", np.zeros((20, 26), np.float32))  # as many bytes, 13 * 40
    with pytest.raises(ValueError, match=r"data\.npy has shape \(20, 26\), not \(13, 40\)"):
        open_spectra_store(store)


@pytest.mark.parametrize("name", ["data.npy", "wavelength.npy", "target.npy"])
@pytest.mark.parametrize("n_left", [0, 40])
def test_a_file_whose_beginning_was_never_written_is_named(store, name, n_left):
    """As after a copy that reserved the whole length and was broken off."""
    path = store / name
    whole = path.read_bytes()
    path.write_bytes(whole[:n_left].ljust(len(whole), b"\0"))
    with pytest.raises(ValueError, match=f"store is damaged: {name} does not begin as an npy file"):
        open_spectra_store(store)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}'])
def test_a_damaged_manifest_is_named(store, text):
    (store / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json: it is (damaged|not of the format)"):
        open_spectra_store(store)


def test_a_folder_without_a_manifest_is_no_store(store, tmp_path):
    (store / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"not a complete store of spectra, for it has no manifest\.json"):
        open_spectra_store(store)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        open_spectra_store(tmp_path / "nowhere")


def test_a_store_can_be_moved(store, tmp_path):
    shutil.move(store, tmp_path / "elsewhere")
    assert len(open_spectra_store(tmp_path / "elsewhere").data) == 13
    assert json.loads((tmp_path / "elsewhere" / "manifest.json").read_text())["n_samples"] == 13


def test_lamost_grid_is_the_default(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 2600), np.float32))
    store = write_spectra_store(tmp_path / "a.npy", tmp_path / "store")
    np.testing.assert_array_equal(store.wavelength, LAMOST_WAVELENGTH)
