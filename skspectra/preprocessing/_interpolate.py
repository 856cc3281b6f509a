"""Filling of missing flux from the same spectrum."""

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike

from .._base import StatelessSpectrumTransformer
from .._parallel import for_each_chunk
from .._validation import Interval, check_spectra


class MissingFluxInterpolator(StatelessSpectrumTransformer):
    """Fill the missing samples of each spectrum linearly from their neighbours.

    By default, a NaN sample between two measured ones gets the value of the straight line that joins them. A sample
    before the first or after the last measured one gets the nearest value. Observed spectra that do not cover the whole
    grid, or whose pipeline masked samples, can then be used with every classifier.

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

    With ``n_neighbors > 1`` the line of a gap joins the two means, so a filled gap or end may begin with a step.
    Measured samples beyond another gap count as well.

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

    >>> MissingFluxInterpolator(n_neighbors=3).fit_transform([[np.nan, np.nan, np.nan, 9.0, 1.0, 2.0]])
    array([[4., 4., 4., 9., 1., 2.]])
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
        n_neighbors = min(int(self.n_neighbors), X.shape[1])
        for_each_chunk(lambda start, stop: _fill(X[start:stop], n_neighbors), *X.shape)
        return X


def _fill(flux: np.ndarray, n_neighbors: int) -> None:
    """Fill the NaN samples of a chunk of spectra in place."""
    missing = np.isnan(flux)
    samples = np.flatnonzero(missing)
    if samples.size == 0:
        return
    # A gap is a run of missing samples of one spectrum.
    n_features = flux.shape[1]
    first = np.flatnonzero(np.r_[True, (np.diff(samples) > 1) | (samples[1:] % n_features == 0)])
    lengths = np.diff(first, append=samples.size)
    row = samples[first] // n_features
    # The measured samples of its spectrum are values[low:high], those after the gap begin at values[after].
    values = flux[~missing]
    n_measured = np.count_nonzero(~missing, axis=1)
    high = np.cumsum(n_measured)[row]
    low = high - n_measured[row]
    after = samples[first] - first
    n_used = np.minimum(lengths, n_neighbors)
    left = _means(values, np.maximum(after - n_used, low), after)
    right = _means(values, after, np.minimum(after + n_used, high))
    # At an end of a spectrum only one of the two exists; it is used for both.
    left, right = np.where(after > low, left, right), np.where(after < high, right, left)
    step = np.arange(1, samples.size + 1) - np.repeat(first, lengths)
    left, right, weight = np.repeat(left, lengths), np.repeat(right, lengths), step / np.repeat(lengths + 1, lengths)
    flux[np.repeat(row, lengths), samples % n_features] = left * (1 - weight) + right * weight


def _means(values: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return the mean of each values[start:stop], float64, and any value of an empty one."""
    counts = np.maximum(stop - start, 1)
    n_most = counts.max()
    if n_most == 1:
        return values[np.minimum(start, values.size - 1)].astype(np.float64)
    parts = np.append(values, values[-1]) / np.float64(n_most)  # as a stop may be the number of values
    with np.errstate(over="ignore"):  # of the sums between those that are wanted, and of the largest floats
        means = np.add.reduceat(parts, np.stack([start, stop], axis=1).ravel())[::2] * (n_most / counts)
    largest = np.finfo(np.float64).max
    return np.clip(means, -largest, largest)
