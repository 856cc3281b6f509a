"""Spectra of which nothing falls on the grid, gaps, and values that float32 cannot hold."""

import numpy as np
import pytest
from survey_files import desi_arrays, desi_coadd

from skspectra.datasets import load_spectra, open_spectra_store, resample_spectra, write_spectra_store

WAVELENGTH = np.linspace(3600.0, 9200.0, 3000)
IN_UNITS = {
    "nm": WAVELENGTH / 10,
    "micrometre": WAVELENGTH / 1e4,
    "m": WAVELENGTH / 1e10,
    r"log10\(angstrom\)": np.log10(WAVELENGTH),
}


def archive(path, **arrays):
    np.savez(path, **({"flux": np.ones(len(WAVELENGTH)), "wavelength": WAVELENGTH} | arrays))
    return path


@pytest.mark.parametrize("unit", IN_UNITS)
def test_wavelengths_in_another_unit_are_refused_with_a_guess(tmp_path, unit):
    path = archive(tmp_path / "a.npz", wavelength=IN_UNITS[unit])
    cause = rf"covers .* to .*, and the grid covers 3690 to 9100 angstrom\. They seem to be in .*{unit}.*, but must be"
    with pytest.raises(ValueError, match=rf"a\.npz: nothing falls on the grid: it {cause}"):
        load_spectra(path)
    with pytest.raises(ValueError, match=cause):
        write_spectra_store(path, tmp_path / "store")


def test_a_spectrum_beside_the_grid_is_refused_without_a_guess(tmp_path):
    path = archive(tmp_path / "a.npz", wavelength=np.linspace(15_000.0, 17_000.0, 3000))
    with pytest.raises(ValueError, match=r"covers 15000 to 17000, and the grid covers 3690 to 9100 angstrom$"):
        load_spectra(path)


def test_a_spectrum_on_part_of_the_grid_is_read(tmp_path):
    path = archive(tmp_path / "a.npz", wavelength=np.linspace(8000.0, 12_000.0, 3000))
    assert 0 < np.isfinite(load_spectra(path).data).mean() < 0.3


@pytest.mark.parametrize(
    "nothing", [{"flux": np.full(3000, np.nan)}, {"ivar": np.zeros(3000)}, {"ivar": np.full(3000, -1.0)}]
)
def test_a_spectrum_of_nothing_is_refused(tmp_path, nothing):
    path = archive(tmp_path / "a.npz", object_id="x1", **nothing)
    for wavelength in (WAVELENGTH, None):
        with pytest.raises(
            ValueError, match=r"a\.npz: nothing of the spectrum x1 was measured: no sample has a finite"
        ):
            load_spectra(path, wavelength=wavelength)


def test_flags_alone_do_not_make_a_spectrum_nothing(tmp_path):
    spectra = load_spectra(archive(tmp_path / "a.npz", mask=np.ones(3000, bool)))
    assert spectra.mask.all()
    assert np.isfinite(spectra.data).all()


def test_a_dead_fibre_is_left_out_and_listed(tmp_path):
    arrays = desi_arrays(3)
    for name in ("B_IVAR", "R_IVAR", "Z_IVAR"):
        arrays[name][1] = 0.0
    path = desi_coadd(tmp_path / "coadd.fits", arrays, targetids=[5, 6, 7])
    with pytest.raises(ValueError, match=r"coadd\.fits: nothing of the spectrum 6-59300\.25 was measured"):
        load_spectra(path)
    with pytest.warns(UserWarning, match="1 of 1 files could not be loaded, in part or at all"):
        spectra = load_spectra(path, on_error="warn")
    assert spectra.object_id.tolist() == ["5", "7"]
    [(name, cause)] = spectra.failures
    assert (name, cause[:28]) == (str(path), "nothing of the spectrum 6-59")
    with pytest.warns(UserWarning, match="in part or at all"):
        write_spectra_store(path, tmp_path / "store", on_error="warn")
    assert len(open_spectra_store(tmp_path / "store").data) == 2


# --- gaps


