"""Test whether maps of attention follow the spectral lines of the class."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import column_or_1d

from .._checks import check_wavelength, class_codes
from .._validation import Interval, validate_params
from ..datasets import load_lines
from ..datasets._constants import LIGHT_SPEED

# The largest common shift of a random draw, in the logarithm of the wavelength.
_MAX_SHIFT = 0.1
_CLASSES = np.array(["STAR", "GALAXY", "QSO"])


@validate_params(
    {
        "half_width": [Interval(Real, 0, LIGHT_SPEED, closed="neither")],
        "n_permutations": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }
)
def line_attention(
    maps: ArrayLike,
    wavelength: ArrayLike,
    redshift: ArrayLike,
    target: Any,
    *,
    reference: ArrayLike | None = None,
    half_width: float = 1000.0,
    n_permutations: int = 200,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Compare attention in windows around the lines of the class with attention at random redshifts.

    Parameters
    ----------
    maps : array-like of shape (n_samples, n_features)
        Attention along each spectrum, such as `class_activation_map` and `occlusion_map` return. Only positive values
        count. Each map is divided by its mean, so that all spectra have equal weight; a map without any positive value
        counts as uniform.
    wavelength : array-like of shape (n_features,)
        Vacuum wavelength of the samples in angstrom, increasing.
    redshift : array-like of shape (n_samples,) or float
        Redshift of the spectra, above -1.
    target : array-like of shape (n_samples,) or str
        Class of each spectrum: "STAR", "GALAXY" or "QSO".
    reference : array-like of shape (n_samples, n_features), default=None
        Attention without any training, such as the mean of the maps of networks with random weights. It is treated like
        `maps`. Attention is then measured relative to it instead of per sample, so that maps that only show where a
        spectrum has structure have an enrichment of 1.
    half_width : float, default=1000.0
        Half the width of the window around a line, in km/s. Overlapping windows of a class are merged.
    n_permutations : int, default=200
        Number of draws of random redshifts. No p-value is below ``1 / (n_permutations + 1)``, 0.005 for the default.
    random_state : int, RandomState instance or None, default=None
        Controls the draws.

    Returns
    -------
    attention : :class:`~sklearn.utils.Bunch`
        - ``target_names`` : ndarray of shape (n_classes,), the classes in `target`;
        - ``n_spectra`` : ndarray of int, the number of spectra of each class;
        - ``share`` : ndarray, the share of attention inside windows;
        - ``coverage`` : ndarray, the share of samples inside windows;
        - ``enrichment`` : ndarray, share / coverage (with a reference, share / share of the reference), divided by its
          mean for random redshifts; a value above 1 means that the attention follows the lines;
        - ``p_value`` : ndarray, one-sided;
        - ``lines`` : Bunch of equal-length arrays with one entry for each class and line that falls on some spectrum:
          ``target``, ``name``, ``wavelength`` (vacuum, angstrom), ``kind``, ``n_spectra`` (number of spectra with
          samples in the window), ``density`` (mean attention in the window, relative to the reference if there is one;
          1 if attention is uniform), ``enrichment``, ``p_value``. If the density is near 0, the enrichment is not
          informative. These p-values are not corrected for multiple tests.

    Raises
    ------
    ValueError
        If an argument is not valid.

    See Also
    --------
    class_activation_map, occlusion_map : Compute `maps`.
    skspectra.datasets.load_lines : The lines and the classes that show them.

    Notes
    -----
    The statistic is T = sum of attention inside windows / number of samples inside windows. Both sums are over all
    spectra of a class, and every map has a mean of 1. Uniform attention gives T = 1. The enrichment is T divided by its
    mean over the draws, and the p-value is (1 + number of draws with T no less than the observed one) /
    (1 + n_permutations) [1]_.

    A map may follow lines even if the network has learnt nothing, because lines are where the flux changes most. The
    flux minus the continuum follows them, and so does the LayerCAM map of the first dense block. With a reference, T =
    sum of attention inside windows / sum of the reference inside windows. The mean over several random networks [2]_ is
    a better reference than a single one, which may favour emission or absorption by chance.

    In each draw, the redshifts of a class are permuted among its spectra, and then all wavelengths of its lines are
    multiplied by one factor exp(u), u uniform in [-0.1, 0.1]. The permutation tests whether attention moves with the
    redshift. If attention is at fixed wavelengths, where a class happens to have its lines, it is as high in the draws.
    All stars have nearly the same redshift, so only the common shift is informative for them. Their p-value shows
    whether attention is higher at the lines than nearby, and is small only for sharp maps. Shifting every spectrum
    independently would give far smaller p-values, because it would treat many equal maps as independent evidence.

    References
    ----------
    .. [1] Phipson B., Smyth G. K., "Permutation P-values Should Never Be Zero", Statistical Applications in Genetics
       and Molecular Biology 9(1), 39, 2010.
    .. [2] Adebayo J. et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, arXiv:1810.03292.

    Examples
    --------
    Attention that follows H alpha:

    >>> import numpy as np
    >>> from skspectra.datasets import LAMOST_WAVELENGTH
    >>> from skspectra.inspection import line_attention
    >>> redshift = np.linspace(0, 0.3, 20)
    >>> centre = 6564.6 * (1 + redshift[:, np.newaxis])
    >>> maps = np.exp(-0.5 * ((LAMOST_WAVELENGTH - centre) / 20) ** 2)
    >>> attention = line_attention(maps, LAMOST_WAVELENGTH, redshift, "GALAXY", random_state=0)
    >>> bool(attention.enrichment[0] > 1.5), attention.p_value.round(3)
    (True, array([0.005]))
    >>> str(attention.lines.name[attention.lines.density.argmax()])
    'H alpha'
    """
    cumulated = _cumulated_attention(np.asarray(check_array(maps, dtype=np.float64, input_name="maps")))
    n_samples, n_features = len(cumulated), cumulated.shape[1] - 1
    unit = _cumulated_attention(_check_reference(reference, (n_samples, n_features)))
    wavelength = check_wavelength(wavelength, n_features=n_features)
    redshift, target = _check_redshift(redshift, n_samples), _check_target(target, n_samples)
    rng = check_random_state(random_state)
    table = load_lines()

    by_class, by_line = [], []
    for name in np.unique(target):
        rows = target == name
        shown = table[name]
        # A line that a class shows both in absorption and in emission counts once.
        _, first = np.unique(table.wavelength_vacuum[shown], return_index=True)
        rest = table.wavelength_vacuum[shown][first]
        lines = _LineWindows(rest, half_width)
        log_z = np.log1p(redshift[rows])
        observed = lines.measure(cumulated[rows], unit[rows], wavelength, log_z)
        null = []
        for _ in range(n_permutations):
            shift = rng.uniform(-_MAX_SHIFT, _MAX_SHIFT)
            null.append(lines.measure(cumulated[rows], unit[rows], wavelength, rng.permutation(log_z) + shift))
        enrichment, p_value = _compare(observed.union_density, np.array([draw.union_density for draw in null]))
        n_spectra = int(rows.sum())
        by_class.append(
            {
                "target_names": name,
                "n_spectra": n_spectra,
                "share": observed.union_attention / (n_spectra * n_features),
                "coverage": observed.union_samples / (n_spectra * n_features),
                "enrichment": enrichment,
                "p_value": p_value,
            }
        )
        enrichment, p_value = _compare(observed.density, np.array([draw.density for draw in null]))
        columns = {
            "target": np.full(len(rest), name),
            "name": table.name[shown][first],
            "wavelength": rest,
            "kind": table.kind[shown][first],
            "n_spectra": observed.n_spectra,
            "density": observed.density,
            "enrichment": enrichment,
            "p_value": p_value,
        }
        by_line.append({key: values[observed.n_spectra > 0] for key, values in columns.items()})
    lines_bunch = Bunch(**{key: np.concatenate([part[key] for part in by_line]) for key in by_line[0]})
    return Bunch(**{key: np.array([part[key] for part in by_class]) for key in by_class[0]}, lines=lines_bunch)


