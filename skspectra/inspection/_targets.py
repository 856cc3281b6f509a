"""Class for which the map of each spectrum is computed."""

from typing import Any

import numpy as np

from .._checks import class_codes


def encode_target(target: Any, classes: np.ndarray, n_samples: int) -> np.ndarray | None:
    """Return the positions in `classes` of one label or of n_samples labels, or None for "predicted"."""
    if isinstance(target, str) and target == "predicted":
        return None
    labels = np.asarray(target)
    if labels.ndim == 0:
        labels = np.full(n_samples, labels)
    if labels.shape != (n_samples,):
        raise ValueError(
            f"target must be 'predicted', one label, or a label for each of the {n_samples} spectra, "
            f"got shape {labels.shape}."
        )
    return class_codes(labels, classes, "target")
