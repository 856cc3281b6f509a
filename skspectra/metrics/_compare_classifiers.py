"""Cross-validate classifiers side by side and say which differences are more than chance."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from numbers import Integral, Real
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, check_random_state, check_scalar
from tqdm.auto import tqdm

from ._bootstrap import band, confusion_matrix
from ._labels import check_class_priors, check_groups, check_labels, distinct_labels, encode, format_priors
from ._paired_bootstrap import overall_scores, paired_difference, resampled_scores, with_other_labels
from ._text import aligned, format_band, import_pandas

_SCORES = ("precision", "recall", "f1", "balanced_accuracy", "accuracy")
# The mean recall is the balanced accuracy, which the printed table therefore leaves out.
_HEADINGS = {"precision": "precision", "recall": "recall", "f1": "F1", "accuracy": "accuracy"}


class ComparedPair(NamedTuple):
    """Difference of the mean F1 of classifiers a and b, with its band, p-value, and p-value corrected by Holm.

    Attributes
    ----------
    a, b : str
        Names of the classifiers.
    difference : float
        Mean F1 of a less that of b.
    low, high : float
        Ends of its band.
    p_value, p_holm : float
        Two-sided p-value, alone and corrected for the number of pairs.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skspectra.metrics import compare_classifiers
    >>> classifiers = {"naive Bayes": GaussianNB(), "always one class": DummyClassifier()}
    >>> comparison = compare_classifiers(classifiers, *load_wine(return_X_y=True), random_state=0, verbose=False)
    >>> a, b, difference, *_ = comparison.pairs[0]
    >>> print(f"{a} - {b}: {difference:.2f}")
    naive Bayes - always one class: 0.78
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float


