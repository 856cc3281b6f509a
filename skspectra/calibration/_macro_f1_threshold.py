"""Decisions that maximise macro F1, from class probabilities."""

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from .._base import BaseProbabilityMetaClassifier, params_of_rows, without_weightless
from .._checks import check_class_priors, check_y, class_codes
from .._rows import take_rows
from .._validation import Interval, _fit_context

# About 0.001 to 1000 in steps of 16 %, beginning at 1, so that of equally good factors the one nearest to 1 is used.
_STEPS = np.arange(-46, 47)
_GRID = 20.0 ** (_STEPS[np.argsort(np.abs(_STEPS), kind="stable")] / 20)


class MacroF1ThresholdClassifier(BaseProbabilityMetaClassifier):
    """Classifier that multiplies class probabilities by factors that maximise macro F1.

    Choosing the most probable class minimises the error rate. If classes are rare, it does not maximise macro F1 [1]_:
    predicting a rare class at a probability below one half can increase it. Each probability is multiplied by the
    factor of its class, and the class with the greatest product is predicted; for two classes this is a threshold on
    the probability. The factors maximise macro F1 on spectra that were held out from training. The probabilities do not
    change.

    Parameters
    ----------
    estimator : classifier with `predict_proba`
        It is cloned and fitted. If it is already fitted, wrap it in :class:`~sklearn.frozen.FrozenEstimator`, and pass
        spectra to `fit` that it was not trained with.
    class_priors : dict of label to float, or array-like of shape (n_classes,), default=None
        Shares of the classes among the spectra to be classified, summing to 1. An array is in the order of `classes_`;
        classes that are missing from a dict have a share of 0. The held-out spectra are weighted to these shares, so
        that they may include more of the rare classes than a survey. None keeps the shares of the held-out spectra.
    validation_fraction : float, default=0.2
        Fraction of each class, drawn at random, that is held out for the factors. With a frozen `estimator` all spectra
        are used for the factors.
    random_state : int, RandomState instance or None, default=None
        Controls which spectra are held out.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    class_factors_ : ndarray of shape (n_classes,)
        Factor of each class; 1 for the most frequent class and for classes without held-out spectra.
    best_score_ : float
        Macro F1 of the held-out spectra with these factors, over the classes that occur among them. It is slightly
        optimistic, because the factors were chosen on these spectra.
    n_features_in_ : int
        Number of samples in a spectrum, if `estimator` has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if `estimator` has them.

    See Also
    --------
    PriorCorrectedClassifier : Correct probabilities to the class mix of a survey; use it as `estimator`.
    sklearn.model_selection.TunedThresholdClassifierCV : Threshold of any score, for two classes.

    Notes
    -----
    All factors start at 1. The factor of one class after another is set to the best of a grid of 93 values from about
    0.001 to 1000, until none improves macro F1. If there are only a few held-out spectra of a class, its factor
    overfits them. Dozens of spectra are needed.

    No object should have spectra both in training and among the held-out spectra. If objects have several spectra,
    split the data by object, fit the classifier on one part, and fit this estimator with the frozen classifier on the
    other part.

    References
    ----------
    .. [1] Lipton Z., Elkan C., Naryanaswamy B., "Optimal Thresholding of Classifiers to Maximize F1 Measure",
       ECML PKDD 2014, arXiv:1402.1892.

    Examples
    --------
    >>> from skspectra.calibration import MacroF1ThresholdClassifier
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.metrics import f1_score
    >>> centers = [[0, 0], [2, 1], [1, 2]]
    >>> X, y = make_blobs([9500, 300, 200], centers=centers, random_state=0)
    >>> classifier = MacroF1ThresholdClassifier(LogisticRegression(), random_state=0).fit(X, y)
    >>> X_new, y_new = make_blobs([9500, 300, 200], centers=centers, random_state=1)
    >>> most_probable = classifier.estimator_.predict(X_new)
    >>> print(round(f1_score(y_new, most_probable, average="macro"), 2))
    0.56
    >>> print(round(f1_score(y_new, classifier.predict(X_new), average="macro"), 2))
    0.59
    """

    # `fit` checks that the estimator has the methods that are needed.
    _parameter_constraints: dict = {
        "class_priors": [dict, "array-like", None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        class_priors: dict | ArrayLike | None = None,
        validation_fraction: float = 0.2,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.class_priors = class_priors
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any) -> Self:
        """Fit the classifier on one part of the spectra and the factors on the other.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, as `estimator` takes them.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights for the `fit` of `estimator`, and of the held-out spectra in macro F1.
        **fit_params : dict
            Further arguments for the `fit` of `estimator`, such as `X_val` and `y_val` of a network.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter or `y` is not valid, or a class has fewer than two spectra.
        TypeError
            If `estimator` has no `predict_proba`.
        """
        labels = check_y(X, y, warn=True)
        X, labels, fit_params = without_weightless(X, labels, sample_weight, fit_params)
        weights = fit_params.get("sample_weight", np.ones(len(labels)))
        X_fit, y_fit, X_held, y_held = X, labels, X, labels
        if not isinstance(self.estimator, FrozenEstimator):
            rows, held = train_test_split(
                np.arange(len(labels)),
                test_size=self.validation_fraction,
                stratify=labels,
                random_state=self.random_state,
            )
            X_fit, y_fit, X_held, y_held = take_rows(X, rows), labels[rows], take_rows(X, held), labels[held]
            fit_params, weights = params_of_rows(fit_params, rows), weights[held]
        self._fit_estimator(X_fit, y_fit, **fit_params)
        codes = class_codes(y_held, self.classes_, "y")
        weights = self._weights(codes, weights)
        self.class_factors_, self.best_score_ = _best_factors(self.estimator_.predict_proba(X_held), codes, weights)
        return self

    def _scores(self, probabilities: np.ndarray) -> np.ndarray:
        return probabilities * self.class_factors_

    def _weights(self, codes: np.ndarray, sample_weight: np.ndarray) -> np.ndarray:
        """Return a weight for each held-out spectrum, such that the classes have the given shares."""
        if self.class_priors is None:
            return sample_weight
        priors = check_class_priors(self.class_priors, self.classes_, "class_priors")
        totals = np.bincount(codes, sample_weight, minlength=len(priors))
        if not priors[totals > 0].any():
            raise ValueError(f"class_priors={self.class_priors!r} must be above 0 for at least one class in y.")
        return (priors / np.where(totals > 0, totals, 1))[codes] * sample_weight


def _best_factors(probabilities: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the factors of the classes that maximise macro F1, and this macro F1."""
    factors = np.ones(probabilities.shape[1])
    totals = np.bincount(codes, weights, minlength=len(factors))
    held = np.flatnonzero(totals)

    def macro_f1(factors: np.ndarray) -> float:
        predicted = (probabilities * factors).argmax(axis=1)
        hits = np.bincount(codes, weights * (predicted == codes), minlength=len(factors))
        answers = np.bincount(predicted, weights, minlength=len(factors))
        # A class without spectra has no F1, but predicting it lowers the F1 of the true classes.
        return float((2 * hits[held] / (totals + answers)[held]).mean())

    best = macro_f1(factors)
    # Only ratios of factors matter, so that of the most frequent class stays 1.
    others = held[held != totals.argmax()]
    improved = True
    while improved:
        improved = False
        for k in others:
            for factor in _GRID:
                candidate = factors.copy()
                candidate[k] = factor
                if (score := macro_f1(candidate)) > best:
                    factors, best, improved = candidate, score, True
    return factors, best
