"""Files of current data releases: SDSS-V, LAMOST of medium resolution, and what DESI has beside three-camera coadds."""

import numpy as np
import pytest
from astropy.io import fits
from survey_files import (
    DESI_GRIDS,
    astra,
    desi_arrays,
    desi_coadd,
    joined_cameras,
    lamost_medium_resolution,
    model,
    sdss5_spec,
    table,
)

from skspectra.datasets import load_spectra

# --- SDSS-V


def test_sdss_5(tmp_path):
    spectra = load_spectra(sdss5_spec(tmp_path / "spec-112360-60000-27021598150202075.fits"))
    assert spectra.target.tolist() == ["QSO"]
    assert spectra.spectrum_id.tolist() == ["112360-60000-27021598150202075"]
    assert spectra.object_id.tolist() == ["SDSS J100000.00+020000.0"]
    assert spectra.snr.tolist() == [3.0]


def test_sdss_5_with_other_names(tmp_path):
    names = {"CATALOGID": None, "SDSS_ID": ("K", [77]), "PLUG_RA": None, "PLUG_DEC": None}
    position = {"RACAT": ("D", [150.0]), "DECCAT": ("D", [2.0])}
    spectra = load_spectra(sdss5_spec(tmp_path / "a.fits", **names, **position))
    assert spectra.spectrum_id.tolist() == ["112360-60000-77"]
    assert spectra.object_id.tolist() == ["SDSS J100000.00+020000.0"]


def test_stars_of_astra(tmp_path):
    spectra = load_spectra(astra(tmp_path / "mwmStar-0.6.0-114.fits", 1, 1), wavelength=None)
    assert spectra.data.shape == (1, 4648)
    np.testing.assert_allclose(spectra.wavelength[[0, -1]], 10 ** np.array([3.5523, 3.5523 + 0.4647]))
    assert (spectra.target.tolist(), spectra.object_id.tolist(), spectra.snr.tolist()) == ([""], ["114"], [20.0])


def test_visits_of_astra_take_their_grid_from_the_header(tmp_path):
    star = load_spectra(astra(tmp_path / "a.fits", 2, 0), wavelength=None)
    visits = load_spectra(astra(tmp_path / "b.fits", 3, 0, visits=True), wavelength=None)
    assert len(visits.data) == 3
    np.testing.assert_allclose(visits.wavelength, star.wavelength)
    assert visits.spectrum_id.tolist() == [f"114-BOSS/APO-{59000 + i}-{i}" for i in range(3)]


def test_a_star_that_boss_has_not_seen_is_that_of_apogee(tmp_path):
    path = astra(tmp_path / "a.fits", 0, 1)
    spectra = load_spectra(path, wavelength=None)
    assert spectra.wavelength[0] > 15_000
    assert np.flatnonzero(spectra.mask[0]).tolist() == [7]
    with pytest.raises(ValueError, match=r"falls on the grid: it covers 15100.* to 16.*, and the grid covers 3690"):
        load_spectra(path)


def test_an_empty_file_of_astra(tmp_path):
    with pytest.raises(ValueError, match=r"a\.fits: it has no spectra: its HDUs \['BOSS/APO', .* are empty or missing"):
        load_spectra(astra(tmp_path / "a.fits", 0, 0))


# --- LAMOST of medium resolution


@pytest.mark.parametrize("row_of_arrays", [True, False])
def test_lamost_of_medium_resolution(tmp_path, row_of_arrays):
    lamost_medium_resolution(tmp_path / "med.fits", row_of_arrays=row_of_arrays)
    spectra = load_spectra(tmp_path / "med.fits", wavelength=np.arange(4900.0, 6800.0))
    measured = np.isfinite(spectra.data[0])
    in_bands = [(spectra.wavelength > 4925) & (spectra.wavelength < 5365), (spectra.wavelength > 6325)]
    in_bands[1] &= spectra.wavelength < 6765
    assert measured[in_bands[0] | in_bands[1]].all()
    between = (spectra.wavelength > 5375) & (spectra.wavelength < 6315)
    assert not measured[between].any()
    assert spectra.mask[0, between].all()
    assert set(spectra.data[0, in_bands[0]]) == {4920.0}
    assert set(spectra.data[0, in_bands[1]]) == {6320.0}
    assert (spectra.target.tolist(), spectra.spectrum_id.tolist()) == ([""], ["57304-EG025335S013827V01_sp12-220"])