@dataclass(frozen=True, eq=False, repr=False)
class ClassifierComparison:
    """Scores and times of classifiers and their differences, as :func:`compare_classifiers` returns them.

    ``str(comparison)`` is the table in text. Every dict has the names of the classifiers as keys; classifiers that
    failed are in ``failures`` only.

    Attributes
    ----------
    names : list of str
        The classifiers, in the order given.
    scores : dict of str to dict of str to float
        ``"precision"``, ``"recall"``, ``"f1"`` (means over the classes), ``"balanced_accuracy"`` (the mean recall, as
        in :func:`sklearn.metrics.balanced_accuracy_score`) and ``"accuracy"`` of the predictions of all folds together.
    bands : dict of str to dict of str to ndarray of shape (2,)
        Lower and upper limit of each score; empty without a bootstrap.
    fold_scores : dict of str to dict of str to ndarray of shape (n_folds,)
        The same scores in each fold.
    fit_seconds : dict of str to float
        Mean time of a fit.
    predictions_per_second : dict of str to float
        Predicted spectra over the time of all calls of ``predict``.
    n_layers, n_parameters : dict of str to int
        ``n_layers_`` and ``n_parameters_`` of the classifiers that have them.
    failures : dict of str to str
        Fold and error of each classifier that failed.
    pairs : list of ComparedPair
        Each pair of classifiers: named tuples ``(a, b, difference, low, high, p_value, p_holm)`` of the mean F1; empty
        without a bootstrap.
    labels : ndarray of shape (n_classes,)
        The classes, sorted.
    test_index : ndarray of shape (n_predictions,), dtype int64
        The row of ``X`` behind each prediction, fold after fold.
    y_true : ndarray of shape (n_predictions,)
        The true class of each prediction.
    predictions : dict of str to ndarray of shape (n_predictions,)
        What each classifier answered.
    class_priors : ndarray of shape (n_classes,), or None
        The stated class mix; None for the mix of the data.
    n_folds : int
        Number of folds.
    n_bootstraps : int
        Number of replicates behind the bands and p-values.
    confidence : float
        Share of the replicates within the bands.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skspectra.metrics import classification_table, compare_classifiers
    >>> X, y = load_wine(return_X_y=True)
    >>> comparison = compare_classifiers({"naive Bayes": GaussianNB()}, X, y, random_state=0, verbose=False)
    >>> table = classification_table(comparison.y_true, comparison.predictions["naive Bayes"], n_bootstraps=0)
    >>> print(f"{table.mean['f1']:.2f} {comparison.scores['naive Bayes']['f1']:.2f}")
    0.97 0.97
    """

    names: list[str]
    scores: dict[str, dict[str, float]]
    bands: dict[str, dict[str, np.ndarray]]
    fold_scores: dict[str, dict[str, np.ndarray]]
    fit_seconds: dict[str, float]
    predictions_per_second: dict[str, float]
    n_layers: dict[str, int]
    n_parameters: dict[str, int]
    failures: dict[str, str]
    pairs: list[ComparedPair]
    labels: np.ndarray
    test_index: np.ndarray
    y_true: np.ndarray
    predictions: dict[str, np.ndarray]
    class_priors: np.ndarray | None
    n_folds: int
    n_bootstraps: int
    confidence: float

    def to_frame(self) -> Any:
        """Return one row for each classifier as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            For each score its value, with a bootstrap its limits ``*_low`` and ``*_high``, and mean and standard
            deviation over the folds, ``*_fold_mean`` and ``*_fold_std``; then ``fit_seconds``,
            ``predictions_per_second``, ``n_layers``, ``n_parameters`` and ``error``, the text of a failure.

        Raises
        ------
        ImportError
            Where pandas is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skspectra.metrics import compare_classifiers
        >>> X, y = load_wine(return_X_y=True)
        >>> comparison = compare_classifiers({"naive Bayes": GaussianNB()}, X, y, random_state=0, verbose=False)
        >>> comparison.to_frame()[["f1", "accuracy"]].round(2)
                       f1  accuracy
        classifier
        naive Bayes  0.97      0.97
        """
        pandas = import_pandas("ClassifierComparison.to_frame")
        rows = []
        for name in self.names:
            row: dict[str, Any] = {}
            for score in _SCORES if name in self.scores else ():
                row[score] = self.scores[name][score]
                if self.bands:
                    row[f"{score}_low"], row[f"{score}_high"] = self.bands[name][score]
                row[f"{score}_fold_mean"] = self.fold_scores[name][score].mean()
                row[f"{score}_fold_std"] = self.fold_scores[name][score].std()
            rows.append(row)
        frame = pandas.DataFrame(rows, index=pandas.Index(self.names, name="classifier"))
        for column in ("fit_seconds", "predictions_per_second"):
            frame[column] = [getattr(self, column).get(name, np.nan) for name in self.names]
        for column in ("n_layers", "n_parameters"):
            values = [getattr(self, column).get(name) for name in self.names]
            frame[column] = pandas.array(values, dtype="Int64")
        frame["error"] = [self.failures.get(name, "") for name in self.names]
        return frame

    def pairs_to_frame(self) -> Any:
        """Return one row for each pair of classifiers as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            The columns are the fields of :class:`ComparedPair`.

        Raises
        ------
        ImportError
            Where pandas is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.dummy import DummyClassifier
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skspectra.metrics import compare_classifiers
        >>> classifiers = {"naive Bayes": GaussianNB(), "always one class": DummyClassifier()}
        >>> comparison = compare_classifiers(classifiers, *load_wine(return_X_y=True), random_state=0, verbose=False)
        >>> comparison.pairs_to_frame()[["a", "b", "difference"]].round(2)
                     a                 b  difference
        0  naive Bayes  always one class        0.78
        """
        pandas = import_pandas("ClassifierComparison.pairs_to_frame")
        return pandas.DataFrame(self.pairs, columns=list(ComparedPair._fields))

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {scores['f1']:.4f}" for name, scores in self.scores.items())
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"ClassifierComparison(mean F1: {scores or 'none'}{failed})"

    def __str__(self) -> str:
        rows = [["", "layers", "parameters", *_HEADINGS.values(), "fit [s]", "predictions/s"]]
        for name in self.names:
            if name in self.failures:
                rows.append([name, *"-" * (len(rows[0]) - 1)])
                continue
            bands = self.bands.get(name, {})
            rows.append(
                [
                    name,
                    str(self.n_layers.get(name, "-")),
                    str(self.n_parameters.get(name, "-")),
                    *(format_band(self.scores[name][score], bands.get(score)) for score in _HEADINGS),
                    f"{self.fit_seconds[name]:.3g}",
                    f"{self.predictions_per_second[name]:.0f}",
                ]
            )
        parts = [aligned(rows), self._conditions()]
        if self.failures:
            failed = "\n".join(f"{name}: {error}" for name, error in self.failures.items())
            parts.append(f"Failed\n{failed}")
        if self.pairs:
            pairs = [["Difference of mean F1", "", "p", "p (Holm)"]]
            for pair in self.pairs:
                limits = f"{pair.difference:+.4f} ({pair.low:+.4f} to {pair.high:+.4f})"
                pairs.append([f"{pair.a} - {pair.b}", limits, f"{pair.p_value:.4f}", f"{pair.p_holm:.4f}"])
            parts.append(aligned(pairs))
        return "\n\n".join(parts)

    def _conditions(self) -> str:
        lines = [
            f"Scores of the {len(self.y_true)} predictions of {self.n_folds} folds, means over the classes, "
            f"at {format_priors(self.labels, self.class_priors)}.",
            "The mean recall is the balanced accuracy.",
        ]
        if self.n_bootstraps:
            lines.append(f"In brackets: {100 * self.confidence:.4g} % band of {self.n_bootstraps} bootstraps.")
        return "\n".join(lines)


