"""Checkpoints: saves that fail, Ctrl-C, damaged files and callbacks."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoint_cases import assert_same_model, crash, in_epoch, small, trained_epochs
from killed_training import X, Y
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping

from skspectra.neural_network._training._net import DivergenceError

# --- Saves that fail ---


def test_a_failed_save_leaves_the_last_good_one(tmp_path):
    resource = pytest.importorskip("resource")
    classifier = small(tmp_path)
    crash(classifier, epoch=2)
    [path] = tmp_path.glob("*.pt")
    good = path.read_bytes()

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(good) // 2, limits[1]))  # as a disk that is full half-way
    try:
        with pytest.warns(RuntimeWarning, match="No checkpoint could be saved in checkpoint_dir=.*the last complete"):
            crash(classifier, epoch=4)
        assert path.read_bytes() == good
        assert not list(tmp_path.glob("*.tmp"))
        with pytest.warns(RuntimeWarning, match="No checkpoint could be saved"):
            assert_same_model(classifier.fit(X, Y), small().fit(X, Y))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_disk_that_fails(function, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, function, fail)
    with pytest.warns(RuntimeWarning, match="Input/output error"):
        assert_same_model(small(tmp_path).fit(X, Y), small().fit(X, Y))


def test_a_folder_that_cannot_be_written_is_an_error_at_once(tmp_path):
    (tmp_path / "file").write_text("no folder")

    with pytest.raises(ValueError, match=r"checkpoint_dir=.*file' cannot be used: it must be a folder"):
        small(tmp_path / "file").fit(X, Y)


def test_type_of_the_folder():
    with pytest.raises(ValueError, match="The 'checkpoint_dir' parameter of SpectrumMLPClassifier must be"):
        small(5).fit(X, Y)


def test_a_training_that_diverges_leaves_no_checkpoint(tmp_path, monkeypatch):
    in_epoch(monkeypatch, 3, DivergenceError("The train loss became nan in epoch 3."))
    with pytest.raises(ValueError, match=r"became nan in epoch 3"):
        small(tmp_path).fit(X, Y)

    assert list(tmp_path.iterdir()) == []


# --- Ctrl-C ---


def test_an_interrupted_training_can_go_on(tmp_path, monkeypatch):
    classifier = small(tmp_path)
    with monkeypatch.context() as patch:
        in_epoch(patch, 3, KeyboardInterrupt())
        with pytest.warns(ConvergenceWarning, match=r"interrupted after 2 of 4 .* fit resumes from its checkpoint"):
            classifier.fit(X, Y)

    assert classifier.best_epoch_ in (1, 2)
    assert classifier.predict(X).shape == Y.shape
    assert trained_epochs(classifier, X, Y) == [3, 4]
    assert_same_model(classifier, small().fit(X, Y))


def test_an_interrupt_in_the_middle_of_a_save(tmp_path, monkeypatch):
    fsync, n_calls = os.fsync, 0

    def interrupt(file):
        nonlocal n_calls
        n_calls += 1
        if n_calls == 2:
            raise KeyboardInterrupt
        fsync(file)

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.warns(ConvergenceWarning, match="interrupted after 2 of 4 epochs"):
        classifier = small(tmp_path).fit(X, Y)

    assert not list(tmp_path.glob("*.tmp"))
    # The first save stands.
    assert trained_epochs(classifier, X, Y) == [2, 3, 4]
    assert_same_model(classifier, small().fit(X, Y))


# --- Files that are not what they should be ---


def truncate(content):
    return content[: len(content) // 2]


def flip(content):
    return content[:2000] + bytes([content[2000] ^ 255]) + content[2001:]


@pytest.mark.parametrize("damage", [truncate, flip, lambda content: b"", lambda content: b"text"])
def test_a_damaged_file(damage, tmp_path):
    crash(small(tmp_path))
    [path] = tmp_path.glob("*.pt")
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(ValueError, match="cannot be read; delete it to train from the beginning"):
        small(tmp_path).fit(X, Y)
    path.unlink()
    assert_same_model(small(tmp_path).fit(X, Y), small().fit(X, Y))


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("malicious",)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_no_code_of_a_file_is_run(save, tmp_path, monkeypatch):
    crash(small(tmp_path / "checkpoints"))
    [path] = (tmp_path / "checkpoints").glob("*.pt")
    state = torch.load(path, weights_only=True)
    save({**state, "history": Malicious()}, path)

    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="cannot be read"):
        small(tmp_path / "checkpoints").fit(X, Y)
    assert not Path("malicious").exists()


def test_a_file_of_another_training_under_this_one_s_name(tmp_path):
    crash(small(tmp_path / "other", lr=0.5))
    crash(small(tmp_path / "this"))
    [other], [this] = ((tmp_path / name).glob("*.pt") for name in ("other", "this"))
    other.replace(this)

    with pytest.raises(ValueError, match="belongs to another training"):
        small(tmp_path / "this").fit(X, Y)


# --- Callbacks ---


class Count(Callback):
    """Counts epochs, with a state."""

    def on_train_begin(self, net, **kwargs):
        self.n_ = np.int64(0)

    def on_epoch_end(self, net, **kwargs):
        self.n_ += 1
        net.history.record("count", self.n_)

    def state_dict(self):
        return {"n": self.n_, "array": np.arange(3)}

    def load_state_dict(self, state):
        assert state["array"].tolist() == [0, 1, 2]
        self.n_ = state["n"]


def test_callbacks_with_a_state_go_on(tmp_path):
    classifier = small(tmp_path, callbacks=[Count(), GradientNormClipping(1.0)])
    crash(classifier)

    classifier.fit(X, Y)

    assert [row["count"] for row in classifier.net_.history] == [1, 2, 3, 4]
    assert_same_model(classifier, small(callbacks=[GradientNormClipping(1.0)]).fit(X, Y))


def test_callbacks_that_begin_anew_are_named(tmp_path):
    classifier = small(tmp_path, callbacks=[EarlyStopping()])
    crash(classifier)

    with pytest.warns(RuntimeWarning, match="the callback EarlyStopping starts again"):
        classifier.fit(X, Y)


def test_callbacks_are_part_of_the_training(tmp_path):
    crash(small(tmp_path, callbacks=[GradientNormClipping(1.0)]))

    assert trained_epochs(small(tmp_path, callbacks=[GradientNormClipping(2.0)]), X, Y) == [1, 2, 3, 4]


def test_callbacks_must_be_recognised(tmp_path):
    callback = GradientNormClipping(1.0)
    callback.function = lambda: None

    with pytest.raises(ValueError, match="With checkpoint_dir every parameter must be picklable"):
        small(tmp_path, callbacks=[callback]).fit(X, Y)


class RecordAnything(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.history.record("anything", object())


def test_only_plain_values_are_saved(tmp_path):
    with pytest.raises(TypeError, match="cannot be part of a checkpoint"):
        small(tmp_path, callbacks=[RecordAnything()]).fit(X, Y)
