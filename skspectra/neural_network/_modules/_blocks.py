"""The parts of the densely connected network.

The mean and variance of a feature map over the spectrum are computed once, when the map is made, and travel with it.
With them, the batch normalisation and squeeze-and-excitation of every layer that reads the map are one affine map per
spectrum and channel, whose coefficients cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._convolutions import conv_same
from ._functional import affine_relu_conv, moments_over_length
from ._spectrum_module import he_uniform

# As in torch.nn.BatchNorm1d.
NORM_EPSILON = 1e-5
_NORM_MOMENTUM = 0.1
_OPEN_GATE = 2.0  # a sigmoid of .88


class Maps(NamedTuple):
    """Feature maps of a convolution and their moments over the spectrum.

    The layers of this package also accept a plain tuple instead, which hooks of other libraries, such as captum, may
    return.

    Parameters
    ----------
    values : Tensor of shape (n_spectra, length, n_channels)
        The feature maps.
    moments : Tensor of shape (1 or 2, n_spectra, n_channels), float32
        The mean of each map and, in training, its variance.

    See Also
    --------
    PreActivatedConv : Reads and returns such maps.

    Examples
    --------
    >>> import torch
    >>> from skspectra.neural_network import Maps
    >>> maps = Maps.measure(torch.rand(5, 100, 4), training=True)
    >>> maps.moments.shape
    torch.Size([2, 5, 4])
    """

    values: Tensor
    moments: Tensor

    @classmethod
    def measure(cls, values: Tensor, training: bool) -> Maps:
        """Compute the moments of feature maps.

        Parameters
        ----------
        values : Tensor of shape (n_spectra, length, n_channels)
            The feature maps.
        training : bool
            Compute the variance too.

        Returns
        -------
        maps : Maps
            The values and their moments.
        """
        return cls(values, moments_over_length(values, with_variance=training))


class PreActivation(nn.Module):
    """Batch normalisation and squeeze-and-excitation, as one affine map before a ReLU.

    The excitation is positive, so ReLU(excitation * normalised) is a ReLU of one affine function of the map. The mean
    of the normalised map, which the excitation needs, follows from the mean of the map.

    At first, the excitation multiplies every map by the same factor near 1. If its weights were random, each spectrum
    would be multiplied by random factors in every layer, which the network would first have to unlearn.

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
        self.excitation: Any = None
        if se_reduction is not None:
            n_hidden = max(n_channels // se_reduction, 4)
            squeeze, excite = nn.Linear(n_channels, n_hidden), nn.Linear(n_hidden, n_channels)
            he_uniform(squeeze.weight)
            nn.init.zeros_(squeeze.bias)
            nn.init.zeros_(excite.weight)
            nn.init.constant_(excite.bias, _OPEN_GATE)
            self.excitation = nn.Sequential(squeeze, nn.ReLU(), excite, nn.Sigmoid())

    def forward(self, maps: Maps) -> tuple[Tensor, Tensor]:
        """Return scale and shift, each (n_spectra, n_channels)."""
        mean, var = self._batch_moments(maps) if self.training else (self.running_mean, self.running_var)
        scale = self.weight * torch.rsqrt(var + NORM_EPSILON)
        shift = self.bias - mean * scale
        _, moments = maps
        spectrum_mean = moments[0]
        if self.excitation is None:
            return scale.expand_as(spectrum_mean), shift.expand_as(spectrum_mean)
        # By functions: a call of a module takes longer than one of these products for a single spectrum.
        squeeze, _, excite, _ = self.excitation
        hidden = F.linear(torch.addcmul(shift, spectrum_mean, scale), squeeze.weight, squeeze.bias).relu_()
        excitation = F.linear(hidden, excite.weight, excite.bias).sigmoid_()
        return scale * excitation, shift * excitation

    def activate(self, maps: Maps) -> Tensor:
        """Return relu(scale * values + shift)."""
        values, _ = maps
        scale, shift = (t.to(values.dtype).unsqueeze(1) for t in self(maps))
        return torch.addcmul(shift, values, scale).relu_()

    def _batch_moments(self, maps: Maps) -> tuple[Tensor, Tensor]:
        values, (spectrum_mean, spectrum_var) = maps
        mean = spectrum_mean.mean(0)
        var = spectrum_var.mean(0) + (spectrum_mean - mean).square().mean(0)
        n_values = values.shape[0] * values.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean, _NORM_MOMENTUM)
            self.running_var.lerp_(var * (n_values / max(n_values - 1, 1)), _NORM_MOMENTUM)
        return mean, var


