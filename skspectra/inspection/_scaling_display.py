"""Figure of spectra before and after scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from ._display_arguments import check_axes, check_column, horizontal_axis, wavelength_of_samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ScalingDisplay:
    """Spectra before and after scaling, with one row for each spectrum.

    Use `from_estimator` to create a display.

    Parameters
    ----------
    flux, scaled : array-like of shape (n_samples, n_features)
        Spectra before and after.
    wavelength : array-like of shape (n_features,), default=None
        Wavelength in vacuum, in angstrom. None means `LAMOST_WAVELENGTH` if n_features is 2600, and the number of the
        sample otherwise.
    y : array-like of shape (n_samples,), default=None
        Classes, which are written on the rows.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes of shape (n_samples, 2)
    figure_ : matplotlib Figure

    See Also
    --------
    skspectra.preprocessing.MinMaxSpectrumScaler : Scale each spectrum.

    Examples
    --------
    >>> from skspectra.datasets import make_spectra
    >>> from skspectra.inspection import ScalingDisplay
    >>> from skspectra.preprocessing import MinMaxSpectrumScaler
    >>> X, y = make_spectra(3, weights=(1, 1, 1), random_state=0, return_X_y=True)
    >>> display = ScalingDisplay.from_estimator(MinMaxSpectrumScaler().fit(X), X, y=y)
    >>> float(display.scaled.min()), float(display.scaled.max())
    (0.0, 1.0)
    """

    def __init__(
        self,
        flux: ArrayLike,
        scaled: ArrayLike,
        *,
        wavelength: ArrayLike | None = None,
        y: ArrayLike | None = None,
    ) -> None:
        self.flux = check_array(flux, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", input_name="flux")
        self.scaled = check_array(
            scaled, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", input_name="scaled"
        )
        if self.scaled.shape != self.flux.shape:
            raise ValueError(f"scaled has shape {self.scaled.shape}, but flux has {self.flux.shape}.")
        n_samples, n_features = self.flux.shape
        self.wavelength = wavelength_of_samples(wavelength, n_features)
        self.y = check_column("y", y, n_samples)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        y: ArrayLike | None = None,
        wavelength: ArrayLike | None = None,
        ax: Any = None,
    ) -> Self:
        """Scale spectra and draw them.

        Parameters
        ----------
        estimator : transformer, or Pipeline of transformers
            Fitted transformer, such as MinMaxSpectrumScaler, that keeps the number of samples of a spectrum.
        X : array-like of shape (n_samples, n_features)
            A few spectra.
        y : array-like of shape (n_samples,), default=None
            Classes, which are written on the rows.
        wavelength : array-like of shape (n_features,), default=None
            Wavelength in vacuum, in angstrom. None means `LAMOST_WAVELENGTH` if n_features is 2600, and the number of
            the sample otherwise.
        ax : array of matplotlib Axes, default=None
            Axes to draw on, n_samples x 2. None creates a figure.

        Returns
        -------
        display : ScalingDisplay
            The display that was drawn.

        Raises
        ------
        TypeError
            If `estimator` has no `transform`.
        ValueError
            If a spectrum or `y` is not valid, or `ax` has another number of axes.
        """
        if not hasattr(estimator, "transform"):
            raise TypeError(f"estimator must have transform, got {type(estimator).__name__}.")
        return cls(X, estimator.transform(X), wavelength=wavelength, y=y).plot(ax)

    def plot(self, ax: Axes | np.ndarray | None = None) -> Self:
        """Draw the spectra.

        Parameters
        ----------
        ax : array of matplotlib Axes, default=None
            Axes to draw on, n_samples x 2. None creates a figure.

        Returns
        -------
        display : ScalingDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `ax` has another number of axes.
        """
        import matplotlib.pyplot as plt

        n_samples, n_features = self.flux.shape
        if ax is None:
            _, ax = plt.subplots(
                n_samples, 2, squeeze=False, sharex=True, figsize=(7, 0.8 + 1.5 * n_samples), layout="constrained"
            )
        self.ax_ = check_axes(ax, (n_samples, 2), "before and after for each spectrum")
        self.figure_ = self.ax_[0, 0].figure
        x, label = horizontal_axis(self.wavelength, n_features)
        for i, (before, after) in enumerate(self.ax_):
            before.plot(x, self.flux[i], color="black", linewidth=0.5)
            after.plot(x, self.scaled[i], color="black", linewidth=0.5)
            name = "" if self.y is None else f"{self.y[i]}\n"
            before.set_ylabel(f"{name}Flux")
            after.set_ylabel("Scaled flux")
            # Fluxes of different spectra differ by orders of magnitude.
            before.ticklabel_format(axis="y", scilimits=(-2, 3), useMathText=True)
        self.ax_[0, 0].set_title("Before scaling", fontsize="medium", loc="right")
        self.ax_[0, 1].set_title("After scaling", fontsize="medium", loc="right")
        for panel in self.ax_[-1]:
            panel.set(xlabel=label, xlim=(x[0], x[-1]))
        return self
