"""Model card: the model, its training data and its scores."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from .._checks import check_wavelength, refuse_missing_labels
from ..metrics import ClassificationTable

_PACKAGES = ("skspectra", "torch", "scikit-learn", "numpy", "onnx")
_ROWS_AT_ONCE = 4096


def make_model_card(
    estimator: Any,
    network: Any,
    *,
    X_train: ArrayLike | None,
    y_train: ArrayLike | None,
    wavelength: ArrayLike | None,
    table: ClassificationTable | None,
) -> dict[str, Any]:
    """Return the sections of the card as JSON values; None for sections without information."""
    n_features = network.n_features_in_
    if table is not None and not isinstance(table, ClassificationTable):
        raise ValueError(
            f"table must be a ClassificationTable, as skspectra.metrics.classification_table returns, got {table!r}."
        )
    priors = getattr(estimator, "class_priors_", None)
    best = network.history_[network.best_epoch_ - 1] if network.best_epoch_ else {}
    return {
        "Model": {
            "estimator": type(network).__name__,
            "classes": network.classes_.tolist(),
            "n_features": n_features,
            "n_parameters": network.n_parameters_,
        },
        "Wavelength": None if wavelength is None else check_wavelength(wavelength, n_features=n_features).tolist(),
        "Training data": _training_data(X_train, y_train, n_features),
        "Class priors": None if priors is None else _by_class(network.classes_, priors),
        "Training": {"epochs": len(network.history_), **{f"best {name}": value for name, value in best.items()}},
        "Parameters": {
            name: repr(value)
            for name, value in sorted(estimator.get_params().items())
            # Nested estimators are left out; their parameters are listed, too.
            if not (hasattr(value, "get_params") or name.endswith("steps"))
        },
        "Versions": _versions(),
        "Scores": None if table is None else str(table),
    }


def as_markdown(card: dict[str, Any], title: str) -> str:
    """Return the card as text, with only the ends of the wavelength grid."""
    lines = [f"# {title}"]
    for section, content in card.items():
        lines += ["", f"## {section}", ""]
        if content is None:
            lines.append("Not stated.")
        elif isinstance(content, str):
            lines += ["```", content, "```"]
        elif isinstance(content, list):
            lines.append(f"{len(content)} samples from {content[0]:g} to {content[-1]:g}; all are in the metadata.")
        else:
            lines += [f"- {name}: {value}" for name, value in content.items()]
    return "\n".join(lines) + "\n"


def _training_data(X_train: ArrayLike | None, y_train: ArrayLike | None, n_features: int) -> dict[str, Any] | None:
    content: dict[str, Any] = {}
    check_consistent_length(X_train, y_train)
    if X_train is not None:
        flux = check_array(X_train, dtype="numeric", ensure_all_finite=False, input_name="X_train")
        if flux.shape[1] != n_features:
            raise ValueError(f"X_train has {flux.shape[1]} features, but the classifier was trained on {n_features}.")
        content |= {"n_spectra": len(flux), "SHA-256 of the flux, float32, row by row": _hash(flux)}
    if y_train is not None:
        refuse_missing_labels(y_train, "y_train")
        labels = column_or_1d(y_train)
        check_classification_targets(labels)
        names, counts = np.unique(labels, return_counts=True)
        content |= {"n_spectra": len(labels), "n_spectra of each class": _by_class(names, counts)}
    return content or None


def _hash(flux: np.ndarray) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(flux), _ROWS_AT_ONCE):
        digest.update(flux[start : start + _ROWS_AT_ONCE].astype("<f4", order="C").tobytes())
    return digest.hexdigest()


def _by_class(classes: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    return dict(zip(map(str, classes.tolist()), values.tolist(), strict=True))


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