def compare_classifiers(
    classifiers: Mapping[str, Any],
    X: Any,
    y: Any,
    *,
    cv: int | Any = None,
    groups: Any = None,
    class_priors: Any = None,
    n_bootstraps: int = 10_000,
    confidence: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
    verbose: bool = True,
) -> ClassifierComparison:
    """Cross-validate classifiers on the same folds: scores with bands, times, and the difference of each pair.

    Parameters
    ----------
    classifiers : dict of str to estimator
        Any scikit-learn classifiers. Each is cloned for each fold; those given stay as they are.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        Spectra.
    y : array-like of shape (n_samples,)
        Classes: strings, integers or booleans.
    cv : int, splitter, iterable of (train, test) indices, or None, default=None
        The folds. A number (None: 5) means stratified folds: shuffled, or, where groups are given, such that no group
        is on both sides. A single pair of indices compares on one training and one test set. With repeated folds the
        bootstrap resamples all predictions of a spectrum together.
    groups : array-like of shape (n_samples,), default=None
        Spectra with the same value, such as repeated observations of one object, stay on one side of each fold and are
        resampled together.
    class_priors : dict of label to float, or array-like of shape (n_classes,), default=None
        Shares of the classes (an array: of the sorted classes), above 0 and summing to 1, at which the scores are
        given. By default at the mix of the data. See :func:`classification_table`.
    n_bootstraps : int, default=10000
        Number of replicates; 0 for no bands and no differences. The smallest p-value is 2 / (n_bootstraps + 1).
    confidence : float, default=0.95
        Share of the replicates within a band, between 0 and 1.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds made here and of the bootstrap. The classifiers keep their own.
    verbose : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    comparison : ClassifierComparison
        The figures as dicts, ``str(comparison)``, ``comparison.to_frame()`` and ``comparison.pairs_to_frame()``.

    Raises
    ------
    ValueError
        For labels that are missing or continuous, inputs of different lengths, no classifier, a single group, folds
        that have a group on both sides, and class shares that are not above 0, do not sum to 1 or belong to no class.
    TypeError
        Where ``classifiers`` is no dict with strings as keys, or ``n_bootstraps`` or ``confidence`` is no number.

    See Also
    --------
    paired_bootstrap : The test of one pair.
    classification_table : Scores of each class, from ``comparison.y_true`` and ``comparison.predictions``.

    Notes
    -----
    **The test** is the paired bootstrap [1]_ of the difference of the mean F1, on the predictions of all folds together
    and by group where groups are given, with the p-values of all pairs corrected by Holm's method [2]_. A t-test over
    folds, even corrected for their overlap [3]_, needs a mean F1 in each fold: with a handful of quasars in a fold that
    is mostly noise, with one fold it does not exist, and it does not know of groups. The price is that the bootstrap
    answers for the classifiers as they were trained. How much another training set changes them shows in
    ``fold_scores``.

    Predictions that ``y`` does not hold, such as "UNKNOWN", count as errors. Scores and their bands are as in
    :func:`classification_table`. In a fold without a class the mean leaves that class out.

    A classifier that raises an error is reported in ``failures`` and tried no further; the others go on.

    References
    ----------
    .. [1] Efron B., Tibshirani R. J., "An Introduction to the Bootstrap", Chapman & Hall, 1993, chapters 13 and 15.
    .. [2] Holm S., "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2):
       65-70, 1979.
    .. [3] Nadeau C., Bengio Y., "Inference for the generalization error", Machine Learning 52: 239-281, 2003.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skspectra.metrics import compare_classifiers
    >>> X, y = load_wine(return_X_y=True)
    >>> classifiers = {"naive Bayes": GaussianNB(), "always one class": DummyClassifier()}
    >>> comparison = compare_classifiers(classifiers, X, y, random_state=0, verbose=False)
    >>> print(f"{comparison.scores['naive Bayes']['f1']:.2f} {comparison.scores['always one class']['f1']:.2f}")
    0.97 0.19
    >>> pair = comparison.pairs[0]
    >>> print(f"{pair.a} - {pair.b}: {pair.difference:.2f}, p = {pair.p_holm:.4f}")
    naive Bayes - always one class: 0.78, p = 0.0002
    """
    if not isinstance(classifiers, Mapping) or not all(isinstance(name, str) for name in classifiers):
        raise TypeError(f"classifiers must be a dict of names (strings) and classifiers, got {classifiers!r}.")
    if not classifiers:
        raise ValueError("classifiers must hold at least one classifier, got none.")
    y = check_labels(y, "y")
    X = X if hasattr(X, "shape") else np.asarray(X)
    check_consistent_length(X, y)
    groups = check_groups(groups, len(y))
    check_scalar(n_bootstraps, "n_bootstraps", Integral, min_val=0)
    check_scalar(confidence, "confidence", Real, min_val=0, max_val=1, include_boundaries="neither")
    rng = check_random_state(random_state)
    labels = np.unique(y)
    folds = _folds(cv, X, y, groups, rng)
    test_index = np.concatenate([test for _, test in folds])
    y_true = y[test_index]
    true = encode(y_true, labels)
    priors = check_class_priors(class_priors, labels, np.bincount(true, minlength=len(labels)))

    runs = _cross_validate(classifiers, X, y, folds, bool(verbose))
    done = {name: run for name, run in runs.items() if not run.failure}
    predictions = {name: np.concatenate(run.predictions) for name, run in done.items()}
    codes = {name: encode(predicted, labels) for name, predicted in predictions.items()}

    n_codes, all_priors = len(labels) + 1, with_other_labels(priors)
    borders = np.cumsum([len(test) for _, test in folds])[:-1]
    scores, fold_scores = {}, {}
    for name, predicted in codes.items():
        by_fold = np.stack(
            [
                confusion_matrix(*part, n_codes)
                for part in zip(np.split(true, borders), np.split(predicted, borders), strict=True)
            ]
        )
        fold_scores[name] = overall_scores(by_fold, all_priors)
        scores[name] = {s: float(v) for s, v in overall_scores(by_fold.sum(axis=0), all_priors).items()}

    bands: dict[str, dict[str, np.ndarray]] = {}
    pairs: list[ComparedPair] = []
    if n_bootstraps and done:
        units = groups
        if units is None and len(np.unique(test_index)) < len(test_index):
            units = np.arange(len(y))  # repeated folds: the predictions of one spectrum are not independent
        replicates = resampled_scores(
            true,
            list(codes.values()),
            n_codes,
            all_priors,
            groups=None if units is None else np.unique(units[test_index], return_inverse=True)[1],
            n_bootstraps=n_bootstraps,
            random_state=rng,
        )
        for i, name in enumerate(codes):
            bands[name] = {score: band(values[i], confidence) for score, values in replicates.items()}
        pairs = _compare_pairs({name: scores[name]["f1"] for name in codes}, replicates["f1"], confidence)

    return ClassifierComparison(
        names=list(runs),
        scores=scores,
        bands=bands,
        fold_scores=fold_scores,
        fit_seconds={name: float(np.mean(run.fit_seconds)) for name, run in done.items()},
        predictions_per_second={name: len(y_true) / run.predict_seconds for name, run in done.items()},
        n_layers={name: run.n_layers for name, run in done.items() if run.n_layers is not None},
        n_parameters={name: run.n_parameters for name, run in done.items() if run.n_parameters is not None},
        failures={name: run.failure for name, run in runs.items() if run.failure},
        pairs=pairs,
        labels=labels,
        test_index=test_index,
        y_true=y_true,
        predictions=predictions,
        class_priors=priors,
        n_folds=len(folds),
        n_bootstraps=int(n_bootstraps),
        confidence=float(confidence),
    )