class _LineWindows:
    """Windows around lines, in the logarithm of the rest wavelength, both single and merged where they overlap.

    A window is a fixed interval in velocity, so that windows overlap at every redshift or at none.
    """

    def __init__(self, rest: np.ndarray, half_width: float):
        beta = half_width / LIGHT_SPEED
        self.low, self.high = np.log(rest * (1 - beta)), np.log(rest * (1 + beta))
        # Lines are sorted and windows equally wide, so that the end of one determines whether the next one is separate.
        apart = np.append(True, self.low[1:] > self.high[:-1])
        self.union_low, self.union_high = self.low[apart], self.high[np.append(apart[1:], True)]

    def measure(self, cumulated: np.ndarray, unit: np.ndarray, wavelength: np.ndarray, log_z: np.ndarray) -> Bunch:
        start, stop = _edges(wavelength, log_z, self.low, self.high)
        union_start, union_stop = _edges(wavelength, log_z, self.union_low, self.union_high)
        union_attention = _between(cumulated, union_start, union_stop).sum()
        return Bunch(
            n_spectra=(stop > start).sum(axis=0),
            density=_ratio(_between(cumulated, start, stop).sum(axis=0), _between(unit, start, stop).sum(axis=0)),
            union_attention=union_attention,
            union_samples=(union_stop - union_start).sum(),
            union_density=_ratio(union_attention, _between(unit, union_start, union_stop).sum()),
        )


