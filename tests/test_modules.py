"""The network against an independent program of plain PyTorch layers, and against numbers worked out by hand."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from skspectra.neural_network import DenseNet1D, Maps
from skspectra.neural_network._modules._blocks import PreActivation
from skspectra.neural_network._modules._mlp import MultilayerPerceptron

SMALL = {
    "n_classes": 3,
    "n_dense_blocks": 3,
    "n_conv_blocks": 2,
    "growth_rate": 3,
    "stem_channels": 5,
    "stem_kernel_size": 5,
    "kernel_sizes": (1, 3, 9),
}


def network(seed=0, **params):
    """A network in float64 whose normalisations have weights, biases and statistics of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = DenseNet1D(**{**SMALL, "compute_dtype": torch.float64, **params}).double()
        for name, tensor in net.state_dict().items():
            if "pre_activation" in name or "last_activation" in name:
                tensor.copy_(torch.rand_like(tensor) + (0.5 if name.endswith("var") else -0.3))
    return net


def spectra(n, length, seed=1):
    return torch.randn(n, length, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- The paper's network in plain layers and (n_spectra, n_channels, length) ---


class PlainConv(nn.Module):
    """BatchNorm1d, squeeze-and-excitation, ReLU, then parallel convolutions side by side."""

    def __init__(self, n_in, n_out, widths, reduction):
        super().__init__()
        self.norm = nn.BatchNorm1d(n_in)
        n_hidden = None if reduction is None else max(n_in // reduction, 4)
        self.squeeze = nn.Linear(n_in, n_hidden) if n_hidden else None
        self.excite = nn.Linear(n_hidden, n_in) if n_hidden else None
        self.convs = nn.ModuleList(nn.Conv1d(n_in, n_out, w, padding=w // 2, bias=False) for w in widths)

    def forward(self, x):
        x = self.norm(x)
        if self.squeeze is not None:
            weight = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean(2)))))
            x = x * weight.unsqueeze(2)
        x = F.relu(x)
        return torch.cat([conv(x) for conv in self.convs], 1) if self.convs else x


