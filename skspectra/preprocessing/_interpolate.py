"""Filling of missing flux from the same spectrum."""

import numpy as np
from numpy.typing import ArrayLike

from .._base import StatelessSpectrumTransformer
from .._parallel import for_each_chunk
from .._validation import check_spectra


class MissingFluxInterpolator(StatelessSpectrumTransformer):
    """Fill the missing samples of each spectrum linearly from their neighbours.

    A NaN sample between two measured ones gets the value of the straight line that joins them. A sample before the
    first or after the last measured one gets the nearest value. Real spectra that do not cover the whole grid, or whose
    pipeline masked samples, can then be used with every classifier.

    Each spectrum is filled from its own samples, so `transform` works without `fit`. The samples are assumed to be
    evenly spaced.

    Parameters
    ----------
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
    """

    _parameter_constraints: dict = {"copy": ["boolean"]}

    def __init__(self, *, copy: bool = True) -> None:
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
        for_each_chunk(lambda start, stop: _fill(X[start:stop]), *X.shape)
        return X


def _fill(flux: np.ndarray) -> None:
    """Fill the NaN samples of a chunk of spectra in place."""
    missing = np.isnan(flux)
    gap = np.flatnonzero(missing)
    if gap.size == 0:
        return
    # Counted through the chunk row by row, the k-th missing sample has gap[k] - k measured ones before it.
    measured = np.flatnonzero(~missing)
    n_before = gap - np.arange(gap.size)
    left = measured[np.maximum(n_before - 1, 0)]
    right = measured[np.minimum(n_before, measured.size - 1)]
    # At the edges of a spectrum one of the two is in another row or beyond the chunk; the other one is used for both.
    n_features = flux.shape[1]
    row = gap // n_features
    first, last = row * n_features, (row + 1) * n_features - 1
    has_left = (first <= left) & (left < gap)
    has_right = (gap < right) & (right <= last)
    weight = np.where(has_left & has_right, (gap - left) / (right - left + (right == left)), 0)
    left, right = np.where(has_left, left, right), np.where(has_right, right, left)
    flux[row, gap - first] = flux[row, left - first] * (1 - weight) + flux[row, right - first] * weight
