"""Correction of class probabilities to the class mix of a survey."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from .._base import BaseProbabilityMetaClassifier
from .._checks import check_class_priors, check_y, class_codes, refuse_unusable_labels
from .._validation import StrOptions, _check_sample_weight, _fit_context
from ._class_priors import estimate_class_priors, with_class_priors

# Parameters of scikit-learn, imbalanced-learn, this package and libraries of boosted trees that make a classifier learn
# another class mix than that of the labels.
_CHANGE_CLASS_MIX = {
    "sampling", "class_weight", "sampling_strategy", "priors", "class_prior", "scale_pos_weight", "is_unbalance",
    "auto_class_weights",
}  # fmt: skip


class PriorCorrectedClassifier(BaseProbabilityMetaClassifier):
    """Classifier whose probabilities are corrected from the class mix of training to that of the survey.

    A classifier that was trained on as many quasars as stars assumes that quasars are as frequent as stars. The
    probability of each class is multiplied by its share in the survey over its share in training, and each row is then
    scaled to sum to 1 [1]_. This is exact if the spectra of each class look the same in both and the probabilities are
    calibrated at the training mix.

    Parameters
    ----------
    estimator : classifier with `predict_proba`
        It is cloned and fitted. If it is already fitted, wrap it in :class:`~sklearn.frozen.FrozenEstimator`.
    class_priors : dict of label to float, or array-like of shape (n_classes,), default=None
        Shares of the classes among the spectra to be classified, summing to 1. An array is in the order of `classes_`;
        classes that are missing from a dict have a share of 0. None uses the shares in the `y` of `fit`. If these
        differ from those of the survey, use :meth:`adapt` to estimate the latter from unlabelled spectra.
    training_priors : "balanced", dict of label to float, or array-like of shape (n_classes,), default=None
        Class mix at which `estimator` is trained. "balanced" means equal shares, as for a network with
        ``sampling="balanced"``, a classifier with ``class_weight="balanced"`` or one after an oversampler. Other shares
        are given like `class_priors`, all above 0. None uses the shares in the `y` of `fit`, for a classifier that
        learns from `y` without balancing. An error is raised for None if these shares may be wrong because of something
        at any depth inside `estimator`: a frozen estimator, whose training labels `fit` does not see, a sampler, or
        parameters such as ``sampling``, ``class_weight``, ``sampling_strategy`` and ``priors``, also in the grid of a
        search.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    class_priors_ : ndarray of shape (n_classes,)
        Class mix to which the probabilities are corrected.
    training_priors_ : ndarray of shape (n_classes,)
        Class mix from which the probabilities are corrected.
    n_features_in_ : int
        Number of samples in a spectrum, if `estimator` has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if `estimator` has them.

    See Also
    --------
    estimate_class_priors : Estimate the class mix of unlabelled spectra from probabilities.
    MacroF1ThresholdClassifier : Maximise macro F1; it can wrap this classifier.
    sklearn.calibration.CalibratedClassifierCV : Calibrate at the mix of the data; it can be inside or around.

    Notes
    -----
    If the labels have the class mix of the survey, ``PriorCorrectedClassifier(network, training_priors="balanced")``
    trains on balanced classes and predicts at the mix of the survey.

    :func:`~sklearn.model_selection.cross_val_predict` with ``method="predict_proba"`` encodes the labels as integers
    before it fits. A dict of priors does not match these labels, so pass an array.

    References
    ----------
    .. [1] Saerens M., Latinne P., Decaestecker C., "Adjusting the outputs of a classifier to new a priori
       probabilities", Neural Computation 14(1), 21-41, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from skspectra.calibration import PriorCorrectedClassifier
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = make_blobs([1900, 100], centers=[[0, 0], [2, 2]], random_state=0)
    >>> balanced = LogisticRegression(class_weight="balanced").fit(X, y)
    >>> corrected = PriorCorrectedClassifier(
    ...     LogisticRegression(class_weight="balanced"), training_priors="balanced"
    ... ).fit(X, y)
    >>> corrected.class_priors_
    array([0.95, 0.05])
    >>> print(np.round(balanced.predict_proba(X).mean(axis=0), 2), np.round(corrected.predict_proba(X).mean(axis=0), 2))
    [0.85 0.15] [0.95 0.05]

    Another survey without labels:

    >>> X_survey, _ = make_blobs([9000, 3000], centers=[[0, 0], [2, 2]], random_state=1)
    >>> corrected.adapt(X_survey).class_priors_.round(2)
    array([0.74, 0.26])
    """

    # `fit` checks that the estimator has the methods that are needed.
    _parameter_constraints: dict = {
        "class_priors": [dict, "array-like", None],
        "training_priors": [StrOptions({"balanced"}), dict, "array-like", None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        class_priors: dict | ArrayLike | None = None,
        training_priors: str | dict | ArrayLike | None = None,
    ) -> None:
        self.estimator = estimator
        self.class_priors = class_priors
        self.training_priors = training_priors

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any) -> Self:
        """Fit the classifier and determine both class mixes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, as `estimator` takes them.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights for the `fit` of `estimator` and for the class shares.
        **fit_params : dict
            Further arguments for the `fit` of `estimator`, such as `X_val` and `y_val` of a network. Weights for a step
            of a pipeline, ``STEP__sample_weight``, count for the class shares too.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter or `y` is not valid, or if `training_priors` is None and the training mix is not known.
        TypeError
            If `estimator` has no `predict_proba`.
        """
        refuse_unusable_labels(y)
        if self.training_priors is None and (reason := _unlike_labels(self.estimator)):
            raise ValueError(
                f"training_priors=None takes the class shares of y, but {reason}. State training_priors: 'balanced', "
                "or the share of each class in training."
            )
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        weights = [value for name, value in fit_params.items() if name.split("__")[-1] == "sample_weight"]
        if self.training_priors is None and len(weights) > 1:
            raise ValueError(
                "training_priors=None takes the class shares of y, but there are several weights among "
                f"{sorted(fit_params)}. State training_priors: the share of each class in training."
            )
        self._fit_estimator(X, y, **fit_params)
        shares = _class_shares(X, y, self.classes_, weights[0] if weights else None)
        self.class_priors_ = self._priors("class_priors", shares)
        self.training_priors_ = self._priors("training_priors", shares, positive=True)
        return self

    def adapt(self, X: ArrayLike) -> Self:
        """Correct to the class mix of unlabelled spectra, estimated from them by expectation maximisation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra of the survey, enough of them to include some of the rarest class.

        Returns
        -------
        self : object
            The classifier, with a new `class_priors_`.
        """
        check_is_fitted(self)
        self.class_priors_ = estimate_class_priors(self.estimator_.predict_proba(X), self.training_priors_)
        return self

    def _corrected(self, probabilities: np.ndarray) -> np.ndarray:
        return with_class_priors(probabilities, self.training_priors_, self.class_priors_)

    def _priors(self, name: str, shares: np.ndarray, *, positive: bool = False) -> np.ndarray:
        priors = getattr(self, name)
        if isinstance(priors, str):
            return np.full(len(self.classes_), 1 / len(self.classes_))
        return check_class_priors(shares if priors is None else priors, self.classes_, name, positive=positive)


def _class_shares(X: Any, y: Any, classes: np.ndarray, sample_weight: Any) -> np.ndarray:
    labels = check_y(X, y)
    weights = _check_sample_weight(sample_weight, labels, ensure_non_negative=True)
    totals = np.bincount(class_codes(labels, classes, "y"), weights, minlength=len(classes))
    return totals / totals.sum()


def _unlike_labels(estimator: Any) -> str | None:
    """Return why a classifier may not be trained at the class mix of the labels given to `fit`, or None."""
    for inner in _estimators_in(estimator):
        kind = type(inner).__name__
        if isinstance(inner, FrozenEstimator):
            return "an estimator is frozen, and fit does not see the labels that it was trained with"
        if hasattr(inner, "fit_resample"):
            return f"{kind} resamples the classes"
        for name, value in inner.get_params(deep=False).items():
            if name in _CHANGE_CLASS_MIX and value is not None and value is not False:
                return f"{kind} has {name}={value!r}"
            if name not in _CHANGE_CLASS_MIX and (tried := _tried(value)):
                return f"{kind} tries values of {tried} in {name}"
    return None


def _tried(value: Any) -> str | None:
    """Return the name of a parameter in the grids of a search that changes the class mix, or None."""
    for grid in value if isinstance(value, list | tuple) else [value]:
        for name, candidates in grid.items() if isinstance(grid, dict) else ():
            unset = isinstance(candidates, list | tuple) and all(candidate is None for candidate in candidates)
            if str(name).split("__")[-1] in _CHANGE_CLASS_MIX and not unset:
                return name
    return None


def _estimators_in(value: Any) -> Iterator[Any]:
    """Yield an estimator and those among its parameters, at any depth; a frozen one is yielded without those inside."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _estimators_in(item)
    elif hasattr(value, "get_params") and not isinstance(value, type):
        yield value
        if not isinstance(value, FrozenEstimator):
            yield from _estimators_in(list(value.get_params(deep=False).values()))
