"""Cross-validation of several classifiers, with tests of their differences."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length, check_random_state

from .._checks import encode
from .._validation import validate_params
from ._bootstrap import PARAMETERS, confidence_interval, confusion_matrix, count_units
from ._comparison_result import ClassifierComparison
from ._cross_validate import Fold, cross_validate, make_folds
from ._holm import ComparedPair, compare_pairs
from ._labels import check_groups, check_labels, check_scored_priors, with_other_labels
from ._scores import overall_scores, resampled_scores


@validate_params(PARAMETERS)
def compare_classifiers(
    classifiers: Mapping[str, Any],
    X: Any,
    y: Any,
    *,
    cv: int | Any = None,
    groups: Any = None,
    class_priors: Any = None,
    n_resamples: int = 10_000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
    verbose: bool = True,
) -> ClassifierComparison:
    """Cross-validate classifiers on the same folds, and compare scores, times and each pair.

    Parameters
    ----------
    classifiers : dict of str to estimator
        Any scikit-learn classifiers. Each is cloned for each fold; the given ones are not changed.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        Spectra.
    y : array-like of shape (n_samples,)
        Classes: strings, integers or booleans.
    cv : int, splitter, iterable of (train, test) indices, or None, default=None
        The folds. A number means shuffled stratified folds; None means 5. If groups are given, no group is in both the
        training and the test part of a fold. A list of one pair compares the classifiers on one training and one test
        set. With repeated folds, the bootstrap resamples all predictions of a spectrum together.
    groups : array-like of shape (n_samples,), default=None
        Spectra with the same value, such as repeated observations of one object, are in the same part of each fold and
        are resampled together.
    class_priors : dict of label to float, or array-like of shape (n_classes,), default=None
        Shares of the classes, above 0 and summing to 1, for which the scores are computed. An array is in the order of
        the sorted classes. By default the scores are at the mix of the data. See :func:`classification_table`.
    n_resamples : int, default=10000
        Number of replicates; 0 for no confidence intervals and no differences. The smallest p-value is
        2 / (n_resamples + 1).
    confidence_level : float, default=0.95
        Share of the replicates within a confidence interval, between 0 and 1.
    random_state : int, RandomState instance or None, default=None
        Controls the folds made here and the bootstrap. The classifiers keep their own `random_state`.
    verbose : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    comparison : ClassifierComparison
        The results as dicts, ``str(comparison)``, ``comparison.to_frame()`` and ``comparison.pairs_to_frame()``.

    Warns
    -----
    FitFailedWarning
        When a classifier fails; the warning includes the traceback.

    Raises
    ------
    ValueError
        If labels are missing or continuous, inputs differ in length, there is no classifier or a single group, a group
        is in both parts of a fold, class shares are not above 0, do not sum to 1 or belong to no class, or another
        parameter is not valid.
    TypeError
        If ``classifiers`` is not a dict with strings as keys.

    See Also
    --------
    paired_bootstrap : The test of one pair.
    classification_table : Scores of each class, from ``comparison.y_true`` and ``comparison.predictions``.

    Notes
    -----
    **The test** is the paired bootstrap [1]_ of the difference of the mean F1. It uses the predictions of all folds
    together, and resamples by group if groups are given. The p-values of all pairs are corrected by Holm's method [2]_.
    A t-test over folds, even if it is corrected for their overlap [3]_, needs the mean F1 of each fold, which is mostly
    noise if a fold contains only a handful of quasars. Such a test is also undefined for one fold, and it ignores
    groups. The disadvantage of the bootstrap is that it applies only to the classifiers as they were trained.
    ``fold_scores`` shows how much the scores change with the training set.

    Predicted labels that are not in ``y``, such as "UNKNOWN", count as errors. Scores and their confidence intervals
    are as in :func:`classification_table`. In a fold without spectra of a class, the mean leaves that class out.

    A classifier that raises an error is reported in ``failures`` and not tried again; the others continue.

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
    X, y, groups = _check_data(classifiers, X, y, groups)
    rng = check_random_state(random_state)
    labels = np.unique(y)
    folds = make_folds(cv, X, y, groups, rng)
    test_index = np.concatenate([test for _, test in folds])
    true = encode(y[test_index], labels)
    priors = check_scored_priors(class_priors, labels, np.bincount(true, minlength=len(labels)))

    runs = cross_validate(classifiers, X, y, folds, bool(verbose))
    done = {name: run for name, run in runs.items() if not run.failure}
    predictions = {name: np.concatenate(run.predictions) for name, run in done.items()}
    codes = {name: encode(predicted, labels) for name, predicted in predictions.items()}

    n_codes, all_priors = len(labels) + 1, with_other_labels(priors)
    scores, fold_scores = {}, {}
    for name, predicted in codes.items():
        scores[name], fold_scores[name] = _score(true, predicted, folds, n_codes, all_priors)

    drawn_together = _drawn_together(groups, test_index)
    replicates = {}
    if n_resamples and done:
        bootstrap = {"groups": drawn_together, "n_resamples": n_resamples, "random_state": rng}
        replicates = resampled_scores(true, list(codes.values()), n_codes, all_priors, **bootstrap)
    intervals, pairs = _uncertainty(scores, replicates, confidence_level)

    return ClassifierComparison(
        names=list(runs),
        scores=scores,
        confidence_intervals=intervals,
        fold_scores=fold_scores,
        fit_seconds={name: float(np.mean(run.fit_seconds)) for name, run in done.items()},
        predictions_per_second={name: len(true) / run.predict_seconds for name, run in done.items()},
        n_layers={name: run.n_layers for name, run in done.items() if run.n_layers is not None},
        n_parameters={name: run.n_parameters for name, run in done.items() if run.n_parameters is not None},
        failures={name: run.failure for name, run in runs.items() if run.failure},
        pairs=pairs,
        labels=labels,
        test_index=test_index,
        y_true=y[test_index],
        predictions=predictions,
        class_priors=priors,
        n_folds=len(folds),
        n_groups=None if groups is None else len(np.unique(groups[test_index])),
        n_units=count_units(true, drawn_together, len(labels)),
        n_resamples=int(n_resamples),
        confidence_level=float(confidence_level),
    )


