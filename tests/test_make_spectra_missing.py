"""Simulated spectra of which a part was not measured."""

import numpy as np
import pytest

from skspectra.datasets import make_spectra
from skspectra.datasets._simulator._missing import leave_out_samples


def test_the_rest_of_the_flux_is_the_same():
    whole = make_spectra(300, weights=(1, 1, 1), random_state=0)
    parts = make_spectra(300, weights=(1, 1, 1), missing="survey", random_state=0)
    measured = np.isfinite(parts.data)
    assert np.isfinite(whole.data).all()
    assert not measured.all()
    np.testing.assert_array_equal(parts.data[measured], whole.data[measured])
    for name in ("target", "redshift", "snr"):
        np.testing.assert_array_equal(parts[name], whole[name])


def test_it_is_reproducible():
    first, second = (make_spectra(200, missing="survey", random_state=1).data for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_shares_and_lengths():
    flux = np.zeros((20_000, 100), np.float32)
    leave_out_samples(flux, np.random.default_rng(0))
    missing = np.isnan(flux)
    beginning = np.argmin(missing, axis=1)
    # A length of nothing is drawn too, once in 16 and in 13 times; a gap can touch an end.
    assert np.mean(missing[:, 0]) == pytest.approx(0.4 * 15 / 16, abs=0.02)
    assert np.mean(missing[:, -1]) == pytest.approx(0.4 * 12 / 13, abs=0.02)
    assert beginning.max() <= 15 + 12
    assert np.bincount(beginning, minlength=16)[1:16].min() > 0.8 * 0.4 / 16 * len(flux)
    inner = missing[:, 30:70]
    assert np.mean(inner.any(axis=1)) < 0.3
    assert inner.sum(axis=1).max() == 12
    assert missing.sum(axis=1).max() <= 15 + 12 + 12


@pytest.mark.parametrize("n_features", [1, 2, 7, 9])
def test_a_short_spectrum_keeps_a_sample(n_features):
    flux = np.zeros((2000, n_features), np.float32)
    leave_out_samples(flux, np.random.default_rng(0))
    assert np.isfinite(flux).any(axis=1).all()


@pytest.mark.parametrize("missing", ["all", True, 0.1, False])
def test_other_values_are_refused(missing):
    with pytest.raises(ValueError, match=r"missing must be 'survey' or None; got"):
        make_spectra(3, missing=missing)
