"""Trainings that the tests of checkpoints share."""

import pytest
import torch
from killed_training import NETWORKS, X, Y, make_bumps
from sklearn.base import clone

from skspectra.neural_network._training._net import SpectrumNet

X_NEW, Y_NEW = make_bumps(seed=1)


def small(folder=None, **params):
    return clone(NETWORKS["mlp"]).set_params(checkpoint_dir=folder, **params)


def assert_same_model(first, second):
    """The same weights to the last bit, and the same history, durations apart."""
    weights, expected = (classifier.net_.module_.state_dict() for classifier in (first, second))
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    rows, expected_rows = ([{**row, "seconds": 0} for row in c.history_] for c in (first, second))
    assert rows == expected_rows
    assert first.best_epoch_ == second.best_epoch_


def in_epoch(monkeypatch, epoch, error):
    """Let the training end with an error in the given epoch."""
    run_single_epoch = SpectrumNet.run_single_epoch

    def run(net, *args, **kwargs):
        if len(net.history) == epoch:
            raise error
        return run_single_epoch(net, *args, **kwargs)

    monkeypatch.setattr(SpectrumNet, "run_single_epoch", run)


def crash(classifier, epoch=3, X=X, Y=Y, **fit_params):
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_epoch(monkeypatch, epoch, MemoryError("crash"))
        with pytest.raises(MemoryError, match="crash"):
            classifier.fit(X, Y, **fit_params)


def trained_epochs(classifier, *data, **fit_params):
    """Fit and return the epochs that were trained, not taken from a checkpoint."""
    epochs = []
    run_single_epoch = SpectrumNet.run_single_epoch

    def run(net, *args, training, **kwargs):
        if training:
            epochs.append(len(net.history))
        return run_single_epoch(net, *args, training=training, **kwargs)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(SpectrumNet, "run_single_epoch", run)
        classifier.fit(*data, **fit_params)
    return epochs