class PlainDenseNet(nn.Module):
    def __init__(
        self,
        n_classes,
        n_dense_blocks,
        n_conv_blocks,
        growth_rate,
        stem_channels,
        stem_kernel_size,
        kernel_sizes,
        stem_stride=1,
        compression=0.5,
        se_reduction=4,
        cross_transitions=True,
        conv_block="multi-scale",
    ):
        super().__init__()
        self.stem = nn.Conv1d(1, stem_channels, stem_kernel_size, stem_stride, stem_kernel_size // 2, bias=False)
        self.blocks, self.transitions, self.crossings = nn.ModuleList(), nn.ModuleList(), nn.ModuleDict()
        width_in = stem_channels
        for i in range(n_dense_blocks):
            width = width_in
            pairs = nn.ModuleList()
            for _ in range(n_conv_blocks):
                if conv_block == "bottleneck":
                    first = PlainConv(width, 4 * growth_rate, [1], se_reduction)
                    second = PlainConv(4 * growth_rate, growth_rate, kernel_sizes, se_reduction)
                else:
                    first = PlainConv(width, growth_rate, kernel_sizes, se_reduction)
                    second = PlainConv(growth_rate * len(kernel_sizes), growth_rate, [1], se_reduction)
                pairs.append(nn.ModuleList([first, second]))
                width += growth_rate
            self.blocks.append(pairs)
            if i < n_dense_blocks - 1:
                self.transitions.append(PlainConv(width, int(width * compression), [1], se_reduction))
                width = int(width * compression)
                if i > 0 and cross_transitions:
                    kept = max(int(width_in * compression), 4)
                    self.crossings[str(i)] = PlainConv(width_in, kept, [1], se_reduction)
                    width += kept
            width_in = width
        self.last = PlainConv(width_in, 0, [], se_reduction)
        self.fully_connected = nn.Linear(width_in, n_classes)

    def forward(self, x):
        scale = self.stem(x.unsqueeze(1))
        for i, pairs in enumerate(self.blocks):
            features = [scale]
            for first, second in pairs:
                features.append(second(first(torch.cat(features, 1))))
            if i == len(self.transitions):
                break
            following = [self.halve(self.transitions[i](torch.cat(features, 1)))]
            if str(i) in self.crossings:
                following.append(self.halve(self.crossings[str(i)](scale)))
            scale = torch.cat(following, 1)
        return self.fully_connected(self.last(torch.cat(features, 1)).mean(2))

    @staticmethod
    def halve(x):
        return F.avg_pool1d(x, 2, ceil_mode=x.shape[2] == 1)


def layer_pairs(net, plain):
    """The layers of both programs that do the same."""
    yield net.last_activation, plain.last, []
    for dense_block, pairs in zip(net.dense_blocks, plain.blocks, strict=True):
        for block, convs in zip(dense_block.blocks, pairs, strict=True):
            for layer, conv in zip(block.children(), convs, strict=True):
                yield layer.pre_activation, conv, list(zip(layer.weights, conv.convs, strict=True))
    transitions = [
        *zip(net.transitions, plain.transitions, strict=True),
        *zip(net.cross_transitions, plain.crossings.values(), strict=True),
    ]
    for transition, conv in transitions:
        yield transition.pre_activation, conv, [(transition.weight, conv.convs[0])]


def parameter_pairs(net, plain):
    """Pairs of parameters that mean the same; together all that either program has."""
    yield net.stem, plain.stem.weight
    for activation, conv, weights in layer_pairs(net, plain):
        yield activation.weight, conv.norm.weight
        yield activation.bias, conv.norm.bias
        if conv.squeeze is not None:
            for linear, plain_linear in (
                (activation.excitation[0], conv.squeeze),
                (activation.excitation[2], conv.excite),
            ):
                yield linear.weight, plain_linear.weight
                yield linear.bias, plain_linear.bias
        for weight, plain_conv in weights:
            yield weight, plain_conv.weight
    yield net.classifier.weight, plain.fully_connected.weight
    yield net.classifier.bias, plain.fully_connected.bias


def plain_twin(net, **params):
    """The plain program with the parameters and running statistics of a network."""
    params.pop("compute_dtype", None)
    plain = PlainDenseNet(**{**SMALL, **params}).double()
    with torch.no_grad():
        for parameter, plain_parameter in parameter_pairs(net, plain):
            plain_parameter.copy_(parameter)
        for activation, conv, _ in layer_pairs(net, plain):
            conv.norm.running_mean.copy_(activation.running_mean)
            conv.norm.running_var.copy_(activation.running_var)
    assert len(list(parameter_pairs(net, plain))) == len(list(net.parameters())) == len(list(plain.parameters()))
    return plain


ARCHITECTURES = [
    {},
    {"se_reduction": None},
    {"cross_transitions": False},
    {"n_dense_blocks": 5, "n_conv_blocks": 1, "kernel_sizes": (41, 1), "compression": 0.8, "se_reduction": 2},
    {"n_dense_blocks": 1, "n_conv_blocks": 3, "n_classes": 2, "stem_stride": 3},
    {"conv_block": "bottleneck", "kernel_sizes": (3,), "se_reduction": None, "cross_transitions": False},
    {"conv_block": "bottleneck", "kernel_sizes": (9,), "n_conv_blocks": 1},
    {"n_dense_blocks": 4, "compression": 1.0, "stem_kernel_size": 1, "stem_channels": 1, "growth_rate": 5},
]


@pytest.mark.parametrize("length", [40, 47])
@pytest.mark.parametrize("params", ARCHITECTURES, ids=str)
def test_training_is_that_of_the_plain_program(params, length):
    net = network(**params)
    plain = plain_twin(net, **params)
    labels = torch.arange(6) % params.get("n_classes", 3)

    for step in range(3):
        x = spectra(6, length, seed=step)
        logits, plain_logits = net.train()(x), plain.train()(x)
        torch.testing.assert_close(logits, plain_logits)
        F.cross_entropy(logits, labels).backward()
        F.cross_entropy(plain_logits, labels).backward()

    for parameter, plain_parameter in parameter_pairs(net, plain):
        torch.testing.assert_close(parameter.grad, plain_parameter.grad)
    for activation, conv, _ in layer_pairs(net, plain):
        torch.testing.assert_close(activation.running_mean, conv.norm.running_mean)
        torch.testing.assert_close(activation.running_var, conv.norm.running_var)


@pytest.mark.parametrize("length", [1, 2, 3, 40, 47])
@pytest.mark.parametrize("params", ARCHITECTURES, ids=str)
def test_prediction_is_that_of_the_plain_program(params, length):
    net = network(**params).eval()
    x = spectra(6, length)

    torch.testing.assert_close(net(x), plain_twin(net, **params).eval()(x))


def test_gradient_of_the_input_in_prediction():
    # What an activation map or a saliency map reads.
    net = network().eval()
    x = spectra(2, 40).requires_grad_()

    [gradient] = torch.autograd.grad(net(x)[:, 0].sum(), x)

    [expected] = torch.autograd.grad(plain_twin(net).eval()(x)[:, 0].sum(), x)
    torch.testing.assert_close(gradient, expected)


def test_running_statistics_stay_in_prediction():
    net = network().eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}

    net(spectra(6, 40))

    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


# --- Counts ---


