"""Torch modules of the networks; nothing here knows of scikit-learn.

Feature maps of convolutions are (n_spectra, length, n_channels). Their mean and variance over the spectrum are computed
once, where a map is made, and travel with it: with them, the batch normalisation and squeeze-and-excitation of every
layer that reads the map are one affine map per spectrum and channel, whose coefficients cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._functional import affine_relu_conv, conv_same, moments_over_length

# As in torch.nn.BatchNorm1d.
_NORM_EPSILON = 1e-5
_NORM_MOMENTUM = 0.1
_OPEN_GATE = 2.0  # a sigmoid of .88


class Maps(NamedTuple):
    """Feature maps (n_spectra, length, n_channels) and their moments (1 or 2, n_spectra, n_channels) over the length.

    The moments are the mean and, in training, the variance, in float32.
    """

    values: Tensor
    moments: Tensor

    @classmethod
    def measure(cls, values: Tensor, training: bool) -> Maps:
        return cls(values, moments_over_length(values, with_variance=training))

    @classmethod
    def concatenate(cls, parts: Sequence[Maps]) -> Maps:
        return cls(torch.cat([p.values for p in parts], dim=2), torch.cat([p.moments for p in parts], dim=2))


class PreActivation(nn.Module):
    """Batch normalisation and squeeze-and-excitation, as the affine map that stands before a ReLU.

    The excitation is positive, so ReLU(excitation * normalised) is a ReLU of one affine function of the map, and the
    mean of the normalised map, which the excitation needs, follows from the mean of the map.

    A new excitation lets every map through alike, nearly whole. Were it drawn at random, each spectrum would meet
    random factors in every layer, which the network would first have to unlearn.

    References
    ----------
    Ioffe & Szegedy 2015, arXiv:1502.03167; Hu, Shen & Sun 2018, arXiv:1709.01507. Gates that start open: Jozefowicz,
    Zaremba & Sutskever 2015, Proceedings of Machine Learning Research 37, 2342-2350.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, n_channels: int, se_reduction: int | None):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_channels))
        self.bias = nn.Parameter(torch.zeros(n_channels))
        self.register_buffer("running_mean", torch.zeros(n_channels))
        self.register_buffer("running_var", torch.ones(n_channels))
        self.excitation = None
        if se_reduction is not None:
            n_hidden = max(n_channels // se_reduction, 4)
            squeeze, excite = nn.Linear(n_channels, n_hidden), nn.Linear(n_hidden, n_channels)
            _he_uniform(squeeze.weight)
            nn.init.zeros_(squeeze.bias)
            nn.init.zeros_(excite.weight)
            nn.init.constant_(excite.bias, _OPEN_GATE)
            self.excitation = nn.Sequential(squeeze, nn.ReLU(), excite, nn.Sigmoid())

    def forward(self, maps: Maps) -> tuple[Tensor, Tensor]:
        """Return scale and shift, each (n_spectra, n_channels)."""
        mean, var = self._batch_moments(maps) if self.training else (self.running_mean, self.running_var)
        scale = self.weight * torch.rsqrt(var + _NORM_EPSILON)
        shift = self.bias - mean * scale
        spectrum_mean = maps.moments[0]
        if self.excitation is None:
            return scale.expand_as(spectrum_mean), shift.expand_as(spectrum_mean)
        excitation = self.excitation(torch.addcmul(shift, spectrum_mean, scale))
        return scale * excitation, shift * excitation

    def activate(self, maps: Maps) -> Tensor:
        """Return relu(scale * values + shift)."""
        scale, shift = (t.to(maps.values.dtype).unsqueeze(1) for t in self(maps))
        return torch.addcmul(shift, maps.values, scale).relu_()

    def _batch_moments(self, maps: Maps) -> tuple[Tensor, Tensor]:
        spectrum_mean, spectrum_var = maps.moments
        mean = spectrum_mean.mean(0)
        var = spectrum_var.mean(0) + (spectrum_mean - mean).square().mean(0)
        n_values = maps.values.shape[0] * maps.values.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean, _NORM_MOMENTUM)
            self.running_var.lerp_(var * (n_values / max(n_values - 1, 1)), _NORM_MOMENTUM)
        return mean, var