def _folds(
    cv: Any, X: Any, y: np.ndarray, groups: np.ndarray | None, random_state: np.random.RandomState
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the folds as indices; a list, since every classifier must see the same ones."""
    if cv is None or isinstance(cv, Integral):
        n_splits = 5 if cv is None else int(cv)
        if groups is None:
            cv = StratifiedKFold(n_splits, shuffle=True, random_state=random_state)
        else:
            cv = StratifiedGroupKFold(n_splits)
    rows = np.arange(len(y))
    splits: Iterable = check_cv(cv, y, classifier=True).split(X, y, groups)
    folds = [(rows[train], rows[test]) for train, test in splits]
    if groups is not None:
        for i, (train, test) in enumerate(folds):
            both = np.intersect1d(groups[train], groups[test])
            if both.size:
                raise ValueError(
                    f"cv must keep each group on one side: {both.size} groups are in both the training and the test "
                    f"part of fold {i + 1}. A number or StratifiedGroupKFold keeps them apart."
                )
    return folds


@dataclass
class _Run:
    """What is known of one classifier after some folds."""

    predictions: list[np.ndarray]
    fit_seconds: list[float]
    predict_seconds: float = 0.0
    n_layers: int | None = None
    n_parameters: int | None = None
    failure: str = ""


def _cross_validate(
    classifiers: Mapping[str, Any], X: Any, y: np.ndarray, folds: list[tuple[np.ndarray, np.ndarray]], verbose: bool
) -> dict[str, _Run]:
    runs = {name: _Run([], []) for name in classifiers}
    with tqdm(total=len(folds) * len(classifiers), disable=not verbose) as bar:
        # Folds outside, classifiers inside: each fold is copied out of X once, and a machine that grows slower with
        # time is no disadvantage for the classifiers at the end of the list.
        for i, (train, test) in enumerate(folds):
            X_train, X_test = _rows(X, train), _rows(X, test)
            for name, classifier in classifiers.items():
                bar.set_description(f"{name}, fold {i + 1} of {len(folds)}")
                run = runs[name]
                if not run.failure:
                    try:
                        _fit_and_predict(run, classifier, X_train, y[train], X_test)
                    except Exception as error:
                        run.failure = f"fold {i + 1} of {len(folds)}: {type(error).__name__}: {error}"
                bar.update()
    return runs


def _fit_and_predict(run: _Run, classifier: Any, X_train: Any, y_train: np.ndarray, X_test: Any) -> None:
    model = clone(classifier)
    start = perf_counter()
    model.fit(X_train, y_train)
    fitted = perf_counter()
    predicted = model.predict(X_test)
    end = perf_counter()

    predicted = check_labels(predicted, "the prediction")
    distinct_labels({"y": y_train, "the prediction": predicted})
    check_consistent_length(X_test, predicted)
    run.predictions.append(predicted)
    run.fit_seconds.append(fitted - start)
    run.predict_seconds += end - fitted
    last = model[-1] if isinstance(model, Pipeline) else model
    run.n_layers = getattr(last, "n_layers_", None)
    run.n_parameters = getattr(last, "n_parameters_", None)


def _rows(X: Any, index: np.ndarray) -> Any:
    return X.iloc[index] if hasattr(X, "iloc") else X[index]


def _compare_pairs(f1: dict[str, float], replicates: np.ndarray, confidence: float) -> list[ComparedPair]:
    names, values = list(f1), np.array(list(f1.values()))
    differences = {
        (names[i], names[j]): paired_difference(values[[i, j]], replicates[[i, j]], confidence)
        for i, j in combinations(range(len(names)), 2)
    }
    corrected = _holm(np.array([difference.p_value for difference in differences.values()]))
    return [
        ComparedPair(*pair, *difference, float(p))
        for (pair, difference), p in zip(differences.items(), corrected, strict=True)
    ]


def _holm(p_values: np.ndarray) -> np.ndarray:
    """Correct p-values for their number by Holm's step-down method."""
    order = np.argsort(p_values)
    corrected = np.empty_like(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected
