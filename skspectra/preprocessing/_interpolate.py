"""Filling of missing flux from the same spectrum."""

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike

from .._base import StatelessSpectrumTransformer
from .._parallel import for_each_chunk
from .._validation import Interval, check_spectra


class MissingFluxInterpolator(StatelessSpectrumTransformer):
    """Fill the missing samples of each spectrum linearly from their neighbours.

    A NaN sample between two measured ones gets the value of the straight line that joins them. A sample before the
    first or after the last measured one gets the nearest value. Real spectra that do not cover the whole grid, or whose
    pipeline masked samples, can then be used with every classifier.

    Each spectrum is filled from its own samples, so `transform` works without `fit`. The samples are assumed to be
    evenly spaced.

    Parameters
    ----------
    n_neighbors : int, default=1
        Largest number of measured samples on each side of a gap whose mean is used in place of the nearest one. A gap
        of fewer missing samples uses only as many. With more than one, the noise of a single sample no longer
        determines the level of a long gap or end. :func:`~skspectra.pretrained.load_classifier` uses 20.
    copy : bool, default=True
        Whether to copy the input. If False, an array of float32 or float64 is filled in place. An array of another
        dtype or a read-only one is copied anyway.

    Attributes
    ----------
    n_features_in_ : int
        Number of samples of a spectrum seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if all of them are strings.

    See Also
    --------
    MinMaxSpectrumScaler : Scale each spectrum by its own minimum and maximum.
    sklearn.impute.SimpleImputer : Fills from other spectra at the same wavelength instead.

    Notes
    -----
    float32 and float64 are kept, and all other dtypes become float64.

    Long constant ends degrade the predictions of a network that was trained on complete spectra. If spectra cover
    different ranges, train with such spectra, for example with ``make_spectra(missing="survey")``, or cut all of them
    to the range that they share.

    Examples
    --------
    >>> import numpy as np
    >>> from skspectra.preprocessing import MissingFluxInterpolator
    >>> MissingFluxInterpolator().fit_transform([[np.nan, 2.0, np.nan, np.nan, 8.0, np.nan]])
    array([[2., 2., 4., 6., 8., 8.]])

    The mean of three samples fills an end:

    >>> MissingFluxInterpolator(n_neighbors=3).fit_transform([[np.nan, np.nan, 9.0, 1.0, 2.0, 2.0]])
    array([[4., 4., 9., 1., 2., 2.]])
    """

    _parameter_constraints: dict = {"n_neighbors": [Interval(Integral, 1, None, closed="left")], "copy": ["boolean"]}

    def __init__(self, *, n_neighbors: int = 1, copy: bool = True) -> None:
        self.n_neighbors = n_neighbors
        self.copy = copy

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Fill the missing samples of each spectrum.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flux, in any unit; NaN if it is missing.

        Returns
        -------
        X_filled : ndarray of shape (n_samples, n_features)
            Flux without NaN, float32 for float32 input and otherwise float64. X itself if ``copy=False`` allows it.

        Raises
        ------
        ValueError
            If a spectrum has no measured sample at all, or X contains infinity or has another number of features than
            in `fit`. X does not change in this case.
        """
        self._validate_params()
        X = check_spectra(self, X, copy=self.copy, force_writeable=True)
        empty = np.flatnonzero(np.isnan(np.fmin.reduce(X, axis=1)))
        if empty.size:
            rows = ", ".join(map(str, empty[:5])) + (", ..." if empty.size > 5 else "")
            raise ValueError(f"Input X has spectra that are entirely NaN and cannot be interpolated: row {rows}.")
        for_each_chunk(lambda start, stop: _fill(X[start:stop], self.n_neighbors), *X.shape)
        return X


def _fill(flux: np.ndarray, n_neighbors: int) -> None:
    """Fill the NaN samples of a chunk of spectra in place."""
    missing = np.isnan(flux)
    gap = np.flatnonzero(missing)
    if gap.size == 0:
        return
    # Counted through the chunk row by row, the k-th missing sample has gap[k] - k measured ones before it.
    measured = np.flatnonzero(~missing)
    right = gap - np.arange(gap.size)
    left = right - 1
    # At the edges of a spectrum one of the two is in another row or beyond the chunk; the other one is used for both.
    n_features = flux.shape[1]
    row = gap // n_features
    has_left = (left >= 0) & (measured[left] >= row * n_features)
    has_right = right < measured.size
    has_right[has_right] &= measured[right[has_right]] < (row[has_right] + 1) * n_features
    left, right = np.where(has_left, left, right), np.where(has_right, right, left)
    distance = np.maximum(measured[right] - measured[left], 1)
    weight = np.where(has_left & has_right, (gap - measured[left]) / distance, ~has_left)
    # All samples of a gap have the same two levels.
    first = np.flatnonzero(np.r_[True, (np.diff(gap) > 1) | (np.diff(row) > 0)])
    lengths = np.diff(first, append=gap.size)
    n_used = np.minimum(lengths, n_neighbors)
    steps = np.arange(n_used.max())
    left_ranks, right_ranks = left[first, np.newaxis] - steps, right[first, np.newaxis] + steps
    left_level, right_level = (
        np.repeat(_means(flux, measured, ranks, n_used, row[first]), lengths) for ranks in (left_ranks, right_ranks)
    )
    flux[row, gap - row * n_features] = left_level * (1 - weight) + right_level * weight


def _means(
    flux: np.ndarray, measured: np.ndarray, ranks: np.ndarray, n_used: np.ndarray, row: np.ndarray
) -> np.ndarray:
    """Return the mean of the first `n_used` measured samples of each line of ranks, as far as they are of its row."""
    exists = (ranks >= 0) & (ranks < measured.size) & (np.arange(ranks.shape[1]) < n_used[:, np.newaxis])
    row_of_sample, sample = np.divmod(measured[np.where(exists, ranks, ranks[:, :1])], flux.shape[1])
    is_used = exists & (row_of_sample == row[:, np.newaxis])
    # Divided before they are summed, so that the sum of large values does not overflow.
    n_used = np.count_nonzero(is_used, axis=1)[:, np.newaxis].astype(np.float64)
    return np.sum(flux[row_of_sample, sample] / n_used, axis=1, where=is_used)
