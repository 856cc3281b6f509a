# ruff: noqa: F811 - pytest takes fixtures by the names of arguments
"""load_spectra: spectra met twice, labels in other files, registered readers and plain arrays."""

import gzip
from pathlib import Path

import joblib
import numpy as np
import pytest
from load_cases import folder  # noqa: F401
from survey_files import DESI_GRIDS, MAKERS, desi_arrays, desi_coadd, lamost_array, redrock, tianchi_spectrum

from skspectra.datasets import Spectrum, load_spectra, register_reader
from skspectra.datasets._readers import _registry

# --- the same spectrum twice, the same object twice


def test_a_copy_of_a_file_is_refused(folder):
    (folder / "copy.fits.gz").write_bytes(gzip.compress((folder / "spec-3.fits").read_bytes()))
    with pytest.raises(ValueError, match=r"spec-3\.fits: .* is a duplicate of one in .*copy\.fits\.gz"):
        load_spectra(folder)
    with pytest.warns(UserWarning, match="1 of 6"):
        assert len(load_spectra(folder, on_error="warn").data) == 5


def test_a_file_met_twice_is_read_once(folder):
    spectra = load_spectra([folder / "spec-2.fits", folder, str(folder / "*.fits"), folder])
    assert [Path(name).name for name in spectra.filename] == [f"spec-{i}.fits" for i in (2, 1, 3, 4, 5)]
    every = [folder / f"spec-{i}.fits" for i in range(1, 6)]
    assert len(load_spectra([*every, folder]).data) == 5


def test_repeated_observations_of_one_object_load_and_share_its_name(tmp_path):
    for night in (57304, 57310):
        lamost_array(tmp_path / f"{night}.fits", LMJD=night, DESIG="LAMOST J1")
    spectra = load_spectra(tmp_path)
    assert spectra.object_id.tolist() == ["LAMOST J1"] * 2
    assert len(set(spectra.spectrum_id)) == 2


# --- labels in files of their own


def test_redrock_gives_desi_its_classes(tmp_path):
    desi_coadd(tmp_path / "coadd-main-dark-1.fits", targetids=[11, 12, 13])
    redrock(tmp_path / "redrock-main-dark-1.fits", [13, 11, 12], ["STAR", "QSO", "GALAXY"], [1e-4, 2.5, 0.4])
    spectra = load_spectra(tmp_path)
    assert spectra.target.tolist() == ["QSO", "GALAXY", "STAR"]
    assert spectra.subclass.tolist() == ["", "", "G"]
    np.testing.assert_allclose(spectra.redshift, [2.5, 0.4, 1e-4])


def test_each_coadd_takes_from_its_own_redrock(tmp_path):
    # One target, observed under two programs with two results.
    for program, when, spectype in (("dark", 59300.0, "QSO"), ("bright", 59400.0, "GALAXY")):
        desi_coadd(tmp_path / f"coadd-main-{program}-1.fits", targetids=[11, 12, 13], mean_mjd=when)
        redrock(tmp_path / f"redrock-main-{program}-1.fits", [11, 12, 13], [spectype] * 3, [0.1] * 3)
    spectra = load_spectra(tmp_path)
    assert spectra.target.tolist() == ["GALAXY"] * 3 + ["QSO"] * 3


@pytest.mark.parametrize(("one", "other"), [("", ".gz"), (".gz", "")])
def test_redrock_finds_its_coadd_whichever_is_compressed(tmp_path, one, other):
    desi_coadd(tmp_path / f"coadd-main-dark-1.fits{one}", targetids=[11, 12, 13])
    redrock(tmp_path / f"redrock-main-dark-1.fits{other}", [11, 12, 13], ["QSO"] * 3, [0.1] * 3)
    assert load_spectra(tmp_path).target.tolist() == ["QSO"] * 3


def test_a_redrock_of_one_coadd_says_nothing_of_another_with_the_same_target(tmp_path):
    desi_coadd(tmp_path / "coadd-main-dark-1.fits", targetids=[11, 12, 13])
    redrock(tmp_path / "redrock-main-bright-1.fits", [11, 12, 13], ["QSO"] * 3, [0.1] * 3)
    assert load_spectra(tmp_path).target.tolist() == [""] * 3


