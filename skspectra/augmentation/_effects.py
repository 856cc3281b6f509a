"""Effects of a CCD spectrograph on spectra, one class each.

An effect has a method ``apply(flux, minimum, maximum, rng)``, which changes a batch of spectra in place. It works on
NumPy arrays and PyTorch tensors alike (PyTorch itself is not imported here), and Python never reads a drawn value, so
that a GPU never waits for the host.
"""

import math
import sys
from numbers import Integral, Real
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._validation import Interval, Pair

# numpy.ndarray or torch.Tensor
Array = Any


class ElectronicNoise(BaseEstimator):
    """Gaussian noise on every sample.

    Parameters
    ----------
    sigma : float or pair of floats, default=(0.0, 0.02)
        Standard deviation as a fraction of the spectrum's range, or the ends of the interval from which it is drawn
        uniformly for each spectrum. 0 turns the effect off.

    Examples
    --------
    >>> from skspectra.augmentation import CCDNoiseAugmenter, ElectronicNoise
    >>> effects = [ElectronicNoise(0.05)]
    >>> augmenter = CCDNoiseAugmenter(electronic_noise=0, cosmic_rays=0, bad_pixels=0, effects=effects, random_state=0)
    >>> augmenter.augment([[0.0, 1.0]]).round(2)
    array([[-0.06,  1.03]])
    """

    _parameter_constraints: dict = {
        "sigma": [Interval(Real, 0, None, closed="left"), Pair(0, None, closed="left", strict=False)]
    }

    def __init__(self, sigma: float | tuple[float, float] = (0.0, 0.02)) -> None:
        self.sigma = sigma

    def apply(self, flux: Array, minimum: Array, maximum: Array, rng: Any) -> None:
        """Apply the effect to a batch of spectra in place.

        Parameters
        ----------
        flux : ndarray or Tensor of shape (n_samples, n_features)
            Spectra; NaN stays NaN.
        minimum, maximum : ndarray or Tensor of shape (n_samples, 1)
            Extremes of each spectrum without noise.
        rng : numpy.random.Generator or similar object
            Generator with the methods ``random(size, dtype="float32")`` and ``standard_normal(size, dtype="float32")``.
        """
        if isinstance(self.sigma, tuple | list):
            low, high = map(float, self.sigma)
            sigma = low + (high - low) * rng.random((flux.shape[0], 1), dtype="float32")
        elif self.sigma == 0:
            return
        else:
            sigma = float(self.sigma)
        flux += rng.standard_normal(flux.shape, dtype="float32") * (sigma * (maximum - minimum))


class CosmicRays(BaseEstimator):
    """Cosmic rays, each of which sets one sample to the spectrum's maximum.

    Parameters
    ----------
    max_rays : int, default=2
        Largest number of rays. The number is drawn uniformly from 0 to this value, and the positions from all samples.

    Examples
    --------
    >>> from skspectra.augmentation import CCDNoiseAugmenter, CosmicRays
    >>> effects = [CosmicRays(9)]
    >>> augmenter = CCDNoiseAugmenter(electronic_noise=0, cosmic_rays=0, bad_pixels=0, effects=effects, random_state=1)
    >>> augmenter.augment([[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    array([[1., 0., 1., 1., 1., 0.]])
    """

    _parameter_constraints: dict = {"max_rays": [Interval(Integral, 0, None, closed="left")]}

    def __init__(self, max_rays: int = 2) -> None:
        self.max_rays = max_rays

    def apply(self, flux: Array, minimum: Array, maximum: Array, rng: Any) -> None:
        """Apply the effect to a batch of spectra in place.

        Parameters
        ----------
        flux, minimum, maximum, rng
            As for :meth:`ElectronicNoise.apply`.
        """
        if self.max_rays > 0:
            n_rays, position = self._draw(flux.shape, rng)
            _overwrite(flux, position, n_rays > 0, maximum)

    def _draw(self, shape: tuple[int, int], rng: Any) -> tuple[Array, Array]:
        """Return the number of rays, (n_samples, 1), and their positions, (n_samples, max_rays)."""
        n_samples, n_features = shape
        n_rays = _floor((self.max_rays + 1) * rng.random((n_samples, 1), dtype="float32"))
        position = _floor(n_features * rng.random((n_samples, self.max_rays), dtype="float32"))
        # Rays beyond the number repeat the position of the first.
        falls = _arange(self.max_rays, position) < n_rays
        return n_rays, namespace(position).where(falls, position, position[:, :1])


