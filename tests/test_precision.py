"""The parameter precision: which format "auto" takes, and what is said of one that the processor emulates."""

import pytest
import torch

from skspectra.neural_network import SpectrumMLPClassifier, _device
from skspectra.neural_network._device import compute_dtype

CPU = torch.device("cpu")


@pytest.fixture
def emulated(monkeypatch):
    monkeypatch.setattr(_device, "_is_faster_in_bfloat16", lambda device: False)


@pytest.fixture
def in_hardware(monkeypatch):
    monkeypatch.setattr(_device, "_is_faster_in_bfloat16", lambda device: True)


def test_auto_takes_a_format_of_the_hardware(in_hardware):
    assert compute_dtype("auto", torch.device("cuda")) == torch.bfloat16


def test_float32_is_faster_on_a_cpu():
    assert compute_dtype("auto", CPU) == torch.float32
    with pytest.warns(UserWarning, match=r"slower than float32 on cpu, which emulates it .* precision='auto' uses"):
        assert compute_dtype("bfloat16", CPU) == torch.bfloat16


def test_fit_warns_once(emulated):
    X, y = torch.rand(20, 30).numpy(), [0, 1] * 10
    network = SpectrumMLPClassifier(hidden_layer_sizes=(4,), max_epochs=1, precision="bfloat16", random_state=0)
    with pytest.warns(UserWarning, match="is slower than float32") as warned:
        network.fit(X, y).predict(X)
    assert len(warned) == 1


def test_a_format_of_the_hardware_is_not_warned_of(in_hardware):
    assert compute_dtype("bfloat16", CPU) == torch.bfloat16
