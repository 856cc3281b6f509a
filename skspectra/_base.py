"""Base classes: transformers that treat each spectrum independently, and classifiers that wrap another one."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    MetaEstimatorMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from ._rows import take_rows
from ._validation import Tags, _check_sample_weight, _fit_context, check_spectra


class StatelessSpectrumTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Transformer that learns nothing: NaN is allowed, float32 and float64 are kept, `fit` is not needed."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check the parameters and store the number and the names of the features. Nothing else is learnt.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flux, in any unit; NaN if it is missing.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter is not valid, or X does not have two dimensions.
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
    """Classifier that wraps `estimator` and passes further arguments of `fit` to it."""

    # The wrapper uses the weights, too, so that no set_fit_request is needed for them.
    __metadata_request__fit = {"sample_weight": True}

    estimator: Any
    estimator_: Any
    classes_: np.ndarray

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which arguments of `fit` go to `estimator`, for scikit-learn's metadata routing.

        Returns
        -------
        routing : MetadataRouter
            The routing of this classifier.
        """
        to_fit = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=type(self).__name__).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=to_fit)

    def _fit_estimator(self, X: Any, y: Any, **fit_params: Any) -> None:
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
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


def params_of_rows(fit_params: dict[str, Any], rows: np.ndarray) -> dict[str, Any]:
    """Return arguments of `fit` for a part of the spectra: weights are cut to it, and all others are unchanged."""
    return {
        name: take_rows(value, rows) if name.split("__")[-1] == "sample_weight" and value is not None else value
        for name, value in fit_params.items()
    }


def without_weightless(
    X: Any, labels: np.ndarray, sample_weight: Any, fit_params: dict[str, Any]
) -> tuple[Any, np.ndarray, dict[str, Any]]:
    """Return spectra, labels and arguments of `fit`, weights included, without the spectra of weight 0."""
    if sample_weight is None:
        return X, labels, fit_params
    weights = _check_sample_weight(sample_weight, labels, ensure_non_negative=True)
    fit_params = {**fit_params, "sample_weight": weights}
    rows = np.flatnonzero(weights)
    if len(rows) == 0:
        raise ValueError("sample_weight gives every spectrum the weight 0.")
    if len(rows) == len(weights):
        return X, labels, fit_params
    return take_rows(X, rows), labels[rows], params_of_rows(fit_params, rows)


class BaseProbabilityMetaClassifier(BaseMetaClassifier):
    """Classifier that wraps `estimator`, a classifier with `predict_proba`."""

    def _fit_estimator(self, X: Any, y: Any, **fit_params: Any) -> None:
        if not hasattr(self.estimator, "predict_proba"):
            raise TypeError(
                f"estimator={self.estimator!r} has no predict_proba, which is required. "
                "sklearn.calibration.CalibratedClassifierCV adds it to a classifier with decision_function."
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
        """Return a score for each class. The class with the greatest score is predicted."""
        return probabilities
