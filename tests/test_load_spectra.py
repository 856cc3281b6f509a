# ruff: noqa: F811 - pytest takes fixtures by the names of arguments
"""load_spectra: what comes back, paths, grids, processes and parameters."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from load_cases import folder  # noqa: F401
from sklearn.pipeline import make_pipeline
from survey_files import MAKERS, lamost_array, lamost_rows, sdss_spec

from skspectra.datasets import LAMOST_WAVELENGTH, load_spectra, resample_spectra
from skspectra.preprocessing import MissingFluxInterpolator

# --- what comes back


def test_fields_and_their_types(folder):
    spectra = load_spectra(folder)
    assert spectra.data.shape == spectra.ivar.shape == spectra.mask.shape == (5, 2600)
    assert (spectra.data.dtype, spectra.ivar.dtype, spectra.mask.dtype) == (np.float32, np.float32, bool)
    np.testing.assert_array_equal(spectra.wavelength, np.linspace(3690, 9100, 2600))
    assert spectra.target.tolist() == ["STAR"] * 5
    assert spectra.subclass.tolist() == ["A1IV"] * 5
    np.testing.assert_allclose(spectra.redshift, -0.0003)
    np.testing.assert_allclose(spectra.snr, 76.0)
    assert spectra.survey.tolist() == ["LAMOST"] * 5
    assert spectra.object_id[0] == "LAMOST J030001.00-002500.8"
    assert spectra.spectrum_id[0] == "57304-EG025335S013827V01_sp12-001"
    assert spectra.filename.tolist() == [str(folder / f"spec-{fiber}.fits") for fiber in range(1, 6)]
    assert spectra.failures == []
    assert "vacuum" in spectra.DESCR
    assert "LAMOST 5" in spectra.DESCR


def test_the_grid_given_back_can_be_changed_without_harm(folder):
    load_spectra(folder).wavelength[:] = 0.0
    assert load_spectra(folder).wavelength[0] == 3690.0


def test_nan_and_no_weight_outside_the_range_of_the_instrument(folder):
    spectra = load_spectra(folder)
    outside = spectra.wavelength < 3699.0  # LAMOST's files begin at 3700
    assert np.isnan(spectra.data[:, outside]).all()
    assert (spectra.ivar[:, outside] == 0).all()
    assert spectra.mask[:, outside].all()
    inside = (spectra.wavelength > 3702.0) & (spectra.wavelength < 9096.0)
    assert np.isfinite(spectra.data[:, inside]).all()
    assert (spectra.ivar[:, inside] > 0).all()


def test_resampled_as_resample_spectra_does(folder):
    native = load_spectra(folder, wavelength=None)
    spectra = load_spectra(folder)
    flux, ivar = resample_spectra(native.data, native.wavelength, LAMOST_WAVELENGTH, ivar=native.ivar)
    np.testing.assert_array_equal(spectra.data, flux)
    np.testing.assert_array_equal(spectra.ivar, ivar)


def test_a_resampled_pixel_is_bad_where_it_overlaps_a_bad_one(folder):
    native = load_spectra(folder / "spec-1.fits", wavelength=None)
    spectra = load_spectra(folder / "spec-1.fits")
    bad = native.wavelength[native.mask[0]]
    assert len(bad) == 3
    first, last = 100, 102  # the pixels that the maker flags
    edges = (native.wavelength[1:] + native.wavelength[:-1]) / 2
    half = (LAMOST_WAVELENGTH[1] - LAMOST_WAVELENGTH[0]) / 2
    touched = (LAMOST_WAVELENGTH + half > edges[first - 1]) & (LAMOST_WAVELENGTH - half < edges[last])
    inside = (LAMOST_WAVELENGTH > 3702.0) & (LAMOST_WAVELENGTH < 9096.0)
    np.testing.assert_array_equal(spectra.mask[0, inside], touched[inside])


def test_bad_pixels_become_nan_on_request_and_can_be_filled(folder):
    kept, gone = load_spectra(folder), load_spectra(folder, bad_pixels="nan")
    np.testing.assert_array_equal(np.isnan(gone.data), kept.mask)
    np.testing.assert_array_equal(gone.data[~kept.mask], kept.data[~kept.mask])
    filled = make_pipeline(MissingFluxInterpolator()).fit_transform(gone.data)
    assert np.isfinite(filled).all()


def test_surveys_can_be_mixed_on_one_grid_and_the_description_warns(tmp_path):
    lamost_array(tmp_path / "a.fits")
    sdss_spec(tmp_path / "b.fits")
    spectra = load_spectra(tmp_path)
    assert spectra.survey.tolist() == ["LAMOST", "SDSS"]
    assert "a classifier can learn the survey" in spectra.DESCR


# --- paths


@pytest.mark.parametrize("kind", [str, Path])
def test_one_file(folder, kind):
    assert len(load_spectra(kind(folder / "spec-2.fits")).data) == 1


def test_globs_are_sorted_and_lists_keep_their_order(folder):
    spectra = load_spectra([folder / "spec-5.fits", str(folder / "spec-[1-3].fits")])
    assert [Path(name).name for name in spectra.filename] == [f"spec-{i}.fits" for i in (5, 1, 2, 3)]


def test_a_generator_of_paths(folder):
    assert len(load_spectra(folder / f"spec-{i}.fits" for i in (1, 2)).data) == 2


def test_folders_without_their_subfolders_and_double_stars_with_them(folder):
    (folder / "more").mkdir()
    lamost_array(folder / "more" / "spec-6.fits", fiber=6)
    assert len(load_spectra(folder).data) == 5
    assert len(load_spectra(str(folder / "**" / "*.fits")).data) == 6


def test_a_file_whose_name_looks_like_a_glob(tmp_path):
    lamost_array(tmp_path / "spec-[1].fits")
    assert len(load_spectra(tmp_path / "spec-[1].fits").data) == 1


def test_suffixes_in_capitals(tmp_path):
    lamost_array(tmp_path / "spec.fits").rename(tmp_path / "SPEC.FITS")
    assert len(load_spectra(tmp_path).data) == 1


def test_the_name_of_a_named_file_does_not_matter(tmp_path):
    lamost_array(tmp_path / "spec.fits.gz").rename(tmp_path / "download")
    assert load_spectra(tmp_path / "download").survey == ["LAMOST"]


def test_other_files_in_a_folder_are_passed_over(folder):
    (folder / "README.txt").write_text("These are spectra.\n")
    (folder / "MANIFEST.csv").write_text("file,survey\nspec-1.fits,LAMOST\n")
    (folder / "plot.png").write_bytes(b"\x89PNG")
    assert len(load_spectra(folder).data) == 5


def test_plain_arrays_in_a_folder_that_are_no_spectra_are_passed_over(folder):
    np.savez(folder / "weights.npz", kernel=np.ones(3))
    np.save(folder / "labels.npy", np.arange(5))
    np.save(folder / "objects.npy", np.array([{}]), allow_pickle=True)
    (folder / "list.txt").write_text("1,2,3\n")
    (folder / "progress.txt").write_bytes(b"1/2\r2/2\n")
    (folder / "list.csv").write_text("1,2,3\n4,5,6\n")
    (folder / "features.csv").write_text("0,1,2,target\n4,5,6,STAR\n")
    assert len(load_spectra(folder).data) == 5
    for name in ("weights.npz", "labels.npy", "objects.npy", "list.txt", "list.csv", "features.csv"):
        with pytest.raises(ValueError, match=f"{name}: "):
            load_spectra(folder / name)


def test_a_damaged_plain_array_in_a_folder_is_refused(folder):
    (folder / "mine.csv").write_text("wavelength,flux\n5000,x\n")
    with pytest.raises(ValueError, match=r"mine\.csv: line 2, column 'flux': 'x' is not a number"):
        load_spectra(folder)


def test_csv_of_many_spectra_needs_no_other_column(tmp_path):
    (tmp_path / "a.csv").write_text(",".join(map(str, range(4000, 4020))) + "\n" + ",".join(["1"] * 20) + "\n")
    assert load_spectra(tmp_path, wavelength=None).data.shape == (1, 20)


def test_every_format_in_one_folder(tmp_path):
    for name, maker in MAKERS.items():
        maker(tmp_path / name)
    spectra = load_spectra(tmp_path)
    assert {Path(name).name for name in spectra.filename} == set(MAKERS)


# --- grids


def test_native_grid(folder):
    spectra = load_spectra(folder, wavelength=None)
    assert spectra.data.shape == (5, 3909)
    rows = lamost_rows(seed=3)
    np.testing.assert_array_equal(spectra.data[2], rows["flux"].astype(np.float32))
    np.testing.assert_array_equal(spectra.wavelength, rows["wavelength"].astype(np.float32).astype(np.float64))


def test_native_grid_in_single_and_double_precision_is_one_grid(tmp_path):
    lamost_array(tmp_path / "a.fits", fiber=1)
    lamost_array(tmp_path / "b.fits", fiber=2, wavelength_row=False)
    assert load_spectra(tmp_path, wavelength=None).data.shape == (2, 3909)


def test_native_grids_that_differ_name_the_first_file_that_does(folder):
    rows = {name: row[:3900] for name, row in lamost_rows().items()}
    for name in ("spec-32.fits", "spec-4a.fits"):
        lamost_array(folder / name, rows=rows, fiber=ord(name[5]))
    with pytest.raises(ValueError, match=r"spec-32\.fits: its grid \(3900 pixels from 3699.99 .*spec-1\.fits \(3909"):
        load_spectra(folder, wavelength=None)
    with pytest.warns(UserWarning, match="2 of 7 files"):
        spectra = load_spectra(folder, wavelength=None, on_error="warn")
    assert len(spectra.data) == 5
    assert [Path(path).name for path, _ in spectra.failures] == ["spec-32.fits", "spec-4a.fits"]


def test_any_grid(folder):
    grid = [4000.0, 4001.0, 4003.0, 4010.0]
    spectra = load_spectra(folder, wavelength=grid)
    np.testing.assert_array_equal(spectra.wavelength, grid)
    assert spectra.data.shape == (5, 4)


def test_spectra_on_the_grid_wanted_are_not_touched(tmp_path):
    flux = np.random.default_rng(0).normal(size=(3, 2600)).astype(np.float32)
    np.save(tmp_path / "a.npy", flux)
    np.testing.assert_array_equal(load_spectra(tmp_path).data, flux)


# --- processes and progress


def test_processes_give_what_one_gives(folder):
    sdss_spec(folder / "spec-6.fits")
    one, two = load_spectra(folder), load_spectra(folder, n_jobs=2)
    assert set(one) == set(two)
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_processes_report_the_first_failure_and_the_rest(folder):
    (folder / "spec-2.fits").write_bytes(b"no spectrum")
    (folder / "spec-4.fits").write_bytes(b"")
    with pytest.raises(ValueError, match=r"spec-2\.fits"):
        load_spectra(folder, n_jobs=2)
    with pytest.warns(UserWarning, match="2 of 5 files could not be loaded"):
        spectra = load_spectra(folder, n_jobs=2, on_error="warn")
    assert len(spectra.data) == 3


def test_progress(folder, capsys):
    load_spectra(folder, progress=True)
    assert "5/5" in capsys.readouterr().err
    load_spectra(folder)
    assert capsys.readouterr().err == ""


# --- parameters


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"wavelength": "sdss"}, "wavelength must be an array of numbers"),
        ({"wavelength": [2.0, 1.0]}, "wavelength must be positive and strictly increasing"),
        ({"wavelength": 5000.0}, "1D"),
        ({"on_error": "ignore"}, "'on_error' parameter of load_spectra must be a str among .*Got 'ignore'"),
        ({"bad_pixels": "drop"}, "'bad_pixels' parameter of load_spectra must be"),
    ],
)
def test_parameters_out_of_range(folder, parameters, message):
    with pytest.raises(ValueError, match=message):
        load_spectra(folder, **parameters)


@pytest.mark.parametrize("paths", [None, 3, [3]])
def test_paths_that_are_none(paths):
    with pytest.raises(ValueError, match="'paths' parameter"):
        load_spectra(paths)


@pytest.mark.parametrize("paths", [[], "nothing-*.fits", "nothing.fits"])
def test_nothing_to_load(paths, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=r"No spectra|nothing"):
        load_spectra(paths)


def test_nothing_could_be_loaded(tmp_path):
    (tmp_path / "a.fits").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match=r"No spectra could be loaded from .*a\.fits"):
        load_spectra(tmp_path, on_error="warn")


def test_import_needs_no_astropy_and_a_missing_one_is_said(tmp_path):
    lamost_array(tmp_path / "a.fits")
    np.save(tmp_path / "b.npy", np.ones((1, 2600)))
    code = """
import sys
sys.modules["astropy"] = None
from skspectra.datasets import load_spectra
assert load_spectra("b.npy").data.shape == (1, 2600)
try:
    load_spectra("a.fits", on_error="warn")
except ImportError as error:
    assert "pip install astropy" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, env=os.environ)
