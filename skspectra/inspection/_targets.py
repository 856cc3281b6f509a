"""The class whose map is wanted, for each spectrum."""

from typing import Any

import numpy as np


def encode_target(target: Any, classes: np.ndarray, n_samples: int) -> np.ndarray | None:
    """Return the positions in `classes` of the wanted labels, or None for "predicted".

    Parameters
    ----------
    target : "predicted", a label, or array-like of shape (n_samples,)
    classes : ndarray of shape (n_classes,)
    n_samples : int

    Returns
    -------
    codes : ndarray of shape (n_samples,), int64, or None
    """
    if isinstance(target, str) and target == "predicted":
        return None
    labels = np.asarray(target)
    if labels.ndim == 0:
        labels = np.full(n_samples, labels)
    if labels.shape != (n_samples,):
        raise ValueError(
            f"target has shape {labels.shape}; allowed are 'predicted', one label, or a label for each of the "
            f"{n_samples} spectra."
        )
    codes = {label: code for code, label in enumerate(classes.tolist())}
    unknown = sorted({str(label) for label in labels.tolist() if label not in codes})
    if unknown:
        raise ValueError(
            f"target has {', '.join(unknown)}; allowed are 'predicted' and the classes {classes.tolist()}."
        )
    return np.array([codes[label] for label in labels.tolist()], dtype=np.int64)