class PreActivatedConv(nn.Module):
    """Batch normalisation, squeeze-and-excitation and ReLU, then parallel convolutions with concatenated results.

    Parameters
    ----------
    in_channels : int
        Number of channels that the layer reads.
    out_channels : int
        Number of output channels of each width.
    kernel_sizes : sequence of int
        Widths of the convolutions in samples; odd.
    se_reduction : int or None
        As in :class:`DenseNet1D`.

    See Also
    --------
    MultiScaleBlock : Two of these layers.

    Examples
    --------
    >>> import torch
    >>> from skspectra.neural_network import Maps, PreActivatedConv
    >>> layer = PreActivatedConv(4, 8, (1, 11), se_reduction=None)
    >>> layer(Maps.measure(torch.rand(5, 100, 4), training=True)).values.shape
    torch.Size([5, 100, 16])
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_sizes: Sequence[int], se_reduction: int | None):
        super().__init__()
        self.pre_activation = PreActivation(in_channels, se_reduction)
        self.weights = nn.ParameterList(conv_weight(out_channels, in_channels, width) for width in kernel_sizes)

    def forward(self, maps: Maps) -> Maps:
        """Compute the feature maps of the layer.

        Parameters
        ----------
        maps : Maps
            Feature maps with `in_channels` channels.

        Returns
        -------
        maps : Maps
            Feature maps with `out_channels` channels for each width.
        """
        values, _ = maps
        scale, shift = self.pre_activation(maps)
        return Maps(*affine_relu_conv(values, scale, shift, list(self.weights), with_variance=self.training))


class MultiScaleBlock(nn.Sequential):
    """Parallel convolutions of several widths, followed by a convolution of width 1 that mixes their results.

    Parameters
    ----------
    in_channels : int
        Number of channels that the block reads.
    growth_rate : int
        Number of output channels of each width, and of the block.
    kernel_sizes : sequence of int
        Widths in samples; odd.
    se_reduction : int or None
        As in :class:`DenseNet1D`.

    See Also
    --------
    DenseNet1D : Takes this class, or another one of the same kind, as `conv_block`.

    Examples
    --------
    >>> from skspectra.neural_network import MultiScaleBlock
    >>> [len(layer.weights) for layer in MultiScaleBlock(24, 12, (1, 11, 25, 41), se_reduction=4)]
    [4, 1]
    """

    def __init__(self, in_channels: int, growth_rate: int, kernel_sizes: Sequence[int], se_reduction: int | None):
        super().__init__(
            PreActivatedConv(in_channels, growth_rate, kernel_sizes, se_reduction),
            PreActivatedConv(growth_rate * len(kernel_sizes), growth_rate, (1,), se_reduction),
        )


class BottleneckBlock(nn.Sequential):
    """A convolution of width 1 to four times the growth rate, then a wide one (Huang et al. 2017, arXiv:1608.06993)."""

    def __init__(self, in_channels: int, growth_rate: int, kernel_sizes: Sequence[int], se_reduction: int | None):
        super().__init__(
            PreActivatedConv(in_channels, 4 * growth_rate, (1,), se_reduction),
            PreActivatedConv(4 * growth_rate, growth_rate, kernel_sizes, se_reduction),
        )


# A block is called with (in_channels, growth_rate, kernel_sizes, se_reduction).
BLOCKS: dict[str, type[nn.Module]] = {"multi-scale": MultiScaleBlock, "bottleneck": BottleneckBlock}


class DenseBlock(nn.Module):
    """Blocks each of which reads the input and the output of all blocks before it (Huang et al. 2017)."""

    def __init__(self, blocks: Sequence[nn.Module]):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, maps: Maps) -> Maps:
        for block in self.blocks:
            maps = concatenate([maps, block(maps)])
        return maps


class Transition(nn.Module):
    """A convolution of width 1, then the mean of two neighbouring samples.

    Both are linear, so that the mean may as well come first, which halves the work of the convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, se_reduction: int | None):
        super().__init__()
        self.pre_activation = PreActivation(in_channels, se_reduction)
        self.weight = conv_weight(out_channels, in_channels, 1)

    def activate(self, maps: Maps) -> Tensor:
        """Return what the convolution reads."""
        return self.pre_activation.activate(maps)

    def forward(self, activation: Tensor) -> Maps:
        halved = _halve(activation)
        return Maps.measure(conv_same(halved, self.weight.to(halved.dtype)), self.training)


def concatenate(parts: Sequence[Maps]) -> Maps:
    """Concatenate maps of the same length along their channels."""
    values, moments = zip(*parts, strict=True)
    return Maps(torch.cat(values, dim=2), torch.cat(moments, dim=2))


def conv_weight(out_channels: int, in_channels: int, width: int) -> nn.Parameter:
    """Return the initial weight of a convolution."""
    return nn.Parameter(he_uniform(torch.empty(out_channels, in_channels, width)))


def _halve(values: Tensor) -> Tensor:
    """Mean of neighbouring pairs; a last sample without a neighbour is left out, unless it is the only one."""
    n_pairs = values.shape[1] // 2
    if n_pairs == 0:
        return values
    return values[:, : 2 * n_pairs].unflatten(1, (n_pairs, 2)).mean(2)
