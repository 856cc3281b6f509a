"""MissingFluxInterpolator: the numbers."""

import itertools

import numpy as np
import pytest
from flux_cases import finite_spectra, spectra
from hypothesis import given, settings
from hypothesis import strategies as st

from skspectra.preprocessing import MissingFluxInterpolator


def test_interpolator_by_hand():
    nan = np.nan
    X = [[nan, nan, 1.0, nan, 3.0, nan, nan, 9.0, nan], [nan, nan, nan, nan, 4.0, nan, nan, nan, nan]]
    expected = [[1.0, 1.0, 1.0, 2.0, 3.0, 5.0, 7.0, 9.0, 9.0], [4.0] * 9]
    np.testing.assert_allclose(MissingFluxInterpolator().transform(X), expected)


def test_interpolation_is_that_of_numpy():
    X = spectra(200, 30, "float64")
    missing = np.random.default_rng(0).random(X.shape) < 0.6
    missing[:, 11] = False
    X[missing] = np.nan
    column = np.arange(30)
    expected = [np.interp(column, column[~gap], flux[~gap]) for flux, gap in zip(X, missing, strict=True)]
    np.testing.assert_allclose(MissingFluxInterpolator().transform(X), expected)


def test_means_of_several_measured_samples_by_hand():
    nan = np.nan
    X = [[nan, nan, nan, 1.0, 5.0, 3.0, nan, 9.0, nan, nan, 6.0, 8.0, nan], [nan] * 8 + [2.0, 4.0, nan, nan, nan]]
    # The gap of one sample uses the nearest ones, that of two the means of two, and the ends the means of three. The
    # second spectrum has only two measured samples.
    expected = [
        [3.0, 3.0, 3.0, 1.0, 5.0, 3.0, 6.0, 9.0, 6 + 1 / 3, 6 + 2 / 3, 6.0, 8.0, 8.0],
        [3.0] * 8 + [2.0, 4.0] + [3.0] * 3,
    ]

    np.testing.assert_allclose(MissingFluxInterpolator(n_neighbors=3).transform(X), expected)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_means_are_those_of_a_loop(share):
    X = spectra(40, 60, "float64")
    missing = np.random.default_rng(1).random(X.shape) < share
    missing[::2, :20] = missing[1::3, 50:] = True
    missing[:, 30] = False
    X[missing] = np.nan
    expected = X.copy()
    for flux, filled in zip(X, expected, strict=True):
        measured = np.flatnonzero(~np.isnan(flux))
        for before, after in itertools.pairwise([-1, *measured, 60]):
            n_used = min(after - before - 1, 4)
            left = flux[measured[measured <= before][-n_used:]] if before >= 0 else None
            right = flux[measured[measured >= after][:n_used]] if after < 60 else None
            if n_used > 0:
                levels = [np.mean(right if left is None else left), np.mean(left if right is None else right)]
                filled[before + 1 : after] = np.interp(range(before + 1, after), [before, after], levels)

    np.testing.assert_allclose(MissingFluxInterpolator(n_neighbors=4).transform(X), expected)


def test_means_of_the_largest_floats():
    largest = np.finfo(np.float64).max
    X = [[np.nan] * 3 + [largest] * 3 + [np.nan] * 2]

    np.testing.assert_allclose(
        MissingFluxInterpolator(n_neighbors=3).transform(X), np.full((1, 8), largest), rtol=1e-14
    )


def test_more_neighbors_than_samples():
    X = [[np.nan, np.nan, np.nan, 1.0, 3.0]]
    for n_neighbors in (np.uint64(3), 10**30):
        filled = MissingFluxInterpolator(n_neighbors=n_neighbors).transform(X)
        np.testing.assert_allclose(filled, [[2.0, 2.0, 2.0, 1.0, 3.0]])


def test_a_number_of_neighbors_that_is_not_valid():
    with pytest.raises(ValueError, match=r"'n_neighbors' .* must be an int in the range \[1, inf\)\. Got 0"):
        MissingFluxInterpolator(n_neighbors=0).transform([[1.0, 2.0]])


def test_measured_samples_are_kept_exactly():
    X = spectra(50, 30)
    X[np.random.default_rng(0).random(X.shape) < 0.3] = np.nan
    measured = ~np.isnan(X)
    np.testing.assert_array_equal(MissingFluxInterpolator().transform(X)[measured], X[measured])


@pytest.mark.parametrize("copy", [True, False])
def test_a_spectrum_with_nothing_in_it_is_an_error_that_names_its_row(copy):
    X = spectra(100, 2600)
    X[:, 3] = np.nan
    X[[31, 77]] = np.nan
    before = X.copy()
    with pytest.raises(ValueError, match=r"entirely NaN.*row 31, 77\."):
        MissingFluxInterpolator(copy=copy).fit_transform(X)
    np.testing.assert_array_equal(X, before)
    with pytest.raises(ValueError, match=r"row 0, 1, 2, 3, 4, \.\.\.\."):
        MissingFluxInterpolator().transform(np.full((9, 2), np.nan))


@settings(max_examples=200, deadline=None)
@given(X=finite_spectra(), copy=st.booleans(), n_neighbors=st.integers(1, 4))
def test_any_finite_input_gives_numbers_between_its_extremes(X, copy, n_neighbors):
    empty = np.isnan(X).all(axis=1)
    interpolator = MissingFluxInterpolator(n_neighbors=n_neighbors, copy=copy)
    if empty.any():
        with pytest.raises(ValueError, match=f"row {np.flatnonzero(empty)[0]}"):
            interpolator.transform(X)
        return
    low, high = np.nanmin(X, axis=1, keepdims=True), np.nanmax(X, axis=1, keepdims=True)
    filled = interpolator.transform(X)
    assert np.isfinite(filled).all()
    # Halves, since the largest float and its rounding error have no sum.
    low, high, filled = (half.astype(filled.dtype) / 2 for half in (low, high, filled))
    rounding = np.finfo(filled.dtype).eps * np.maximum(abs(low), abs(high))
    assert (filled >= low - rounding).all()
    assert (filled <= high + rounding).all()