def serial_layers(net):
    """Layers with weights that a spectrum passes one behind another, the extra transitions aside."""
    convolutions_of_a_block = 2
    return (
        len([net.stem])
        + sum(convolutions_of_a_block * len(dense_block.blocks) for dense_block in net.dense_blocks)
        + len(net.transitions)
        + len([net.classifier])
    )


def test_the_paper_s_network_has_36_layers():
    # 1 stem + 7 x 2 x 2 convolutions in the dense blocks + 6 transitions + 1 fully connected
    assert serial_layers(DenseNet1D(n_classes=3)) == 36
    assert DenseNet1D(n_classes=3).n_layers == 36


def test_the_unchanged_densenet_has_36_layers_too():
    # Its blocks have two convolutions as well, the narrow one first.
    net = DenseNet1D(
        n_classes=3, conv_block="bottleneck", kernel_sizes=(3,), se_reduction=None, cross_transitions=False
    )

    assert serial_layers(net) == net.n_layers == 36
    shapes = [tuple(parameter.shape) for parameter in net.dense_blocks[0].parameters() if parameter.ndim == 3]
    assert shapes == [(48, 24, 1), (12, 48, 3), (48, 36, 1), (12, 48, 3)]


@pytest.mark.parametrize(
    ("n_dense_blocks", "n_conv_blocks", "n_layers"),
    [(1, 1, 1 + 2 + 0 + 1), (2, 1, 1 + 4 + 1 + 1), (3, 4, 1 + 24 + 2 + 1)],
)
def test_layers_of_other_networks(n_dense_blocks, n_conv_blocks, n_layers):
    params = {"n_dense_blocks": n_dense_blocks, "n_conv_blocks": n_conv_blocks}

    assert serial_layers(DenseNet1D(n_classes=3, **params)) == n_layers
    assert DenseNet1D(n_classes=3, **params).n_layers == n_layers


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_number_of_parameters_by_hand():
    net = DenseNet1D(
        n_classes=3,
        n_dense_blocks=2,
        n_conv_blocks=1,
        growth_rate=2,
        stem_channels=3,
        stem_kernel_size=5,
        kernel_sizes=(1, 3),
        se_reduction=None,
    )
    stem = 3 * 5
    first_block = 2 * 3 + 3 * 2 * (1 + 3) + 2 * 4 + 4 * 2  # norm, parallel, norm, mix: 3 channels become 5
    transition = 2 * 5 + 5 * 2  # norm, convolution: 5 channels become 2
    second_block = 2 * 2 + 2 * 2 * (1 + 3) + 2 * 4 + 4 * 2  # 2 channels become 4
    end = 2 * 4 + 4 * 3 + 3  # norm, weights, biases

    assert n_parameters(net) == stem + first_block + transition + second_block + end == 140


@pytest.mark.parametrize(
    "params", [*ARCHITECTURES, {"compression": 0.3, "growth_rate": 1, "n_dense_blocks": 6}], ids=str
)
def test_number_of_parameters(params):
    settings = {"stem_stride": 1, "compression": 0.5, "se_reduction": 4, "cross_transitions": True, **SMALL, **params}
    growth, widths = settings["growth_rate"], settings["kernel_sizes"]
    reduction, compression = settings["se_reduction"], settings["compression"]

    def activation(channels):
        hidden = max(channels // reduction, 4) if reduction else 0
        return 2 * channels + (2 * channels * hidden + hidden + channels if reduction else 0)

    # Channels at the entrance of every dense block, from the rules of the architecture alone.
    entrances = [settings["stem_channels"]]
    grown = settings["n_conv_blocks"] * growth
    crossings = []
    for i in range(settings["n_dense_blocks"] - 1):
        crossing = max(int(entrances[i] * compression), 4) if i > 0 and settings["cross_transitions"] else 0
        crossings.append(crossing)
        entrances.append(int((entrances[i] + grown) * compression) + crossing)

    expected = settings["stem_channels"] * settings["stem_kernel_size"]
    for entrance in entrances:
        for block in range(settings["n_conv_blocks"]):
            channels = entrance + block * growth
            if params.get("conv_block") == "bottleneck":
                expected += activation(channels) + channels * 4 * growth
                expected += activation(4 * growth) + 4 * growth * growth * widths[0]
            else:
                expected += activation(channels) + channels * growth * sum(widths)
                expected += activation(growth * len(widths)) + growth * len(widths) * growth
    for entrance, crossing in zip(entrances, crossings, strict=False):
        expected += activation(entrance + grown) + (entrance + grown) * int((entrance + grown) * compression)
        expected += activation(entrance) + entrance * crossing if crossing else 0
    expected += activation(entrances[-1] + grown) + (entrances[-1] + grown + 1) * settings["n_classes"]

    assert n_parameters(DenseNet1D(**{**SMALL, **params})) == expected


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
    seen = record(network(n_conv_blocks=4).eval(), spectra(2, 40))

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