def test_nothing_is_measured_in_a_gap(tmp_path):
    seen = WAVELENGTH[(WAVELENGTH < 5000) | (WAVELENGTH > 5600)]
    path = archive(tmp_path / "a.npz", wavelength=seen, flux=seen, ivar=np.full(len(seen), 9.0))
    spectra = load_spectra(path)
    step = WAVELENGTH[1] - WAVELENGTH[0]
    low, high = seen[seen < 5300][-1], seen[seen > 5300][0]
    inside = (spectra.wavelength > low + 3 * step) & (spectra.wavelength < high - 3 * step)
    outside = (spectra.wavelength < low - 3 * step) | (spectra.wavelength > high + 3 * step)
    assert np.isnan(spectra.data[0, inside]).all()
    assert spectra.mask[0, inside].all()
    assert (spectra.ivar[0, inside] == 0).all()
    np.testing.assert_allclose(spectra.data[0, outside], spectra.wavelength[outside], atol=2 * step)
    assert not spectra.mask[0, outside].any()


def test_pixels_beside_a_gap_reach_as_far_out_as_in():
    wavelength, flux = [1.0, 2, 3, 10, 11, 12], np.arange(6.0)
    new = np.arange(1.0, 13.0)
    expected = [0, 1, 2, *[np.nan] * 6, 3, 4, 5]
    np.testing.assert_array_equal(resample_spectra(flux, wavelength, new), expected)


def test_a_sample_alone_between_gaps_is_as_wide_as_the_others():
    wavelength = [1.0, 2, 3, 4, 20, 41, 42, 43, 44]
    new = resample_spectra(np.arange(9.0), wavelength, [18.0, 19, 20, 21, 22])
    np.testing.assert_array_equal(new, [np.nan, np.nan, 4, np.nan, np.nan])


def test_two_missing_pixels_are_bridged_and_three_are_not():
    for n_missing, bridged in ((2, True), (3, False)):
        wavelength = np.delete(np.arange(1.0, 31.0), slice(14, 14 + n_missing))
        new = resample_spectra(np.ones(len(wavelength)), wavelength, np.arange(1.0, 31.0))
        assert np.isfinite(new).all() == bridged


@pytest.mark.parametrize("factor", [4.0, 0.25])
def test_a_change_of_sampling_is_no_gap(factor):
    steps = np.concatenate([np.full(20, 1.0), np.full(20, factor)])
    wavelength = 100 + np.cumsum(steps)
    new = np.arange(wavelength[0] + 2, wavelength[-1] - 2)
    assert np.isfinite(resample_spectra(np.ones(40), wavelength, new)).all()


def test_a_gap_in_the_new_grid_takes_nothing_from_it():
    new = np.concatenate([np.arange(1.0, 11.0), np.arange(31.0, 41.0)])
    flux = np.where(np.arange(1.0, 41.0) < 20, 1.0, 2.0)
    np.testing.assert_array_equal(resample_spectra(flux, np.arange(1.0, 41.0), new), np.repeat([1.0, 2.0], 10))


# --- float32


def test_fluxes_in_physical_units_keep_their_inverse_variance(tmp_path):
    flux = np.full(3000, 1e-18)  # erg/s/cm2/A
    path = archive(tmp_path / "a.npz", flux=flux, ivar=1 / (0.05 * flux) ** 2)  # signal-to-noise 20
    spectra = load_spectra(path, wavelength=WAVELENGTH)
    np.testing.assert_allclose(spectra.data * np.sqrt(spectra.ivar), 20.0, rtol=1e-5)
    resampled = load_spectra(path, bad_pixels="nan")
    assert not resampled.mask.any()
    np.testing.assert_allclose(resampled.data, 1e-18, rtol=1e-6)


def test_inverse_variances_of_both_sizes_are_read_together(tmp_path):
    archive(tmp_path / "a.npz", ivar=np.full(3000, 1e40))
    archive(tmp_path / "b.npz", ivar=np.full(3000, 4.0))
    spectra = load_spectra(tmp_path, wavelength=WAVELENGTH)
    assert spectra.ivar.dtype == np.float64
    np.testing.assert_array_equal(spectra.ivar[:, 0], [1e40, 4.0])


