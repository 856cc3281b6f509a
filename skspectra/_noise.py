"""Physics of the noise that a CCD spectrograph adds to a spectrum.

Three effects, in the order of Wang, Zhao & Fan (2020): electronic (read-out and thermal) noise, cosmic-ray hits and a
run of dead pixels. Each has a draw, which makes the random numbers, and an apply, which writes the effect into the
flux. Both work on NumPy arrays and on PyTorch tensors alike (PyTorch itself is not imported here), and never look at a
drawn value from Python, so that on a GPU nothing waits for the host.

``rng`` is a `numpy.random.Generator` or anything with the same ``random(size, dtype=...)`` and
``standard_normal(size, dtype=...)``; ``dtype`` is always ``"float32"``, whose 24 bits are ample for noise.

Amplitudes are relative to the range of each spectrum, so that scaled and unscaled spectra are treated alike. NaN is a
sample that was not measured: it is left out of the range and stays NaN whatever hits it.
"""

import math
import sys
from types import ModuleType
from typing import Any

import numpy as np

from ._parallel import for_each_chunk

# numpy.ndarray or torch.Tensor
Array = Any


def _namespace(array: Array) -> ModuleType:
    """Return the module, numpy or torch, that an array belongs to."""
    return np if isinstance(array, np.ndarray) else sys.modules[type(array).__module__.partition(".")[0]]


def _arange(stop: int, like: Array) -> Array:
    """Return the integers below ``stop`` where ``like`` lives."""
    return np.arange(stop) if isinstance(like, np.ndarray) else _namespace(like).arange(stop, device=like.device)


def _floor(values: Array) -> Array:
    """Return non-negative floats rounded down, as integers that can index."""
    return values.astype(np.int64) if isinstance(values, np.ndarray) else values.long()


def _overwrite(flux: Array, position: Array, applies: Array, value: Array) -> Array:
    """Set ``flux[i, position[i]]`` to ``value[i]`` in place, where it ``applies`` and the sample is not NaN.

    Positions that occur twice in a row must agree in ``applies``: the order of the writes is not defined.
    """
    row = _arange(flux.shape[0], flux)[:, None]
    present = flux[row, position]
    flux[row, position] = _namespace(flux).where(applies & (present == present), value, present)
    return flux


def flux_extremes(flux: Array) -> tuple[Array, Array]:
    """Return minimum and maximum of each spectrum, both of shape (n_samples, 1), without its NaN samples."""
    if isinstance(flux, np.ndarray):
        return np.fmin.reduce(flux, axis=1, keepdims=True), np.fmax.reduce(flux, axis=1, keepdims=True)
    torch = _namespace(flux)
    missing = torch.isnan(flux)
    return (
        flux.masked_fill(missing, math.inf).amin(dim=1, keepdim=True),
        flux.masked_fill(missing, -math.inf).amax(dim=1, keepdim=True),
    )


def draw_electronic_noise(
    rng: Any, shape: tuple[int, int], electronic_noise: float | tuple[float, float]
) -> tuple[Array | float, Array]:
    """Return standard deviations, as a fraction of the range, and standard normal numbers of the given shape."""
    if isinstance(electronic_noise, tuple | list):
        low, high = map(float, electronic_noise)
        sigma = low + (high - low) * rng.random((shape[0], 1), dtype="float32")
    else:
        sigma = float(electronic_noise)
    return sigma, rng.standard_normal(shape, dtype="float32")


def apply_electronic_noise(flux: Array, sigma: Array | float, normal: Array, extent: Array) -> Array:
    """Add Gaussian noise of standard deviation ``sigma * extent`` to ``flux`` in place."""
    flux += normal * (sigma * extent)
    return flux


def draw_cosmic_rays(rng: Any, shape: tuple[int, int], cosmic_rays: int) -> tuple[Array, Array]:
    """Return the number of rays, (n_samples, 1), and their positions, (n_samples, cosmic_rays).

    The number is uniform over 0 ... ``cosmic_rays`` and each position uniform over the samples. Rays beyond the
    number repeat the position of the first.
    """
    n_samples, n_features = shape
    n_rays = _floor((cosmic_rays + 1) * rng.random((n_samples, 1), dtype="float32"))
    position = _floor(n_features * rng.random((n_samples, cosmic_rays), dtype="float32"))
    falls = _arange(cosmic_rays, position) < n_rays
    return n_rays, _namespace(position).where(falls, position, position[:, :1])


def apply_cosmic_rays(flux: Array, n_rays: Array, position: Array, maximum: Array) -> Array:
    """Set the samples that rays hit to ``maximum``, (n_samples, 1), in place."""
    return _overwrite(flux, position, n_rays > 0, maximum)