def test_catalogues_that_disagree_are_an_error_or_the_first_is_taken(tmp_path):
    desi_coadd(tmp_path / "coadd.fits", targetids=[11, 12, 13])
    redrock(tmp_path / "z-a.fits", [11], ["QSO"], [0.1])
    redrock(tmp_path / "z-b.fits", [12, 11], ["STAR", "GALAXY"], [0.0, 0.1])
    redrock(tmp_path / "z-c.fits", [11, 13], ["QSO", "STAR"], [0.1, 0.0])
    with pytest.raises(ValueError, match=r"z-b\.fits: its label .*GALAXY.* for 11 differs from .*QSO.* in .*z-a\.fits"):
        load_spectra(tmp_path)
    with pytest.warns(UserWarning, match=r"1 of 4 files .*z-b\.fits: its label .* for 11"):
        spectra = load_spectra(tmp_path, on_error="warn")
    assert spectra.target.tolist() == ["QSO", "", "STAR"]
    assert [Path(path).name for path, _ in spectra.failures] == ["z-b.fits"]


def test_desi_without_redrock_has_no_classes(tmp_path):
    spectra = load_spectra(desi_coadd(tmp_path / "coadd.fits"))
    assert spectra.target.tolist() == [""] * 3
    assert np.isnan(spectra.redshift).all()


def test_tianchi_folder(tmp_path):
    for i, name in enumerate(["aa", "bb", "cc", "dd"]):
        tianchi_spectrum(tmp_path / f"{name}.txt", seed=i)
    (tmp_path / "index.csv").write_text("id,type\nbb,galaxy\naa,star\ncc,unknown\nzz,qso\n")
    spectra = load_spectra(tmp_path)
    assert spectra.object_id.tolist() == ["aa", "bb", "cc", "dd"]
    assert spectra.target.tolist() == ["STAR", "GALAXY", "Unknown", ""]
    assert np.isnan(spectra.ivar).all()
    assert not spectra.mask.any()


def test_empty_lines_of_a_tianchi_index_are_passed_over(tmp_path):
    tianchi_spectrum(tmp_path / "aa.txt")
    (tmp_path / "index.csv").write_text("id,type\n\naa,star\n\n")
    assert load_spectra(tmp_path).target.tolist() == ["STAR"]


def test_a_catalogue_alone_is_no_spectrum(tmp_path):
    (tmp_path / "index.csv").write_text("id,type\nbb,galaxy\n")
    with pytest.raises(ValueError, match="No spectra could be loaded from"):
        load_spectra(tmp_path / "index.csv")


# --- the registry


@pytest.fixture
def registry():
    """Take away what a test registers."""
    before = list(_registry._user_readers)
    yield
    _registry._user_readers[:] = before


def write_toy(path, values="1 2 3 4"):
    path.write_text(f"TOY {values}")
    return path


def test_a_reader_of_the_user(tmp_path, registry):
    @register_reader("Toy")
    def read_toy(file):
        if not (file.text or "").startswith("TOY"):
            return None
        flux = [float(value) for value in file.text.split()[1:]]
        return Spectrum(flux=flux, wavelength=4000.0 + np.arange(len(flux)), target="COMET", object_id=file.stem)

    write_toy(tmp_path / "halley.toy")
    spectra = load_spectra(tmp_path / "halley.toy", wavelength=None)
    np.testing.assert_array_equal(spectra.data, [[1.0, 2.0, 3.0, 4.0]])
    assert spectra.survey == ["Toy"]
    assert spectra.target == ["COMET"]
    assert spectra.object_id == ["halley"]
    assert np.isnan(spectra.ivar).all()
    with pytest.raises(ValueError, match=r"bad\.toy: could not convert string to float: 'x'"):
        load_spectra(write_toy(tmp_path / "bad.toy", "1 x"))


def test_a_binary_file_is_no_text_to_a_reader(tmp_path, registry):
    texts = []
    register_reader("Toy")(lambda file: texts.append(file.text))
    lamost_array(tmp_path / "a.fits")
    (tmp_path / "b.txt").write_bytes(b"TOY\0")
    (tmp_path / "c.txt").write_bytes(b"TOY \xff")
    with pytest.warns(UserWarning, match="2 of 3 files"):
        load_spectra(sorted(tmp_path.iterdir()), on_error="warn")
    assert texts == [None] * 3


def test_a_reader_of_the_user_in_other_processes(tmp_path, registry):
    register_reader("Toy")(
        lambda file: Spectrum(flux=[1.0, 2.0], wavelength=[4000.0, 4001.0]) if file.start(3) == b"TOY" else None
    )
    paths = [write_toy(tmp_path / f"{i}.toy") for i in range(4)]
    with joblib.parallel_config(n_jobs=2):
        assert load_spectra(paths, wavelength=None).survey.tolist() == ["Toy"] * 4


