"""Samples that a survey did not measure: late beginnings, early ends and gaps."""

import numpy as np

# Share of the affected spectra, and the largest share of their samples that is missing; the length is uniform. These
# are choices: the ends cover those of SDSS spectra on LAMOST's grid, and the gap is one that a camera or a mask leaves.
_LATE_BEGINNING = (0.4, 0.15)
_EARLY_END = (0.4, 0.12)
_GAP = (0.3, 0.12)


def leave_out_samples(flux: np.ndarray, rng: np.random.Generator) -> None:
    """Set the samples that were not measured to NaN, in place.

    Parameters
    ----------
    flux : ndarray of float32, (n, n_features)
        Spectra. At least three fifths of the samples of each spectrum are kept.
    rng : numpy.random.Generator
        Generator that draws the missing samples.
    """
    n, n_features = flux.shape
    sample = np.arange(n_features)
    beginning, end, gap = (_lengths(n, n_features, *law, rng) for law in (_LATE_BEGINNING, _EARLY_END, _GAP))
    first = rng.integers(0, n_features - gap + 1)
    flux[(sample < beginning) | (sample >= n_features - end) | ((sample >= first) & (sample < first + gap))] = np.nan


def _lengths(n: int, n_features: int, share: float, longest: float, rng: np.random.Generator) -> np.ndarray:
    """Draw the number of missing samples of each spectrum, (n, 1)."""
    return (rng.random((n, 1)) < share) * rng.integers(0, int(longest * n_features) + 1, (n, 1))