class BadPixels(BaseEstimator):
    """A run of dead pixels, which are set to the spectrum's minimum.

    Parameters
    ----------
    max_fraction : float, default=0.02
        Largest length of the run as a fraction of the spectrum, between 0 and 1. The length is drawn uniformly from 0
        to this value, and the position from those where the run fits.

    Examples
    --------
    >>> from skspectra.augmentation import BadPixels, CCDNoiseAugmenter
    >>> effects = [BadPixels(0.5)]
    >>> augmenter = CCDNoiseAugmenter(electronic_noise=0, cosmic_rays=0, bad_pixels=0, effects=effects, random_state=2)
    >>> augmenter.augment([[0.0, 1.0, 1.0, 1.0, 1.0, 1.0]])
    array([[0., 0., 0., 1., 1., 1.]])
    """

    _parameter_constraints: dict = {"max_fraction": [Interval(Real, 0, 1, closed="both")]}

    def __init__(self, max_fraction: float = 0.02) -> None:
        self.max_fraction = max_fraction

    def apply(self, flux: Array, minimum: Array, maximum: Array, rng: Any) -> None:
        """Apply the effect to a batch of spectra in place.

        Parameters
        ----------
        flux, minimum, maximum, rng
            As for :meth:`ElectronicNoise.apply`.
        """
        longest = self._longest(flux.shape[1])
        if longest > 0:
            start, length = self._draw(flux.shape, rng)
            offset = _arange(longest, flux)
            # Wrapping around keeps the positions in a row distinct, including those after the run, which must not
            # change.
            _overwrite(flux, (start + offset) % flux.shape[1], offset < length, minimum)

    def _longest(self, n_features: int) -> int:
        return math.floor(n_features * self.max_fraction + 1e-6)  # 0.29 * 100 is 28.999999999999996

    def _draw(self, shape: tuple[int, int], rng: Any) -> tuple[Array, Array]:
        """Return start and length of the run, both (n_samples, 1)."""
        n_samples, n_features = shape
        length = _floor((self._longest(n_features) + 1) * rng.random((n_samples, 1), dtype="float32"))
        start = _floor((n_features - length + 1) * rng.random((n_samples, 1), dtype="float32"))
        return start, length


def namespace(array: Array) -> ModuleType:
    """Return the module, numpy or torch, that an array belongs to."""
    return np if isinstance(array, np.ndarray) else sys.modules[type(array).__module__.partition(".")[0]]


def _arange(stop: int, like: Array) -> Array:
    """Return the integers below ``stop`` on the device of ``like``."""
    return np.arange(stop) if isinstance(like, np.ndarray) else namespace(like).arange(stop, device=like.device)


def _floor(values: Array) -> Array:
    """Return non-negative floats rounded down, as integers that can index."""
    return values.astype(np.int64) if isinstance(values, np.ndarray) else values.long()


def _overwrite(flux: Array, position: Array, applies: Array, value: Array) -> None:
    """Set ``flux[i, position[i]]`` to ``value[i]`` in place, where it ``applies`` and the sample is not NaN.

    Positions that occur twice in a row must agree in ``applies``, because the order of the writes is not defined.
    """
    row = _arange(flux.shape[0], flux)[:, None]
    present = flux[row, position]
    flux[row, position] = namespace(flux).where(applies & (present == present), value, present)
