"""The simulator's working grid, uniform in the logarithm of the wavelength.

On such a grid a redshift is a shift, and a velocity width is the same number of samples everywhere. All models are on
one master grid, of which each array covers a part: sample ``k`` is at ``FIRST * exp(k * STEP)`` angstrom.
"""

from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array

from .._constants import FWHM

FIRST = 400.0  # angstrom, vacuum: the bluest light of a quasar at redshift 4 that an optical spectrograph sees
STEP = 2e-4  # in ln(wavelength): 60 km/s
RESOLVING_POWER = 1800.0  # LAMOST's: wavelength over full width at half maximum
_NARROW, _REACH = 6.0, 24  # samples: width of the lines that are computed together, and four times that
INSTRUMENT_SIGMA = 1.0 / (RESOLVING_POWER * FWHM)  # in ln(wavelength)


def sample_index(wavelength: np.ndarray | float) -> np.ndarray:
    """Return the position of a wavelength (angstrom) on the master grid, as a real number."""
    return np.log(np.asarray(wavelength) / FIRST) / STEP


def grid_wavelength(start: int, stop: int) -> np.ndarray:
    """Return the wavelengths (angstrom) of the samples start, ..., stop - 1 of the master grid."""
    return FIRST * np.exp(STEP * np.arange(start, stop))


def redshifted(
    rows: np.ndarray | list[np.ndarray], rows_start: int, redshift: np.ndarray, start: int, stop: int
) -> np.ndarray:
    """Shift rest-frame spectra to the observer's frame.

    Parameters
    ----------
    rows : ndarray of float32, (n, n_rest), or a list of its rows
        Rest-frame spectra whose first sample is sample `rows_start` of the master grid.
    redshift : ndarray, (n,)
    start, stop : int
        Samples of the master grid wanted in the observer's frame.

    Returns
    -------
    ndarray of float32, (n, stop - start)
        Spectra, interpolated linearly between samples.
    """
    out = np.empty((len(rows), stop - start), dtype=np.float32)
    position = start - rows_start - np.log1p(redshift) / STEP
    whole = np.floor(position).astype(int)
    fraction = (position - whole).astype(np.float32)
    for i, (row, first, part) in enumerate(zip(rows, whole, fraction, strict=True)):
        left, right = row[first : first + stop - start], row[first + 1 : first + 1 + stop - start]
        np.subtract(right, left, out=out[i])
        out[i] *= part
        out[i] += left
    return out


def add_lines(
    flux: np.ndarray,
    start: int,
    centre: np.ndarray,
    sigma: np.ndarray,
    area: np.ndarray,
    core: np.ndarray | None = None,
) -> None:
    """Add one line to each spectrum, in place; parts outside the grid are left out.

    Parameters
    ----------
    flux : ndarray of float32, (n, n_grid)
        Spectra whose first sample is sample `start` of the master grid.
    centre : ndarray, (n,)
        Observed wavelengths, angstrom.
    sigma : ndarray, (n,)
        Standard deviations in ln(wavelength), before the instrument's resolution.
    area : ndarray, (n,)
        Line flux over wavelength (the equivalent width over the wavelength, times the continuum).
    core : ndarray, (n,), optional
        Share of the flux in a Gaussian of half the width; None gives all of it the full width.
    """
    n_grid = flux.shape[1]
    width = np.hypot(sigma, INSTRUMENT_SIGMA) / STEP
    middle = sample_index(centre) - start
    low = np.clip(np.floor(middle - 4.0 * width), 0, n_grid).astype(int)
    high = np.clip(np.ceil(middle + 4.0 * width), 0, n_grid).astype(int)
    wanted = (high > low) & (area != 0)
    height = area / (np.sqrt(2 * np.pi) * STEP * width)
    scale, wing_height = (np.sqrt(0.5) / width).astype(np.float32), height.astype(np.float32)
    if core is not None:
        wing_height = (height * (1.0 - core)).astype(np.float32)
        core_height = (height * 2.0 * core).astype(np.float32)

    def profile(x: np.ndarray, rows: np.ndarray | np.integer) -> np.ndarray:
        """Return the lines `rows` at `x` samples from their centres; `x` is overwritten."""
        x *= scale[rows]
        x *= x
        wings = np.exp(np.negative(x, out=x), out=x)
        if core is None:
            wings *= wing_height[rows]
            return wings
        lines = wings * wings
        lines *= lines  # a Gaussian of half the width
        lines *= core_height[rows]
        wings *= wing_height[rows]
        lines += wings
        return lines

    # Narrow lines are added all at once; broad ones differ too much in width for that.
    rows = np.flatnonzero(wanted & (width < _NARROW))[:, None]
    columns = np.rint(middle[rows]).astype(int) + np.arange(-_REACH, _REACH + 1)
    lines = profile((columns - middle[rows]).astype(np.float32), rows)
    inside = (columns >= 0) & (columns < n_grid)
    flux[np.broadcast_to(rows, columns.shape)[inside], columns[inside]] += lines[inside]

    samples, middle32 = np.arange(n_grid, dtype=np.float32), middle.astype(np.float32)
    for row in np.flatnonzero(wanted & (width >= _NARROW)):
        window = slice(low[row], high[row])
        flux[row, window] += profile(samples[window] - middle32[row], row)


def continuum_at(flux: np.ndarray, start: int, wavelength: np.ndarray) -> np.ndarray:
    """Return the flux of each spectrum at one wavelength (angstrom), (n,); beyond the grid, the flux at its end."""
    column = np.clip(np.rint(sample_index(wavelength)).astype(int) - start, 0, flux.shape[1] - 1)
    return flux[np.arange(len(flux)), column].astype(np.float64)


def sample_edges(wavelength: np.ndarray) -> np.ndarray:
    """Return the edges of the samples of an increasing grid, half-way between neighbours, (n_features + 1,)."""
    if len(wavelength) == 1:
        return wavelength * np.exp(np.array([-1.0, 1.0]) * INSTRUMENT_SIGMA)
    middle = (wavelength[1:] + wavelength[:-1]) / 2
    return np.concatenate([[2 * wavelength[0] - middle[0]], middle, [2 * wavelength[-1] - middle[-1]]])


def rebinning_matrix(edges: np.ndarray, start: int, stop: int) -> csr_array:
    """Return the matrix that averages a spectrum on the working grid over samples.

    The spectrum is taken to be linear between the points of the working grid, so that fine and coarse samples are both
    exact.

    Parameters
    ----------
    edges : ndarray, (n_features + 1,)
        Borders of the samples, increasing, angstrom.
    start, stop : int
        Part of the master grid, which must enclose the edges.

    Returns
    -------
    csr_array of float32, (n_features, stop - start)
    """
    knots = grid_wavelength(start, stop)
    data, columns, offsets = [], [], [0]
    for low, high in pairwise(edges):
        first, last = np.searchsorted(knots, low, "right") - 1, np.searchsorted(knots, high, "left")
        left, right = knots[first:last], knots[first + 1 : last + 1]
        a, b = np.maximum(left, low), np.minimum(right, high)
        share = ((a + b) / 2 - left) / (right - left)  # the weight of the right knot at the middle of the piece
        weight = np.zeros(last - first + 1)
        weight[:-1] += (b - a) * (1 - share)
        weight[1:] += (b - a) * share
        data.append(weight / (high - low))
        columns.append(np.arange(first, last + 1))
        offsets.append(offsets[-1] + len(weight))
    return csr_array(
        (np.concatenate(data).astype(np.float32), np.concatenate(columns), offsets),
        shape=(len(edges) - 1, stop - start),
    )
