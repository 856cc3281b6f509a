"""Checkpoints: going on, and what a training is recognised by."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoint_cases import X_NEW, Y_NEW, assert_same_model, crash, small, trained_epochs
from killed_training import NETWORKS, X, Y
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skspectra.neural_network import _dbn
from skspectra.neural_network._training._checkpoint import CheckpointFile, fingerprint

# --- Going on ---


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The signals that ended the trainings of each network, and the folder with what they left."""
    if not hasattr(os, "fork"):
        pytest.skip("kills processes that are forked")
    folder = tmp_path_factory.mktemp("killed")
    command = [sys.executable, str(Path(__file__).with_name("killed_training.py")), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    signals = [[int(value) for value in line.split()] for line in done.stdout.splitlines()]
    return dict(zip(NETWORKS, signals, strict=True)), folder


@pytest.mark.parametrize("name", NETWORKS)
def test_killed_at_any_moment(name, killed):
    signals, folders = killed
    expected = clone(NETWORKS[name]).fit(X, Y)

    # Every training was killed, but that the last of three may have come to its end.
    assert set(signals[name][:-1]) == {signal.SIGKILL}
    # Here, in another process than those that were killed.
    for folder in (folders / name).iterdir():
        classifier = clone(NETWORKS[name]).set_params(checkpoint_dir=folder).fit(X, Y)
        assert_same_model(classifier, expected)
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", NETWORKS)
def test_only_the_epochs_that_are_left_are_trained(name, tmp_path):
    classifier = clone(NETWORKS[name]).set_params(checkpoint_dir=tmp_path, patience=None)
    crash(classifier, epoch=3)

    assert trained_epochs(classifier, X, Y) == [3, 4]


def test_a_finished_training_leaves_nothing(tmp_path):
    folder = tmp_path / "made" / "where it is missing"
    classifier = small(folder).fit(X, Y)

    assert list(folder.iterdir()) == []
    assert_same_model(classifier, small().fit(X, Y))
    assert trained_epochs(classifier, X, Y) == [1, 2, 3, 4]


def test_pre_training_is_not_repeated(tmp_path, monkeypatch):
    classifier = clone(NETWORKS["dbn"]).set_params(checkpoint_dir=tmp_path)
    expected = clone(classifier).set_params(checkpoint_dir=None).fit(X, Y)
    crash(classifier, epoch=1)

    monkeypatch.setattr(_dbn, "RestrictedBoltzmannMachine", None)
    assert_same_model(classifier.fit(X, Y), expected)
    for errors, again in zip(classifier.reconstruction_errors_, expected.reconstruction_errors_, strict=True):
        np.testing.assert_array_equal(errors, again)


def test_patience_goes_on(tmp_path):
    params = {"max_epochs": 50, "patience": 2, "lr": 1e-6, "lr_schedule": None}
    validation = {"X_val": X_NEW, "y_val": np.roll(Y_NEW, 1)}
    expected = small(**params).fit(X, Y, **validation)
    n_epochs = len(expected.history_)

    assert 2 < n_epochs < 50
    for epoch in range(2, n_epochs + 1):
        crash(small(tmp_path, **params), epoch=epoch, **validation)
        assert_same_model(small(tmp_path, **params).fit(X, Y, **validation), expected)


def test_without_a_seed_the_same_training_goes_on(tmp_path):
    classifier = small(tmp_path, random_state=None)
    crash(classifier)
    [path] = tmp_path.glob("*.pt")
    saved = torch.load(path, weights_only=True)

    classifier.fit(X, Y)

    # The part for validation and the initial weights are those of the seed that was drawn at first.
    assert_same_model(classifier, small(random_state=np.random.RandomState(saved["seed"])).fit(X, Y))


def test_without_a_seed_every_training_is_another(tmp_path):
    first, second = (small(tmp_path, random_state=None).fit(X, Y) for _ in range(2))

    assert first.history_[0]["train_loss"] != second.history_[0]["train_loss"]


def test_a_random_state_instance_goes_on(tmp_path):
    crash(small(tmp_path, random_state=np.random.RandomState(5)))

    classifier = small(tmp_path, random_state=np.random.RandomState(5))
    assert trained_epochs(classifier, X, Y) == [3, 4]
    assert_same_model(classifier, small(random_state=np.random.RandomState(5)).fit(X, Y))


def test_the_global_random_states_are_left_alone(tmp_path):
    before = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002

    crash(small(tmp_path))
    small(tmp_path).fit(X, Y)

    assert torch.equal(torch.get_rng_state(), before[0])
    assert pickle.dumps(np.random.get_state()) == pickle.dumps(before[1])  # noqa: NPY002


def test_the_progress_bar_goes_on(tmp_path, capsys):
    crash(small(tmp_path, verbose=1))

    small(tmp_path, verbose=1).fit(X, Y)

    # Four epochs of the 21 spectra that are not for validation.
    assert "84.0/84.0" in capsys.readouterr().err


# --- What a training is recognised by ---


def test_another_way_to_watch_is_the_same_training(tmp_path, capsys):
    crash(small(tmp_path))

    assert trained_epochs(small(tmp_path, verbose=1), X, Y) == [3, 4]


@pytest.mark.parametrize("mode", ["r", "c"])
def test_memory_mapped_spectra_are_the_same_as_in_memory(mode, tmp_path):
    np.save(tmp_path / "flux.npy", X)
    crash(small(tmp_path / "checkpoints"))

    mapped = np.load(tmp_path / "flux.npy", mmap_mode=mode)
    assert trained_epochs(small(tmp_path / "checkpoints"), mapped, Y) == [3, 4]


def changed(array, value):
    array = array.copy()
    array.flat[-1] = value
    return array


OTHER = {
    "parameter": (small(lr=0.03), {}),
    "seed": (small(random_state=1), {}),
    "strength of the noise": (small(augmenter=NETWORKS["mlp"].augmenter.__class__(electronic_noise=0.5)), {}),
    "one flux": (small(), {"X": changed(X, 0.123)}),
    "one label": (small(), {"y": changed(Y, 0)}),
    "names of the classes": (small(), {"y": np.array(["a", "b", "c"])[Y]}),
    "weights": (small(), {"sample_weight": np.arange(30.0)}),
    "validation": (small(), {"X_val": X_NEW, "y_val": Y_NEW}),
    "class": (clone(NETWORKS["dbn"]), {}),
}


@pytest.mark.parametrize("what", OTHER)
def test_another_training_does_not_go_on(what, tmp_path):
    crash(small(tmp_path))
    left = sorted(tmp_path.iterdir())
    other, data = OTHER[what]
    data = {"X": X, "y": Y, **data}

    classifier = clone(other).set_params(checkpoint_dir=tmp_path).fit(**data)

    assert_same_model(classifier, clone(other).fit(**data))
    assert sorted(tmp_path.iterdir()) == left
    assert trained_epochs(small(tmp_path), X, Y) == [3, 4]


def test_warm_start_from_other_weights_is_another_training(tmp_path):
    first, second = (small(warm_start=True, random_state=seed).fit(X, Y) for seed in (0, 1))
    expected = pickle.loads(pickle.dumps(first)).set_params(random_state=2).fit(X, Y)
    first, second = (c.set_params(checkpoint_dir=tmp_path, random_state=2) for c in (first, second))
    crash(first)

    assert trained_epochs(second, X, Y) == [1, 2, 3, 4]
    assert trained_epochs(first, X, Y) == [3, 4]
    assert_same_model(first, expected)


def test_the_fingerprint_sees_every_flux():
    flux = np.zeros((1000, 100), np.float32)

    assert fingerprint(flux) == fingerprint(flux.copy())
    assert fingerprint(flux) != fingerprint(changed(flux, 1e-30))


def test_equal_trainings_at_the_same_time_have_files_of_their_own(tmp_path):
    with CheckpointFile(tmp_path, "name", "abc") as first, CheckpointFile(tmp_path, "name", "abc") as second:
        assert first.path != second.path
        second.save({"value": 2})
    # The first one is free again, but the second one has something to go on from.
    with CheckpointFile(tmp_path, "name", "abc") as again:
        assert again.path == second.path
        assert again.state["value"] == 2


def test_grid_search(tmp_path):
    search = GridSearchCV(small(tmp_path), {"lr": [0.01, 0.02]}, cv=2).fit(X, Y)

    assert_same_model(search.best_estimator_, small(**search.best_params_).fit(X, Y))
    assert list(tmp_path.iterdir()) == []
