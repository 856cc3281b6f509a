"""The skorch net that trains every classifier of the package."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from sklearn.metrics import f1_score
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EpochTimer
from torch.nn import functional as F

from .._device import compute_dtype
from ._batches import SpectrumBatches
from ._passes import Passes, make_passes
from ._seeded_random import SeededRandom


class DivergenceError(ValueError):
    """A training whose loss or whose answers became NaN or infinite."""


class SpectrumNet(NeuralNetClassifier):
    """A skorch net whose batches come from `SpectrumBatches`.

    `fit` is called with a pair of them, for training and for validation (or None). Losses are summed on the device
    and read once an epoch, so that a GPU is never waited for inside one, and the history keeps epochs, not batches.

    Attributes
    ----------
    seed_ : int
        What the weights were drawn with, and what the module draws with in training.
    passes_ : callable
        Computes the gradients, the loss and the logits of a batch, as long as the training lasts.
    draws_ : bool
        Whether the module draws random numbers in training. Only then it is trained with a generator of its own, for
        which Python looks at every operator.
    stop_reason_ : {"max_epochs", "patience", "callback", "interrupt"}
        Why the training ended. skorch ends it by KeyboardInterrupt, which its callbacks raise at the end of an epoch,
        and Ctrl-C at any time.
    """

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        self.passes_: Passes = make_passes(self.module_, self.get_loss, torch.device(self.device), self.draws_)
        try:
            super().fit_loop(X, y, epochs, **fit_params)
        finally:
            del self.passes_
            self.module_.zero_grad()  # the gradients are no longer needed
        self.stop_reason_ = "max_epochs"
        return self

    def train_step_single(self, batch, **fit_params):
        loss, logits = self.passes_(batch)
        return {"loss": loss, "y_pred": logits}

    def on_epoch_begin(self, net, **kwargs):
        super().on_epoch_begin(net, **kwargs)
        self.stop_reason_ = "interrupt"

    def on_epoch_end(self, net, **kwargs):
        super().on_epoch_end(net, **kwargs)
        self.stop_reason_ = "callback"

    def initialize_seeded(self, seed: int) -> None:
        """Initialise the module's weights; the random state of the process stays as it is."""
        self.seed_ = seed
        with SeededRandom(seed):
            self.initialize()

    @property
    def _default_callbacks(self):
        return [("epoch_timer", EpochTimer())]

    def check_data(self, X, y=None):
        """The estimator has checked the data."""

    def get_split_datasets(self, X, y=None, **fit_params):
        return X

    def get_iterator(self, dataset, training=False):
        # The net's own predict takes arrays.
        return dataset if isinstance(dataset, SpectrumBatches) else super().get_iterator(dataset, training)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        labels, weights = y_true
        if weights is None:
            return F.cross_entropy(y_pred, labels)
        # The weights have mean 1 over the training set; the mean over a batch is no part of the loss.
        return (F.cross_entropy(y_pred, labels, reduction="none") * weights).mean()

    def how_to_converge(self) -> str:
        return f"Lower lr (now {self.lr}) or scale the spectra, for example with MinMaxSpectrumScaler."

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        if iterator is None:
            return
        total, n_batches, labels, weights, logits = 0.0, 0, [], [], []
        # Each epoch has a seed of its own, so that a training that is resumed gives the same model.
        drawing = SeededRandom(self.seed_ + len(self.history)) if training and self.draws_ else nullcontext()
        with drawing:
            for batch in iterator:
                self.notify("on_batch_begin", batch=batch, training=training)
                step = step_fn(batch, **fit_params)
                total = total + step["loss"] * len(batch[0])
                n_batches += 1
                if not training:
                    labels.append(batch[1][0])
                    weights.append(batch[1][1])
                    logits.append(step["y_pred"])
                self.notify("on_batch_end", batch=batch, training=training, **step)
        loss = float(total) / len(iterator)
        if not math.isfinite(loss):
            raise DivergenceError(
                f"The {prefix} loss became {loss} in epoch {len(self.history)}. {self.how_to_converge()}"
            )
        # With skorch's names of the figures, its checkpoints and early stopping work.
        earlier = self.history[:-1, f"{prefix}_loss"] if len(self.history) > 1 else []
        self.history.record(f"{prefix}_loss", loss)
        self.history.record(f"{prefix}_loss_best", loss < min(earlier, default=math.inf))
        self.history.record(f"{prefix}_batch_count", n_batches)
        if training:
            self.history.record("lr", self.optimizer_.param_groups[0]["lr"])
        else:
            y_true, y_pred = torch.cat(labels).cpu(), torch.cat(logits).argmax(1).cpu()
            weight = None if weights[0] is None else torch.cat(weights).cpu()
            score = float(f1_score(y_true, y_pred, average="macro", sample_weight=weight, zero_division=0))
            scores = self.history[:-1, "valid_score"] if len(self.history) > 1 else []
            self.history.record("valid_score", score)
            self.history.record("valid_score_best", score > max(scores, default=-math.inf))


def make_net(
    estimator: Any,
    module_params: dict[str, Any],
    classes: np.ndarray,
    device: torch.device,
    callbacks: list[Callback],
    *,
    trainable: bool = True,
) -> SpectrumNet:
    """Return the net of a classifier, which is not initialised yet.

    A net that only predicts has no optimiser: PyTorch imports its compiler for the first one, which takes a second.
    """
    optimizer = {
        "optimizer": torch.optim.Adam,
        "optimizer__weight_decay": estimator.weight_decay,
        "optimizer__fused": device.type in ("cpu", "cuda"),
    }
    return SpectrumNet(
        estimator.module_class,
        **{f"module__{name}": value for name, value in module_params.items()},
        module__compute_dtype=compute_dtype(estimator.precision, device),
        criterion=torch.nn.CrossEntropyLoss,  # what tells skorch that the network returns logits
        **(optimizer if trainable else {"optimizer": _no_optimizer}),
        lr=estimator.lr,
        max_epochs=estimator.max_epochs,
        batch_size=estimator.batch_size,
        classes=classes,
        callbacks=callbacks,
        device=str(device),
        verbose=0,
    )


def _no_optimizer(parameters: Any, lr: float) -> None:
    """Stand in for the optimiser, which skorch requires."""


def check_module(module: torch.nn.Module) -> None:
    """Raise TypeError if a module of the user's own is not one that can be used after its training."""
    missing = [name for name in ("forward_features", "classifier", "n_layers") if not hasattr(module, name)]
    if missing:
        raise TypeError(f"The module {type(module).__name__} lacks {', '.join(missing)}: see SpectrumModule.")