class PreActivatedConv(nn.Module):
    """`PreActivation`, ReLU, then parallel convolutions whose results are concatenated."""

    def __init__(self, in_channels: int, out_channels: int, kernel_sizes: Sequence[int], se_reduction: int | None):
        super().__init__()
        self.pre_activation = PreActivation(in_channels, se_reduction)
        self.weights = nn.ParameterList(_conv_weight(out_channels, in_channels, width) for width in kernel_sizes)

    def forward(self, maps: Maps) -> Maps:
        scale, shift = self.pre_activation(maps)
        return Maps(*affine_relu_conv(maps.values, scale, shift, list(self.weights), with_variance=self.training))


class ConvBlock(nn.Module):
    """Parallel convolutions of several widths, concatenated, then mixed by a convolution of width 1."""

    def __init__(self, in_channels: int, growth_rate: int, kernel_sizes: Sequence[int], se_reduction: int | None):
        super().__init__()
        self.parallel = PreActivatedConv(in_channels, growth_rate, kernel_sizes, se_reduction)
        self.mix = PreActivatedConv(growth_rate * len(kernel_sizes), growth_rate, (1,), se_reduction)

    def forward(self, maps: Maps) -> Maps:
        return self.mix(self.parallel(maps))


class BottleneckBlock(nn.Module):
    """A convolution of width 1 to four times the growth rate, then a wide one: the block of DenseNet-B.

    References
    ----------
    Huang, Liu, van der Maaten & Weinberger 2017, arXiv:1608.06993, section 3.
    """

    def __init__(self, in_channels: int, growth_rate: int, kernel_size: int, se_reduction: int | None):
        super().__init__()
        self.narrow = PreActivatedConv(in_channels, 4 * growth_rate, (1,), se_reduction)
        self.wide = PreActivatedConv(4 * growth_rate, growth_rate, (kernel_size,), se_reduction)

    def forward(self, maps: Maps) -> Maps:
        return self.wide(self.narrow(maps))


class DenseBlock(nn.Module):
    """Blocks each of which reads the input and the output of all blocks before it (Huang et al. 2017)."""

    def __init__(self, blocks: Sequence[nn.Module]):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, maps: Maps) -> Maps:
        for block in self.blocks:
            maps = Maps.concatenate([maps, block(maps)])
        return maps


