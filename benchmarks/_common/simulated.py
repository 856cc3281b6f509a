"""Simulated spectra as the networks take them."""

from functools import cache

from sklearn.pipeline import make_pipeline

from skspectra.datasets import make_spectra
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator


@cache
def scaled_spectra(n_samples, seed):
    """Return spectra of the three classes at 1:1:1, filled and scaled, and their labels."""
    survey = make_spectra(n_samples, weights=[1, 1, 1], random_state=seed)
    return make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler()).fit_transform(survey.data), survey.target
