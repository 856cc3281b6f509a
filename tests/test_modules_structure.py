"""The torch modules: connections, cells, initial weights, prediction and fully connected layers."""

import math

import pytest
import torch
from module_cases import SMALL, network, spectra
from torch import nn

from skspectra.neural_network import DenseNet1D, Maps
from skspectra.neural_network._modules._blocks import PreActivation
from skspectra.neural_network._modules._mlp import MultilayerPerceptron

# --- Connections ---


def record(net, x):
    """Run a network and return what every module read and gave, by its name."""
    seen = {}

    def remember(name):
        def hook(module, inputs, output):
            if isinstance(output, Maps):
                read = inputs[0].values if isinstance(inputs[0], Maps) else inputs[0]
                seen[name] = read, output.values

        return hook

    handles = [module.register_forward_hook(remember(name)) for name, module in net.named_modules()]
    net(x)
    for handle in handles:
        handle.remove()
    return seen


def test_every_conv_block_reads_all_before_it_in_its_dense_block():
    seen = record(network(n_conv_blocks_per_dense_block=4).eval(), spectra(2, 40))

    for i in range(3):
        block_input, block_output = seen[f"dense_blocks.{i}"]
        so_far = [block_input]
        for j in range(4):
            read, made = seen[f"dense_blocks.{i}.blocks.{j}"]
            assert read.shape[2] == block_input.shape[2] + 3 * j
            torch.testing.assert_close(read, torch.cat(so_far, dim=2))
            so_far.append(made)
        torch.testing.assert_close(block_output, torch.cat(so_far, dim=2))


