"""Callbacks of the training: best epoch, patience, progress bar and learning-rate schedule."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
from skorch.callbacks import BatchScoring, Callback, EpochScoring, InputShapeSetter, LRScheduler
from tqdm.auto import tqdm


class BestEpoch(Callback):
    """Keep the weights of the best validation epoch in memory and put them back at the end.

    The best epoch has the highest macro F1 and, among equal ones, the lowest loss.
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
    """End the training after `patience` epochs without improvement."""

    def __init__(self, best_epoch: BestEpoch, patience: int):
        self.best_epoch = best_epoch
        self.patience = patience

    def on_epoch_end(self, net, **kwargs):
        if net.history[-1]["epoch"] - self.best_epoch.epoch_ >= self.patience:
            net.stop_reason_ = "patience"
            raise KeyboardInterrupt  # how skorch ends a training from within


class Progress(Callback):
    """One progress bar over the whole training, followed by the figures of the last epoch."""

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
    """Learning-rate schedule whose position in the training can be saved; the rate is part of the optimiser's state."""

    def state_dict(self) -> dict[str, Any]:
        return {name: value for name, value in self.lr_scheduler_.state_dict().items() if name != "milestones"}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.lr_scheduler_.load_state_dict(state)


def make_callbacks(estimator: Any, n_batches: int, best_epoch: BestEpoch | None) -> list[Callback]:
    """Return the callbacks of a training in the order in which they are called."""
    schedule = _learning_rate_schedule(estimator, estimator.max_epochs * n_batches)
    # At the end of an epoch, BestEpoch is called before all other callbacks, and Patience, which ends the training,
    # after them.
    callbacks = [best_epoch, *copy.deepcopy(_check_callbacks(estimator.callbacks)), schedule]
    if estimator.verbose:
        callbacks.append(Progress())
    if estimator.patience is not None and best_epoch is not None:
        callbacks.append(Patience(best_epoch, estimator.patience))
    return [callback for callback in callbacks if callback is not None]


def _learning_rate_schedule(estimator: Any, n_steps: int) -> Callback | None:
    milestones = estimator.lr_milestones
    if not all(isinstance(epoch, int | np.integer) and epoch > 0 for epoch in milestones):
        raise ValueError(f"lr_milestones={milestones!r} is not allowed: epochs are positive integers.")
    if estimator.lr_schedule == "step":
        policy: type = torch.optim.lr_scheduler.MultiStepLR
        return Schedule(policy, milestones=[int(epoch) for epoch in milestones], gamma=0.1, event_name=None)
    if estimator.lr_schedule == "one-cycle":
        policy = torch.optim.lr_scheduler.OneCycleLR
        return Schedule(policy, max_lr=estimator.lr, total_steps=max(n_steps, 2), step_every="batch", event_name=None)
    return None


def _check_callbacks(callbacks: list | None) -> list:
    """Return the callbacks, alone or in pairs with their names, as a list."""
    for item in callbacks or []:
        callback = item[-1] if isinstance(item, tuple) and len(item) == 2 else item
        if isinstance(callback, EpochScoring | BatchScoring | InputShapeSetter):
            raise ValueError(
                f"callbacks has {type(callback).__name__}, which needs skorch's own batches; this network does not "
                "use them. With validation_fraction, or X_val and y_val, `history_` contains valid_loss and "
                "valid_score (macro F1) of every epoch. A callback of your own can compute another score in "
                "on_epoch_end."
            )
        if not isinstance(callback, Callback):
            raise ValueError(
                f"callbacks has {item!r}; callbacks must be instances of skorch.callbacks.Callback, or pairs of a name "
                "and an instance."
            )
    return callbacks or []
