"""Each survey's reader against files of its format: fluxes, flags, wavelengths, labels.

The DESI reader was written from DESI's data model and is tested on files made after it.
"""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from survey_files import (
    DESI_GRIDS,
    H_ALPHA,
    MAKERS,
    desi_arrays,
    desi_coadd,
    lamost_array,
    lamost_rows,
    lamost_table,
    sdss_spec,
    sdss_spspec,
    tianchi_spectrum,
)

from skspectra.datasets import LAMOST_WAVELENGTH, air_to_vacuum, load_spectra, resample_spectra, vacuum_to_air
from skspectra.datasets._readers._sdss_spec import designation


def native(path):
    return load_spectra(path, wavelength=None)


# --- LAMOST


@pytest.mark.parametrize("name", ["spec.fits", "spec.fits.gz"])
@pytest.mark.parametrize("make", [lamost_array, lamost_table])
def test_lamost(tmp_path, make, name):
    spectra = native(make(tmp_path / name))
    rows = lamost_rows()
    np.testing.assert_array_equal(spectra.data[0], rows["flux"].astype(np.float32))
    np.testing.assert_array_equal(spectra.ivar[0], 2500.0)
    np.testing.assert_allclose(spectra.wavelength, rows["wavelength"], rtol=1e-7)
    np.testing.assert_array_equal(spectra.mask[0], rows["andmask"] != 0)  # and not ORMASK, which is 1 everywhere
    assert (spectra.target, spectra.subclass, spectra.survey) == ("STAR", "A1IV", "LAMOST")
    assert (spectra.redshift, spectra.snr) == (-0.0003, 76.0)
    assert spectra.object_id == "LAMOST J0300220.00-002500.8"
    assert spectra.spectrum_id == "57304-EG025335S013827V01_sp12-220"


def test_lamost_without_wavelength_row_takes_it_from_the_header(tmp_path):
    spectra = native(lamost_array(tmp_path / "spec.fits", wavelength_row=False))
    np.testing.assert_allclose(spectra.wavelength, 10 ** (3.5682 + 0.0001 * np.arange(3909)), rtol=1e-12)


def test_lamost_first_release_names_its_cards_otherwise(tmp_path):
    path = lamost_array(tmp_path / "spec.fits", SNRR=None, SN_R=17.01, SPID="01", FIBERID="7", SUBCLASS=None)
    spectra = native(path)
    assert (spectra.snr, spectra.subclass) == (17.01, "")
    assert spectra.spectrum_id == "57304-EG025335S013827V01_sp01-007"


def test_lamost_minus_9999_is_no_redshift(tmp_path):
    spectra = native(lamost_array(tmp_path / "spec.fits", CLASS="Unknown", Z=-9999.0, SNRR=-9999.0))
    assert spectra.target == "Unknown"
    assert np.isnan(spectra.redshift).all()
    assert np.isnan(spectra.snr).all()


