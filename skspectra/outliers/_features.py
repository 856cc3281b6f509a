"""Features on which a fitted classifier bases its decisions, and their distance from those of known spectra."""

from typing import Any

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.utils import check_array

from .._unwrap import innermost, innermost_input


def deepest_features(estimator: Any, X: Any) -> np.ndarray:
    """Return the input of the last layer of a network or last step of a pipeline, (n_samples, n_features_seen)."""
    X, estimator = innermost_input(estimator, X), innermost(estimator)
    if hasattr(estimator, "embed"):
        return estimator.embed(X).astype(np.float64)
    return check_array(X, dtype=np.float64)


class ClassDistance:
    """Mahalanobis distance from the nearest class mean, with one covariance for all classes.

    References
    ----------
    Lee K., Lee K., Lee H., Shin J., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
    Adversarial Attacks", NeurIPS 2018, arXiv:1807.03888.
    """

    def __init__(self, features: np.ndarray, y: np.ndarray):
        classes, codes = np.unique(y, return_inverse=True)
        self.means = np.stack([features[codes == k].mean(axis=0) for k in range(len(classes))])
        # Shrunk, so that a feature that is constant among known spectra still counts in spectra in which it differs.
        self.covariance = LedoitWolf(assume_centered=True).fit(features - self.means[codes])

    def __call__(self, features: np.ndarray) -> np.ndarray:
        squared = np.stack([self.covariance.mahalanobis(features - mean) for mean in self.means])
        return np.sqrt(squared.min(axis=0))
