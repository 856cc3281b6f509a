"""Check of a stated class mix."""

from typing import Any

import numpy as np


def check_class_priors(class_priors: Any, classes: np.ndarray, name: str, *, positive: bool = False) -> np.ndarray:
    """Return shares of the classes, given as a mapping from label or in the order of ``classes``, as float64."""
    labels = classes.tolist()
    if hasattr(class_priors, "items"):  # a dict, or a pandas Series as value_counts(normalize=True) gives it
        class_priors = dict(class_priors.items())
        unknown = [key for key in class_priors if key not in labels]
        if unknown:
            raise ValueError(f"{name} must have the classes {labels} as keys; not among them: {unknown}.")
        class_priors = [class_priors.get(label, 0.0) for label in labels]
    try:
        priors = np.array(class_priors, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers, got {class_priors!r}.") from error
    if priors.shape != classes.shape:
        raise ValueError(f"{name} must hold one share for each of the classes {labels}, got shape {priors.shape}.")
    if not (priors >= 0).all() or not np.isclose(priors.sum(), 1.0):
        raise ValueError(f"{name} must be shares of 0 or more that sum to 1, got {priors.tolist()}.")
    if positive and not (priors > 0).all():
        raise ValueError(f"{name} must be above 0 for each of the classes {labels}, got {priors.tolist()}.")
    return priors / priors.sum()
