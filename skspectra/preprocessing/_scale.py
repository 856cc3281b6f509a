"""Scaling of each spectrum by its own minimum and maximum."""

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import assert_all_finite

from .._base import StatelessSpectrumTransformer
from .._parallel import for_each_chunk
from .._validation import Pair, check_spectra


class MinMaxSpectrumScaler(StatelessSpectrumTransformer):
    """Scale each spectrum to a range by its own minimum and maximum.

    The fluxes of different spectra differ by orders of magnitude, and the classes differ in the shape of the spectra.
    Each spectrum becomes ``(flux - minimum) / (maximum - minimum)`` [1]_, stretched to ``feature_range``. NaN samples
    are left out of the minimum and maximum and stay NaN; a constant spectrum becomes ``feature_range[0]``.

    The scaler learns nothing from other spectra, so `transform` works without `fit`. The minimum and maximum of a
    spectrum are not kept, so there is no inverse transform.

    Parameters
    ----------
    feature_range : pair of floats, default=(0, 1)
        Values to which the minimum and the maximum of a spectrum are scaled.
    quantile_range : pair of floats, default=(0.0, 100.0)
        Percentiles of a spectrum, between 0 and 100, that are used as its minimum and maximum. Flux outside is clipped.
        With ``(0.1, 99.9)``, for example, a cosmic ray does not compress the rest of the spectrum.
    copy : bool, default=True
        Whether to copy the input. If False, an array of float32 or float64 is scaled in place. An array of another
        dtype or a read-only one is copied anyway.

    Attributes
    ----------
    n_features_in_ : int
        Number of samples of a spectrum seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if all of them are strings.

    See Also
    --------
    MissingFluxInterpolator : Fill the NaN samples, which this scaler does not change.
    sklearn.preprocessing.MinMaxScaler : Scales each wavelength over all spectra instead.

    Notes
    -----
    float32 and float64 are kept, and all other dtypes become float64. The computation runs on chunks of rows, in as
    many threads as ``OMP_NUM_THREADS`` and the processor allow, and needs no temporary array of the size of the input.

    References
    ----------
    .. [1] Wang Q., Zhao G., Fan Z., "Classification of Astronomical Spectra Based on DenseNet", Astronomical Research
       and Technology 17(1), 85-95, 2020.

    Examples
    --------
    >>> from skspectra.preprocessing import MinMaxSpectrumScaler
    >>> MinMaxSpectrumScaler().fit_transform([[1.0, 3.0, 2.0], [-40.0, 0.0, 40.0]])
    array([[0. , 1. , 0.5],
           [0. , 0.5, 1. ]])
    >>> MinMaxSpectrumScaler(quantile_range=(0, 75)).fit_transform([[0.0, 1.0, 2.0, 4.0, 500.0]])
    array([[0.  , 0.25, 0.5 , 1.  , 1.  ]])
    """

    _parameter_constraints: dict = {
        "feature_range": [Pair(None, None, closed="neither")],
        "quantile_range": [Pair(0, 100, closed="both")],
        "copy": ["boolean"],
    }

    def __init__(
        self,
        feature_range: tuple[float, float] = (0, 1),
        *,
        quantile_range: tuple[float, float] = (0.0, 100.0),
        copy: bool = True,
    ) -> None:
        self.feature_range = feature_range
        self.quantile_range = quantile_range
        self.copy = copy

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Scale each spectrum.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flux, in any unit; NaN if it is missing.

        Returns
        -------
        X_scaled : ndarray of shape (n_samples, n_features)
            Scaled flux, float32 for float32 input and otherwise float64. X itself if ``copy=False`` allows it.

        Raises
        ------
        ValueError
            If X contains infinity or has another number of features than in `fit`. X does not change in this case.
        """
        self._validate_params()
        if self.copy:
            # Infinity is detected in the extremes of each spectrum, which saves a pass over the data.
            X = check_spectra(self, X, ensure_all_finite=False)
            out = np.empty(X.shape, X.dtype)
        else:
            out = X = check_spectra(self, X, force_writeable=True)
        for_each_chunk(lambda start, stop: self._scale(X[start:stop], out[start:stop]), *X.shape)
        return out

    def _scale(self, flux: np.ndarray, out: np.ndarray) -> None:
        """Write the scaled spectra of one chunk into ``out``, which may be ``flux`` itself."""
        minimum = np.fmin.reduce(flux, axis=1, keepdims=True)
        maximum = np.fmax.reduce(flux, axis=1, keepdims=True)
        if np.isinf(minimum).any() or np.isinf(maximum).any():
            assert_all_finite(flux, allow_nan=True, estimator_name=type(self).__name__, input_name="X")
        if tuple(self.quantile_range) != (0, 100):
            minimum, maximum = _percentiles(flux, self.quantile_range)
            flux = np.clip(flux, minimum, maximum, out=out)
        with np.errstate(over="ignore"):
            extent = maximum - minimum
        too_wide = np.isinf(extent)
        if too_wide.any():  # the extremes lie further apart than the largest float: halve those spectra
            factor = np.where(too_wide, 0.5, 1).astype(flux.dtype)
            flux, minimum, maximum = flux * factor, minimum * factor, maximum * factor
            extent = maximum - minimum
        extent[extent == 0] = 1
        np.subtract(flux, minimum, out=out)
        out /= extent
        low, high = self.feature_range
        if (low, high) != (0, 1):
            out *= high - low
            out += low
            np.clip(out, low, high, out=out)  # rounding may have gone past the ends


def _percentiles(flux: np.ndarray, quantile_range: tuple[float, float]) -> list[np.ndarray]:
    """Return two percentiles of each spectrum, linear between neighbours: a faster `numpy.nanpercentile`."""
    ordered = np.sort(flux, axis=1)  # NaN comes last
    last = np.maximum(np.count_nonzero(flux == flux, axis=1, keepdims=True) - 1, 0)
    percentiles = []
    for percent in quantile_range:
        rank = last * (percent / 100)
        below = np.floor(rank).astype(np.intp)
        left = np.take_along_axis(ordered, below, axis=1)
        right = np.take_along_axis(ordered, np.minimum(below + 1, last), axis=1)
        weight = rank - below
        between = np.clip(left * (1 - weight) + right * weight, left, right)  # rounding must not part equal values
        percentiles.append(between.astype(flux.dtype))
    return percentiles
