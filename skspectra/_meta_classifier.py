"""What the classifiers that fit another one share."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import assert_all_finite, check_consistent_length, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ._validation import Tags


class BaseMetaClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Classifier around `estimator`, another one."""

    estimator: Any
    estimator_: Any
    classes_: np.ndarray

    def _fit_estimator(self, X: Any, y: Any, **fit_params: Any) -> None:
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
