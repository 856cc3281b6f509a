"""What a layer remembers between predictions: never more than its present weights say."""

import copy
import pickle

import pytest
import torch

from skspectra.neural_network import DenseNet1D
from skspectra.neural_network._modules import _remember

SPECTRA = torch.rand(5, 60, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def network():
    """A small network in evaluation mode that has predicted before, so that its layers remember."""
    torch.manual_seed(0)
    network = DenseNet1D(3, n_dense_blocks=2, growth_rate=4, stem_channels=4, kernel_sizes=(1, 5)).eval()
    predict(network)
    return network


def predict(network, spectra=SPECTRA):
    with torch.inference_mode():
        return network(spectra)


def forgetful(network):
    """Return the answers of a copy of a network, which has nothing to remember."""
    return predict(copy.deepcopy(network))


def scale_a_kernel(network):
    with torch.no_grad():
        network.dense_blocks[0].blocks[0][0].weights[1].mul_(2)


def replace_a_kernel(network):
    weights = network.dense_blocks[0].blocks[0][0].weights
    weights[1] = torch.nn.Parameter(2 * weights[1].detach())


def replace_the_data_twice(network):
    """Replace an array twice, whose second replacement may take the place of the first one in memory."""
    weight = network.dense_blocks[0].blocks[0][0].weights[1]
    weight.data = weight.detach() + 1
    weight.data = weight.detach() - 3


def load_other_weights(network):
    network.load_state_dict({name: tensor * 1.5 for name, tensor in network.state_dict().items()})


def shift_the_statistics(network):
    network.last_activation.running_mean.add_(0.5)


def train_a_step(network):
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    network(SPECTRA).square().sum().backward()
    optimizer.step()
    network.eval()


CHANGES = [
    scale_a_kernel,
    replace_a_kernel,
    replace_the_data_twice,
    load_other_weights,
    shift_the_statistics,
    train_a_step,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_changed_weights_give_other_answers(network, change):
    before = predict(network)
    change(network)
    assert not torch.allclose(predict(network), before)
    torch.testing.assert_close(predict(network), forgetful(network), rtol=0, atol=0)


def test_the_constants_are_computed_once(network, monkeypatch):
    def refuse(*args):
        raise AssertionError("computed again")

    expected = predict(network)
    monkeypatch.setattr("skspectra.neural_network._modules._blocks.prepare_kernels", refuse)
    monkeypatch.setattr("skspectra.neural_network._modules._blocks._normalisation", refuse)
    torch.testing.assert_close(predict(network), expected, rtol=0, atol=0)


def test_answers_are_those_of_the_path_with_gradients(network):
    torch.testing.assert_close(predict(network), network(SPECTRA).detach())


def test_gradients_of_the_weights_are_kept_in_evaluation_mode(network):
    network(SPECTRA).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_another_dtype_has_kernels_of_its_own(network):
    expected = predict(network)
    network.compute_dtype = torch.bfloat16
    rounded = predict(network)
    assert not torch.equal(rounded, expected)
    torch.testing.assert_close(rounded, forgetful(network), rtol=0, atol=0)
    network.compute_dtype = torch.float32
    torch.testing.assert_close(predict(network), expected, rtol=0, atol=0)


def test_a_copy_carries_nothing_along(network):
    n_layers = len(_remember._remembered)
    twin = pickle.loads(pickle.dumps(network))
    assert len(_remember._remembered) == n_layers
    scale_a_kernel(network)
    assert not torch.allclose(predict(network), predict(twin))
    del twin
    assert len(_remember._remembered) == n_layers


def test_weights_of_the_inference_mode(network):
    with torch.inference_mode():
        twin = copy.deepcopy(network)
        first = twin(SPECTRA)
        load_other_weights(twin)
        assert not torch.allclose(twin(SPECTRA), first)


def test_weights_of_a_functional_call(network):
    other = {name: 1.5 * tensor for name, tensor in network.state_dict().items()}
    before = predict(network)
    with torch.no_grad():
        called = torch.func.functional_call(network, other, (SPECTRA,))
    torch.testing.assert_close(predict(network), before, rtol=0, atol=0)
    network.load_state_dict(other)
    torch.testing.assert_close(predict(network), called, rtol=0, atol=0)
