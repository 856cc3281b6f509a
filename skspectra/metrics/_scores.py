"""Scores from confusion matrices, any number of them at once."""

from typing import Any

import numpy as np

from ._bootstrap import resampled_confusions


def class_scores(confusion: np.ndarray, class_priors: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Return precision, recall, F1 and balanced accuracy of each class against the rest.

    ``confusion`` has shape (..., n_classes, n_classes), rows true. A class without a true spectrum has no scores
    (NaN); a class that is never predicted has precision and F1 of 0.
    """
    weighted = _at_mix(confusion, class_priors)
    hit = np.diagonal(weighted, axis1=-2, axis2=-1)
    true, predicted = weighted.sum(axis=-1), weighted.sum(axis=-2)
    rest = true.sum(axis=-1, keepdims=True) - true
    with np.errstate(invalid="ignore"):  # 0 / 0 of a class without a true spectrum
        recall = hit / true
    absent = np.isnan(recall)
    precision = np.where(absent, np.nan, hit / np.where(predicted > 0, predicted, 1.0))
    f1 = np.where(absent, np.nan, 2 * hit / np.where(absent, 1.0, true + predicted))
    # With only one class there is no rest, and the specificity is replaced by the recall.
    specificity = np.where(rest > 0, 1 - (predicted - hit) / np.where(rest > 0, rest, 1.0), recall)
    return {"precision": precision, "recall": recall, "f1": f1, "balanced_accuracy": (recall + specificity) / 2}


def mean_scores(scores: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the mean of each score over the classes that have one; the balanced accuracy is the mean recall."""
    means = {name: np.nanmean(values, axis=-1) for name, values in scores.items()}
    means["balanced_accuracy"] = means["recall"]
    return means


def accuracy(confusion: np.ndarray, class_priors: np.ndarray | None = None) -> np.ndarray:
    """Return the share of correct predictions."""
    weighted = _at_mix(confusion, class_priors)
    return np.trace(weighted, axis1=-2, axis2=-1) / weighted.sum(axis=(-2, -1))


def overall_scores(confusion: np.ndarray, class_priors: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return the means of the scores of the classes, and the accuracy."""
    means = mean_scores(class_scores(confusion, class_priors))
    return {**means, "accuracy": accuracy(confusion, class_priors)}


def resampled_scores(
    true: np.ndarray,
    predictions: list[np.ndarray],
    n_classes: int,
    class_priors: np.ndarray | None,
    **bootstrap: Any,
) -> dict[str, np.ndarray]:
    """Return each overall score in every replicate of a bootstrap, shape (n_predictions, n_resamples)."""
    chunks = [
        overall_scores(confusions, class_priors)
        for confusions in resampled_confusions(true, predictions, n_classes, **bootstrap)
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks], axis=1) for name in chunks[0]}


def row_shares(confusion: np.ndarray) -> np.ndarray:
    """Divide each row of the confusion matrix by its sum; a row of zeros stays zero."""
    support = confusion.sum(axis=-1, keepdims=True)
    return confusion / np.where(support > 0, support, 1)


def _at_mix(confusion: np.ndarray, class_priors: np.ndarray | None) -> np.ndarray:
    if class_priors is None:
        return confusion
    return row_shares(confusion) * class_priors[:, np.newaxis]
