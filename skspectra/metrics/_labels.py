"""Checks of class labels, class shares and groups, and their conversion to codes."""

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d

from .._checks import check_class_priors, refuse_missing_labels

_KINDS = {"b": "numbers", "i": "numbers", "u": "numbers", "f": "numbers", "U": "strings", "S": "bytes"}


def check_labels(y: Any, name: str) -> np.ndarray:
    """Return labels as a non-empty one-dimensional array of strings, bytes, booleans or whole numbers, none missing."""
    refuse_missing_labels(y, name)
    return _check_names(y, name)


def _check_names(y: Any, name: str) -> np.ndarray:
    try:
        # By default, NumPy converts all items of a list with a string to strings, NaN included.
        y = column_or_1d(np.asarray(y, dtype=object if isinstance(y, (list, tuple)) else None))
    except ValueError as error:
        raise ValueError(f"{name} must hold one label for each spectrum: {error}") from error
    if y.size == 0:
        raise ValueError(f"{name} must hold at least one label, got none.")
    if y.dtype.kind in "OT":
        y = _plain_array(y, name)
    if y.dtype.kind not in _KINDS:
        raise ValueError(f"{name} must hold strings, integers or booleans, got an array of type {y.dtype}.")
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name=name)
        fractions = y[y != np.floor(y)]
        if fractions.size:
            raise ValueError(f"{name} must hold labels, got continuous values such as {fractions[0]}.")
    return y


def _plain_array(y: np.ndarray, name: str) -> np.ndarray:
    """Turn Python objects into an array of one type."""
    values = y.tolist()
    types = set(map(type, values))
    if not any(all(issubclass(t, kind) for t in types) for kind in (str, bytes, (Real, np.bool_))):
        names = ", ".join(sorted(t.__name__ for t in types))
        raise ValueError(f"{name} must hold labels of one kind, strings or integers, none missing; got {names}.")
    return np.array(values)


def distinct_labels(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Return the sorted labels that occur in any of the checked arrays, given by parameter name."""
    kinds = {name: _KINDS[y.dtype.kind] for name, y in arrays.items()}
    if len(set(kinds.values())) > 1:
        found = ", ".join(f"{kind} in {name}" for name, kind in kinds.items())
        raise ValueError(f"Labels must be of one kind, got {found}.")
    return np.unique(np.concatenate([np.unique(y) for y in arrays.values()]))


def check_class_labels(labels: Any, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Return the classes in the order of ``labels``, or sorted where ``labels`` is None."""
    found = distinct_labels(arrays)
    if labels is None:
        return found
    labels = check_labels(labels, "labels")
    distinct_labels({"labels": labels, **arrays})
    if len(np.unique(labels)) < len(labels):
        raise ValueError(f"labels must differ from each other, got {labels.tolist()}.")
    missing = found[~np.isin(found, labels)]
    if missing.size:
        raise ValueError(
            f"labels must name every class in {' and '.join(arrays)}: {missing.tolist()} not in {labels.tolist()}."
        )
    return labels


def check_scored_priors(class_priors: Any, labels: np.ndarray, support: np.ndarray) -> np.ndarray | None:
    """Return the stated share of each class in the order of ``labels``: above 0 where there are spectra."""
    if class_priors is None:
        return None
    priors = check_class_priors(class_priors, labels, "class_priors")
    # A class with a share but without spectra cannot be scored; a class with spectra but without a share has no F1.
    wrong = labels[(priors > 0) != (support > 0)]
    if wrong.size:
        raise ValueError(
            "class_priors must be above 0 for each class that has spectra to score and 0 for any other; "
            f"this does not hold for {wrong.tolist()}."
        )
    return priors


def with_other_labels(class_priors: np.ndarray | None) -> np.ndarray | None:
    """Append a share of 0 for labels that are not in y_true, which have one common code after the classes."""
    return None if class_priors is None else np.append(class_priors, 0.0)


def check_groups(groups: Any, n_samples: int) -> np.ndarray | None:
    """Return the groups as codes from 0."""
    if groups is None:
        return None
    groups = _check_names(groups, "groups")
    if len(groups) != n_samples:
        raise ValueError(f"groups must hold one group for each of the {n_samples} spectra, got {len(groups)}.")
    names, codes = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"groups must hold at least two different groups, got only {names.tolist()}.")
    return codes


def format_priors(labels: np.ndarray, priors: np.ndarray | None) -> str:
    """Return a description of the class mix at which a score is given."""
    if priors is None:
        return "the class mix of the data"
    return "the stated class mix " + ", ".join(
        f"{label} {prior:.4g}" for label, prior in zip(labels, priors, strict=True)
    )
