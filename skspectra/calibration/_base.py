"""What the classifiers of this package share: they fit another one and make something of its probabilities."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import assert_all_finite, check_consistent_length, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from .._validation import Tags


class BaseProbabilityMetaClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Classifier around `estimator`, another one with `predict_proba`."""

    estimator: Any
    estimator_: Any
    classes_: np.ndarray

    def _fit_estimator(self, X: Any, y: Any, **fit_params: Any) -> None:
        if not hasattr(self.estimator, "predict_proba"):
            raise TypeError(
                f"estimator={self.estimator!r} has no predict_proba; allowed are classifiers that have. "
                "sklearn.calibration.CalibratedClassifierCV gives it to one with decision_function."
            )
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        self.classes_ = self.estimator_.classes_
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        return tags


def check_labels(X: Any, y: Any) -> np.ndarray:
    """Return one class label for each spectrum."""
    labels = column_or_1d(y)
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    check_consistent_length(X, labels)
    return labels


def as_codes(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the index in ``classes`` of each label."""
    unknown = np.setdiff1d(labels, classes)
    if unknown.size:
        raise ValueError(f"y holds {unknown.tolist()}, but the estimator was trained on {classes.tolist()}.")
    return np.searchsorted(classes, labels)
