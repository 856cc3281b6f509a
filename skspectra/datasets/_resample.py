"""Flux-conserving resampling of spectra from one wavelength grid to another."""

import warnings

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from .._checks import check_wavelength, masked_as_nan

__all__ = ["PixelOverlap", "resample_spectra"]

# An overlap of less than this fraction of the new pixel's width is due to the rounding of the edges.
_NEGLIGIBLE = 1e-6

_ROWS_AT_ONCE = 16  # a block and its copies in float64 stay in the cache: three times as fast as all at once


# Neighbours that are further apart than this many times the usual step around them are separated by a gap.
_GAP = 3.0
_STEPS_AROUND = 5


def pixel_limits(wavelength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper edges of the pixels.

    Edges are half-way between neighbours. At the ends of the grid and on both sides of a gap, a pixel extends as far
    outwards as inwards.
    """
    middle = 0.5 * (wavelength[1:] + wavelength[:-1])
    lower, upper = np.concatenate([[np.nan], middle]), np.concatenate([middle, [np.nan]])
    gaps = _gaps(wavelength)
    after_gap, before_gap = np.concatenate([[True], gaps]), np.concatenate([gaps, [True]])
    lower[after_gap] = np.nan
    upper[before_gap] = np.nan
    alone = after_gap & before_gap
    half_step = np.median(np.diff(wavelength)) / 2 if alone.any() else 0.0
    lower = np.where(after_gap, np.where(alone, wavelength - half_step, 2 * wavelength - upper), lower)
    upper = np.where(before_gap, np.where(alone, wavelength + half_step, 2 * wavelength - lower), upper)
    return lower, upper


def _gaps(wavelength: np.ndarray) -> np.ndarray:
    """Return True for each step between neighbours that is a gap.

    The usual step is the median of the steps on either side, so that a change of sampling is not a gap.
    """
    steps = np.diff(wavelength)
    if steps.max() <= _GAP * steps.min():  # nearly always, and the medians take time
        return np.zeros(len(steps), bool)
    around = sliding_window_view(np.pad(steps, _STEPS_AROUND, constant_values=np.nan), _STEPS_AROUND)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # there is nothing beyond the ends
        usual = np.nanmedian(around, axis=1)
    before, after = usual[: len(steps)], usual[_STEPS_AROUND + 1 :]
    return steps > _GAP * np.fmax(before, after)


class PixelOverlap:
    """Overlap of the pixels of one grid with those of another.

    It is built once for a pair of grids and applied to any number of spectra. The overlaps are stored in a sparse
    matrix, which confines a NaN or a spike to the new pixels that overlap it; a difference of cumulative sums would
    spread it.

    Parameters
    ----------
    wavelength, new_wavelength : ndarray of float64
        Grids that passed `check_wavelength`.
    """

    def __init__(self, wavelength: np.ndarray, new_wavelength: np.ndarray) -> None:
        (old_lower, old_upper), (new_lower, new_upper) = pixel_limits(wavelength), pixel_limits(new_wavelength)
        cuts = np.unique(np.concatenate([old_lower, old_upper, new_lower, new_upper]))
        middle = 0.5 * (cuts[1:] + cuts[:-1])
        old_pixel = np.searchsorted(old_lower, middle) - 1
        new_pixel = np.searchsorted(new_lower, middle) - 1
        # In neither a gap of one grid nor of the other.
        both = (old_pixel >= 0) & (middle < old_upper[old_pixel]) & (new_pixel >= 0) & (middle < new_upper[new_pixel])
        old_pixel, new_pixel = old_pixel[both], new_pixel[both]
        fraction = np.diff(cuts)[both] / (new_upper - new_lower)[new_pixel]
        kept = fraction > _NEGLIGIBLE
        # Row i holds the fractions of new pixel i that lie in each old pixel.
        self.fractions = csr_array(
            (fraction[kept], (new_pixel[kept], old_pixel[kept])), shape=(len(new_wavelength), len(wavelength))
        )
        covered = np.bincount(new_pixel, weights=fraction, minlength=len(new_wavelength))
        self.outside = covered < 1.0 - _NEGLIGIBLE

    def flux(self, flux: np.ndarray) -> np.ndarray:
        """Return the mean flux in each new pixel; NaN where the old grid does not cover the whole pixel."""
        return self._apply(self.fractions, flux, np.nan)

    def ivar(self, ivar: np.ndarray) -> np.ndarray:
        """Return the inverse variance of the mean flux for independent pixels; 0 where it is unknown."""
        with np.errstate(divide="ignore", over="ignore", under="ignore"):
            return 1.0 / self._apply(self.fractions.power(2), 1.0 / ivar, np.inf)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """Return True for new pixels that overlap an old pixel that is True, and outside the old grid."""
        touched = self.fractions.astype(bool).astype(np.float32)
        return self._apply(touched, mask.astype(np.float32), 1.0) > 0

    def _apply(self, matrix: csr_array, rows: np.ndarray, outside: float) -> np.ndarray:
        out = np.empty((len(rows), matrix.shape[0]), dtype=rows.dtype)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            block = slice(start, start + _ROWS_AT_ONCE)
            with np.errstate(
                invalid="ignore", over="ignore", under="ignore"
            ):  # infinities and NaN may be among the pixels
                out[block] = (matrix @ rows[block].astype(matrix.dtype).T).T
        out[:, self.outside] = outside
        return out


def resample_spectra(
    flux: ArrayLike, wavelength: ArrayLike, new_wavelength: ArrayLike, ivar: ArrayLike | None = None
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Resample spectra that share a grid to another grid, conserving flux.

    The flux density in a new pixel is the mean of the old flux density over its width. The old flux density is taken as
    constant within each old pixel, so that the integral over any range of whole pixels is conserved. Pixels extend
    half-way to their neighbours, except at gaps. A gap is a step of more than three times the median of the five steps
    before it and also of the five steps after it.

    Parameters
    ----------
    flux : array-like of shape (n_samples, n_features) or (n_features,)
        Flux density per unit wavelength. A NaN or masked sample affects only the new pixels that overlap it.
    wavelength : array-like of shape (n_features,)
        Grid of `flux`, strictly increasing, in any unit and in air or vacuum, as long as both grids agree. An array
        with a unit of length, such as an astropy Quantity, is converted to angstrom.
    new_wavelength : array-like of shape (n_new_features,)
        New grid, strictly increasing.
    ivar : array-like of the shape of `flux`, default=None
        Inverse variance of the flux; 0, NaN or masked where the flux is unusable.

    Returns
    -------
    new_flux : ndarray of shape (n_samples, n_new_features) or (n_new_features,)
        Resampled flux, float32 if `flux` is, and otherwise float64. NaN in pixels that `wavelength` does not cover
        entirely, gaps included.
    new_ivar : ndarray of the shape of `new_flux`
        Inverse variance of each new pixel for independent old pixels, returned only if `ivar` is given. It is 0 in
        pixels that overlap an old pixel of inverse variance 0 or are not covered by the old grid.

    Raises
    ------
    ValueError
        If a grid is not finite, positive and strictly increasing, a shape does not match or `ivar` is negative.

    Notes
    -----
    Neighbouring new pixels that share an old one have correlated errors, which `new_ivar` cannot express.

    References
    ----------
    Carnall A. C., "SpectRes: A fast spectral resampling tool in Python", arXiv:1705.05165 (2017), equations 1 to 3.

    Examples
    --------
    Each new pixel consists of two old ones. It has their mean flux and twice their inverse variance.

    >>> from skspectra.datasets import resample_spectra
    >>> flux, ivar = resample_spectra([[1.0, 3.0, 5.0, 7.0]], [1, 2, 3, 4], [1.5, 3.5], ivar=[[4.0, 4.0, 4.0, 0.0]])
    >>> flux
    array([[2., 6.]])
    >>> ivar
    array([[8., 0.]])
    """
    wavelength = check_wavelength(wavelength)
    new_wavelength = check_wavelength(new_wavelength, "new_wavelength")
    rows, shape = _as_rows(flux, "flux", len(wavelength))
    overlap = PixelOverlap(wavelength, new_wavelength)
    new_shape = (*shape[:-1], len(new_wavelength))
    new_flux = overlap.flux(rows).reshape(new_shape)
    if ivar is None:
        return new_flux
    ivar_rows, ivar_shape = _as_rows(ivar, "ivar", len(wavelength))
    if ivar_shape != shape:
        raise ValueError(f"ivar must have the shape of flux, {shape}; got {ivar_shape}")
    if (ivar_rows < 0).any():
        raise ValueError("ivar must not be negative")
    ivar_rows = np.where(np.isnan(ivar_rows) | np.isnan(rows), ivar_rows.dtype.type(0), ivar_rows)
    return new_flux, overlap.ivar(ivar_rows).reshape(new_shape)


def _as_rows(values: ArrayLike, name: str, length: int) -> tuple[np.ndarray, tuple[int, ...]]:
    from sklearn.utils import check_array  # not above: processes that read files do without scikit-learn

    array = check_array(
        masked_as_nan(values),
        dtype="numeric",
        ensure_2d=False,
        allow_nd=True,
        ensure_all_finite=False,
        ensure_min_samples=0,
        input_name=name,
    )
    if array.ndim not in (1, 2) or array.shape[-1] != length:
        raise ValueError(
            f"{name} must have shape (n_samples, {length}) or ({length},) to fit wavelength; got {array.shape}"
        )
    # Kind and size are compared, because arrays from FITS files are big-endian.
    single = array.dtype.kind == "f" and array.dtype.itemsize == 4
    return array.astype(np.float32 if single else np.float64, copy=False).reshape(-1, length), array.shape
