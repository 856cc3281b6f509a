"""A classifier that can predict that a spectrum is unknown."""

from collections.abc import Callable
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, column_or_1d

from .._base import BaseMetaClassifier, params_of_rows, without_weightless
from .._checks import check_y
from .._rows import take_rows
from .._validation import Interval, StrOptions, Tags, _fit_context
from ._features import ClassDistance, deepest_features


def _estimator_has_predict_proba(rejector: "UnknownRejector") -> bool:
    return hasattr(getattr(rejector, "estimator_", rejector.estimator), "predict_proba")


class UnknownRejector(BaseMetaClassifier):
    """Classifier that predicts "UNKNOWN" for spectra that are unlike those of the known classes.

    Every spectrum gets a score. A higher score means that it is more similar to known spectra. A spectrum whose score
    is below the threshold of the class predicted for it is unknown. The thresholds are set on spectra that were held
    out from training, so that a stated share of the spectra predicted as each class is rejected, whether the class is
    rare or frequent.

    Parameters
    ----------
    estimator : classifier
        It is cloned and fitted. If it is already fitted, wrap it in :class:`~sklearn.frozen.FrozenEstimator`, and pass
        spectra to `fit` that it was not trained with.
    method : {"max_proba", "energy", "distance"} or callable, default="max_proba"
        The score.

        - "max_proba": the greatest class probability [1]_.
        - "energy": the logarithm of the sum of the exponentials of the logits of `decision_function` [2]_. It requires
          at least three classes.
        - "distance": minus the Mahalanobis distance from the nearest class mean, with one shrunk covariance for all
          classes [3]_. The features are the input of the last layer of a network or of the last step of a pipeline,
          also within a search, the classifiers of :mod:`skspectra.calibration` or a
          :class:`~sklearn.calibration.CalibratedClassifierCV` of one classifier, such as a frozen one. For any other
          classifier, they are the spectra as given.
        - callable: it is called with the fitted estimator and spectra, and returns an array of shape (n_samples,) with
          higher values for spectra that are more similar to known ones. Detectors of other libraries can be used in
          this way.
    rejection_rate : float, default=0.05
        Share of known spectra that may be rejected, in [0, 1). For a new spectrum like those held out, it is an upper
        bound on the probability of being rejected. A class that is predicted for fewer than ``1 / rejection_rate - 1``
        held-out spectra is never rejected.
    validation_fraction : float, default=0.2
        Fraction of each class, drawn at random, that is held out for the thresholds. With a frozen `estimator`, all
        spectra are used for the thresholds. "distance" is an exception, because it needs the other spectra for the
        means and the covariance.
    unknown_label : str or int, default=None
        Label that `predict` returns for unknown spectra; None means "UNKNOWN", or -1 if the labels are numbers.
    random_state : int, RandomState instance or None, default=None
        Controls which spectra are held out.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        The known classes.
    thresholds_ : ndarray of shape (n_classes,)
        Lowest accepted score for each predicted class; minus infinity if nothing is rejected.
    unknown_label_ : str or int
        What `predict` returns for unknown spectra.
    n_features_in_ : int
        Number of samples in a spectrum, if `estimator` has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if `estimator` has them.

    See Also
    --------
    skspectra.calibration.PriorCorrectedClassifier : Correct probabilities to the class mix of a survey; use it as
        `estimator`.

    Notes
    -----
    No object should have spectra both in training and among the held-out spectra. If objects have several spectra,
    split the data by object, fit the classifier on one part, and fit the rejector with the frozen classifier on the
    other part.

    References
    ----------
    .. [1] Hendrycks D., Gimpel K., "A Baseline for Detecting Misclassified and Out-of-Distribution Examples in Neural
       Networks", ICLR 2017, arXiv:1610.02136.
    .. [2] Liu W., Wang X., Owens J., Li Y., "Energy-based Out-of-distribution Detection", NeurIPS 2020,
       arXiv:2010.03759.
    .. [3] Lee K., Lee K., Lee H., Shin J., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
       Adversarial Attacks", NeurIPS 2018, arXiv:1807.03888.

    Examples
    --------
    >>> from skspectra.outliers import UnknownRejector
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = make_blobs(600, centers=[[-6, 0], [6, 0], [0, 9]], random_state=0)
    >>> y = [["STAR", "GALAXY", "QSO"][k] for k in y]
    >>> rejector = UnknownRejector(LogisticRegression(), method="distance", random_state=0).fit(X, y)
    >>> rejector.predict([[-6, 0], [0, 9], [0, 3], [40, -20]]).tolist()
    ['STAR', 'QSO', 'UNKNOWN', 'UNKNOWN']
    """

    # `fit` checks that the estimator has the methods that are needed.
    _parameter_constraints: dict = {
        "method": [StrOptions({"max_proba", "energy", "distance"}), callable],
        "rejection_rate": [Interval(Real, 0, 1, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "unknown_label": "no_validation",
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        method: str | Callable[[Any, Any], np.ndarray] = "max_proba",
        rejection_rate: float = 0.05,
        validation_fraction: float = 0.2,
        unknown_label: str | int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.rejection_rate = rejection_rate
        self.validation_fraction = validation_fraction
        self.unknown_label = unknown_label
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any) -> Self:
        """Fit the classifier on one part of the spectra and the thresholds on the other.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra of known classes, as `estimator` takes them.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights for the `fit` of `estimator`. Spectra of weight 0 are not used at all.
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
            If `estimator` lacks what `method` needs.
        """
        needed = {"max_proba": "predict_proba", "energy": "decision_function"}.get(str(self.method), "predict")
        if not hasattr(self.estimator, needed):
            raise TypeError(f"estimator={self.estimator!r} has no {needed}, which method={self.method!r} needs.")
        labels = check_y(X, y, warn=True)
        X, labels, fit_params = without_weightless(X, labels, sample_weight, fit_params)
        X_fit, y_fit, X_held = X, labels, X
        if not isinstance(self.estimator, FrozenEstimator) or self.method == "distance":
            rows, held = train_test_split(
                np.arange(len(labels)),
                test_size=self.validation_fraction,
                stratify=labels,
                random_state=self.random_state,
            )
            X_fit, y_fit, X_held = take_rows(X, rows), labels[rows], take_rows(X, held)
            fit_params = params_of_rows(fit_params, rows)
        self._fit_estimator(X_fit, y_fit, **fit_params)
        self.unknown_label_ = self._check_unknown_label()
        if self.method == "distance":
            self._distance = ClassDistance(deepest_features(self.estimator_, X_fit), y_fit)

        predicted, scores = self.estimator_.predict(X_held), self.score_samples(X_held)
        self.thresholds_ = np.array([self._threshold(scores[predicted == label]) for label in self.classes_])
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Return how similar each spectrum is to known ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, as `estimator` takes them.

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64
            Higher scores mean that a spectrum is more similar to known ones.

        Raises
        ------
        ValueError
            If ``method="energy"`` is used with an estimator that has one logit for two classes.
        """
        check_is_fitted(self)
        if self.method == "max_proba":
            scores = self.estimator_.predict_proba(X).max(axis=1)
        elif self.method == "energy":
            logits = self.estimator_.decision_function(X)
            if logits.ndim != 2:
                raise ValueError(
                    f"method='energy' needs a logit of each class, but the decision_function of {self.estimator_!r} "
                    "returns one number for two classes. Use another method."
                )
            with np.errstate(under="ignore"):
                scores = logsumexp(logits, axis=1)
        elif self.method == "distance":
            scores = -self._distance(deepest_features(self.estimator_, X))
        else:
            scores = column_or_1d(self.method(self.estimator_, X))  # type: ignore[operator]
        return np.asarray(scores, dtype=np.float64)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the class of each spectrum, or that it is unknown.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, as `estimator` takes them.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Labels of `classes_`, and `unknown_label_`.
        """
        check_is_fitted(self)
        predicted = self.estimator_.predict(X)
        thresholds = self.thresholds_[np.searchsorted(self.classes_, predicted)]
        return np.where(self.score_samples(X) < thresholds, np.array(self.unknown_label_), predicted)

    @available_if(_estimator_has_predict_proba)
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the probability of each known class, given that the spectrum is of one of them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, as `estimator` takes them.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Probabilities of `estimator_`, in the order of `classes_`.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    def _threshold(self, scores: np.ndarray) -> float:
        """Return the score below which a new spectrum falls with a probability of at most `rejection_rate`."""
        # Among n scores and a new one of the same distribution, all ranks are equally likely: the new one is below the
        # k-th lowest of the others with a probability of k / (n + 1), or less if some are equal.
        k = int(self.rejection_rate * (len(scores) + 1))
        return -np.inf if k == 0 else np.sort(scores)[k - 1]

    def _check_unknown_label(self) -> Any:
        strings = self.classes_.dtype.kind in "OUST"
        label = self.unknown_label
        if label is None:
            label = "UNKNOWN" if strings else -1
        if isinstance(label, str) != strings:
            raise ValueError(f"unknown_label={label!r} must be of the kind of the classes {self.classes_.tolist()}.")
        if label in self.classes_.tolist():
            raise ValueError(f"unknown_label={label!r} must not be one of the classes {self.classes_.tolist()}.")
        return label

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.sparse and self.method != "distance"
        return tags
