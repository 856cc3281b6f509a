"""What other code sets for all of PyTorch changes nothing: the same model, the same answers."""

import pickle
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from small_spectra import small_spectra

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.inspection import class_activation_map
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.neural_network._surroundings import own_surroundings

NETWORKS = {
    "MLP": SpectrumMLPClassifier(
        hidden_layer_sizes=(8,), max_epochs=2, validation_fraction=0.3, class_weight="balanced", random_state=0
    ),
    "DenseNet": DenseNet1DClassifier(
        n_dense_blocks=2,
        growth_rate=2,
        stem_channels=4,
        stem_stride=2,
        kernel_sizes=(1, 5),
        max_epochs=2,
        sampling="balanced",
        augmenter=CCDNoiseAugmenter(),
        lr_schedule="one-cycle",
        random_state=0,
    ),
    "DBN": DBNClassifier(hidden_layer_sizes=(8, 4), pretrain_epochs=1, max_epochs=2, random_state=0),
}
# The device "meta" holds no values: it stands for any other than the CPU.
SETTINGS = ["float64", "bfloat16", "device", "autocast", "inference mode", "no gradients"]


@contextmanager
def setting(name):
    if name == "autocast":
        with torch.autocast("cpu"):
            yield
    elif name == "inference mode":
        with torch.inference_mode():
            yield
    elif name == "no gradients":
        with torch.no_grad():
            yield
    else:
        try:
            if name == "device":
                torch.set_default_device("meta")
            else:
                torch.set_default_dtype(getattr(torch, name))
            yield
        finally:
            torch.set_default_dtype(torch.float32)
            torch.set_default_device(None)


@pytest.fixture(scope="module")
def spectra():
    return small_spectra(60)


@pytest.fixture(scope="module")
def fitted(spectra):
    return {name: network.fit(*spectra) for name, network in NETWORKS.items()}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("network", NETWORKS)
def test_networks(name, network, fitted, spectra):
    X, y = spectra
    expected = fitted[network].predict_proba(X)
    saved = pickle.dumps(fitted[network])
    with setting(name):
        np.testing.assert_array_equal(fitted[network].predict_proba(X), expected)
        loaded = pickle.loads(saved)
        np.testing.assert_array_equal(loaded.predict_proba(X), expected)
        again = NETWORKS[network].__class__(**NETWORKS[network].get_params(deep=False)).fit(X, y)
        np.testing.assert_array_equal(again.predict_proba(X), expected)
    assert {parameter.dtype for parameter in again.net_.module_.parameters()} == {torch.float32}
    assert {str(parameter.device) for parameter in loaded.net_.module_.parameters()} == {"cpu"}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("layer", [None, 0])
def test_maps(name, layer, fitted, spectra):
    X, _ = spectra
    expected = class_activation_map(fitted["DenseNet"], X[:4], layer=layer)
    with setting(name):
        np.testing.assert_array_equal(class_activation_map(fitted["DenseNet"], X[:4], layer=layer), expected)


def test_settings_stay_as_they_were():
    with setting("float64"), own_surroundings():
        assert torch.zeros(1).dtype == torch.float32
        assert torch.tensor(0.5).dtype == torch.float32
        assert torch.tensor(np.array(0.5)).dtype == torch.float64  # the dtype of an array stays
        assert torch.full((2,), 3).dtype == torch.int64
        assert torch.zeros(1, dtype=torch.float64).dtype == torch.float64
        assert torch.get_default_dtype() == torch.float64
    with setting("device"):
        with own_surroundings():
            assert torch.arange(3).device.type == "cpu"
            assert torch.zeros(1, device="meta").device.type == "meta"
        assert torch.zeros(1).device.type == "meta"
