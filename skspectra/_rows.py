"""Rows of spectra of any kind, in memory or in a file."""

from typing import Any

import numpy as np
from sklearn.utils import indexable

from ._validation import _safe_indexing


def take_rows(X: Any, rows: np.ndarray) -> Any:
    """Return rows of an array-like in the given order.

    Arrays in HDF5 and zarr files return rows only in increasing order and without repetitions.
    """
    by_index = getattr(X, "oindex", None)  # of zarr
    if by_index is None and type(X).__module__.split(".")[0] != "h5py":
        return _safe_indexing(*indexable(X), rows)
    increasing, order = np.unique(rows, return_inverse=True)
    return np.asarray((X if by_index is None else by_index)[increasing])[order]