def _edges(wavelength, log_z, low, high) -> tuple[np.ndarray, np.ndarray]:
    """Return the first sample in each window of each spectrum and the first one after it, (n_spectra, n_windows)."""
    log_wavelength = np.log(wavelength)
    start = np.searchsorted(log_wavelength, low + log_z[:, np.newaxis], side="left")
    return start, np.searchsorted(log_wavelength, high + log_z[:, np.newaxis], side="right")


def _between(cumulated: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    rows = np.arange(len(cumulated))[:, np.newaxis]
    return cumulated[rows, stop] - cumulated[rows, start]


def _cumulated_attention(maps: np.ndarray) -> np.ndarray:
    """Return the total attention before each sample, of maps with mean 1, (n_spectra, n_features + 1)."""
    attention = maps.clip(min=0)
    mean = attention.mean(axis=1, keepdims=True)
    attention = np.divide(attention, mean, out=np.ones_like(attention), where=mean > 0)
    return np.pad(attention.cumsum(axis=1), ((0, 0), (1, 0)))


def _ratio(attention, unit) -> np.ndarray:
    """Return attention / unit; NaN where the unit is 0 up to rounding."""
    attention = np.asarray(attention)
    return np.divide(attention, unit, out=np.full_like(attention, np.nan), where=np.asarray(unit) > 1e-9)


def _compare(observed: np.ndarray, null: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return enrichment and p-value; draws in which no window has a sample are ignored."""
    there = np.isfinite(null)
    n_draws = there.sum(axis=0)
    mean = _ratio(np.where(there, null, 0).sum(axis=0), n_draws)
    enrichment = np.divide(observed, mean, out=np.full_like(mean, np.nan), where=mean > 0)
    # Sums of the same numbers in another order differ by rounding and must not count as less.
    n_no_less = (there & (null >= observed * (1 - 1e-9))).sum(axis=0)
    return enrichment, np.where(np.isfinite(observed), (1 + n_no_less) / (1 + n_draws), np.nan)


def _check_reference(reference: ArrayLike | None, shape: tuple[int, int]) -> np.ndarray:
    if reference is None:
        return np.ones(shape)
    unit = np.asarray(check_array(reference, dtype=np.float64, input_name="reference"))
    if unit.shape != shape:
        raise ValueError(f"reference has shape {unit.shape}, but maps has {shape}.")
    return unit


def _check_redshift(redshift: ArrayLike, n_samples: int) -> np.ndarray:
    redshift = np.full(n_samples, redshift) if np.ndim(redshift) == 0 else column_or_1d(redshift)
    redshift = np.asarray(redshift, dtype=np.float64)
    check_consistent_length(redshift, np.empty(n_samples))
    if not (np.isfinite(redshift).all() and (redshift > -1).all()):
        raise ValueError("redshift must be finite and above -1. Leave out spectra without one.")
    return redshift


def _check_target(target: Any, n_samples: int) -> np.ndarray:
    target = np.full(n_samples, target) if np.ndim(target) == 0 else column_or_1d(target)
    target = np.array([str(label) for label in target.tolist()])
    check_consistent_length(target, np.empty(n_samples))
    class_codes(target, _CLASSES, "target")
    return target