def _check_data(classifiers: Any, X: Any, y: Any, groups: Any) -> tuple[Any, np.ndarray, np.ndarray | None]:
    if not isinstance(classifiers, Mapping) or not all(isinstance(name, str) for name in classifiers):
        raise TypeError(f"classifiers must be a dict of names (strings) and classifiers, got {classifiers!r}.")
    if not classifiers:
        raise ValueError("classifiers must hold at least one classifier, got none.")
    y = check_labels(y, "y")
    if issparse(X):
        X = X.tocsr()  # rows of other formats cannot be taken
    X = X if hasattr(X, "shape") else np.asarray(X)
    check_consistent_length(X, y)
    return X, y, check_groups(groups, len(y))


def _score(
    true: np.ndarray, predicted: np.ndarray, folds: list[Fold], n_codes: int, class_priors: np.ndarray | None
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return the scores of all folds together and those of each fold, from codes in the order of the folds."""
    borders = np.cumsum([len(test) for _, test in folds])[:-1]
    parts = zip(np.split(true, borders), np.split(predicted, borders), strict=True)
    by_fold = np.stack([confusion_matrix(*part, n_codes) for part in parts])
    together = overall_scores(by_fold.sum(axis=0), class_priors)
    return {name: float(score) for name, score in together.items()}, overall_scores(by_fold, class_priors)


def _uncertainty(
    scores: dict[str, dict[str, float]], replicates: dict[str, np.ndarray], confidence_level: float
) -> tuple[dict[str, dict[str, np.ndarray]], list[ComparedPair]]:
    """Return the confidence intervals of the scores and the difference of each pair; nothing without replicates."""
    if not replicates:
        return {}, []
    intervals = {
        name: {score: confidence_interval(values[i], confidence_level) for score, values in replicates.items()}
        for i, name in enumerate(scores)
    }
    return intervals, compare_pairs(
        {name: own["f1"] for name, own in scores.items()}, replicates["f1"], confidence_level
    )


def _drawn_together(groups: np.ndarray | None, test_index: np.ndarray) -> np.ndarray | None:
    """Return the number of the unit that the bootstrap draws for each prediction, or None if it draws each alone."""
    if groups is not None:
        units = groups[test_index]
    elif len(np.unique(test_index)) < len(test_index):
        units = test_index  # repeated folds: the predictions of one spectrum are not independent
    else:
        return None
    return np.unique(units, return_inverse=True)[1]