class Transition(nn.Module):
    """A convolution of width 1, then the mean of two neighbouring samples.

    Both are linear, so that the mean may as well come first, which halves the work of the convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, se_reduction: int | None):
        super().__init__()
        self.pre_activation = PreActivation(in_channels, se_reduction)
        self.weight = _conv_weight(out_channels, in_channels, 1)

    def forward(self, maps: Maps) -> Maps:
        activation = _halve(self.pre_activation.activate(maps))
        return Maps.measure(conv_same(activation, self.weight.to(activation.dtype)), self.training)


class DenseNet1D(nn.Module):
    """The densely connected network for spectra; `DenseNet1DClassifier` documents the parameters.

    Input (n_spectra, n_features), output logits (n_spectra, n_classes). `classifier(features.mean(1))` of
    ``features = forward_features(x)``, (n_spectra, n_cells, n_channels), is the output.
    """

    def __init__(
        self,
        n_classes: int,
        n_dense_blocks: int = 7,
        n_conv_blocks: int = 2,
        growth_rate: int = 12,
        stem_channels: int = 24,
        stem_kernel_size: int = 11,
        stem_stride: int = 1,
        kernel_sizes: Sequence[int] = (1, 11, 25, 41),
        compression: float = 0.5,
        se_reduction: int | None = 4,
        cross_transitions: bool = True,
        conv_block: str = "multi-scale",
        compute_dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.stem_stride = stem_stride
        self.compute_dtype = compute_dtype
        self.stem = nn.Parameter(_conv_weight(stem_channels, 1, stem_kernel_size))
        self.dense_blocks, self.transitions = nn.ModuleList(), nn.ModuleList()
        # cross_transitions[i] carries the input of dense block i + 1 across that block to the scale after it.
        self.cross_transitions = nn.ModuleList()

        n_channels = stem_channels
        for i in range(n_dense_blocks):
            n_input = n_channels
            blocks: list[nn.Module] = []
            for _ in range(n_conv_blocks):
                if conv_block == "bottleneck":
                    [kernel_size] = kernel_sizes
                    blocks.append(BottleneckBlock(n_channels, growth_rate, kernel_size, se_reduction))
                else:
                    blocks.append(ConvBlock(n_channels, growth_rate, kernel_sizes, se_reduction))
                n_channels += growth_rate
            self.dense_blocks.append(DenseBlock(blocks))
            if i == n_dense_blocks - 1:
                break
            n_out = max(int(n_channels * compression), 1)
            self.transitions.append(Transition(n_channels, n_out, se_reduction))
            n_channels = n_out
            if cross_transitions and i > 0:
                n_cross = max(int(n_input * compression), 4)
                self.cross_transitions.append(Transition(n_input, n_cross, se_reduction))
                n_channels += n_cross
        self.last_activation = PreActivation(n_channels, se_reduction)
        self.classifier = nn.Linear(n_channels, n_classes)
        _he_uniform(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)
        # One behind another: the stem, two convolutions in each block, the transitions and the classifier.
        self.n_layers = 1 + 2 * n_dense_blocks * n_conv_blocks + len(self.transitions) + 1

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.forward_features(x).mean(1, dtype=self.classifier.weight.dtype))

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the feature maps before the global average, (n_spectra, n_cells, n_channels)."""
        x = x.to(self.compute_dtype).unsqueeze(2)
        maps = Maps.measure(conv_same(x, self.stem.to(x.dtype), self.stem_stride), self.training)
        for i, dense_block in enumerate(self.dense_blocks[:-1]):
            outputs = [self.transitions[i](dense_block(maps))]
            if self.cross_transitions and i > 0:
                outputs.append(self.cross_transitions[i - 1](maps))
            maps = Maps.concatenate(outputs)
        maps = self.dense_blocks[-1](maps)
        return self.last_activation.activate(maps)


class MultilayerPerceptron(nn.Module):
    """Fully connected layers one behind another.

    Input (n_spectra, n_features), output logits (n_spectra, n_classes).
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        hidden_layer_sizes: Sequence[int],
        activation: str = "relu",
        compute_dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.activation = activation
        self.compute_dtype = compute_dtype
        sizes = [n_features, *hidden_layer_sizes]
        self.hidden_layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in pairwise(sizes))
        self.classifier = nn.Linear(sizes[-1], n_classes)
        for layer in (*self.hidden_layers, self.classifier):
            if activation == "relu":
                _he_uniform(layer.weight)
            else:
                nn.init.xavier_uniform_(layer.weight)  # Glorot & Bengio 2010, for saturating activations
            nn.init.zeros_(layer.bias)
        self.n_layers = len(self.hidden_layers) + 1

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.compute_dtype)
        for layer in self.hidden_layers:
            weight, bias = (parameter.to(x.dtype) for parameter in layer.parameters())
            x = F.linear(x, weight, bias)
            x = x.relu() if self.activation == "relu" else x.sigmoid()
        return self.classifier(x.to(self.classifier.weight.dtype))


def _conv_weight(out_channels: int, in_channels: int, width: int) -> nn.Parameter:
    return nn.Parameter(_he_uniform(torch.empty(out_channels, in_channels, width)))


def _he_uniform(weight: Tensor) -> Tensor:
    """Initialise in place (He et al. 2015, arXiv:1502.01852)."""
    return nn.init.kaiming_uniform_(weight, nonlinearity="relu")


def _halve(values: Tensor) -> Tensor:
    """Mean of neighbouring pairs; a last sample without a neighbour is left out, unless it is the only one."""
    n_pairs = values.shape[1] // 2
    if n_pairs == 0:
        return values
    return values[:, : 2 * n_pairs].unflatten(1, (n_pairs, 2)).mean(2)
