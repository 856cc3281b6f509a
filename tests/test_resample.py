"""resample_spectra: what flux-conserving resampling must do."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skspectra.datasets import resample_spectra

OLD = 10 ** (3.57 + 1e-4 * np.arange(400))
NEW = np.linspace(OLD[3], OLD[-4], 170)


def edges(wavelength):
    middle = (wavelength[1:] + wavelength[:-1]) / 2
    return np.r_[2 * wavelength[0] - middle[0], middle, 2 * wavelength[-1] - middle[-1]]


def overlap_loop(wavelength, new_wavelength):
    """Fraction of each new pixel in each old one, pixel by pixel."""
    old, new = edges(wavelength), edges(new_wavelength)
    fractions = np.zeros((len(new_wavelength), len(wavelength)))
    for i in range(len(new_wavelength)):
        for j in range(len(wavelength)):
            shared = min(new[i + 1], old[j + 1]) - max(new[i], old[j])
            fractions[i, j] = max(shared, 0.0) / (new[i + 1] - new[i])
    return fractions


@pytest.fixture
def flux():
    return np.random.default_rng(0).normal(1.0, 0.3, (5, len(OLD)))


def test_two_pixels_into_one_by_hand():
    flux, ivar = resample_spectra([[1.0, 3.0, 5.0, 7.0]], [1, 2, 3, 4], [1.5, 3.5], ivar=[[1.0, 0.5, 0.25, 0.25]])
    np.testing.assert_allclose(flux, [[2.0, 6.0]])
    # Variances 1, 2, 4, 4: of the mean of two (1 + 2) / 4 and (4 + 4) / 4.
    np.testing.assert_allclose(ivar, [[4 / 3, 0.5]])


def test_one_pixel_into_two_keeps_its_flux_and_variance():
    # Old pixels reach from 0 to 2, 2 to 4; new ones from 0 to 1, 1 to 2, 2 to 3, 3 to 4.
    flux, ivar = resample_spectra([5.0, 9.0], [1.0, 3.0], [0.5, 1.5, 2.5, 3.5], ivar=[2.0, 4.0])
    np.testing.assert_allclose(flux, [5.0, 5.0, 9.0, 9.0])
    np.testing.assert_allclose(ivar, [2.0, 2.0, 4.0, 4.0])


def test_agrees_with_a_loop_over_pixels(flux):
    ivar = np.random.default_rng(1).uniform(0.5, 2.0, flux.shape)
    fractions = overlap_loop(OLD, NEW)
    new_flux, new_ivar = resample_spectra(flux, OLD, NEW, ivar=ivar)
    np.testing.assert_allclose(new_flux, flux @ fractions.T, rtol=1e-10)
    np.testing.assert_allclose(new_ivar, 1 / ((1 / ivar) @ (fractions**2).T), rtol=1e-10)


@pytest.mark.parametrize("n_new", [37, 170, 1200])
def test_flux_is_conserved(flux, n_new):
    # Both grids cover the same range exactly: equal pixels between the same two edges.
    ends = np.linspace(5000.0, 6000.0, len(OLD) + 1)
    new_ends = np.linspace(5000.0, 6000.0, n_new + 1)
    new_flux = resample_spectra(flux, (ends[1:] + ends[:-1]) / 2, (new_ends[1:] + new_ends[:-1]) / 2)
    np.testing.assert_allclose((new_flux * np.diff(new_ends)).sum(axis=1), (flux * np.diff(ends)).sum(axis=1))


def test_same_grid_changes_nothing(flux):
    np.testing.assert_allclose(resample_spectra(flux, OLD, OLD), flux, rtol=1e-12)


def test_constant_spectrum_stays_constant():
    np.testing.assert_allclose(resample_spectra(np.full(len(OLD), 3.5), OLD, NEW), 3.5, rtol=1e-12)


def test_nan_outside_the_old_grid_and_no_weight_there(flux):
    new = np.arange(OLD[0] - 20.0, OLD[-1] + 20.0, 2.0)
    new_flux, new_ivar = resample_spectra(flux, OLD, new, ivar=np.ones_like(flux))
    inside = (new - 1.0 >= edges(OLD)[0]) & (new + 1.0 <= edges(OLD)[-1])
    assert inside.any()
    assert not inside.all()
    np.testing.assert_array_equal(np.isfinite(new_flux), np.broadcast_to(inside, new_flux.shape))
    np.testing.assert_array_equal(new_ivar > 0, np.broadcast_to(inside, new_flux.shape))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_a_bad_pixel_reaches_the_new_pixels_that_touch_it_and_no_other(flux, bad):
    damaged = flux.copy()
    damaged[2, 200] = bad
    touched = overlap_loop(OLD, NEW)[:, 200] > 0
    good, new_flux = resample_spectra(flux, OLD, NEW), resample_spectra(damaged, OLD, NEW)
    np.testing.assert_array_equal(new_flux[:2], good[:2])
    np.testing.assert_array_equal(new_flux[2, ~touched], good[2, ~touched])
    assert not (np.abs(new_flux[2, touched]) < 1e20).any()


def test_zero_ivar_makes_the_new_pixels_that_touch_it_worthless(flux):
    ivar = np.ones_like(flux)
    ivar[0, 200] = 0.0
    _, new_ivar = resample_spectra(flux, OLD, NEW, ivar=ivar)
    np.testing.assert_array_equal(new_ivar[0] == 0, overlap_loop(OLD, NEW)[:, 200] > 0)
    assert (new_ivar[1:] > 0).all()


def test_scatter_of_many_noisy_spectra_is_what_ivar_says():
    rng = np.random.default_rng(3)
    sigma = rng.uniform(0.5, 2.0, len(OLD))
    noise = rng.normal(size=(20_000, len(OLD))) * sigma
    _, ivar = resample_spectra(noise[0], OLD, NEW, ivar=sigma**-2)
    np.testing.assert_allclose(resample_spectra(noise, OLD, NEW).std(axis=0), ivar**-0.5, rtol=0.03)


def test_many_rows_are_resampled_as_each_alone():
    rows = np.random.default_rng(4).normal(size=(50, 30))  # several blocks
    together = resample_spectra(rows, np.arange(1, 31), np.arange(2.3, 28, 1.7))
    for i in range(50):
        np.testing.assert_array_equal(together[i], resample_spectra(rows[i], np.arange(1, 31), np.arange(2.3, 28, 1.7)))


@pytest.mark.parametrize(("given", "result"), [("float32", "float32"), ("float64", "float64"), (">f4", "float32")])
def test_floats_keep_their_precision(flux, given, result):
    assert resample_spectra(flux.astype(given), OLD, NEW).dtype == result


def test_integers_become_float64():
    assert resample_spectra(np.arange(len(OLD)), OLD, NEW).dtype == np.float64


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(flux, frame):
    np.testing.assert_array_equal(resample_spectra(frame(flux), OLD, NEW), resample_spectra(flux, OLD, NEW))


def test_read_only_and_strided_input(flux):
    expected = resample_spectra(flux, OLD, NEW)
    fortran = np.asfortranarray(flux)
    fortran.flags.writeable = False
    np.testing.assert_allclose(resample_spectra(fortran, OLD, NEW), expected, rtol=1e-12)


def test_no_spectra():
    assert resample_spectra(np.empty((0, len(OLD))), OLD, NEW).shape == (0, len(NEW))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"wavelength": OLD[::-1]}, "wavelength must be positive and strictly increasing"),
        ({"wavelength": np.where(np.arange(len(OLD)) == 7, np.nan, OLD)}, "wavelength holds 1 values that are NaN"),
        ({"wavelength": OLD[:-1]}, r"flux must have shape \(n_samples, 399\)"),
        ({"wavelength": np.r_[OLD[:5], OLD[4:-1]]}, "strictly increasing"),
        ({"wavelength": OLD[None]}, "1D"),
        ({"wavelength": OLD - 4000.0}, "positive"),
        ({"wavelength": ["a", "b"]}, "wavelength must be an array of numbers"),
        ({"new_wavelength": NEW[::-1]}, "new_wavelength must be positive and strictly increasing"),
        ({"new_wavelength": [5000.0]}, "at least 2"),
        ({"ivar": np.full((5, len(OLD)), -1.0)}, "ivar must not be negative"),
        ({"ivar": np.ones((4, len(OLD)))}, "ivar must have the shape of flux"),
        ({"flux": np.ones((2, 2, len(OLD)))}, "flux must have shape"),
    ],
)
def test_bad_input_is_named(flux, changed, message):
    arguments = {"flux": flux, "wavelength": OLD, "new_wavelength": NEW} | changed
    with pytest.raises(ValueError, match=message):
        resample_spectra(**arguments)