def test_a_reader_of_the_user_comes_before_the_built_in_ones(folder, registry):
    @register_reader("Mine")
    def read(file):
        if file.header.get("TELESCOP") != "LAMOST":
            return None
        return Spectrum(flux=file.image(0)[0], wavelength=np.arange(1.0, 3910.0), target=file.header["CLASS"])

    assert load_spectra(folder, wavelength=None).survey.tolist() == ["Mine"] * 5


def test_registering_a_name_again_replaces_its_reader(tmp_path, registry):
    for value in (1.0, 2.0):
        register_reader("Toy")(lambda file, value=value: Spectrum(flux=[value] * 2, wavelength=[4000.0, 4001.0]))
    assert load_spectra(write_toy(tmp_path / "a.toy"), wavelength=None).data.tolist() == [[2.0, 2.0]]


def test_a_spectrum_of_the_user_is_checked(tmp_path, registry):
    path = write_toy(tmp_path / "a.toy")
    for spectrum, message in (
        ({"flux": [], "wavelength": []}, "not empty"),
        ({"flux": [1.0, 2.0], "wavelength": [4000.0, 4001.0, 4002.0]}, "wavelength has shape .* flux has shape"),
        ({"flux": [1.0, 2.0], "wavelength": [4001.0, 4000.0]}, "increasing"),
        ({"flux": [1.0, 2.0], "wavelength": [4000.0, 4001.0], "ivar": [1.0]}, "inverse variance"),
        ({"flux": [1.0, 2.0], "wavelength": [4000.0, 4001.0], "mask": [True]}, "mask"),
    ):
        register_reader("Toy")(lambda file, spectrum=spectrum: Spectrum(**spectrum))
        with pytest.raises(ValueError, match=f"{path}: .*{message}"):
            load_spectra(path)
    register_reader("Toy")(lambda file: [])
    with pytest.raises(ValueError, match="no spectra"):
        load_spectra(path)


@pytest.mark.parametrize("found", [np.ones(5), "x", 3, [np.ones(5)]])
def test_what_is_no_spectrum_is_refused_by_name(tmp_path, registry, found):
    register_reader("Toy")(lambda file: found)
    with pytest.raises(ValueError, match=r"a\.toy: the reader of Toy returned \w+, not a Spectrum"):
        load_spectra(write_toy(tmp_path / "a.toy"))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (KeyError("FLUX"), "KeyError: 'FLUX'"),
        (FileNotFoundError(2, "No such file", "extra.dat"), "FileNotFoundError: .*extra.dat"),
        (TypeError("odd"), "TypeError: odd"),
        (ValueError("plain"), "plain"),
    ],
)
def test_what_a_reader_raises_is_named_with_the_file(tmp_path, registry, error, cause):
    @register_reader("Toy")
    def read(file):
        raise error

    with pytest.raises(ValueError, match=rf"a\.toy: {cause}"):
        load_spectra(write_toy(tmp_path / "a.toy"))


@pytest.mark.parametrize("redshift", ["abc", True])
def test_a_redshift_that_is_no_number(tmp_path, registry, redshift):
    register_reader("Toy")(lambda file: Spectrum(flux=[1.0, 2.0], wavelength=[4000.0, 4001.0], redshift=redshift))
    with pytest.raises(ValueError, match=rf"a\.toy: the redshift is {redshift!r}, which is not a number"):
        load_spectra(write_toy(tmp_path / "a.toy"))


@pytest.mark.parametrize("survey", ["", None, 3])
def test_a_survey_needs_a_name(survey):
    with pytest.raises(ValueError, match="'survey' parameter"):
        register_reader(survey)


# --- plain arrays


def test_npz_round_trip(tmp_path):
    for name in ("lamost_array.fits", "sdss_spec.fits", "tianchi.txt"):
        MAKERS[name](tmp_path / name)
    spectra = load_spectra(tmp_path)
    spectra.pop("failures")
    np.savez(tmp_path / "all.npz", **spectra)
    again = load_spectra(tmp_path / "all.npz")
    for name in ("data", "wavelength", "ivar", "mask", "target", "subclass", "redshift", "snr", "survey", "object_id"):
        np.testing.assert_array_equal(again[name], spectra[name])


def test_npz_of_bytes(tmp_path):
    np.savez(tmp_path / "a.npz", flux=np.ones(9), wavelength=np.arange(5000, 5009), target=np.array([b"STAR"]))
    assert load_spectra(tmp_path).target == ["STAR"]


@pytest.mark.parametrize("field", ["target", "ivar", "mask"])
def test_npz_with_a_field_of_another_length(tmp_path, field):
    path = tmp_path / "a.npz"
    values = np.ones(1 if field == "target" else (1, 3))
    np.savez(path, flux=np.ones((2, 3)), wavelength=[5000, 5001, 5002], **{field: values})
    with pytest.raises(ValueError, match=rf"a\.npz: {field} has 1 rows, but the flux has 2"):
        load_spectra(path, wavelength=None)