def test_extra_transitions_carry_the_input_of_a_dense_block_across_it():
    net = network(n_dense_blocks=5).eval()
    seen = record(net, spectra(2, 80))

    # Five dense blocks and four transitions: the first two scales have none before them to carry over.
    assert len(net.cross_transitions) == 3
    for i in range(1, 4):
        scale_before, _ = seen[f"dense_blocks.{i}"]
        read, carried = seen[f"cross_transitions.{i - 1}"]
        torch.testing.assert_close(read, net.cross_transitions[i - 1].activate(Maps.measure(scale_before, False)))
        assert carried.shape == (2, scale_before.shape[1] // 2, max(scale_before.shape[2] // 2, 4))
        own = seen[f"transitions.{i}"][1]
        torch.testing.assert_close(seen[f"dense_blocks.{i + 1}"][0], torch.cat([own, carried], dim=2))


@pytest.mark.parametrize(
    ("stem_channels", "compression", "n_read", "n_carried"),
    [(30, 0.5, 18, 9), (5, 1.0, 11, 11), (5, 0.5, 5, 4), (5, 0.01, 1, 4)],
)
def test_channels_of_an_extra_transition(stem_channels, compression, n_read, n_carried):
    # The first dense block adds 2 x 3 channels, the transition after it compresses: what is left is read here.
    net = network(stem_channels=stem_channels, compression=compression)

    assert net.cross_transitions[0].weight.shape == (n_carried, n_read, 1)


def test_without_extra_transitions_the_rest_is_as_it_was():
    params = {"n_dense_blocks": 4, "compression": 0.5}
    with_them, without = network(**params), network(**params, cross_transitions=False)
    carried = [len(crossing.weight) for crossing in with_them.cross_transitions]

    names, names_without = set(with_them.state_dict()), set(without.state_dict())
    assert names_without == {name for name in names if not name.startswith("cross_transitions")}

    def entrances(net):
        return [dense_block.blocks[0][0].weights[0].shape[1] for dense_block in net.dense_blocks]

    # 5 + 6 = 11 -> 5; 5 + 6 = 11 -> 5 and max(5 / 2, 4); (9 + 6) / 2 = 7 and 9 / 2
    assert entrances(with_them) == [5, 5, 5 + 4, 7 + 4]
    assert entrances(without) == [5, 5, 5, 5]
    assert carried == [4, 4]


def test_squeeze_and_excitation_can_be_left_out():
    assert any("excitation" in name for name in network().state_dict())
    assert not any("excitation" in name for name in network(se_reduction=None).state_dict())


def test_hidden_layer_of_the_excitation_has_four_units_at_least():
    net = network(stem_channels=32, se_reduction=4)
    excitation = net.dense_blocks[0].blocks[0][0].pre_activation.excitation
    assert excitation[0].out_features == 8

    net = network(stem_channels=5, se_reduction=4)
    excitation = net.dense_blocks[0].blocks[0][0].pre_activation.excitation
    assert excitation[0].out_features == 4


def test_a_new_excitation_lets_all_maps_through_alike():
    net = DenseNet1D(n_classes=3, n_dense_blocks=2)
    activations = [module for module in net.modules() if isinstance(module, PreActivation)]
    assert len(activations) == 2 * 2 * 2 + 1 + 1
    for activation in activations:
        squeezed = torch.randn(5, activation.weight.shape[0])
        torch.testing.assert_close(activation.excitation(squeezed), torch.full_like(squeezed, 1 / (1 + math.exp(-2))))


# --- Cells and receptive field ---


def test_2600_samples_end_in_40_cells():
    # 2600, 1300, 650, 325, 162, 81, 40
    net = DenseNet1D(n_classes=3, growth_rate=1, stem_channels=2, kernel_sizes=(1, 3)).eval()

    assert net.forward_features(torch.zeros(1, 2600)).shape[1] == 40


@pytest.mark.parametrize(
    ("length", "stride", "n_cells"),
    [(1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1), (7, 1, 1), (8, 1, 2), (11, 1, 2), (12, 1, 3), (16, 2, 2), (5, 7, 1)],
)
def test_number_of_cells(length, stride, n_cells):
    # Two transitions, each of which leaves out a last sample without a neighbour, unless there is no other.
    net = network(stem_stride=stride)

    for mode in (net.train(), net.eval()):
        features = mode.forward_features(spectra(2, length))
        assert features.shape[:2] == (2, n_cells)
        assert torch.isfinite(features).all()
        assert torch.isfinite(mode(spectra(2, length))).all()


def open_network(**params):
    """A network of positive weights, in which no ReLU closes, so that gradients show all connections."""
    net = network(**{**params, "se_reduction": None}).eval()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            tensor.fill_(0.0 if name.endswith(("bias", "running_mean")) else 1.0)
    return net


def samples_seen(net, length, cell):
    x = torch.ones(1, length, dtype=torch.float64, requires_grad=True)
    [gradient] = torch.autograd.grad(net.forward_features(x)[0, cell].sum(), x)
    [seen] = torch.nonzero(gradient[0], as_tuple=True)
    assert len(seen) == seen[-1] - seen[0] + 1  # no gaps
    return int(seen[0]), int(seen[-1])


def test_receptive_field_by_hand():
    # Two kernels of 9 in each of three dense blocks: 8 samples to either side on every scale. Cell c reads
    # c - 8 ... c + 8, these 2c - 16 ... 2c + 17, these 2c - 24 ... 2c + 25, these 4c - 48 ... 4c + 51, these
    # 4c - 56 ... 4c + 59, and the stem of 5 two more.
    net = open_network()

    assert samples_seen(net, 400, cell=50) == (4 * 50 - 58, 4 * 50 + 61)
    assert samples_seen(net, 400, cell=0) == (0, 61)
    assert samples_seen(net, 400, cell=99) == (4 * 99 - 58, 399)


def test_a_stride_of_the_stem_widens_the_receptive_field():
    # Each of the samples above is now every third one, and the stem still reaches two to either side.
    net = open_network(stem_stride=3)

    assert samples_seen(net, 600, cell=25) == (3 * (4 * 25 - 56) - 2, 3 * (4 * 25 + 59) + 2)


def test_without_wide_kernels_a_cell_sees_its_own_samples_alone():
    net = open_network(kernel_sizes=(1,), stem_kernel_size=1)

    assert samples_seen(net, 40, cell=3) == (12, 15)


# --- Initial weights ---


def test_initial_kernels_are_he_uniform():
    torch.manual_seed(0)
    net = DenseNet1D(n_classes=3, n_dense_blocks=3)
    kernels = [parameter for parameter in net.parameters() if parameter.ndim == 3]
    assert len(kernels) == 1 + 3 * 2 * (4 + 1) + 2 + 1  # stem, conv blocks, transitions, extra transition

    for kernel in kernels:
        bound = math.sqrt(6 / (kernel.shape[1] * kernel.shape[2]))
        assert kernel.abs().max() <= bound
        # Of so many uniform numbers one at least lies near the bound, and their deviation is the bound over root 3.
        assert kernel.abs().max() >= 0.9 * bound
        assert kernel.std().item() == pytest.approx(bound / math.sqrt(3), rel=5 / math.sqrt(kernel.numel()))


def test_initial_normalisation_is_that_of_batch_norm():
    net = DenseNet1D(n_classes=3, n_dense_blocks=2)
    fresh = nn.BatchNorm1d(24)

    first = net.dense_blocks[0].blocks[0][0].pre_activation
    for name in ("weight", "bias", "running_mean", "running_var"):
        torch.testing.assert_close(getattr(first, name), getattr(fresh, name), rtol=0, atol=0)


# --- Prediction ---


def test_logits_are_the_classifier_of_the_mean_features():
    net = network().eval()
    x = spectra(4, 40)

    features = net.forward_features(x)

    assert features.shape == (4, 10, net.classifier.in_features)
    assert (features >= 0).all()
    torch.testing.assert_close(net(x), net.classifier(features.mean(1)))


def test_a_spectrum_alone_is_predicted_as_in_a_batch():
    net = network().eval()
    x = spectra(7, 40)

    torch.testing.assert_close(torch.cat([net(row.unsqueeze(0)) for row in x]), net(x))


def test_training_on_one_spectrum_of_one_sample_stays_finite():
    # Its variance is 0 and, as the one of a sample, not defined.
    net = network(kernel_sizes=(1,)).train()

    net(spectra(1, 1)).sum().backward()

    assert all(torch.isfinite(tensor).all() for tensor in net.state_dict().values())
    assert all(torch.isfinite(parameter.grad).all() for parameter in net.parameters())


def test_bfloat16_maps_give_float32_logits_to_their_precision():
    torch.manual_seed(0)
    params = {**SMALL, "n_dense_blocks": 2}
    net = DenseNet1D(**params).eval()
    rounded = DenseNet1D(**params, compute_dtype=torch.bfloat16).eval()
    rounded.load_state_dict(net.state_dict())
    x = torch.rand(8, 64)

    logits = rounded(x)

    assert rounded.forward_features(x).dtype == torch.bfloat16
    assert logits.dtype == torch.float32
    assert all(parameter.dtype == torch.float32 for parameter in rounded.parameters())
    assert (logits - net(x)).abs().max() <= 0.02 * net(x).abs().max()
    assert not torch.equal(logits, net(x))


def test_float64_spectra_are_taken():
    net = DenseNet1D(**SMALL).eval()
    x = spectra(2, 40)

    torch.testing.assert_close(net(x), net(x.float()))


# --- Fully connected layers ---


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_multilayer_perceptron_is_that_of_plain_layers(activation):
    net = MultilayerPerceptron(7, 3, (6, 5), activation, compute_dtype=torch.float64).double()
    plain_activation = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid}[activation]
    plain = nn.Sequential(
        nn.Linear(7, 6), plain_activation(), nn.Linear(6, 5), plain_activation(), nn.Linear(5, 3)
    ).double()
    for parameter, plain_parameter in zip(net.parameters(), plain.parameters(), strict=True):
        plain_parameter.data.copy_(parameter.data)

    torch.testing.assert_close(net(spectra(4, 7)), plain(spectra(4, 7)))
    assert net.n_layers == 3


@pytest.mark.parametrize(("activation", "fans"), [("relu", 400), ("sigmoid", 400 + 300)])
def test_initial_weights_of_fully_connected_layers(activation, fans):
    # He: sqrt(6 / inputs), for ReLU; Glorot: sqrt(6 / (inputs + outputs)), for sigmoids.
    torch.manual_seed(0)
    layer = MultilayerPerceptron(400, 2, (300,), activation).hidden_layers[0]

    bound = math.sqrt(6 / fans)
    assert 0.99 * bound < layer.weight.abs().max() <= bound
    assert (layer.bias == 0).all()


def test_fully_connected_layers_in_bfloat16_give_float32_logits():
    torch.manual_seed(0)
    net = MultilayerPerceptron(40, 3, (30, 20)).eval()
    x = torch.rand(8, 40)
    exact = net(x).detach()
    net.compute_dtype = torch.bfloat16
    logits = net(x).detach()

    assert logits.dtype == torch.float32
    assert not torch.equal(logits, exact)
    torch.testing.assert_close(logits, exact, rtol=0, atol=0.03 * float(exact.abs().max()))
