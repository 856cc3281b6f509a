"""Simulated survey spectra."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from numbers import Real

import joblib
import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_random_state

from ._galaxies import make_galaxies
from ._instrument import Spectrograph
from ._log_grid import rebinning_matrix, sample_index
from ._quasars import make_quasars
from ._stars import make_stars

CLASS_NAMES = ("STAR", "GALAXY", "QSO")
_SIMULATORS = (make_stars, make_galaxies, make_quasars)
_FIRST_WAVELENGTH, _LAST_WAVELENGTH = 3000.0, 11000.0
_CHUNK = 128  # spectra: small enough for the processor's cache, and the unit of the random numbers


def make_spectra(
    n_samples: int = 1000,
    *,
    weights: Sequence[float] = (0.985, 0.012, 0.003),
    wavelength: ArrayLike | None = None,
    snr: float | tuple[float, float] | str = "survey",
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    counts = _allot(int(n_samples), np.asarray(weights, dtype=float))
    grid = np.linspace(3690.0, 9100.0, 2600) if wavelength is None else np.asarray(wavelength, dtype=np.float64)
    random = check_random_state(random_state)
    seed = np.random.SeedSequence(random.randint(0, 2**32, size=4, dtype=np.uint32).tolist())
    rng = np.random.default_rng(seed.spawn(1)[0])
    label = rng.permutation(np.repeat(np.arange(3), counts))
    ratio = _draw_snr(snr, n_samples, rng)
    flux = np.empty((n_samples, len(grid)), dtype=np.float32)
    redshift = np.empty(n_samples)
    spectrograph = Spectrograph(grid)
    edge = 1.002 * (grid[-1] + 50), (grid[0] - 50) / 1.002
    start, stop = int(sample_index(edge[1])), int(sample_index(edge[0])) + 2
    rebin = rebinning_matrix(grid, start, stop)
    starts = range(0, n_samples, _CHUNK)

    def simulate(first: int, chunk_seed: np.random.SeedSequence) -> None:
        rng = np.random.default_rng(chunk_seed)
        chunk = slice(first, min(first + _CHUNK, n_samples))
        model = np.empty((chunk.stop - first, stop - start), dtype=np.float32)
        for k, simulator in enumerate(_SIMULATORS):
            rows = np.flatnonzero(label[chunk] == k)
            if len(rows):
                model[rows], redshift[first + rows] = simulator(len(rows), start, stop, rng)
        out = np.ascontiguousarray((rebin @ model.T).T)
        spectrograph.observe(out, ratio[chunk], rng)
        flux[chunk] = out

    from ._stars import library
    from ._galaxies import populations

    library(), populations()
    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        list(pool.map(simulate, starts, seed.spawn(len(starts))))
    target = np.array(CLASS_NAMES)[label]
    if return_X_y:
        return flux, target
    return Bunch(
        data=flux,
        target=target,
        target_names=np.array(CLASS_NAMES),
        wavelength=grid,
        redshift=redshift,
        snr=ratio,
        DESCR="",
    )


def _allot(n_samples: int, weights: np.ndarray) -> np.ndarray:
    share = n_samples * weights / weights.sum()
    counts = np.floor(share).astype(int)
    order = np.argsort(counts - share, kind="stable")
    counts[order[: n_samples - counts.sum()]] += 1
    for k in np.flatnonzero((weights > 0) & (counts == 0)):
        if counts.max() > 1:
            counts[counts.argmax()] -= 1
            counts[k] = 1
    return counts


def _draw_snr(snr, n_samples, rng):
    if isinstance(snr, str):
        return np.clip(rng.lognormal(np.log(10.0), 0.9, n_samples), 1.0, 200.0)
    if isinstance(snr, Real):
        return np.full(n_samples, float(snr))
    return np.exp(rng.uniform(np.log(snr[0]), np.log(snr[1]), n_samples))