def test_npz_of_which_one_spectrum_has_no_ivar(tmp_path):
    ivar = np.array([[4.0, np.nan], [np.nan, np.nan]])
    np.savez(tmp_path / "a.npz", flux=np.ones((2, 2)), wavelength=[5000, 5001], ivar=ivar)
    spectra = load_spectra(tmp_path, wavelength=None)
    np.testing.assert_array_equal(spectra.ivar, [[4.0, 0.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(spectra.mask, [[False, True], [False, False]])


def test_npz_with_other_names_and_one_spectrum(tmp_path):
    np.savez(tmp_path / "a.npz", flux=np.ones(9), wavelength=np.arange(5000, 5009), z=0.5, object="x", target="QSO")
    spectra = load_spectra(tmp_path, wavelength=None)
    assert (spectra.redshift, spectra.object_id, spectra.target) == (0.5, "x", "QSO")


def test_npy_on_an_unknown_grid_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 100)))
    with pytest.raises(ValueError, match=r"a\.npy: it has shape \(2, 100\), not \(n, 2600\)"):
        load_spectra(tmp_path / "a.npy")


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, order):
    flux = np.random.default_rng(0).normal(size=(3, 2600))
    np.save(tmp_path / "a.npy", np.asarray(flux, order=order))
    np.testing.assert_array_equal(load_spectra(tmp_path).data, flux.astype(np.float32))


def test_csv_of_one_spectrum(tmp_path):
    (tmp_path / "a.csv").write_text("wavelength,flux,ivar,mask\n5000,1.5,4,0\n5001,2.5,0,0\n5002,3.5,4,1\n")
    spectra = load_spectra(tmp_path, wavelength=None)
    np.testing.assert_array_equal(spectra.data, [[1.5, 2.5, 3.5]])
    np.testing.assert_array_equal(spectra.ivar, [[4.0, 0.0, 4.0]])
    np.testing.assert_array_equal(spectra.mask, [[False, True, True]])
    assert spectra.object_id == ["a"]


def test_csv_with_truth_values_and_empty_cells(tmp_path):
    (tmp_path / "a.csv").write_text("wavelength,flux,mask\n5000,1.5,False\n5001,,False\n5002, ,FALSE\n5003,2,True\n")
    spectra = load_spectra(tmp_path, wavelength=None)
    np.testing.assert_array_equal(spectra.data, [[1.5, np.nan, np.nan, 2.0]])
    np.testing.assert_array_equal(spectra.mask, [[False, True, True, True]])


def test_csv_of_many_spectra(tmp_path):
    (tmp_path / "a.csv").write_text("target,z,5000,5001.5,5003\nSTAR,,1,2,3\nQSO,1.5,4,,6\n")
    spectra = load_spectra(tmp_path, wavelength=None)
    np.testing.assert_array_equal(spectra.wavelength, [5000.0, 5001.5, 5003.0])
    np.testing.assert_array_equal(spectra.data, [[1.0, 2.0, 3.0], [4.0, np.nan, 6.0]])
    np.testing.assert_array_equal(spectra.redshift, [np.nan, 1.5])
    assert spectra.target.tolist() == ["STAR", "QSO"]
    np.testing.assert_array_equal(spectra.mask, [[False] * 3, [False, True, False]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("wavelength,flux\n5000,1\n5001\n", "line 3 has 1 values, but the header has 2 columns"),
        ("wavelength,flux\n5000,1\n5001,x\n", "line [23], column 'flux': '(x|True)' is not a number"),
        ("wavelength,flux\n5000,True\n", "line [23], column 'flux': '(x|True)' is not a number"),
        ("wavelength,flux\n", "no lines of values after the header"),
        ("5000,5001\n", "2 fluxes, not 2600"),
        ("3,2,1\n1,2,3\n", "first line are not wavelengths"),
        ("1,2,3\n4,5,6\n", "first line has only 3 numbers, too few"),
        ("1,2,3\n", "3 fluxes, not 2600"),
    ],
)
def test_damaged_csv(tmp_path, content, message):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ValueError, match=rf"a\.csv: .*{message}"):
        load_spectra(tmp_path / "a.csv")


def test_desi_grid_of_the_helper_is_the_surveys():
    assert [round(grid[-1], 1) for grid in DESI_GRIDS.values()] == [5800.0, 7620.0, 9824.0]
    assert set(desi_arrays()) == {f"{c}_{n}" for c in "BRZ" for n in ("WAVELENGTH", "FLUX", "IVAR", "MASK")}
