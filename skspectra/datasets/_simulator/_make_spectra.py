"""Simulated survey spectra."""

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_random_state, check_scalar

from ..._checks import check_wavelength
from ..._parallel import map_in_threads
from .._tables import read_text
from .._wavelength import LAMOST_WAVELENGTH
from ._galaxies import make_galaxies, populations
from ._log_grid import rebinning_matrix, sample_edges, sample_index
from ._missing import leave_out_samples
from ._quasars import make_quasars
from ._spectrograph import Spectrograph
from ._stars import make_stars

CLASS_NAMES = ("STAR", "GALAXY", "QSO")
_SIMULATORS = (make_stars, make_galaxies, make_quasars)
_SUBCLASS = "U11"  # the longest is STARFORMING
_WAVELENGTH_RANGE = (3000.0, 11000.0)  # angstrom; the stars, shifted by a galaxy's redshift, reach no further
# The distribution of the S/N was chosen to look like that of LAMOST, where most spectra have an S/N from a few to tens.
_SNR_MEDIAN, _SNR_SCATTER = 10.0, 0.9  # lognormal; the scatter in the natural logarithm
_SNR_LIMITS = (1.0, 200.0)
_CHUNK = 128  # spectra: few enough for the processor's cache; each chunk has a random stream of its own


@np.errstate(under="ignore")  # lines far from their centre, whatever the caller's settings
def make_spectra(
    n_samples: int = 1000,
    *,
    weights: Sequence[float] = (0.985, 0.012, 0.003),
    wavelength: ArrayLike | None = None,
    snr: float | tuple[float, float] | str = "survey",
    missing: str | None = None,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Simulate the spectra of a survey: stars, galaxies and quasars.

    The spectra are computed from published physics and line lists, with some fits and choices (see Notes). They look
    like spectra of an instrument such as LAMOST. S/N, dust and every effect of the instrument are drawn from the same
    distributions for all classes, so the classes differ only in their physics.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of spectra.
    weights : sequence of 3 floats, default=(0.985, 0.012, 0.003)
        Shares of STAR, GALAXY and QSO, not negative, scaled to a sum of one; the default is the mix of the LAMOST
        survey. The number of spectra of each class is not random: it is `n_samples` times the share, rounded so that
        the numbers sum to `n_samples`. Each class whose share is not zero has at least one spectrum, if there are
        enough. The order of the spectra is random.
    wavelength : array-like of shape (n_features,), default=None
        Wavelengths in vacuum, in angstrom, increasing, between 3000 and 11 000. The flux is averaged over each
        sample. None is ``LAMOST_WAVELENGTH``, 2600 samples from 3690 to 9100.
    snr : float, pair of floats or "survey", default="survey"
        Signal-to-noise ratio of a sample: the median flux over the median noise. A number is used for all spectra. With
        a pair (low, high), its logarithm is drawn uniformly between these limits. With "survey", it is lognormal around
        10 with a scatter of 0.9 in the natural logarithm and clipped to 1 and 200.
    missing : {"survey"} or None, default=None
        Which samples are missing and therefore NaN. With None, no sample is missing. With "survey", four spectra in ten
        lack the blue end, up to 15 % of the samples, four in ten lack the red end, up to 12 %, and three in ten have a
        gap of up to 12 %. All other samples are the same as with None.
    random_state : int, RandomState instance or None, default=None
        Pass an int for reproducible spectra across multiple calls. The number of threads does not matter.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    spectra : :class:`~sklearn.utils.Bunch`
        - ``data`` : float32 of shape (n_samples, n_features), flux per wavelength in arbitrary units;
        - ``target`` : str of shape (n_samples,), "STAR", "GALAXY" or "QSO";
        - ``target_names`` : str of shape (3,), the classes in the order of `weights`;
        - ``subclass`` : str of shape (n_samples,), the type of a star ("O", "B", "A", "F", "G", "K", "M", "WD" or
          "Carbon"), the emission of a galaxy ("AGN", "STARBURST", "STARFORMING" or "" for none), and "BROADLINE" for a
          quasar;
        - ``wavelength`` : float64 of shape (n_features,), vacuum, angstrom;
        - ``redshift`` : float64 of shape (n_samples,), for stars the radial velocity over the speed of light;
        - ``snr`` : float64 of shape (n_samples,);
        - ``DESCR`` : str, the ingredients.

    (data, target) : tuple if `return_X_y` is True
        The spectra and their classes alone.

    Raises
    ------
    ValueError, TypeError
        If a parameter is of a wrong type or out of its range.

    See Also
    --------
    load_lines : The spectral lines that the classes show.

    Notes
    -----
    Stars are grey atmospheres with hydrogen, metal lines and molecules [1]_; galaxies are populations of these stars
    [2]_ with nebular lines [3]_; quasars have the continuum and lines of the composite of [4]_ and the forest of
    [5]_; the instrument has LAMOST's resolution, arms and wavelengths [6]_. ``DESCR`` names the sources and lists the
    choices that have no source. The most important of them are the sizes of the instrument's effects and the
    distribution of the S/N, which were chosen to look like LAMOST spectra, and the strengths of the molecular bands,
    which were set by eye.

    The instrument treats all classes alike, so its noise alone does not distinguish them. At high S/N, the
    autocorrelation of a spectrum distinguishes them, because it contains lines as narrow as the resolution.

    The first call computes the stars, which takes some seconds, and keeps them. The spectra are computed in as many
    threads as there are processors.

    References
    ----------
    .. [1] Gray D. F., "The Observation and Analysis of Stellar Photospheres", Cambridge University Press (2005).
    .. [2] Maraston C., "Evolutionary population synthesis: models, analysis of the ingredients and application to
       high-z galaxies", MNRAS 362 (2005) 799.
    .. [3] Osterbrock D. E., Ferland G. J., "Astrophysics of Gaseous Nebulae and Active Galactic Nuclei", University
       Science Books (2006).
    .. [4] Vanden Berk D. E. et al., "Composite quasar spectra from the Sloan Digital Sky Survey", AJ 122 (2001) 549.
    .. [5] Becker G. D. et al., "A refined measurement of the mean transmitted flux in the Ly-alpha forest over 2 < z
       < 5", MNRAS 430 (2013) 2067.
    .. [6] Cui X.-Q. et al., "The Large Sky Area Multi-Object Fiber Spectroscopic Telescope (LAMOST)", Research in
       Astronomy and Astrophysics 12 (2012) 1197.

    Examples
    --------
    >>> import numpy as np
    >>> from skspectra.datasets import make_spectra
    >>> spectra = make_spectra(300, weights=(1, 1, 1), random_state=0)
    >>> spectra.data.shape, spectra.data.dtype
    ((300, 2600), dtype('float32'))
    >>> labels, counts = np.unique(spectra.target, return_counts=True)
    >>> dict(zip(labels.tolist(), counts.tolist()))
    {'GALAXY': 100, 'QSO': 100, 'STAR': 100}

    Bright quasars on another grid:

    >>> X, y = make_spectra(
    ...     5, weights=(0, 0, 1), wavelength=np.arange(3800, 9200, 2.0), snr=(20, 50), random_state=0, return_X_y=True
    ... )
    >>> X.shape, y.tolist()
    ((5, 2700), ['QSO', 'QSO', 'QSO', 'QSO', 'QSO'])
    """
    n_samples = check_scalar(n_samples, "n_samples", Integral, min_val=1)
    counts = _allot(n_samples, _check_weights(weights))
    grid = LAMOST_WAVELENGTH
    if wavelength is not None:
        grid = check_wavelength(wavelength, least=1, limits=_WAVELENGTH_RANGE)
    wavelength = grid.copy()
    low, high = _check_snr(snr)
    if missing not in (None, "survey"):
        raise ValueError(f"missing must be 'survey' or None; got {missing!r}.")

    entropy = check_random_state(random_state).randint(0, 2**32, size=4, dtype=np.uint32)
    survey_seed, *chunk_seeds = np.random.SeedSequence(entropy.tolist()).spawn(1 + -(-n_samples // _CHUNK))
    rng = np.random.default_rng(survey_seed)
    label = rng.permutation(np.repeat(np.arange(len(CLASS_NAMES)), counts))
    if snr == "survey":
        ratio = np.clip(rng.lognormal(np.log(_SNR_MEDIAN), _SNR_SCATTER, n_samples), low, high)
    else:
        ratio = np.exp(rng.uniform(np.log(low), np.log(high), n_samples))

    models = Models(wavelength)
    spectrograph = Spectrograph(wavelength)
    flux = np.empty((n_samples, len(wavelength)), dtype=np.float32)
    redshift = np.empty(n_samples)
    subclass = np.empty(n_samples, dtype=_SUBCLASS)

    def fill(chunk: slice, seed: np.random.SeedSequence) -> None:
        rng = np.random.default_rng(seed)
        observed, redshift[chunk], subclass[chunk] = models.draw(label[chunk], rng)
        spectrograph.observe(observed, ratio[chunk], rng)
        if missing is not None:
            # Drawn from a stream of its own, so that the rest of the spectrum does not depend on it.
            leave_out_samples(observed, np.random.default_rng(seed.spawn(1)[0]))
        flux[chunk] = observed

    chunks = [slice(first, first + _CHUNK) for first in range(0, n_samples, _CHUNK)]
    map_in_threads(fill, chunks, chunk_seeds)

    target = np.array(CLASS_NAMES)[label]
    if return_X_y:
        return flux, target
    return Bunch(
        data=flux,
        target=target,
        target_names=np.array(CLASS_NAMES),
        subclass=subclass,
        wavelength=wavelength,
        redshift=redshift,
        snr=ratio,
        DESCR=read_text("make_spectra.rst"),
    )


class Models:
    """Stars, galaxies and quasars before dust and instrument, on a grid of wavelengths (vacuum, angstrom)."""

    def __init__(self, wavelength: np.ndarray):
        # A wide first or last sample would extend beyond the simulated range.
        edges = np.clip(sample_edges(wavelength), *_WAVELENGTH_RANGE)
        self.start, self.stop = int(np.floor(sample_index(edges[0]))), int(np.ceil(sample_index(edges[-1]))) + 1
        self.rebin = rebinning_matrix(edges, self.start, self.stop)
        populations()  # once, before threads need it

    def draw(self, label: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw a spectrum for each label, a position in CLASS_NAMES.

        Returns
        -------
        flux : ndarray of float32, (n, n_features)
        redshift : ndarray of float64, (n,)
        subclass : ndarray of str, (n,)
        """
        flux = np.empty((len(label), self.stop - self.start), dtype=np.float32)
        redshift, subclass = np.empty(len(label)), np.empty(len(label), dtype=_SUBCLASS)
        for k, simulate in enumerate(_SIMULATORS):
            rows = np.flatnonzero(label == k)
            if len(rows):
                flux[rows], redshift[rows], subclass[rows] = simulate(len(rows), self.start, self.stop, rng)
        return np.ascontiguousarray((self.rebin @ flux.T).T), redshift, subclass


def _check_weights(weights: Sequence[float]) -> np.ndarray:
    message = (
        "weights must be three numbers, the shares of STAR, GALAXY and QSO, none negative and not all zero; "
        f"got {weights!r}."
    )
    try:
        shares = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(message) from error
    if shares.shape != (len(CLASS_NAMES),) or not np.isfinite(shares).all() or (shares < 0).any() or not shares.any():
        raise ValueError(message)
    return shares / shares.max()


def _check_snr(snr: float | tuple[float, float] | str) -> tuple[float, float]:
    """Return the lowest and the highest ratio."""
    if isinstance(snr, str) and snr == "survey":
        return _SNR_LIMITS
    pair = (snr, snr) if isinstance(snr, Real) else snr
    if (
        not isinstance(pair, tuple | list)
        or len(pair) != 2
        or not all(isinstance(value, Real) and not isinstance(value, bool) for value in pair)
        or not 0 < pair[0] <= pair[1] < np.inf
    ):
        raise ValueError(f"snr must be a positive number, a pair (low, high) of them or 'survey'; got {snr!r}.")
    return float(pair[0]), float(pair[1])


def _allot(n_samples: int, weights: np.ndarray) -> np.ndarray:
    """Return the number of spectra of each class by largest remainder, at least one for each weight if possible."""
    shares = n_samples * weights / weights.sum()
    counts = np.floor(shares).astype(int)
    counts[np.argsort(counts - shares, kind="stable")[: n_samples - counts.sum()]] += 1
    for k in np.flatnonzero((weights > 0) & (counts == 0)):
        if counts.max() > 1:
            counts[counts.argmax()] -= 1
            counts[k] = 1
    return counts