@pytest.mark.parametrize("value", [1e39, -1e39, 1e-40])
def test_a_flux_that_float32_cannot_hold_is_refused(tmp_path, value):
    message = r"a\.npz: the flux reaches .*, which is outside the float32 range .*: convert it to another unit"
    with pytest.raises(ValueError, match=message):
        load_spectra(archive(tmp_path / "a.npz", flux=np.full(3000, value)))


def test_a_fill_value_under_the_mask_is_no_flux(tmp_path):
    flux, mask = np.ones(3000), np.arange(3000) == 9
    flux[mask] = 1e300
    spectra = load_spectra(archive(tmp_path / "a.npz", flux=flux, mask=mask), wavelength=WAVELENGTH)
    assert np.flatnonzero(spectra.mask[0]).tolist() == [9]


@pytest.mark.parametrize("flux", [np.ones(3000) * 1j, np.full(3000, "x"), np.ones(3000, bool)])
def test_a_flux_that_is_no_number_is_refused(tmp_path, flux):
    with pytest.raises(ValueError, match=r"a\.npz: the flux must be real numbers; it is of type "):
        load_spectra(archive(tmp_path / "a.npz", flux=flux))


# --- archives of arrays


def test_labels_that_are_objects(tmp_path):
    labels = np.array(["STAR", None, np.nan, b"QSO"], dtype=object)
    spectra = load_spectra(archive(tmp_path / "a.npz", flux=np.ones((4, 3000)), target=labels))
    assert spectra.target.tolist() == ["STAR", "", "", "QSO"]


@pytest.mark.parametrize(("labels", "target"), [(["STAR", np.nan], ["STAR", ""]), ([np.nan, 2.0], ["", "2.0"])])
def test_labels_that_are_nan(tmp_path, labels, target):
    path = archive(tmp_path / "a.npz", flux=np.ones((2, 3000)), target=np.array(labels))
    assert load_spectra(path).target.tolist() == target


def test_labels_of_pandas(tmp_path):
    pd = pytest.importorskip("pandas")
    labels = pd.DataFrame({"class": ["STAR", pd.NA, "QSO"]}, dtype=object)["class"].to_numpy()
    spectra = load_spectra(archive(tmp_path / "a.npz", flux=np.ones((3, 3000)), target=labels))
    assert spectra.target.tolist() == ["STAR", "", "QSO"]


class Payload:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return print, ("unpickled",)


def test_objects_that_could_run_code_are_refused(tmp_path, capsys):
    path = archive(tmp_path / "a.npz", target=np.array([Payload()], dtype=object))
    with pytest.raises(ValueError, match=r"a\.npz: target holds Python objects that cannot be read \(builtins\.print"):
        load_spectra(path)
    assert capsys.readouterr().out == ""


def test_other_names_of_arrays(tmp_path):
    arrays = {"flux": np.ones((2, 3000)), "wave": WAVELENGTH, "err": np.full((2, 3000), 0.5), "label": ["STAR", "QSO"]}
    np.savez(tmp_path / "a.npz", **arrays)
    spectra = load_spectra(tmp_path / "a.npz", wavelength=WAVELENGTH)
    assert spectra.target.tolist() == ["STAR", "QSO"]
    np.testing.assert_allclose(spectra.ivar, 4.0)


def test_arrays_without_use_are_named(tmp_path):
    with pytest.warns(UserWarning, match=r"not used: 'continuum' \(files: 1\), 'sky' \(files: 1\)\.$"):
        load_spectra(archive(tmp_path / "a.npz", sky=np.ones(3), continuum=np.ones(3)))


def test_files_without_spectra_are_passed_over_and_counted(tmp_path):
    archive(tmp_path / "a.npz")
    np.savez(tmp_path / "index.npz", rows=np.arange(3))
    (tmp_path / "readme.txt").write_text("All about it.")
    spectra = load_spectra(tmp_path)
    assert spectra.passed_over == [str(tmp_path / "index.npz"), str(tmp_path / "readme.txt")]
    assert "Files without spectra that were passed over in folders: 2" in spectra.DESCR


def test_a_file_of_spectra_is_not_passed_over(tmp_path):
    archive(tmp_path / "a.npz")
    archive(tmp_path / "b.npz", target=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match=r"b\.npz: target holds Python objects"):
        load_spectra(tmp_path)
