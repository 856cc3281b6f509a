"""Noise of a CCD spectrograph as a transformer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from .._base import StatelessSpectrumTransformer
from .._validation import check_spectra
from ._add_noise import add_noise, write_noisy_spectra
from ._effects import BadPixels, CosmicRays, ElectronicNoise


class CCDNoiseAugmenter(StatelessSpectrumTransformer):
    """Add the noise of a CCD spectrograph to training spectra.

    Three effects are applied in this order and drawn anew for each spectrum [1]_: Gaussian electronic noise on every
    sample; cosmic rays, each of which sets one sample to the maximum of the spectrum; and a run of dead pixels, which
    are set to the minimum of the spectrum. The minimum, the maximum and the range between them are those of the input
    spectrum, so scaled and unscaled spectra are treated alike. In a spectrum scaled to 0 ... 1, a ray is 1 and a dead
    pixel is 0.

    Noise is for training only. When a pipeline is fitted, scikit-learn calls `fit_transform`, which adds noise. When it
    predicts, scikit-learn calls `transform`, which returns its input. `augment` always adds noise.

    Parameters
    ----------
    electronic_noise : float or pair of floats, default=(0.0, 0.02)
        Standard deviation of the electronic noise as a fraction of the spectrum's range. A pair (low, high) draws one
        uniformly from that interval for each spectrum. 0 turns the effect off.
    cosmic_rays : int, default=2
        Largest number of cosmic rays. The number is drawn uniformly from 0 to this value, and the positions from all
        samples.
    bad_pixels : float, default=0.02
        Largest length of the run of dead pixels as a fraction of the spectrum, between 0 and 1. The length is drawn
        uniformly from 0 to this value, and the position from those where the run fits.
    effects : list of objects, default=()
        Further effects, applied in order after these three. An effect has a method
        ``apply(flux, minimum, maximum, rng)``, which changes spectra (n_samples, n_features) in place. `minimum` and
        `maximum` (n_samples, 1) are those of each spectrum without noise, and `rng` has
        ``random(size, dtype="float32")`` and ``standard_normal(size, dtype="float32")``. In the training of a network
        all arrays are PyTorch tensors. Elsewhere several threads call `apply` at once, so it must not keep state. Do
        not override `augment` in a subclass instead: the sampler and the display do not call it.
    random_state : int, RandomState instance or None, default=None
        Controls the noise. Pass an int for the same noise in every call.

    Attributes
    ----------
    n_features_in_ : int
        Number of samples of a spectrum seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if all of them are strings.

    See Also
    --------
    skspectra.over_sampling.PhysicsNoiseOverSampler : Copies of rarer classes with this noise.

    Notes
    -----
    The defaults are based on 2712 spectra of LAMOST and SDSS, scaled by minimum and maximum:

    - *Electronic noise.* The noise of a sample, from second differences, has a median of 0.4 % of the range at a
      signal-to-noise ratio S/N above 100, 0.75 % at 50 to 100, 1.3 % at 10 to 20 and 2.1 % below 5. If the median
      flux is half the range, as in many stars, a deviation of 0.02 is S/N = 25; if it is a seventh, as in many quasars
      with a strong line, it is S/N = 7. The default (0.0, 0.02) can therefore lower a good spectrum to any S/N that a
      survey releases, and leaves some copies nearly unchanged. Noise adds in quadrature, so spectra that are already
      noisy change least.
    - *Cosmic rays.* Pipelines remove most of them. A number from 0 to 2 has a mean of one ray, as in the paper.
    - *Bad pixels.* 42 % of the spectra have runs of three or more exact zeros, half of them up to 9 samples long and
      95 % up to 47; 0.02 of 2600 samples is 52.

    NaN samples are left out of the range and stay NaN, even if a ray or a dead pixel falls on them. float32 and float64
    are kept, and all other dtypes become float64. The result does not depend on the number of threads, which follows
    ``OMP_NUM_THREADS`` and the processor.

    References
    ----------
    .. [1] Wang Q., Zhao G., Fan Z., "Classification of Astronomical Spectra Based on DenseNet", Astronomical Research
       and Technology 17(1), 85-95, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skspectra.augmentation import CCDNoiseAugmenter
    >>> X = np.linspace(0.0, 1.0, 8).reshape(1, -1)
    >>> augmenter = CCDNoiseAugmenter(electronic_noise=0.0, cosmic_rays=0, bad_pixels=0.5, random_state=3)
    >>> augmenter.fit_transform(X).round(2)
    array([[0.  , 0.14, 0.  , 0.  , 0.  , 0.71, 0.86, 1.  ]])
    >>> augmenter.transform(X) is X
    True

    This effect of your own adds sky light that was not subtracted, up to a tenth of the spectrum's range:

    >>> class SkyResidual:
    ...     def apply(self, flux, minimum, maximum, rng):
    ...         flux += 0.1 * (maximum - minimum) * rng.random((len(flux), 1), dtype="float32")
    >>> CCDNoiseAugmenter(effects=[SkyResidual()], random_state=0).fit_transform(X).shape
    (1, 8)
    """

    _parameter_constraints: dict = {
        "electronic_noise": ElectronicNoise._parameter_constraints["sigma"],
        "cosmic_rays": CosmicRays._parameter_constraints["max_rays"],
        "bad_pixels": BadPixels._parameter_constraints["max_fraction"],
        "effects": [list, tuple],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        electronic_noise: float | tuple[float, float] = (0.0, 0.02),
        cosmic_rays: int = 2,
        bad_pixels: float = 0.02,
        effects: Sequence[Any] = (),
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.electronic_noise = electronic_noise
        self.cosmic_rays = cosmic_rays
        self.bad_pixels = bad_pixels
        self.effects = effects
        self.random_state = random_state

    def fit_transform(self, X: ArrayLike, y: Any = None) -> np.ndarray:
        """Fit, and return the spectra with noise, for training.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flux, in any unit; NaN if it is missing.
        y : None
            Ignored.

        Returns
        -------
        X_noisy : ndarray of shape (n_samples, n_features)
            A new array, float32 for float32 input and otherwise float64.

        Raises
        ------
        ValueError
            If a parameter is not valid, or X contains infinity.
        """
        return self.fit(X).augment(X)

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the spectra unchanged, for prediction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flux, in any unit; NaN if it is missing.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The input itself if it is an array of float32 or float64, and otherwise converted to such an array.

        Raises
        ------
        ValueError
            If X contains infinity or has another number of features than in `fit`.
        """
        return check_spectra(self, X)

    def augment(self, X: ArrayLike, *, rng: Any = None) -> np.ndarray:
        """Return the spectra with noise. No `fit` is needed.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flux, in any unit; NaN if it is missing.
        rng : numpy.random.Generator or similar object, default=None
            Generator of the noise, used instead of `random_state`; the networks pass it for every batch. X must then be
            an array or a PyTorch tensor of floats, and it is not checked.

        Returns
        -------
        X_noisy : ndarray of shape (n_samples, n_features)
            A new array, float32 for float32 input and otherwise float64.

        Raises
        ------
        ValueError
            If a parameter is not valid, or X contains infinity or has another number of features than in `fit`.
        """
        effects = self._all_effects()
        if rng is not None:
            return add_noise(X, effects, rng)
        X = check_spectra(self, X)
        noisy = np.empty(X.shape, X.dtype)
        write_noisy_spectra(X, noisy, effects=effects, random_state=check_random_state(self.random_state))
        return noisy

    def _all_effects(self) -> list[Any]:
        """Return the effects in their order, validated."""
        self._validate_params()
        for effect in self.effects:
            if isinstance(effect, type) or not callable(getattr(effect, "apply", None)):
                raise ValueError(f"effects has {effect!r}; effects must be objects with a method apply.")
            if hasattr(effect, "_parameter_constraints"):
                effect._validate_params()
        return [
            ElectronicNoise(self.electronic_noise),
            CosmicRays(self.cosmic_rays),
            BadPixels(self.bad_pixels),
            *self.effects,
        ]