# --- DESI


def test_a_camera_may_be_missing(tmp_path):
    arrays = {name: array for name, array in desi_arrays(2).items() if name[0] != "R"}
    spectra = load_spectra(desi_coadd(tmp_path / "coadd-1.fits", arrays), wavelength=None)
    seen = np.isfinite(spectra.data[0])
    between = (spectra.wavelength > DESI_GRIDS["B"][-1] + 0.1) & (spectra.wavelength < DESI_GRIDS["Z"][0] - 0.1)
    np.testing.assert_array_equal(seen, ~between)
    np.testing.assert_array_equal(spectra.mask[0], between)
    np.testing.assert_allclose(np.diff(spectra.wavelength), 0.8)


def test_nothing_counts_where_flux_ivar_or_mask_say_so(tmp_path):
    arrays = desi_arrays(3)
    both = DESI_GRIDS["B"] > 5765
    arrays["B_FLUX"][0, both], arrays["B_IVAR"][1, both], arrays["B_MASK"][2, both] = np.nan, 0.0, 1
    spectra = load_spectra(desi_coadd(tmp_path / "coadd-1.fits", arrays), wavelength=None)
    where = np.searchsorted(spectra.wavelength, DESI_GRIDS["B"][both] - 0.1)
    in_red = np.searchsorted(DESI_GRIDS["R"], DESI_GRIDS["B"][both] - 0.1)
    np.testing.assert_allclose(spectra.data[:, where], arrays["R_FLUX"][:, in_red], rtol=1e-6)
    assert not spectra.mask[:, where].any()
    np.testing.assert_array_equal(spectra.ivar[:, where], 200.0)


@pytest.mark.parametrize("fibermap", ["FIBERMAP", "COADD_FIBERMAP"])
def test_coadds_whose_cameras_are_joined(tmp_path, fibermap):
    spectra = load_spectra(joined_cameras(tmp_path / "coadd-1.fits", fibermap), wavelength=None)
    np.testing.assert_array_equal(spectra.data[0], model(spectra.wavelength).astype(np.float32))
    assert spectra.spectrum_id.tolist() == ["1-1"]


def test_a_coadd_without_cameras_names_what_it_has(tmp_path):
    fits.HDUList([fits.PrimaryHDU(), table("FIBERMAP", TARGETID=("K", [1]))]).writeto(tmp_path / "a.fits")
    with pytest.raises(ValueError, match=r"no HDU of a camera, such as B_FLUX, only \['PRIMARY', 'FIBERMAP'\]"):
        load_spectra(tmp_path / "a.fits")


LABELS = {"SPECTYPE": ("6A", ["QSO"]), "SUBTYPE": ("20A", [""]), "Z": ("D", [1.5]), "ZWARN": ("K", [4])}


def test_zbest_is_about_the_coadd_of_its_name(tmp_path):
    for number in (1, 2):
        with fits.open(joined_cameras(tmp_path / f"coadd-{number}.fits")) as hdus:
            hdus["FIBERMAP"] = table("FIBERMAP", TARGETID=("K", [1]), MEAN_MJD=("D", [59000.0 + number]))
            hdus.writeto(tmp_path / f"coadd-{number}.fits", overwrite=True)
    fits.HDUList([fits.PrimaryHDU(), table("ZBEST", TARGETID=("K", [1]), **LABELS)]).writeto(tmp_path / "zbest-1.fits")
    spectra = load_spectra(tmp_path)
    assert spectra.target.tolist() == ["QSO", ""]
    assert spectra.zwarning.tolist() == [4, 0]


def test_a_redshift_catalogue_gives_its_primary_rows(tmp_path):
    columns = {name: (form, np.repeat(array, 3)) for name, (form, array) in LABELS.items()}
    columns["SPECTYPE"] = ("6A", ["STAR", "GALAXY", "QSO"])
    zcatalog = table("ZCATALOG", TARGETID=("K", [1, 1, 2]), ZCAT_PRIMARY=("L", [False, True, True]), **columns)
    fits.HDUList([fits.PrimaryHDU(), zcatalog]).writeto(tmp_path / "zall-pix-iron.fits")
    joined_cameras(tmp_path / "coadd-1.fits")
    assert load_spectra(tmp_path).target.tolist() == ["GALAXY"]
