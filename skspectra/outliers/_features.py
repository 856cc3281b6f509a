"""Features that a fitted classifier decides by, and their distance from those of known spectra."""

from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.covariance import LedoitWolf
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array

from .._pipeline import apply_first_steps, last_step
from ..calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier


def deepest_features(estimator: Any, X: Any) -> np.ndarray:
    """Return what the last layer of a network, or the last step of a pipeline, sees, (n_samples, n_features_seen)."""
    if isinstance(estimator, FrozenEstimator):
        return deepest_features(estimator.estimator, X)
    if isinstance(estimator, PriorCorrectedClassifier | MacroF1ThresholdClassifier):
        return deepest_features(estimator.estimator_, X)
    if isinstance(estimator, CalibratedClassifierCV) and len(estimator.calibrated_classifiers_) == 1:
        return deepest_features(estimator.calibrated_classifiers_[0].estimator, X)
    if isinstance(estimator, Pipeline):
        return deepest_features(last_step(estimator), apply_first_steps(estimator, X))
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
        # Shrunk, so that a feature that is constant among known spectra still counts where it is not.
        self.covariance = LedoitWolf(assume_centered=True).fit(features - self.means[codes])

    def __call__(self, features: np.ndarray) -> np.ndarray:
        squared = np.stack([self.covariance.mahalanobis(features - mean) for mean in self.means])
        return np.sqrt(squared.min(axis=0))
