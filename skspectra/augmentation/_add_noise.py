"""Application of noise effects to a batch of spectra, or to many spectra in chunks and threads.

Amplitudes are relative to the range of each spectrum, so that scaled and unscaled spectra are treated alike. NaN is a
sample that was not measured: it is left out of the range and stays NaN under every effect.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._parallel import for_each_chunk
from ._effects import Array, namespace


def flux_extremes(flux: Array) -> tuple[Array, Array]:
    """Return minimum and maximum of each spectrum, both of shape (n_samples, 1), without its NaN samples."""
    if isinstance(flux, np.ndarray):
        return np.fmin.reduce(flux, axis=1, keepdims=True), np.fmax.reduce(flux, axis=1, keepdims=True)
    torch = namespace(flux)
    missing = torch.isnan(flux)
    return (
        flux.masked_fill(missing, math.inf).amin(dim=1, keepdim=True),
        flux.masked_fill(missing, -math.inf).amax(dim=1, keepdim=True),
    )


def add_noise(flux: Array, effects: Sequence[Any], rng: Any) -> Array:
    """Return a copy of a batch of spectra, of any floating dtype, with the effects applied in order.

    ``rng`` draws random numbers on the device of ``flux``.
    """
    noisy = namespace(flux).empty_like(flux)
    noisy[...] = flux
    _add_in_place(noisy, effects, rng)
    return noisy


def _add_in_place(flux: Array, effects: Sequence[Any], rng: Any) -> None:
    minimum, maximum = flux_extremes(flux)
    for effect in effects:
        if effect.apply(flux, minimum, maximum, rng) is not None:
            raise TypeError(f"The method apply of effect {effect!r} must change the spectra in place and return None.")


def write_noisy_spectra(
    flux: np.ndarray,
    out: np.ndarray,
    *,
    effects: Sequence[Any],
    random_state: np.random.RandomState,
    indices: np.ndarray | None = None,
) -> None:
    """Write the spectra ``flux[indices]`` with noise into ``out``, in threads and in chunks that fit in the cache.

    Each chunk has a generator of its own, so that the result depends on ``random_state`` only, not on the threads. If
    ``out`` has an integer dtype, the result is rounded and clipped to its range.
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
                _add_in_place(chunk, effects, rng)
        except FloatingPointError as error:
            raise ValueError(f"Input X contains flux too large for noise to be added in {chunk.dtype}.") from error
        if whole:
            limits = np.iinfo(out.dtype)
            # As a float, the largest 64-bit integer is rounded up to a number that does not fit.
            largest = float(limits.max) if float(limits.max) <= limits.max else np.nextafter(float(limits.max), 0)
            out[start:stop] = np.clip(np.rint(chunk), limits.min, largest)

    for_each_chunk(add_to_chunk, *out.shape)