def test_pixels_without_inverse_variance_are_bad(tmp_path):
    rows = lamost_rows()
    rows["inverse"][[5, 6, 7, 9]] = [0.0, -1.0, np.nan, np.inf]
    rows["flux"][8] = np.nan
    spectra = native(lamost_array(tmp_path / "spec.fits", rows=rows))
    np.testing.assert_array_equal(np.flatnonzero(spectra.mask[0]), [5, 6, 7, 8, 9, 100, 101, 102])
    np.testing.assert_array_equal(spectra.ivar[0, 4:10], [2500.0, 0.0, 0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("large", [1e60, 1e-60])
def test_an_inverse_variance_that_single_precision_cannot_hold_stays_as_it_is(tmp_path, large):
    np.savez(tmp_path / "a.npz", flux=np.ones(3), wavelength=[5000, 5001, 5002], ivar=[1.0, large, 4.0])
    spectra = native(tmp_path / "a.npz")
    np.testing.assert_array_equal(spectra.ivar, [[1.0, large, 4.0]])
    assert not spectra.mask.any()


@pytest.mark.parametrize("make", [lamost_array, sdss_spec, sdss_spspec])
def test_wavelengths_in_air_are_taken_to_vacuum(tmp_path, make):
    in_air = make(tmp_path / "air.fits")
    fits.setval(in_air, "VACUUM", value=False)
    vacuum, air = native(make(tmp_path / "vacuum.fits")), native(in_air)
    np.testing.assert_allclose(air.wavelength, air_to_vacuum(vacuum.wavelength), rtol=1e-12)


# --- SDSS


@pytest.mark.parametrize("second_name", ["SPECOBJ", "SPALL", None])
@pytest.mark.parametrize("n_exposures", [0, 1, 16])
def test_sdss_spec(tmp_path, second_name, n_exposures):
    path = sdss_spec(tmp_path / "spec.fits", second_name=second_name, n_exposures=n_exposures)
    spectra = native(path)
    with fits.open(path) as hdus:
        table = hdus[1].data
        np.testing.assert_array_equal(spectra.data[0], table["flux"])
        np.testing.assert_array_equal(spectra.ivar[0], table["ivar"])
        np.testing.assert_allclose(spectra.wavelength, 10 ** table["loglam"].astype(float), rtol=1e-12)
    assert (spectra.target, spectra.subclass, spectra.survey) == ("GALAXY", "STARFORMING", "SDSS")
    assert (spectra.redshift, spectra.snr) == (np.float32(0.1), 24.0)
    assert spectra.object_id == "SDSS J094557.72-002209.5"
    assert spectra.spectrum_id == "0266-51602-0107"


def test_sdss_flags_without_data_are_bad_and_warnings_are_not(tmp_path):
    # The maker sets NODATA at 10, the warning NEARBADPIXEL at 11, an inverse variance of 0 at 12.
    np.testing.assert_array_equal(np.flatnonzero(native(sdss_spec(tmp_path / "spec.fits")).mask[0]), [10, 12])


def test_sdss_spspec(tmp_path):
    path = sdss_spspec(tmp_path / "spSpec.fit")
    spectra = native(path)
    rows = fits.getdata(path)
    np.testing.assert_array_equal(spectra.data[0], rows[0])
    np.testing.assert_allclose(spectra.ivar[0, 1:], rows[2, 1:] ** -2.0, rtol=1e-6)
    # No error at 0, NODATA at 5; the emission line at 6 is no defect.
    np.testing.assert_array_equal(np.flatnonzero(spectra.mask[0]), [0, 5])
    np.testing.assert_allclose(spectra.wavelength, 10 ** (3.5797 + 0.0001 * np.arange(3867)), rtol=1e-12)
    assert (spectra.target, spectra.redshift, spectra.snr) == ("GALAXY", 0.0651026, 24.0559)
    assert spectra.object_id == "SDSS J101800.47-000157.9"
    assert spectra.spectrum_id == "0271-51883-0171"


@pytest.mark.parametrize(
    ("code", "target", "subclass"),
    [
        (0, "Unknown", ""),
        (1, "STAR", ""),
        (3, "QSO", ""),
        (4, "QSO", "HIZ_QSO"),
        (5, "SKY", ""),
        (6, "STAR", "STAR_LATE"),
    ],
)
def test_sdss_spspec_classes(tmp_path, code, target, subclass):
    spectra = native(sdss_spspec(tmp_path / "spSpec.fit", SPEC_CLN=code))
    assert (spectra.target, spectra.subclass) == (target, subclass)


@pytest.mark.parametrize(
    ("position", "name"),
    [
        ((0.0, 0.0), "SDSS J000000.00+000000.0"),
        ((187.27792, 2.05239), "SDSS J122906.70+020308.6"),  # 3C 273
        ((359.999999, -0.00001), "SDSS J235959.99-000000.0"),
        ((-10.0, -89.99999), "SDSS J232000.00-895959.9"),
        ((np.nan, 5.0), ""),
        ((5.0, np.inf), ""),
    ],
)
def test_designation(position, name):
    assert designation(*position) == name


# --- DESI


@pytest.mark.parametrize("compressed_mask", [True, False])
def test_desi_cameras_are_joined(tmp_path, compressed_mask):
    arrays = desi_arrays()
    arrays["R_MASK"][0, 10] = 4  # in the overlap with B: B alone counts
    arrays["B_IVAR"][1, [-5, -6, -7]] = [0.0, -50.0, np.nan]  # in the overlap with R: R alone counts
    arrays["Z_MASK"][2, 2000] = 1  # seen by Z alone
    spectra = native(desi_coadd(tmp_path / "coadd.fits", arrays, compressed_mask=compressed_mask))
    wavelength, flux, ivar = spectra.wavelength, spectra.data, spectra.ivar
    assert (len(wavelength), wavelength[0]) == (7781, 3600.0)
    np.testing.assert_allclose(np.diff(wavelength), 0.8, rtol=1e-9)

    def at(camera, index):
        return int(np.argmin(np.abs(wavelength - DESI_GRIDS[camera][index])))

    # One camera: as it is. Two: the mean weighted by the inverse variances 100 and 200.
    np.testing.assert_array_equal(flux[:, :2700], arrays["B_FLUX"][:, :2700])
    np.testing.assert_array_equal(ivar[:, at("R", 100)], 200.0)
    both = at("R", 20)
    expected = (100 * arrays["B_FLUX"][:, both] + 200 * arrays["R_FLUX"][:, 20]) / 300
    np.testing.assert_allclose(flux[:, both], expected, rtol=1e-6)
    np.testing.assert_array_equal(ivar[:, both], 300.0)
    np.testing.assert_allclose(flux[0, at("R", 10)], arrays["B_FLUX"][0, at("R", 10)], rtol=1e-6)
    alone = np.arange(at("B", -7), at("B", -4))
    np.testing.assert_allclose(flux[1, alone], arrays["R_FLUX"][1, alone - at("R", 0)], rtol=1e-6)
    assert np.flatnonzero(spectra.mask.any(axis=0)).tolist() == [at("Z", 2000)]
    assert spectra.mask[2, at("Z", 2000)]
    np.testing.assert_array_equal(flux[:, at("Z", 2000)], arrays["Z_FLUX"][:, 2000])
    np.testing.assert_allclose(spectra.snr, np.sqrt(200.0), rtol=0.02)
    assert spectra.object_id.tolist() == [str(39627764529137664 + i) for i in range(3)]
    assert spectra.survey.tolist() == ["DESI"] * 3


def test_desi_grids_that_do_not_fit_each_other(tmp_path):
    arrays = desi_arrays()
    arrays["R_WAVELENGTH"] = arrays["R_WAVELENGTH"] + 0.3
    with pytest.raises(ValueError, match=r"coadd\.fits: the grid of camera R is not aligned"):
        load_spectra(desi_coadd(tmp_path / "coadd.fits", arrays))
    arrays["R_WAVELENGTH"] = arrays["R_WAVELENGTH"] + 12000.5
    with pytest.raises(ValueError, match=r"gap\.fits: the gaps between the cameras \['B', 'Z', 'R'\] are larger"):
        load_spectra(desi_coadd(tmp_path / "gap.fits", arrays))


def test_desi_shapes_that_do_not_fit_each_other(tmp_path):
    with pytest.raises(ValueError, match=r"a\.fits: B_FLUX has shape \(3, 2751\), not \(2, 2751\)"):
        load_spectra(desi_coadd(tmp_path / "a.fits", targetids=[1, 2]))
    arrays = desi_arrays()
    arrays["Z_MASK"] = arrays["Z_MASK"][:, 1:]
    with pytest.raises(ValueError, match=r"b\.fits: HDU 'Z_MASK' has shape \(3, 2880\), not \(3, 2881\)"):
        load_spectra(desi_coadd(tmp_path / "b.fits", arrays))


def test_desi_fluxes_that_are_integers_are_refused(tmp_path):
    arrays = desi_arrays()
    arrays["R_FLUX"] = arrays["R_FLUX"].astype(np.int32)
    with pytest.raises(ValueError, match=r"coadd\.fits: R_FLUX is of type .*, not of floating-point numbers"):
        load_spectra(desi_coadd(tmp_path / "coadd.fits", arrays))


def test_desi_files_of_single_exposures_are_refused(tmp_path):
    path = desi_coadd(tmp_path / "spectra.fits")
    with fits.open(path) as hdus:
        columns = [*hdus["FIBERMAP"].columns, fits.Column("EXPID", "J", array=[1, 2, 3])]
        hdus["FIBERMAP"] = fits.BinTableHDU.from_columns(columns, name="FIBERMAP")
        hdus.writeto(tmp_path / "exposures.fits")
    with pytest.raises(ValueError, match=r"exposures\.fits: it holds single exposures; read the coadd"):
        load_spectra(tmp_path / "exposures.fits")


# --- Tianchi


def test_tianchi(tmp_path):
    spectra = load_spectra(tianchi_spectrum(tmp_path / "abc.txt"))
    flux = np.array((tmp_path / "abc.txt").read_text().split(","), np.float32)
    np.testing.assert_array_equal(spectra.data[0], flux)
    np.testing.assert_array_equal(spectra.wavelength, LAMOST_WAVELENGTH)
    assert (spectra.survey, spectra.target, spectra.object_id) == ("Tianchi", "", "abc")


# --- where lines fall


@pytest.mark.parametrize("name", MAKERS)
def test_a_balmer_line_falls_where_it_should(tmp_path, name):
    MAKERS[name](tmp_path / name)
    spectra = load_spectra(tmp_path, wavelength=np.arange(6200.0, 7400.0, 1.0))
    redshift = {"LAMOST": -0.0003, "SDSS": 0.0651026 if "spspec" in name else 0.1, "DESI": 0.0, "Tianchi": 0.0}
    for flux, survey in zip(spectra.data, spectra.survey, strict=True):
        rest = spectra.wavelength / (1 + redshift[survey])
        assert absorption_offset(rest, flux, H_ALPHA) == pytest.approx(0.0, abs=0.3)


def absorption_offset(wavelength, flux, line, half=35.0):
    """Centre of the Gaussian that fits an absorption line best, relative to where it should be, in angstrom."""
    x = wavelength - line
    near = np.abs(x) < half
    x, flux = x[near], flux[near].astype(np.float64)
    best = (np.inf, np.nan)
    for centre in np.arange(-6.0, 6.01, 0.05):
        for width in (4.0, 6.0, 8.0, 11.0, 15.0):
            design = np.column_stack([np.ones_like(x), x, np.exp(-0.5 * ((x - centre) / width) ** 2)])
            coefficients, *_ = np.linalg.lstsq(design, flux, rcond=None)
            residual = ((design @ coefficients - flux) ** 2).sum()
            if coefficients[2] < 0 and residual < best[0]:
                best = (residual, centre)
    return best[1]


# --- real files

DATA = os.environ.get("SKSPECTRA_DATA")
real = pytest.mark.skipif(DATA is None, reason="SKSPECTRA_DATA, the folder of real survey files, is not set")


@pytest.fixture(scope="module")
def manifest():
    with open(Path(DATA, "fits", "MANIFEST.csv"), newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def real_spectra(manifest):
    return load_spectra([Path(DATA, "fits", row["file"]) for row in manifest])


@real
def test_every_real_file_loads_with_its_class_and_redshift(manifest, real_spectra):
    assert len(real_spectra.data) == len(manifest) == 229
    flags = [int(row["zwarning"] or 0) for row in manifest]
    assert real_spectra.zwarning.tolist() == flags
    void = np.bitwise_and(flags, 1) > 0  # fibres on the sky, which the pipeline calls quasars and galaxies
    assert void.sum() == 37
    assert real_spectra.target.tolist() == np.where(void, "", [row["class"] for row in manifest]).tolist()
    assert real_spectra.subclass.tolist() == np.where(void, "", [row["subclass"] for row in manifest]).tolist()
    expected = np.array([float(row["z"]) for row in manifest])
    np.testing.assert_array_equal(real_spectra.redshift, np.where(void | (expected <= -9999.0), np.nan, expected))
    survey = ["LAMOST" if "LAMOST" in row["survey"].upper() else "SDSS" for row in manifest]
    assert real_spectra.survey.tolist() == survey
    assert np.isfinite(real_spectra.snr).all()


@real
def test_the_folder_of_real_files_loads(manifest, real_spectra):
    spectra = load_spectra(Path(DATA, "fits"))
    assert {Path(name).name for name in spectra.filename} >= {row["file"] for row in manifest}


@real
def test_real_flux_is_what_astropy_reads(manifest):
    for row in manifest:
        path = Path(DATA, "fits", row["file"])
        with fits.open(path) as hdus:
            if row["layout"].startswith(("primary", "spSpec")):
                flux = hdus[0].data[0]
                grid = 10 ** (hdus[0].header["COEFF0"] + hdus[0].header["COEFF1"] * np.arange(len(flux)))
            elif row["layout"] == "COADD-bintable":
                flux, grid = hdus[1].data["FLUX"][0], hdus[1].data["WAVELENGTH"][0]
            else:
                flux, grid = hdus[1].data["flux"], 10 ** hdus[1].data["loglam"].astype(float)
        spectra = native(path)
        np.testing.assert_array_equal(spectra.data[0], flux.astype(np.float32))
        # Some LAMOST rows of wavelengths round the first pixel to 0.01 angstrom.
        np.testing.assert_allclose(spectra.wavelength, grid, rtol=1e-5)


@real
def test_real_repeated_observations_share_their_object(real_spectra):
    names, counts = np.unique(real_spectra.object_id, return_counts=True)
    repeated = names[counts > 1]
    assert len(repeated) == 7
    assert len(set(real_spectra.spectrum_id)) == 229


@real
def test_balmer_lines_of_real_lamost_stars_are_at_their_vacuum_wavelengths(real_spectra):
    hot = (real_spectra.survey == "LAMOST") & (np.char.startswith(real_spectra.subclass, "A")) & (real_spectra.snr > 40)
    assert hot.sum() >= 6
    for flux, redshift in zip(real_spectra.data[hot], real_spectra.redshift[hot], strict=True):
        rest = real_spectra.wavelength / (1 + redshift)
        offsets = [absorption_offset(rest, flux, line) for line in (6564.61, 4862.69, 4341.69)]
        # Lines in air would be 1.8, 1.4 and 1.2 angstrom off.
        assert np.abs(offsets).max() < 0.7


@real
def test_balmer_lines_of_real_sdss_stars_are_at_their_vacuum_wavelengths(real_spectra):
    hot = (real_spectra.survey == "SDSS") & (real_spectra.target == "STAR") & (real_spectra.snr > 1.5)
    hot &= np.isin(np.char.ljust(real_spectra.subclass, 1).astype("<U1"), ["A", "B", "F"])
    offsets = []
    for line in (6564.61, 4862.69, 4341.69, 4102.89):
        grid = np.arange(line - 60.0, line + 60.0, 1.0)
        weighted, weights = np.zeros(len(grid)), np.zeros(len(grid))
        for i in np.flatnonzero(hot):  # faint stars: only their sum shows the lines well
            star = native(real_spectra.filename[i])
            rest = star.wavelength / (1 + star.redshift[0])
            flux, ivar = resample_spectra(star.data[0], rest, grid, ivar=star.ivar[0])
            level = np.median(flux)
            weighted += flux / level * ivar * level**2
            weights += ivar * level**2
        offsets.append(absorption_offset(grid, weighted / weights, line))
    in_air = vacuum_to_air([6564.61, 4862.69, 4341.69, 4102.89]) - [6564.61, 4862.69, 4341.69, 4102.89]
    assert np.abs(offsets).max() < 0.75
    assert abs(np.mean(offsets)) < 0.4 < abs(in_air.mean()) - 0.75


@real
def test_lines_of_real_spspec_galaxies_are_at_their_vacuum_wavelengths(manifest):
    offsets = []
    for row in manifest:
        if row["layout"] == "spSpec":
            galaxy = native(Path(DATA, "fits", row["file"]))
            rest = galaxy.wavelength / (1 + galaxy.redshift[0])
            # Ca II K and the middle of Na I D, stellar lines: in air 1.1 and 1.6 angstrom bluer.
            offsets += [absorption_offset(rest, galaxy.data[0], line, half=20.0) for line in (3934.77, 5894.57)]
    assert abs(np.mean(offsets)) < 0.6


@real
def test_real_desi_coadds_get_their_classes_from_redrock():
    folder = Path(DATA, "fits", "desi")
    if not folder.is_dir():
        pytest.skip("there are no DESI coadds in SKSPECTRA_DATA/fits/desi")
    spectra = load_spectra(folder)
    assert set(spectra.survey) == {"DESI"}
    assert set(spectra.target) <= {"STAR", "GALAXY", "QSO"}
    assert np.isfinite(spectra.redshift).all()
    assert (np.isfinite(spectra.data).mean(axis=1) > 0.9).all()
