"""Arguments that the displays share: columns with one value per spectrum, and the wavelength axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import column_or_1d

from .._checks import check_wavelength
from ..datasets import LAMOST_WAVELENGTH


def check_column(name: str, values: ArrayLike | None, length: int) -> np.ndarray | None:
    """Return an argument with one value for each spectrum or sample as an array; None stays None."""
    if values is None:
        return None
    column = np.asarray(column_or_1d(values))
    if len(column) != length:
        raise ValueError(f"{name} has {len(column)} values, but needs {length}.")
    return column


def wavelength_of_samples(wavelength: ArrayLike | None, n_features: int) -> np.ndarray | None:
    """Return the wavelength of the samples; by default, spectra of LAMOST's length have LAMOST's wavelength."""
    if wavelength is not None:
        return check_wavelength(wavelength, n_features=n_features)
    return LAMOST_WAVELENGTH if n_features == len(LAMOST_WAVELENGTH) else None


def horizontal_axis(wavelength: np.ndarray | None, n_features: int) -> tuple[np.ndarray, str]:
    """Return the positions of the samples and the label of the axis."""
    if wavelength is None:
        return np.arange(n_features), "Sample"
    return wavelength, "Vacuum wavelength (Å)"


def check_axes(ax: Any, shape: tuple[int, int], what: str) -> np.ndarray:
    """Return the axes that a caller gave as an array of this shape."""
    axes = np.atleast_1d(np.asarray(ax, dtype=object))
    if axes.size != shape[0] * shape[1]:
        raise ValueError(f"ax has {axes.size} axes, but needs {shape[0] * shape[1]}: {what}.")
    return axes.reshape(shape)
