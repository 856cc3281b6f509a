"""Features of spectra from a pretrained network."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin
from sklearn.pipeline import Pipeline

from .._base import StatelessSpectrumTransformer
from .._validation import Tags, check_spectra
from ._load import load_classifier

if TYPE_CHECKING:
    import torch


@cache
def _pipeline(name: str, device: str) -> Pipeline:
    return load_classifier(name, device=device)


class PretrainedFeatures(ClassNamePrefixFeaturesOutMixin, StatelessSpectrumTransformer):
    """The input of the last layer of a pretrained network, as features for any other estimator.

    Like the classifier of :func:`load_classifier`, this transformer accepts flux in any unit, with NaN where nothing
    was measured. It learns nothing itself, so `transform` works without `fit`. A linear classifier, a clustering or a
    regression on these features is fitted in a second.

    Parameters
    ----------
    name : str, default="star-galaxy-qso"
        The model, as in :func:`load_classifier`.
    device : str or torch.device, default="auto"
        Where to compute. "auto" is CUDA if it is available, and the CPU otherwise.

    Attributes
    ----------
    n_features_in_ : int
        Number of samples of a spectrum seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if all of them are strings.

    See Also
    --------
    skspectra.neural_network.DenseNet1DClassifier.from_pretrained : Trains all layers, which takes minutes.

    Notes
    -----
    The network is convolutional, so it accepts spectra of any length. The weights were trained on lines as they appear
    on ``LAMOST_WAVELENGTH``, with 2.08 angstrom per sample. Resample spectra with another sampling to this grid with
    :func:`~skspectra.datasets.resample_spectra`.

    Examples
    --------
    >>> from skspectra.datasets import load_sdss_sample
    >>> from skspectra.pretrained import PretrainedFeatures
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> sample = load_sdss_sample()
    >>> model = make_pipeline(PretrainedFeatures(), StandardScaler(), LogisticRegression(max_iter=1000))
    >>> model.fit(sample.data[:60], sample.target[:60]).predict(sample.data[60:63]).tolist()
    ['QSO', 'QSO', 'QSO']
    """

    _parameter_constraints: dict = {"name": [str], "device": "no_validation"}

    def __init__(self, name: str = "star-galaxy-qso", *, device: str | torch.device = "auto") -> None:
        self.name = name
        self.device = device

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Compute the features of each spectrum.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flux, in any unit; NaN if it is missing.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out), float32
            Input of the last layer of the network.

        Raises
        ------
        ValueError
            If there is no such model or device, a spectrum has no measured sample, or X contains infinity or has
            another number of features than in `fit`.
        """
        self._validate_params()
        flux = check_spectra(self, X)
        *steps, (_, network) = _pipeline(self.name, str(self.device)).steps
        for _, step in steps:
            flux = type(step)(**step.get_params()).transform(flux)  # one that has seen no width
        return network._embed(flux.astype(np.float32, copy=False))

    @property
    def _n_features_out(self) -> int:
        return _pipeline(self.name, str(self.device))[-1].net_.module_.classifier.in_features

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
