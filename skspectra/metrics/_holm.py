"""Differences of all pairs of several classifiers, with p-values corrected by Holm's method."""

from itertools import combinations
from typing import NamedTuple

import numpy as np

from ._paired_bootstrap import paired_difference


class ComparedPair(NamedTuple):
    """Difference of the mean F1 of classifiers a and b, its confidence interval and p-values.

    Attributes
    ----------
    a, b : str
        Names of the classifiers.
    difference : float
        Mean F1 of a minus that of b.
    low, high : float
        Ends of its confidence interval.
    p_value, p_holm : float
        Two-sided p-value, uncorrected and corrected for the number of pairs.

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


def compare_pairs(f1: dict[str, float], replicates: np.ndarray, confidence_level: float) -> list[ComparedPair]:
    """Compare the mean F1 of classifiers by replicates of the same draws, shape (n_classifiers, n_resamples)."""
    names, values = list(f1), np.array(list(f1.values()))
    differences = {
        (names[i], names[j]): paired_difference(values[[i, j]], replicates[[i, j]], confidence_level)
        for i, j in combinations(range(len(names)), 2)
    }
    corrected = holm(np.array([difference.p_value for difference in differences.values()]))
    return [
        ComparedPair(*pair, *difference, float(p))
        for (pair, difference), p in zip(differences.items(), corrected, strict=True)
    ]


def holm(p_values: np.ndarray) -> np.ndarray:
    """Correct p-values for their number by Holm's step-down method."""
    order = np.argsort(p_values)
    corrected = np.empty_like(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected
