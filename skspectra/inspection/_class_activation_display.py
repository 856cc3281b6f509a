"""Figure of spectra coloured by attention, with the lines of their class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from ..datasets import load_lines
from ._class_activation_map import class_activation_map
from ._display_arguments import check_axes, check_column, horizontal_axis, wavelength_of_samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# Lines that are labelled: the strongest of each class, far enough apart for most labels to fit side by side.
_NAMED = {
    "STAR": (
        "Ca II K",
        "H delta",
        "G band",
        "H gamma",
        "H beta",
        "Mg I b1",
        "Na I D2",
        "H alpha",
        "TiO 7054",
        "Ca II 8542",
    ),
    "GALAXY": ("[O II]", "Ca II K", "G band", "H beta", "[O III] 5007", "Mg I b1", "Na I D2", "H alpha", "[S II] 6716"),
    "QSO": ("Ly alpha", "Si IV", "C IV", "C III]", "Mg II", "[O II]", "H gamma", "H beta", "[O III] 5007", "H alpha"),
}
# Labels nearer than this, in units of their font size, would overlap.
_LABEL_DISTANCE = 1.25
# Room for the labels above a spectrum, as a fraction of its height.
_LABEL_HEIGHT = 0.45
# Part of the colour map plasma that is used: its yellow end would hide the lines with the most attention on white
# paper.
_DARK_PART = 0.75


class ClassActivationDisplay:
    """Spectra coloured by attention, with one panel for each spectrum.

    Use `from_estimator` to create a display.

    Parameters
    ----------
    flux, maps : array-like of shape (n_samples, n_features)
        Spectra, and their attention from 0 to 1.
    wavelength : array-like of shape (n_features,), default=None
        Wavelength in vacuum, in angstrom. None means `LAMOST_WAVELENGTH` if n_features is 2600, and the number of the
        sample otherwise.
    y_true, y_pred : array-like of shape (n_samples,), default=None
        Classes for the titles.
    probability : array-like of shape (n_samples,), default=None
        Probability of `y_pred`.
    redshift : array-like of shape (n_samples,), default=None
        If it and a wavelength are given, the lines of the true class (without `y_true`, of the predicted one) are
        marked and named for STAR, GALAXY and QSO.

    Attributes
    ----------
    ax_ : matplotlib Axes, or ndarray of Axes of shape (n_samples,) for several spectra
    figure_ : matplotlib Figure
    colorbar_ : matplotlib Colorbar

    See Also
    --------
    class_activation_map : Compute the attention.

    Examples
    --------
    >>> import numpy as np
    >>> from skspectra.datasets import make_spectra
    >>> from skspectra.inspection import ClassActivationDisplay
    >>> spectra = make_spectra(1, weights=(0, 1, 0), random_state=0)
    >>> maps = np.linspace(0, 1, 2600)[np.newaxis]
    >>> display = ClassActivationDisplay(spectra.data, maps, y_true=spectra.target, redshift=spectra.redshift).plot()
    >>> display.ax_.get_title()
    'true GALAXY'
    """

    def __init__(
        self,
        flux: ArrayLike,
        maps: ArrayLike,
        *,
        wavelength: ArrayLike | None = None,
        y_true: ArrayLike | None = None,
        y_pred: ArrayLike | None = None,
        probability: ArrayLike | None = None,
        redshift: ArrayLike | None = None,
    ) -> None:
        self.flux = check_array(flux, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", input_name="flux")
        self.maps = check_array(maps, dtype=[np.float64, np.float32], input_name="maps")
        n_samples, n_features = self.flux.shape
        if self.maps.shape != self.flux.shape:
            raise ValueError(f"maps has shape {self.maps.shape}, but flux has {self.flux.shape}.")
        self.wavelength = wavelength_of_samples(wavelength, n_features)
        self.y_true = check_column("y_true", y_true, n_samples)
        self.y_pred = check_column("y_pred", y_pred, n_samples)
        self.probability = check_column("probability", probability, n_samples)
        self.redshift = check_column("redshift", redshift, n_samples)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        target: Any = "predicted",
        layer: int | str | None = None,
        wavelength: ArrayLike | None = None,
        y_true: ArrayLike | None = None,
        redshift: ArrayLike | None = None,
        ax: Any = None,
    ) -> Self:
        """Compute the maps of spectra and draw them.

        Parameters
        ----------
        estimator : DenseNet1DClassifier, or Pipeline that ends in one
            Fitted.
        X : array-like of shape (n_samples, n_features)
            A few spectra, as `estimator` predicts them; they are drawn as given.
        target : "predicted", label, or array-like of shape (n_samples,), default="predicted"
            Class whose evidence is mapped, as in :func:`class_activation_map`.
        layer : int, "all" or None, default=None
            Where attention is measured, as in :func:`class_activation_map`.
        wavelength : array-like of shape (n_features,), default=None
            Wavelength in vacuum, in angstrom. None means `LAMOST_WAVELENGTH` if n_features is 2600, and the number of
            the sample otherwise.
        y_true : array-like of shape (n_samples,), default=None
            Classes for the titles.
        redshift : array-like of shape (n_samples,), default=None
            If it and a wavelength are given, lines of the class are marked and named.
        ax : matplotlib Axes or array of them, default=None
            Axes to draw on, one for each spectrum. None creates a figure with the spectra one below another.

        Returns
        -------
        display : ClassActivationDisplay
            The display that was drawn.

        Raises
        ------
        ValueError
            If a spectrum, `target`, `layer` or a column is not valid, or `ax` has another number of axes.
        TypeError
            If `estimator` is not a network whose last layer reads a global average.
        NotFittedError
            If it is not fitted.
        """
        maps = class_activation_map(estimator, X, target, layer=layer)
        probabilities = estimator.predict_proba(X)
        return cls(
            X,
            maps,
            wavelength=wavelength,
            y_true=y_true,
            y_pred=estimator.classes_[probabilities.argmax(axis=1)],
            probability=probabilities.max(axis=1),
            redshift=redshift,
        ).plot(ax)

    def plot(self, ax: Axes | np.ndarray | None = None, *, cmap: str | Colormap | None = None) -> Self:
        """Draw the spectra.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            Axes to draw on, one for each spectrum. None creates a figure with the spectra one below another.
        cmap : str or matplotlib Colormap, default=None
            Colour map. None means the dark part of "plasma", from blue to orange, which stands out from white paper, is
            visible to colour-blind readers and prints evenly in grey.

        Returns
        -------
        display : ClassActivationDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `ax` has another number of axes.
        """
        import matplotlib.pyplot as plt
        from matplotlib.cm import ScalarMappable

        n_samples = len(self.flux)
        if ax is None:
            _, ax = plt.subplots(n_samples, squeeze=False, figsize=(7, 0.6 + 2.4 * n_samples), layout="constrained")
        axes = check_axes(ax, (n_samples, 1), "one for each spectrum").ravel()
        self.ax_ = axes[0] if n_samples == 1 else axes
        self.figure_ = axes[0].figure
        colour = ScalarMappable(plt.Normalize(0, 1), _default_colours() if cmap is None else cmap)
        # The colour bar is drawn first, because it narrows the spectra, whose width determines how many labels fit.
        self.colorbar_ = self.figure_.colorbar(colour, ax=list(axes), label="Attention")
        for i, panel in enumerate(axes):
            self._plot_spectrum(panel, i, colour)
        return self

    def _plot_spectrum(self, ax: Axes, i: int, colour: Any) -> None:
        from matplotlib.collections import LineCollection

        x, label = horizontal_axis(self.wavelength, self.flux.shape[1])
        points = np.column_stack([x, self.flux[i]])
        segments = np.stack([points[:-1], points[1:]], axis=1)
        attention = (self.maps[i, :-1] + self.maps[i, 1:]) / 2
        ax.add_collection(LineCollection(list(segments), array=attention, cmap=colour.cmap, norm=colour.norm))
        ax.autoscale_view()
        ax.set(xlim=(x[0], x[-1]), xlabel=label, ylabel="Flux")
        self._mark_lines(ax, i)
        ax.set_title(self._title(i), fontsize="medium")

    def _title(self, i: int) -> str:
        parts = [] if self.y_true is None else [f"true {self.y_true[i]}"]
        if self.y_pred is not None:
            probability = "" if self.probability is None else f" ({self.probability[i]:.2f})"
            parts.append(f"predicted {self.y_pred[i]}{probability}")
        return ", ".join(parts)

    def _mark_lines(self, ax: Axes, i: int) -> None:
        from matplotlib.font_manager import FontProperties

        labels = self.y_pred if self.y_true is None else self.y_true
        if self.redshift is None or self.wavelength is None or labels is None or not np.isfinite(self.redshift[i]):
            return
        table = load_lines()
        rest = dict(zip(table.name.tolist(), table.wavelength_vacuum.tolist(), strict=True))
        low, high = self.wavelength[0], self.wavelength[-1]
        font = FontProperties(size="x-small")
        width = ax.get_window_extent().width * 72 / ax.figure.dpi  # points, as the font size
        distance = _LABEL_DISTANCE * font.get_size_in_points() / width * (high - low)
        last = -np.inf
        for name in sorted(_NAMED.get(str(labels[i]), ()), key=rest.__getitem__):
            observed = rest[name] * (1 + self.redshift[i])
            if not low < observed < high or observed - last < distance:
                continue
            last = observed
            ax.axvline(observed, color="0.5", linewidth=0.8, linestyle=":", zorder=0)
            ax.text(
                observed,
                0.98,
                name,
                transform=ax.get_xaxis_transform(),
                rotation=90,
                ha="right",
                va="top",
                fontproperties=font,
            )
        if np.isfinite(last):
            bottom, top = ax.get_ylim()
            ax.set_ylim(bottom, top + _LABEL_HEIGHT * (top - bottom))


def _default_colours() -> Colormap:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["plasma"](np.linspace(0, _DARK_PART, 256)), name="dark plasma")
