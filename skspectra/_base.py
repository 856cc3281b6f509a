"""Base classes: transformers that treat each spectrum by itself, and classifiers that fit another one."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from ._validation import Tags, _fit_context, check_spectra


class StatelessSpectrumTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Transformer that learns nothing: NaN is allowed, float32 and float64 are kept, `fit` is not needed."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check the parameters and remember the width and the feature names; nothing else is learnt.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flux, in any unit; NaN where it is missing.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter is outside what is allowed, or X has no two dimensions.
        """
        check_spectra(self, X, reset=True, ensure_all_finite=False)  # transform reads the values
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


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


class BaseProbabilityMetaClassifier(BaseMetaClassifier):
    """Classifier around `estimator`, another one with `predict_proba`."""

    def _fit_estimator(self, X: Any, y: Any, **fit_params: Any) -> None:
        if not hasattr(self.estimator, "predict_proba"):
            raise TypeError(
                f"estimator={self.estimator!r} has no predict_proba; allowed are classifiers that have. "
                "sklearn.calibration.CalibratedClassifierCV gives it to one with decision_function."
            )
        super()._fit_estimator(X, y, **fit_params)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, as `estimator` takes them.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        return self._corrected(self.estimator_.predict_proba(X))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the class of each spectrum.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, as `estimator` takes them.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Labels of `classes_`.
        """
        scores = self._scores(self.predict_proba(X))
        return self.classes_[scores.argmax(axis=1)]

    def _corrected(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the probabilities of this classifier from those of `estimator_`."""
        return probabilities

    def _scores(self, probabilities: np.ndarray) -> np.ndarray:
        """Return what is greatest for the predicted class."""
        return probabilities
