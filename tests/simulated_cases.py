"""Surveys that the tests of make_spectra share."""

import numpy as np
import pytest

from skspectra.datasets import make_spectra

CLASSES = ["STAR", "GALAXY", "QSO"]


@pytest.fixture(scope="module")
def survey():
    return make_spectra(3000, weights=(1, 1, 1), random_state=0)


def texture(flux, n_lags=8):
    """Autocorrelation of clipped second differences."""
    difference = np.diff(flux, n=2, axis=1)
    difference /= 1.4826 * np.median(np.abs(difference), axis=1, keepdims=True)
    difference = np.clip(difference, -3, 3)
    products = [(difference[:, k:] * difference[:, :-k]).mean(axis=1) for k in range(1, n_lags + 1)]
    return np.stack(products, axis=1) / (difference**2).mean(axis=1, keepdims=True)
