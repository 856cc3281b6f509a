"""Figure of spectra with each kind of noise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_random_state

from ..augmentation import CCDNoiseAugmenter
from ..augmentation._add_noise import write_noisy_spectra
from ._display_arguments import check_axes, check_column, horizontal_axis, wavelength_of_samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class NoiseDisplay:
    """Spectra without noise, with each effect alone and with all effects.

    Each row shows one kind of noise, and each column shows one spectrum.

    Use `from_estimator` to create a display.

    Parameters
    ----------
    flux : array-like of shape (n_effects, n_samples, n_features)
        The spectra in each of the rows.
    effects : sequence of str, of length n_effects
        Names of the rows.
    wavelength : array-like of shape (n_features,), default=None
        Wavelength in vacuum, in angstrom. None means `LAMOST_WAVELENGTH` if n_features is 2600, and the number of the
        sample otherwise.
    y : array-like of shape (n_samples,), default=None
        Classes, used as titles of the columns.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes of shape (n_effects, n_samples)
    figure_ : matplotlib Figure

    See Also
    --------
    skspectra.augmentation.CCDNoiseAugmenter : The noise.

    Examples
    --------
    >>> from skspectra.augmentation import CCDNoiseAugmenter
    >>> from skspectra.datasets import make_spectra
    >>> from skspectra.inspection import NoiseDisplay
    >>> X, y = make_spectra(3, weights=(1, 1, 1), random_state=0, return_X_y=True)
    >>> display = NoiseDisplay.from_estimator(CCDNoiseAugmenter(random_state=0), X, y=y)
    >>> display.effects
    ['Original', 'Electronic noise', 'Cosmic rays', 'Bad pixels', 'All']
    >>> display.ax_.shape
    (5, 3)
    """

    def __init__(
        self,
        flux: ArrayLike,
        effects: list[str],
        *,
        wavelength: ArrayLike | None = None,
        y: ArrayLike | None = None,
    ) -> None:
        self.flux = check_array(flux, allow_nd=True, ensure_all_finite="allow-nan", input_name="flux")
        self.effects = list(effects)
        if self.flux.ndim != 3 or len(self.flux) != len(self.effects):
            raise ValueError(
                f"flux has shape {self.flux.shape}, but needs (n_effects, n_samples, n_features) with "
                f"n_effects={len(self.effects)}."
            )
        _, n_samples, n_features = self.flux.shape
        self.wavelength = wavelength_of_samples(wavelength, n_features)
        self.y = check_column("y", y, n_samples)

    @classmethod
    def from_estimator(
        cls,
        estimator: CCDNoiseAugmenter,
        X: ArrayLike,
        *,
        y: ArrayLike | None = None,
        wavelength: ArrayLike | None = None,
        ax: Any = None,
    ) -> Self:
        """Add noise to spectra and draw them.

        Parameters
        ----------
        estimator : CCDNoiseAugmenter
            Each of its effects has a row. The noise of each row is drawn separately. An effect whose length or number
            is random may change nothing.
        X : array-like of shape (n_samples, n_features)
            A few spectra, NaN where flux is missing.
        y : array-like of shape (n_samples,), default=None
            Classes, used as titles of the columns.
        wavelength : array-like of shape (n_features,), default=None
            Wavelength in vacuum, in angstrom. None means `LAMOST_WAVELENGTH` if n_features is 2600, and the number of
            the sample otherwise.
        ax : array of matplotlib Axes, default=None
            Axes to draw on, n_effects x n_samples. None creates a figure.

        Returns
        -------
        display : NoiseDisplay
            The display that was drawn.

        Raises
        ------
        TypeError
            If `estimator` is not a CCDNoiseAugmenter.
        ValueError
            If a spectrum or `y` is not valid, or `ax` has another number of axes.
        """
        if not isinstance(estimator, CCDNoiseAugmenter):
            raise TypeError(f"estimator must be a CCDNoiseAugmenter, got {type(estimator).__name__}.")
        spectra: np.ndarray = check_array(
            X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", input_name="X"
        )
        effects = estimator._all_effects()
        rows = [("Original", []), *((_name(effect), [effect]) for effect in effects), ("All", effects)]
        flux = np.empty((len(rows), *spectra.shape), spectra.dtype)
        for row, (_, shown) in zip(flux, rows, strict=True):
            write_noisy_spectra(spectra, row, effects=shown, random_state=check_random_state(estimator.random_state))
        return cls(flux, [name for name, _ in rows], wavelength=wavelength, y=y).plot(ax)

    def plot(self, ax: Axes | np.ndarray | None = None) -> Self:
        """Draw the spectra.

        Parameters
        ----------
        ax : array of matplotlib Axes, default=None
            Axes to draw on, n_effects x n_samples. None creates a figure.

        Returns
        -------
        display : NoiseDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `ax` has another number of axes.
        """
        import matplotlib.pyplot as plt

        n_effects, n_samples, n_features = self.flux.shape
        if ax is None:
            _, ax = plt.subplots(
                n_effects,
                n_samples,
                squeeze=False,
                sharex=True,
                sharey="col",
                figsize=(max(4.0, 0.5 + 2.2 * n_samples), 0.8 + 1.1 * n_effects),
                layout="constrained",
            )
        self.ax_ = check_axes(ax, (n_effects, n_samples), "one for each effect and spectrum")
        self.figure_ = self.ax_[0, 0].figure
        x, label = horizontal_axis(self.wavelength, n_features)
        for i, row in enumerate(self.ax_):
            for j, panel in enumerate(row):
                panel.plot(x, self.flux[i, j], color="black", linewidth=0.5)
            row[0].set_ylabel(f"{self.effects[i]}\nFlux", fontsize="small")
        for j, panel in enumerate(self.ax_[0]):
            panel.set_title("" if self.y is None else str(self.y[j]), fontsize="medium")
        for panel in self.ax_[-1]:
            panel.set_xlabel(label, fontsize="small")
            panel.set_xlim(x[0], x[-1])
        return self


def _name(effect: Any) -> str:
    """Return the name of a class as words: "Cosmic rays" for CosmicRays."""
    return re.sub(r"(?<=[a-z])[A-Z]", lambda match: f" {match[0].lower()}", type(effect).__name__)