def draw_bad_pixels(rng: Any, shape: tuple[int, int], bad_pixels: float) -> tuple[Array, Array]:
    """Return start and length, both (n_samples, 1), of one run of dead pixels that lies inside each spectrum.

    The length is uniform over 0 ... ``bad_pixels * n_features`` and the start over the places where that fits.
    """
    n_samples, n_features = shape
    length = _floor((_longest_run(n_features, bad_pixels) + 1) * rng.random((n_samples, 1), dtype="float32"))
    start = _floor((n_features - length + 1) * rng.random((n_samples, 1), dtype="float32"))
    return start, length


def apply_bad_pixels(flux: Array, start: Array, length: Array, minimum: Array, *, longest: int) -> Array:
    """Set ``length`` samples from ``start`` to ``minimum``, (n_samples, 1), in place; no run is over ``longest``."""
    offset = _arange(longest, flux)
    # Wrapping round keeps the positions of one row different, also beyond the run, where nothing is to change.
    return _overwrite(flux, (start + offset) % flux.shape[1], offset < length, minimum)


def _longest_run(n_features: int, bad_pixels: float) -> int:
    """Return the largest number of samples that is no more than the fraction ``bad_pixels`` of the spectrum."""
    return math.floor(n_features * bad_pixels + 1e-6)  # 0.29 * 100 is 28.999999999999996


def add_ccd_noise(
    flux: Array,
    *,
    electronic_noise: float | tuple[float, float],
    cosmic_rays: int,
    bad_pixels: float,
    rng: Any,
) -> Array:
    """Return a copy of a batch of spectra with electronic noise, cosmic rays and bad pixels, in that order.

    Parameters
    ----------
    flux : ndarray or Tensor of shape (n_samples, n_features)
        Spectra of any floating dtype, left as they are. NaN stays NaN.
    electronic_noise : float or pair of floats
        Standard deviation as a fraction of the spectrum's range, or ends of the interval from which it is drawn
        uniformly for each spectrum.
    cosmic_rays : int
        Largest number of rays in a spectrum. Each sets one sample to the spectrum's maximum.
    bad_pixels : float
        Largest length of the dead run as a fraction of the spectrum. It sets its samples to the spectrum's minimum.
    rng : numpy.random.Generator or alike
        Source of random numbers, which must lie where ``flux`` lies.

    Returns
    -------
    ndarray or Tensor of shape (n_samples, n_features)
        Of the dtype of ``flux``. Minimum, maximum and range are those of the spectrum as given.
    """
    noisy = _namespace(flux).empty_like(flux)
    noisy[...] = flux
    return _add_in_place(noisy, electronic_noise, cosmic_rays, bad_pixels, rng)


def _add_in_place(flux: Array, electronic_noise: Any, cosmic_rays: int, bad_pixels: float, rng: Any) -> Array:
    minimum, maximum = flux_extremes(flux)
    longest = _longest_run(flux.shape[1], bad_pixels)
    if electronic_noise != 0:
        sigma, normal = draw_electronic_noise(rng, flux.shape, electronic_noise)
        apply_electronic_noise(flux, sigma, normal, maximum - minimum)
    if cosmic_rays > 0:
        apply_cosmic_rays(flux, *draw_cosmic_rays(rng, flux.shape, cosmic_rays), maximum)
    if longest > 0:
        apply_bad_pixels(flux, *draw_bad_pixels(rng, flux.shape, bad_pixels), minimum, longest=longest)
    return flux


def write_noisy_spectra(
    flux: np.ndarray,
    out: np.ndarray,
    *,
    electronic_noise: float | tuple[float, float],
    cosmic_rays: int,
    bad_pixels: float,
    random_state: np.random.RandomState,
    indices: np.ndarray | None = None,
) -> None:
    """Write the spectra ``flux[indices]`` with noise into ``out``, in chunks that stay in cache and in threads.

    Each chunk has a generator of its own, so that the result depends on ``random_state`` alone, not on the threads.
    Whole numbers get whole numbers: the noise is rounded and kept within what the dtype of ``out`` can hold.
    """
    entropy = random_state.randint(0, 2**32, size=4, dtype=np.uint32).tolist()
    whole = out.dtype.kind in "iu"

    def add_to_chunk(start: int, stop: int) -> None:
        source = flux[start:stop] if indices is None else flux[indices[start:stop]]
        chunk = np.empty(source.shape) if whole else out[start:stop]
        chunk[...] = source
        rng = np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=(start,)))
        try:
            with np.errstate(over="raise"):
                _add_in_place(chunk, electronic_noise, cosmic_rays, bad_pixels, rng)
        except FloatingPointError as error:
            raise ValueError(f"Input X contains flux too large for noise to be added in {chunk.dtype}.") from error
        if whole:
            limits = np.iinfo(out.dtype)
            # The largest number of 64 bits is rounded up to one that does not fit.
            largest = float(limits.max) if float(limits.max) <= limits.max else np.nextafter(float(limits.max), 0)
            out[start:stop] = np.clip(np.rint(chunk), limits.min, largest)

    for_each_chunk(add_to_chunk, *out.shape)
