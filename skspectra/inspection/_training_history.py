"""Figure of a network's training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._unwrap import last_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito's colours, which colour-blind readers can distinguish; line styles distinguish the curves in grey print.
_BLUE, _VERMILION, _GREEN = "#0072B2", "#D55E00", "#009E73"


class TrainingHistoryDisplay:
    """Training and validation loss, validation score and learning rate against the epoch, with the best epoch.

    Use `from_estimator` to create a display.

    Parameters
    ----------
    history : list of dict
        `history_` of a network: for each epoch "epoch", "train_loss", "lr" and, with validation, "valid_loss" and
        "valid_score".
    best_epoch : int or None, default=None
        The epoch whose weights are kept; None marks none.

    Attributes
    ----------
    epoch, train_loss, lr, valid_loss, valid_score : ndarray of shape (n_epochs,)
        The columns of the history; `valid_loss` and `valid_score` are None without validation.
    ax_ : matplotlib Axes
        Axes of the loss.
    score_ax_ : matplotlib Axes or None
        Axes of the validation score, below it; None without validation, or if `plot` was given axes.
    lr_ax_ : matplotlib Axes or None
        Axes of the learning rate, at the bottom; None if `plot` was given axes.
    figure_ : matplotlib Figure
        The figure.

    See Also
    --------
    skspectra.neural_network.DenseNet1DClassifier : A network that keeps such a history.

    Examples
    --------
    >>> from skspectra.inspection import TrainingHistoryDisplay
    >>> history = [
    ...     {"epoch": 1, "train_loss": 0.9, "lr": 0.01, "valid_loss": 0.8, "valid_score": 0.6},
    ...     {"epoch": 2, "train_loss": 0.5, "lr": 0.001, "valid_loss": 0.6, "valid_score": 0.8},
    ... ]
    >>> display = TrainingHistoryDisplay(history, best_epoch=2).plot()
    >>> display.ax_.get_ylabel()
    'Cross-entropy'
    """

    def __init__(self, history: list[dict[str, Any]], *, best_epoch: int | None = None) -> None:
        if len(history) == 0:
            raise ValueError("history is empty; it must contain at least one epoch.")
        self.history = history
        self.best_epoch = best_epoch
        self.epoch = np.array([row["epoch"] for row in history])
        self.train_loss = np.array([row["train_loss"] for row in history])
        self.lr = np.array([row["lr"] for row in history])
        validated = "valid_loss" in history[0]
        self.valid_loss = np.array([row["valid_loss"] for row in history]) if validated else None
        self.valid_score = np.array([row["valid_score"] for row in history]) if validated else None

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> Self:
        """Draw the training of a fitted network.

        Parameters
        ----------
        estimator : DenseNet1DClassifier or another network of the package, or Pipeline that ends in one
            Fitted.
        ax : matplotlib Axes, default=None
            Axes for the loss alone. None creates a figure with loss, validation score and learning rate.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display that was drawn.

        Raises
        ------
        TypeError
            If `estimator` keeps no history.
        NotFittedError
            If it is not fitted.
        """
        classifier = last_step(estimator)
        check_is_fitted(classifier)
        if not hasattr(classifier, "history_"):
            raise TypeError(f"estimator must have history_, got {type(classifier).__name__}.")
        return cls(classifier.history_, best_epoch=classifier.best_epoch_).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes for the loss alone. None creates a figure with loss, validation score and learning rate.

        Returns
        -------
        display : TrainingHistoryDisplay
            The display itself.
        """
        import matplotlib.pyplot as plt

        self.score_ax_ = self.lr_ax_ = None
        if ax is None:
            n_rows = 2 if self.valid_score is None else 3
            heights = [3, 1.5, 1] if n_rows == 3 else [3, 1]
            _, axes = plt.subplots(
                n_rows,
                sharex=True,
                figsize=(5, 1.6 + 1.2 * n_rows),
                height_ratios=heights,
                layout="constrained",
            )
            ax, self.lr_ax_ = axes[0], axes[-1]
            self.score_ax_ = axes[1] if n_rows == 3 else None
        self.ax_, self.figure_ = ax, ax.figure
        marker = "o" if len(self.epoch) == 1 else None

        ax.plot(self.epoch, self.train_loss, color=_BLUE, marker=marker, label="Training")
        if self.valid_loss is not None:
            ax.plot(self.epoch, self.valid_loss, "--", color=_VERMILION, marker=marker, label="Validation")
        ax.set_ylabel("Cross-entropy")
        if self.score_ax_ is not None:
            self.score_ax_.plot(self.epoch, self.valid_score, "--", color=_VERMILION, marker=marker)
            self.score_ax_.set_ylabel("Macro F1")
        if self.lr_ax_ is not None:
            self.lr_ax_.plot(self.epoch, self.lr, color=_GREEN, marker=marker, drawstyle="steps-mid")
            self.lr_ax_.set(ylabel="Learning rate", yscale="log")
        panels = [panel for panel in (ax, self.score_ax_, self.lr_ax_) if panel is not None]
        panels[-1].set_xlabel("Epoch")
        panels[-1].locator_params(axis="x", integer=True)
        if self.best_epoch is not None:
            for panel in panels:
                panel.axvline(self.best_epoch, color="0.4", linestyle=":", label=f"Kept epoch ({self.best_epoch})")
        ax.legend()
        self.figure_.align_ylabels(panels)
        return self
