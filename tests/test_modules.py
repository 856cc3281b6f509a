"""The torch modules: the same numbers as plain layers, and counts."""

import pytest
import torch
from module_cases import SMALL, network, spectra
from torch import nn
from torch.nn import functional as F

from skspectra.neural_network import DenseNet1D

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
        n_conv_blocks_per_dense_block,
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
            for _ in range(n_conv_blocks_per_dense_block):
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
    {
        "n_dense_blocks": 5,
        "n_conv_blocks_per_dense_block": 1,
        "kernel_sizes": (41, 1),
        "compression": 0.8,
        "se_reduction": 2,
    },
    {"n_dense_blocks": 1, "n_conv_blocks_per_dense_block": 3, "n_classes": 2, "stem_stride": 3},
    {"conv_block": "bottleneck", "kernel_sizes": (3,), "se_reduction": None, "cross_transitions": False},
    {"conv_block": "bottleneck", "kernel_sizes": (9,), "n_conv_blocks_per_dense_block": 1},
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
    ("n_dense_blocks", "n_conv_blocks_per_dense_block", "n_layers"),
    [(1, 1, 1 + 2 + 0 + 1), (2, 1, 1 + 4 + 1 + 1), (3, 4, 1 + 24 + 2 + 1)],
)
def test_layers_of_other_networks(n_dense_blocks, n_conv_blocks_per_dense_block, n_layers):
    params = {"n_dense_blocks": n_dense_blocks, "n_conv_blocks_per_dense_block": n_conv_blocks_per_dense_block}

    assert serial_layers(DenseNet1D(n_classes=3, **params)) == n_layers
    assert DenseNet1D(n_classes=3, **params).n_layers == n_layers


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_number_of_parameters_by_hand():
    net = DenseNet1D(
        n_classes=3,
        n_dense_blocks=2,
        n_conv_blocks_per_dense_block=1,
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
    grown = settings["n_conv_blocks_per_dense_block"] * growth
    crossings = []
    for i in range(settings["n_dense_blocks"] - 1):
        crossing = max(int(entrances[i] * compression), 4) if i > 0 and settings["cross_transitions"] else 0
        crossings.append(crossing)
        entrances.append(int((entrances[i] + grown) * compression) + crossing)

    expected = settings["stem_channels"] * settings["stem_kernel_size"]
    for entrance in entrances:
        for block in range(settings["n_conv_blocks_per_dense_block"]):
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
