"""The skorch net that trains every classifier of the package."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from sklearn.metrics import f1_score
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EpochTimer, LRScheduler
from torch.nn import functional as F
from tqdm.auto import tqdm

from ._batches import SpectrumBatches

# The columns of an estimator's history, and what skorch's history calls them.
HISTORY_COLUMNS = {
    "epoch": "epoch",
    "train_loss": "train_loss",
    "valid_loss": "valid_loss",
    "valid_score": "valid_score",
    "lr": "lr",
    "seconds": "dur",
}


class SpectrumNet(NeuralNetClassifier):
    """A skorch net whose batches come from `SpectrumBatches`.

    `fit` is called with a pair of them, for training and for validation (or None). Losses are summed on the device
    and read once an epoch, so that a GPU is never waited for inside one, and the history keeps epochs, not batches.
    """

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
        total, n_batches, labels, logits = 0.0, 0, [], []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            total = total + step["loss"].detach() * len(batch[0])
            n_batches += 1
            if not training:
                labels.append(batch[1][0])
                logits.append(step["y_pred"])
            self.notify("on_batch_end", batch=batch, training=training, **step)
        loss = float(total) / len(iterator)
        if not math.isfinite(loss):
            raise ValueError(f"The {prefix} loss became {loss} in epoch {len(self.history)}. {self.how_to_converge()}")
        # With skorch's names of the figures, its checkpoints and early stopping work.
        earlier = self.history[:-1, f"{prefix}_loss"] if len(self.history) > 1 else []
        self.history.record(f"{prefix}_loss", loss)
        self.history.record(f"{prefix}_loss_best", loss < min(earlier, default=math.inf))
        self.history.record(f"{prefix}_batch_count", n_batches)
        if training:
            self.history.record("lr", self.optimizer_.param_groups[0]["lr"])
        else:
            y_true, y_pred = torch.cat(labels).cpu(), torch.cat(logits).argmax(1).cpu()
            self.history.record("valid_score", float(f1_score(y_true, y_pred, average="macro", zero_division=0)))


class BestEpoch(Callback):
    """Keep the weights of the best validation epoch in memory and put them back at the end.

    Best is the highest macro F1; of equal ones the lowest loss.
    """

    def on_train_begin(self, net, **kwargs):
        self.rank_ = (-math.inf, -math.inf)
        self.epoch_ = 0
        self.weights_: dict[str, Any] | None = None

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        rank = (row["valid_score"], -row["valid_loss"])
        if rank > self.rank_:
            self.rank_, self.epoch_ = rank, row["epoch"]
            self.weights_ = copy.deepcopy(net.module_.state_dict())

    def state_dict(self) -> dict[str, Any]:
        return {"rank": self.rank_, "epoch": self.epoch_, "weights": self.weights_}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rank_, self.epoch_, self.weights_ = state["rank"], state["epoch"], state["weights"]

    def on_train_end(self, net, **kwargs):
        if self.weights_ is not None:
            net.module_.load_state_dict(self.weights_)
            self.weights_ = None


class Patience(Callback):
    """End the training `patience` epochs after the best one."""

    def __init__(self, best_epoch: BestEpoch, patience: int):
        self.best_epoch = best_epoch
        self.patience = patience

    def on_epoch_end(self, net, **kwargs):
        if net.history[-1]["epoch"] - self.best_epoch.epoch_ >= self.patience:
            raise KeyboardInterrupt  # how skorch ends a training from within


class Progress(Callback):
    """One progress bar over the whole training, with the figures of the last epoch behind it."""

    def on_train_begin(self, net, X=None, **kwargs):
        self.bar_ = tqdm(total=net.max_epochs * len(X[0]), unit=" spectra", unit_scale=True)

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        if training:
            self.bar_.update(len(batch[0]))

    def on_epoch_end(self, net, **kwargs):
        row = net.history[-1]
        names = {"epoch": "d", "train_loss": ".4f", "valid_loss": ".4f", "valid_score": ".4f"}
        self.bar_.set_postfix_str(
            ", ".join(f"{name} {row[name]:{form}}" for name, form in names.items() if name in row)
        )

    def on_train_end(self, net, **kwargs):
        self.bar_.close()
        del self.bar_

    def state_dict(self) -> dict[str, Any]:
        return {"n": self.bar_.n}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.bar_.initial = self.bar_.n = state["n"]


class Schedule(LRScheduler):
    """A learning-rate schedule whose place in the training can be saved. Its rate is part of the optimiser's state."""

    def state_dict(self) -> dict[str, Any]:
        return {name: value for name, value in self.lr_scheduler_.state_dict().items() if name != "milestones"}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.lr_scheduler_.load_state_dict(state)


def learning_rate_schedule(
    schedule: str | None, *, lr: float, milestones: list[int], factor: float, n_steps: int
) -> Callback | None:
    """The skorch callback of a learning-rate schedule; `n_steps` is the number of optimiser steps in the training."""
    if schedule == "step":
        policy: type = torch.optim.lr_scheduler.MultiStepLR
        return Schedule(policy, milestones=milestones, gamma=factor, event_name=None)
    if schedule == "one-cycle":
        policy = torch.optim.lr_scheduler.OneCycleLR
        return Schedule(policy, max_lr=lr, total_steps=max(n_steps, 2), step_every="batch", event_name=None)
    return None
