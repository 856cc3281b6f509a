"""Paired bootstrap test of the difference between two classifiers."""

import warnings
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_consistent_length, check_random_state

from .._checks import encode
from .._validation import Interval, validate_params
from ._bootstrap import PARAMETERS, confidence_interval, confusion_matrix, count_units
from ._labels import check_groups, check_labels, check_scored_priors, distinct_labels, with_other_labels
from ._scores import overall_scores, resampled_scores
from ._text import few_units


class PairedDifference(NamedTuple):
    """Difference of two mean F1 with its confidence interval and p-value, as :func:`paired_bootstrap` returns it.

    Attributes
    ----------
    difference : float
        Mean F1 of the first predictions minus that of the second.
    low, high : float
        Ends of its confidence interval.
    p_value : float
        Two-sided p-value.

    Examples
    --------
    >>> from skspectra.metrics import paired_bootstrap
    >>> y_true = ["QSO", "STAR"] * 20
    >>> paired_bootstrap(y_true, y_true, ["QSO"] * 40, n_resamples=99, random_state=0).p_value
    0.02
    """

    difference: float
    low: float
    high: float
    p_value: float


def paired_difference(f1: np.ndarray, replicates: np.ndarray, confidence_level: float) -> PairedDifference:
    """Compare two mean F1, shape (2,), by replicates of the same draws, shape (2, n_resamples)."""
    differences = replicates[0] - replicates[1]
    low, high = confidence_interval(differences, confidence_level)
    n_tail = min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    p_value = min(1.0, 2 * (n_tail + 1) / (len(differences) + 1))
    return PairedDifference(float(f1[0] - f1[1]), float(low), float(high), float(p_value))


@validate_params({**PARAMETERS, "n_resamples": [Interval(Integral, 1, None, closed="left")]})
def paired_bootstrap(
    y_true: Any,
    y_pred_a: Any,
    y_pred_b: Any,
    *,
    class_priors: Any = None,
    groups: Any = None,
    n_resamples: int = 10_000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> PairedDifference:
    """Test whether two classifiers differ significantly in their mean F1 on the same spectra.

    Both classifiers are scored on the same resampled spectra. Effects of spectra that are hard for both classifiers,
    and of the choice of the test set, therefore cancel in the difference.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True classes: strings, integers or booleans.
    y_pred_a, y_pred_b : array-like of shape (n_samples,)
        Predictions of the two classifiers for the same spectra. Labels that are not in ``y_true`` count as errors.
    class_priors : dict of label to float, or array-like of shape (n_classes,), default=None
        Shares of the classes of ``y_true``, above 0 and summing to 1, at which the F1 are compared. An array is in the
        order of the sorted classes. By default the F1 are compared at the mix of the data.
    groups : array-like of shape (n_samples,), default=None
        Spectra with the same value, such as repeated observations of one object, are resampled together.
    n_resamples : int, default=10000
        Number of replicates. The smallest p-value is 2 / (n_resamples + 1).
    confidence_level : float, default=0.95
        Share of the replicates within the confidence interval, between 0 and 1.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap.

    Returns
    -------
    result : PairedDifference
        Named tuple ``(difference, low, high, p_value)``: mean F1 of a minus that of b, its confidence interval, and the
        two-sided p-value for no difference.

    Warns
    -----
    UserWarning
        If a class has fewer than 10 spectra, or groups, to resample: see the notes.

    Raises
    ------
    ValueError
        If labels are missing, continuous or of mixed kinds, inputs differ in length, there is a single group, class
        shares are not above 0, do not sum to 1 or belong to no class, or another parameter is not valid.

    See Also
    --------
    classification_table : How the scores and the bootstrap are defined.
    compare_classifiers : Cross-validates any number of classifiers and compares each pair.

    Notes
    -----
    The p-value is the smallest level whose percentile interval excludes 0 [1]_: twice the smaller of the shares of
    replicates at or below 0 and at or above 0, with one added to both counts, so that it is never 0 [2]_. It applies to
    the two classifiers as they were trained, not to other trainings. If a class has fewer than about ten spectra or
    groups, the p-value is too small and the confidence interval is too narrow, because no replicate contains a spectrum
    that is not in the test set.

    References
    ----------
    .. [1] Efron B., Tibshirani R. J., "An Introduction to the Bootstrap", Chapman & Hall, 1993, chapters 13 and 15.
    .. [2] Davison A. C., Hinkley D. V., "Bootstrap Methods and their Application", Cambridge University Press, 1997,
       section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from skspectra.metrics import paired_bootstrap
    >>> y_true = np.repeat(["GALAXY", "QSO", "STAR"], 100)
    >>> good, poor = y_true.copy(), y_true.copy()
    >>> good[::20], poor[::5] = "STAR", "STAR"
    >>> result = paired_bootstrap(y_true, good, poor, random_state=0)
    >>> print(f"{result.difference:.3f} {result.low > 0} {result.p_value:.4f}")
    0.097 True 0.0002
    """
    arrays = {
        name: check_labels(y, name)
        for name, y in {"y_true": y_true, "y_pred_a": y_pred_a, "y_pred_b": y_pred_b}.items()
    }
    check_consistent_length(*arrays.values())
    distinct_labels(arrays)
    labels = distinct_labels({"y_true": arrays["y_true"]})
    groups = check_groups(groups, len(arrays["y_true"]))

    true, *predictions = (encode(y, labels) for y in arrays.values())
    priors = with_other_labels(check_scored_priors(class_priors, labels, np.bincount(true)))
    if few := few_units(labels, count_units(true, groups, len(labels))):
        warnings.warn(few, UserWarning, stacklevel=3)  # past validate_params
    n_codes = len(labels) + 1
    confusions = np.stack([confusion_matrix(true, codes, n_codes) for codes in predictions])
    replicates = resampled_scores(
        true,
        predictions,
        n_codes,
        priors,
        groups=groups,
        n_resamples=n_resamples,
        random_state=check_random_state(random_state),
    )
    return paired_difference(overall_scores(confusions, priors)["f1"], replicates["f1"], confidence_level)
