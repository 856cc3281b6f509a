"""Small trainings that the tests of DenseNet1DClassifier share."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch.nn import functional as F

from skspectra.neural_network import DenseNet1DClassifier

LENGTH = 24


def make_lines(n=30, length=LENGTH, n_classes=3, seed=0):
    """Spectra with one line at a random place: emission, none or absorption (or steps between them)."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    centre = rng.uniform(0.3 * length, 0.7 * length, (n, 1))
    line = np.exp(-0.5 * ((np.arange(length) - centre) / 1.5) ** 2)
    X = 0.5 + np.linspace(0.5, -0.5, n_classes)[y][:, None] * line + rng.normal(0, 0.05, (n, length))
    return X.astype(np.float32), y


X, Y = make_lines()

X_VAL, Y_VAL = make_lines(n=21, seed=1)

BARE = DenseNet1DClassifier()

NAMES = np.array(["STAR", "GALAXY", "QSO"])


def small(**params):
    """A network that trains in a moment, on the device and in the precision that give the same numbers everywhere."""
    defaults = {
        "n_dense_blocks": 2,
        "n_conv_blocks_per_dense_block": 1,
        "growth_rate": 2,
        "stem_channels": 3,
        "stem_kernel_size": 3,
        "kernel_sizes": (1, 5),
        "max_epochs": 2,
        "batch_size": 10,
        "lr_schedule": None,
        "device": "cpu",
        "precision": "float32",
        "random_state": 0,
    }
    return DenseNet1DClassifier(**{**defaults, **params})


def state(classifier):
    return {name: tensor.clone() for name, tensor in classifier.net_.module_.state_dict().items()}


def assert_same_model(first, second):
    """The same weights and statistics to the last bit."""
    first, second = state(first), state(second)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def differ(first, second):
    first, second = state(first), state(second)
    return any(not torch.equal(first[name], second[name]) for name in first)


# A learning rate so small that nothing moves, and one batch: the loss can be computed afterwards.
FROZEN = {"lr": 1e-30, "max_epochs": 1, "batch_size": 64}


def cross_entropies(classifier, codes):
    """The loss of each spectrum in training mode, nothing having moved."""
    logits = classifier.net_.module_.train()(torch.from_numpy(X))
    return F.cross_entropy(logits, torch.from_numpy(codes), reduction="none").detach().double().numpy()


class Recorder(Callback):
    """Remembers every batch: its epoch, whether it trains, spectra, labels, weights and the learning rate."""

    def __init__(self):
        self.batches = []

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        flux, (labels, weights) = batch
        rate = net.optimizer_.param_groups[0]["lr"]
        self.batches.append((len(net.history), training, flux.numpy().copy(), labels.numpy().copy(), weights, rate))


def recorded(classifier, training=True):
    """What the recorder among the callbacks saw, as a list for each epoch."""
    [recorder] = [callback for _, callback in classifier.net_.callbacks_ if isinstance(callback, Recorder)]
    epochs = sorted({batch[0] for batch in recorder.batches})
    return [[batch[2:] for batch in recorder.batches if batch[:2] == (epoch, training)] for epoch in epochs]


class InterruptAt(Callback):
    """Press Ctrl-C at the given batch of training."""

    def __init__(self, n_batches):
        self.n_batches = n_batches

    def on_batch_begin(self, net, training=False, **kwargs):
        if training:
            self.n_batches -= 1
            if self.n_batches < 0:
                raise KeyboardInterrupt


class StopAfter(Callback):
    """End the training after an epoch, in skorch's way."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.n_epochs:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def fitted():
    """A classifier that has learnt its task; tests read it and leave it as it is."""
    X, y = make_lines(n=90)
    classifier = small(growth_rate=3, max_epochs=14, lr=0.03, lr_schedule="one-cycle", validation_fraction=0.2)
    return classifier.fit(X, NAMES[y])


def fit_with_a_best_epoch_before_the_last(**params):
    """With labels that say nothing, the best epoch is any: take the first seed whose best one is in the middle."""
    for random_state in range(20):
        params = {"max_epochs": 6, "lr": 0.1, **params, "random_state": random_state}
        classifier = small(**params).fit(X, Y, X_val=X_VAL, y_val=np.roll(Y_VAL, 1))
        if 1 < classifier.best_epoch_ < len(classifier.history_):
            return classifier, params
    raise AssertionError("no seed has its best epoch in the middle")
