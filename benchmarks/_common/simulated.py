"""Preprocessed simulated spectra, and a network that is trained on simulated spectra."""

from functools import cache

from sklearn.pipeline import make_pipeline

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import make_spectra
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator


@cache
def scaled_spectra(n_samples, seed):
    """Return interpolated and scaled spectra of the three classes at 1:1:1, and their labels."""
    survey = make_spectra(n_samples, weights=[1, 1, 1], random_state=seed)
    return make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler()).fit_transform(survey.data), survey.target


def trained_network(n_samples, weights, **params):
    """Return a pipeline that accepts flux, trained with a one-cycle schedule and noise in every spectrum."""
    X, y = make_spectra(n_samples, weights=weights, random_state=0, return_X_y=True)
    network = DenseNet1DClassifier(lr_schedule="one-cycle", augmenter=CCDNoiseAugmenter(), random_state=0, **params)
    return make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler(), network).fit(X, y)
