"""Trainings that SIGKILL ends, each in a process of its own, for test_checkpoint.py.

Run as a script with a folder: in it, for each of NETWORKS and every point at which its training is killed, a folder
with what is left. It prints the signals that ended the trainings, a line for each network.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier

LENGTH = 24
N_POINTS = 6
# The functions around which a save, or its removal at the end, could be torn, and the times that they are called.
SYSTEM_CALLS = {"fsync": (os.fsync, 2), "replace": (os.replace, 2), "unlink": (os.unlink, 2)}

EVERYTHING = {
    "max_epochs": 4,
    "batch_size": 10,
    "lr": 0.02,
    "sampling": "balanced",
    "augmenter": CCDNoiseAugmenter(),
    "validation_fraction": 0.3,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}
DENSE = {
    "n_dense_blocks": 2,
    "n_conv_blocks_per_dense_block": 1,
    "growth_rate": 2,
    "stem_channels": 3,
    "kernel_sizes": (1, 5),
}
NETWORKS = {
    "densenet": DenseNet1DClassifier(**DENSE, **EVERYTHING, lr_schedule="one-cycle"),
    "mlp": SpectrumMLPClassifier(hidden_layer_sizes=(8, 6), **EVERYTHING, lr_milestones=(1, 3)),
    "dbn": DBNClassifier(hidden_layer_sizes=(8, 6), pretrain_epochs=2, **EVERYTHING, patience=2, lr_schedule=None),
}


def make_bumps(n=30, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    bump = np.exp(-0.5 * ((np.arange(LENGTH) - np.array([5, 12, 19])[y][:, None]) / 2) ** 2)
    return (0.2 + 0.6 * bump + rng.uniform(-0.2, 0.2, (n, LENGTH))).astype(np.float32), y


X, Y = make_bumps()


def in_a_child(classifier, profile):
    """Train in a child process under the profile function and return the signal that ended it, 0 for none."""
    child = os.fork()
    if child == 0:
        try:
            sys.setprofile(profile)
            classifier.fit(X, Y)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_after_calls(n_calls):
    """Kill the process at the given one of its function calls."""

    def profile(frame, event, function):
        nonlocal n_calls
        if event in ("call", "c_call"):
            n_calls -= 1
            if n_calls == 0:
                kill()

    return profile


def kill_at(event, function, n_times):
    """Kill the process before ("c_call") or after ("c_return") the given call of a function."""

    def profile(frame, at_event, at_function):
        nonlocal n_times
        if at_event == event and at_function is function:
            n_times -= 1
            if n_times == 0:
                kill()

    return profile


def count_calls(classifier):
    """The number of function calls in a training."""
    read, write = os.pipe()
    n_calls = 0

    def profile(frame, event, function):
        nonlocal n_calls
        if function is os._exit:
            sys.setprofile(None)
            os.write(write, str(n_calls).encode())
        n_calls += event in ("call", "c_call")

    in_a_child(classifier, profile)
    os.close(write)
    with os.fdopen(read) as pipe:
        return int(pipe.read())


def load_what_pytorch_loads_late():
    """A step of an optimiser imports hundreds of modules, once for all children. (A gradient would forbid to fork.)"""
    parameter = torch.zeros(1, requires_grad=True)
    parameter.grad = torch.zeros(1)
    torch.optim.Adam([parameter]).step()


def kill_everywhere(name, folder):
    """Return the signals that ended the trainings."""

    def classifier(place):
        return NETWORKS[name].set_params(checkpoint_dir=str(Path(folder) / name / place))

    n_calls = count_calls(classifier("none"))
    signals = []
    for i in range(N_POINTS):
        signals.append(in_a_child(classifier(f"call {i}"), kill_after_calls(round(n_calls * (i + 0.5) / N_POINTS))))
    for event in ("c_call", "c_return"):
        for function_name, (function, n_times) in SYSTEM_CALLS.items():
            place = f"{event} of {function_name}"
            signals.append(in_a_child(classifier(place), kill_at(event, function, n_times)))
    for _ in range(3):
        signals.append(in_a_child(classifier("three times"), kill_after_calls(n_calls // 2)))
    return signals


if __name__ == "__main__":
    load_what_pytorch_loads_late()
    for name in NETWORKS:
        print(*kill_everywhere(name, sys.argv[1]))
