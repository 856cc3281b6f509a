"""Replayed training steps. The capture is replaced by one that calls the function again, which a CPU can do."""

import pickle

import numpy as np
import pytest
import torch
from densenet_cases import X_VAL, Y_VAL, X, Y, assert_same_model, small, state
from sklearn.base import clone
from skorch.callbacks import Callback, GradientNormClipping

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.neural_network import DBNClassifier, SpectrumMLPClassifier
from skspectra.neural_network._training import _passes


@pytest.fixture
def replays(monkeypatch):
    """Train as on a GPU; the list grows by one entry, the number of graphs so far, for every replayed step."""
    launched, recorded = [], []

    def record(function, pool):
        recorded.append(function)

        def launch():
            launched.append(len(recorded))
            function()

        return launch, "pool"

    monkeypatch.setattr(_passes, "record", record)
    monkeypatch.setattr(_passes, "can_be_replayed", lambda module, device, draws: True)
    return launched


def ordinary(classifier, *args, **fit_params):
    """Fit a clone with ordinary steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_passes, "can_be_replayed", lambda module, device, draws: False)
        return clone(classifier).fit(*args, **fit_params)


class FreezeInTheSecondEpoch(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 2:
            net.module_.classifier.weight.requires_grad_(False)


OPTIONS = {
    "plain": {},
    "class weights": {"class_weight": {0: 1, 1: 5, 2: 0.5}},
    "balanced draws and noise": {"sampling": "balanced", "augmenter": CCDNoiseAugmenter()},
    "one cycle": {"lr_schedule": "one-cycle"},
    "steps of the rate": {"lr_schedule": "step", "lr_milestones": (1, 2)},
    "weight decay": {"weight_decay": 0.1},
    "validation": {"validation_fraction": 0.3, "patience": 1},
    "batches that differ by one spectrum": {"batch_size": 7},
    "clipped gradients": {"callbacks": [GradientNormClipping(0.1)]},
    "a layer frozen in the middle": {"callbacks": [FreezeInTheSecondEpoch()]},
}


@pytest.mark.parametrize("params", OPTIONS.values(), ids=OPTIONS)
def test_the_model_is_that_of_ordinary_steps(replays, params):
    classifier = small(max_epochs=4, **params)

    expected = ordinary(classifier, X, Y)
    assert replays == []
    assert_same_model(classifier.fit(X, Y), expected)
    assert len(replays) > 4

    for row, expected_row in zip(classifier.history_, expected.history_, strict=True):
        assert row | {"seconds": 0} == expected_row | {"seconds": 0}


def test_sample_weights_and_given_validation_spectra(replays):
    fit_params = {"sample_weight": Y + 1.0, "X_val": X_VAL, "y_val": Y_VAL}
    classifier = small(max_epochs=4)

    assert_same_model(classifier.fit(X, Y, **fit_params), ordinary(classifier, X, Y, **fit_params))
    assert replays


@pytest.mark.parametrize("network", [SpectrumMLPClassifier, DBNClassifier])
def test_other_networks(replays, network):
    classifier = network(hidden_layer_sizes=(8,), max_epochs=4, batch_size=10, device="cpu", random_state=0)

    expected = ordinary(classifier, X, Y)
    classifier.fit(X, Y)

    assert replays
    np.testing.assert_array_equal(classifier.predict_proba(X), expected.predict_proba(X))


def test_warm_start_and_checkpoint(replays, tmp_path):
    classifier = small(max_epochs=4, warm_start=True, checkpoint_dir=tmp_path)
    expected = ordinary(classifier, X, Y)

    assert_same_model(classifier.fit(X, Y), expected)
    assert_same_model(classifier.fit(X, Y), expected.fit(X, Y))


def test_each_shape_of_a_batch_has_its_graph(replays):
    small(max_epochs=4, batch_size=7).fit(X, Y)  # 30 spectra in batches of 6

    assert set(replays) == {1}
    replays.clear()
    small(max_epochs=4, batch_size=8).fit(X, Y)  # of 8, 8, 7 and 7

    assert set(replays) == {2, 3}


def test_a_callback_may_keep_what_a_step_returned(replays):
    kept = []

    class Keep(Callback):
        def on_batch_end(self, net, loss, y_pred, **kwargs):
            kept.append((float(loss), loss, y_pred.clone(), y_pred))

        def __deepcopy__(self, memo):
            return self

    small(max_epochs=4, callbacks=[Keep()]).fit(X, Y)

    assert replays
    assert len(kept) == 12
    assert all(value == float(loss) and torch.equal(copy, logits) for value, loss, copy, logits in kept)


def test_a_capture_that_fails_is_a_warning_and_the_training_goes_on(replays, monkeypatch):
    def fail(function, pool):
        function()  # a part of the work may have been done
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(_passes, "record", fail)
    classifier = SpectrumMLPClassifier(
        hidden_layer_sizes=(8,), max_epochs=4, batch_size=10, device="cpu", random_state=0
    )
    expected = ordinary(classifier, X, Y)

    with pytest.warns(UserWarning, match="could not be captured as CUDA graphs.*not permitted") as warned:
        classifier.fit(X, Y)

    assert len(warned) == 1
    np.testing.assert_array_equal(classifier.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("replayed", [True, False])
def test_nothing_of_the_training_stays(replays, monkeypatch, replayed):
    monkeypatch.setattr(_passes, "can_be_replayed", lambda module, device, draws: replayed)
    classifier = small(max_epochs=4).fit(X, Y)

    assert not hasattr(classifier.net_, "passes_")
    assert all(parameter.grad is None for parameter in classifier.net_.module_.parameters())
    assert state(pickle.loads(pickle.dumps(classifier))).keys() == state(classifier).keys()


def test_which_modules_are_replayed():
    module, cuda = torch.nn.Sequential(torch.nn.Linear(3, 2)), torch.device("cuda")
    has_nvidia_gpus = torch.version.hip is None

    assert _passes.can_be_replayed(module, cuda, draws=False) == has_nvidia_gpus
    assert not _passes.can_be_replayed(module, torch.device("cpu"), draws=False)
    assert not _passes.can_be_replayed(module, torch.device("mps"), draws=False)
    assert not _passes.can_be_replayed(module, cuda, draws=True)  # a dropout
    module[0].register_forward_hook(print)
    assert not _passes.can_be_replayed(module, cuda, draws=False)


def test_rocm_is_not_replayed(monkeypatch):
    monkeypatch.setattr(torch.version, "hip", "6.0")

    assert not _passes.can_be_replayed(torch.nn.Linear(3, 2), torch.device("cuda"), draws=False)
