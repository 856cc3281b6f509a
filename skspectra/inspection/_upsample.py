"""Interpolation from the cells of a network's map to the samples of the spectrum."""

import numpy as np


def cell_centres(n_features: int, stem_stride: int, n_cells: int) -> np.ndarray:
    """Return the centres of the cells of a map, in samples of the spectrum.

    The first convolution puts its results at every `stem_stride`-th sample. Pooling replaces two neighbours by one at
    their middle and leaves out a last one without a neighbour; it is repeated until `n_cells` are left.
    """
    centres = np.arange(0, n_features, stem_stride, dtype=np.float64)
    while len(centres) > n_cells:
        n_pairs = len(centres) // 2
        centres = centres[: 2 * n_pairs].reshape(n_pairs, 2).mean(axis=1)
    return centres


def upsample_cells(maps: np.ndarray, centres: np.ndarray, n_features: int) -> np.ndarray:
    """Return maps (n_samples, n_cells) at each of `n_features` samples, (n_samples, n_features).

    They are interpolated linearly between the centres of the cells. Beyond the outermost centres they are constant.
    """
    position = np.interp(np.arange(n_features), centres, np.arange(len(centres)))
    left = np.floor(position).astype(np.intp)
    right = np.minimum(left + 1, len(centres) - 1)
    weight = (position - left).astype(maps.dtype)
    return maps[:, left] * (1 - weight) + maps[:, right] * weight
