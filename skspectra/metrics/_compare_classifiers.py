"""Cross-validate classifiers side by side and say which differences are more than chance."""

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_consistent_length, check_random_state, check_scalar

from ._bootstrap import band, confusion_matrix, n_resampled
from ._classifier_comparison import ClassifierComparison
from ._compare_pairs import ComparedPair, compare_pairs
from ._cross_validate import Fold, cross_validate, make_folds
from ._labels import check_groups, check_labels, check_scored_priors, encode
from ._paired_bootstrap import overall_scores, resampled_scores, with_other_labels


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
        is on both sides. A list of one pair compares on one training and one test set. With repeated folds the
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

    Warns
    -----
    FitFailedWarning
        As soon as a classifier fails, with its traceback.

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
    _check_arguments(classifiers, n_bootstraps, confidence)
    y = check_labels(y, "y")
    if issparse(X):
        X = X.tocsr()  # rows of other formats cannot be taken
    X = X if hasattr(X, "shape") else np.asarray(X)
    check_consistent_length(X, y)
    groups = check_groups(groups, len(y))
    rng = check_random_state(random_state)
    labels = np.unique(y)
    folds = make_folds(cv, X, y, groups, rng)
    test_index = np.concatenate([test for _, test in folds])
    y_true = y[test_index]
    true = encode(y_true, labels)
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
    bands: dict[str, dict[str, np.ndarray]] = {}
    pairs: list[ComparedPair] = []
    if n_bootstraps and done:
        replicates = resampled_scores(
            true,
            list(codes.values()),
            n_codes,
            all_priors,
            groups=drawn_together,
            n_bootstraps=n_bootstraps,
            random_state=rng,
        )
        for i, name in enumerate(codes):
            bands[name] = {score: band(values[i], confidence) for score, values in replicates.items()}
        pairs = compare_pairs({name: scores[name]["f1"] for name in codes}, replicates["f1"], confidence)

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
        n_groups=None if groups is None else len(np.unique(groups[test_index])),
        n_resampled=n_resampled(true, drawn_together, len(labels)),
        n_bootstraps=int(n_bootstraps),
        confidence=float(confidence),
    )


def _check_arguments(classifiers: Any, n_bootstraps: Any, confidence: Any) -> None:
    if not isinstance(classifiers, Mapping) or not all(isinstance(name, str) for name in classifiers):
        raise TypeError(f"classifiers must be a dict of names (strings) and classifiers, got {classifiers!r}.")
    if not classifiers:
        raise ValueError("classifiers must hold at least one classifier, got none.")
    check_scalar(n_bootstraps, "n_bootstraps", Integral, min_val=0)
    check_scalar(confidence, "confidence", Real, min_val=0, max_val=1, include_boundaries="neither")


def _score(
    true: np.ndarray, predicted: np.ndarray, folds: list[Fold], n_codes: int, class_priors: np.ndarray | None
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return the scores of all folds together and those of each fold, from codes in the order of the folds."""
    borders = np.cumsum([len(test) for _, test in folds])[:-1]
    parts = zip(np.split(true, borders), np.split(predicted, borders), strict=True)
    by_fold = np.stack([confusion_matrix(*part, n_codes) for part in parts])
    together = overall_scores(by_fold.sum(axis=0), class_priors)
    return {name: float(score) for name, score in together.items()}, overall_scores(by_fold, class_priors)


def _drawn_together(groups: np.ndarray | None, test_index: np.ndarray) -> np.ndarray | None:
    """Return for each prediction the number of what the bootstrap draws whole, or None where it draws each alone."""
    if groups is not None:
        units = groups[test_index]
    elif len(np.unique(test_index)) < len(test_index):
        units = test_index  # repeated folds: the predictions of one spectrum are not independent
    else:
        return None
    return np.unique(units, return_inverse=True)[1]
