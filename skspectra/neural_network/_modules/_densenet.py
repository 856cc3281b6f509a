"""The densely connected network."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ._blocks import BLOCKS, DenseBlock, Maps, PreActivatedConv, PreActivation, Transition, concatenate, conv_weight
from ._convolutions import conv_same
from ._spectrum_module import SpectrumModule, he_uniform


class DenseNet1D(SpectrumModule):
    """Densely connected convolutional network for spectra, as a torch module.

    It maps spectra (n_spectra, n_features) of any length to logits (n_spectra, n_classes).

    Parameters
    ----------
    n_classes : int
        Number of classes.
    n_dense_blocks : int, default=7
        Number of dense blocks. The length is halved between two of them.
    n_conv_blocks_per_dense_block : int, default=2
        Number of convolution blocks in a dense block.
    growth_rate : int, default=12
        Number of output feature maps of each kernel width, and of each convolution block.
    stem_channels : int, default=24
        Number of feature maps of the first convolution.
    stem_kernel_size : int, default=11
        Width of the first convolution in samples; odd.
    stem_stride : int, default=1
        Step of the first convolution in samples. 2 halves the cost of everything after it.
    kernel_sizes : sequence of int, default=(1, 11, 25, 41)
        Widths of the parallel convolutions in samples; odd.
    compression : float, default=0.5
        Fraction of the feature maps that a transition keeps, in (0, 1]. An extra transition keeps at least 4.
    se_reduction : int or None, default=4
        Reduction factor of squeeze-and-excitation, which weights the feature maps of each spectrum by a small network
        of their means. Its hidden layer is narrower than its input by this factor and has at least 4 units. None leaves
        squeeze-and-excitation out.
    cross_transitions : bool, default=True
        Whether to use extra transitions, which carry the input of each dense block but the first past this block to the
        next scale.
    conv_block : {"multi-scale", "bottleneck"} or type, default="multi-scale"
        Convolution block. "multi-scale" is :class:`MultiScaleBlock`: it convolves with all `kernel_sizes` in parallel
        and mixes the results with width 1. "bottleneck" first narrows all maps to four times `growth_rate` with width 1
        and then convolves with one kernel, so `kernel_sizes` must have one entry (Huang et al. 2017, arXiv:1608.06993).
        Your own class is called with ``(in_channels, growth_rate, kernel_sizes, se_reduction)``. Its instances take
        :class:`Maps` and return :class:`Maps` with `growth_rate` channels.
    compute_dtype : torch.dtype, default=torch.float32
        Format of the feature maps and convolutions. Weights and logits are float32.

    Attributes
    ----------
    dense_blocks, transitions, cross_transitions : torch.nn.ModuleList
        The parts of the network. ``cross_transitions[i]`` carries the input of dense block ``i + 1`` across that block.
    classifier : torch.nn.Linear
        The last layer, which reads the mean of each feature map.
    n_layers : int
        Number of layers with weights that follow each other.

    See Also
    --------
    DenseNet1DClassifier : Trains this module.

    Examples
    --------
    >>> import torch
    >>> from skspectra.neural_network import DenseNet1D
    >>> network = DenseNet1D(n_classes=3, growth_rate=4, stem_stride=4)
    >>> spectra = torch.rand(5, 2600)
    >>> network(spectra).shape
    torch.Size([5, 3])
    >>> network.forward_features(spectra).shape
    torch.Size([5, 10, 44])
    """

    def __init__(
        self,
        n_classes: int,
        n_dense_blocks: int = 7,
        n_conv_blocks_per_dense_block: int = 2,
        growth_rate: int = 12,
        stem_channels: int = 24,
        stem_kernel_size: int = 11,
        stem_stride: int = 1,
        kernel_sizes: Sequence[int] = (1, 11, 25, 41),
        compression: float = 0.5,
        se_reduction: int | None = 4,
        cross_transitions: bool = True,
        conv_block: str | type[nn.Module] = "multi-scale",
        compute_dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.stem_stride = stem_stride
        self.compute_dtype = compute_dtype
        make_block = BLOCKS[conv_block] if isinstance(conv_block, str) else conv_block
        self.stem = conv_weight(stem_channels, 1, stem_kernel_size)
        self.dense_blocks = nn.ModuleList()
        self.transitions: Any = nn.ModuleList()
        self.cross_transitions: Any = nn.ModuleList()

        n_channels = stem_channels
        for i in range(n_dense_blocks):
            n_input = n_channels
            blocks = []
            for _ in range(n_conv_blocks_per_dense_block):
                blocks.append(make_block(n_channels, growth_rate, kernel_sizes, se_reduction))
                n_channels += growth_rate
            self.dense_blocks.append(DenseBlock(blocks))
            if i == n_dense_blocks - 1:
                break
            n_out = max(_share(compression, n_channels), 1)
            self.transitions.append(Transition(n_channels, n_out, se_reduction))
            n_channels = n_out
            if cross_transitions and i > 0:
                n_cross = max(_share(compression, n_input), 4)
                self.cross_transitions.append(Transition(n_input, n_cross, se_reduction))
                n_channels += n_cross
        self.last_activation = PreActivation(n_channels, se_reduction)
        self.classifier = nn.Linear(n_channels, n_classes)
        he_uniform(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)
        # The stem, the convolutions of each block, the transitions and the classifier follow each other.
        n_convolutions = sum(isinstance(module, PreActivatedConv) for module in self.dense_blocks.modules())
        self.n_layers = 1 + n_convolutions + len(self.transitions) + 1

    def forward_features(self, x: Tensor) -> Tensor:
        return deque(self.forward_intermediates(x), maxlen=1).pop()  # earlier activations are freed on the way

    def forward_intermediates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the activations after each dense block, from the finest scale to the coarsest.

        The last ones are the features of `forward_features`. The layers after an activation are evaluated only when the
        next activation is requested, so a caller can first let the activation require a gradient.

        Parameters
        ----------
        x : Tensor of shape (n_spectra, n_features), float32
            Spectra.

        Yields
        ------
        activation : Tensor of shape (n_spectra, n_cells, n_channels)
            The result of batch normalisation, squeeze-and-excitation and ReLU.
        """
        x = x.to(self.compute_dtype).unsqueeze(2)
        maps = Maps.measure(conv_same(x, self.stem.to(x.dtype), self.stem_stride), self.training)
        for i, (dense_block, transition) in enumerate(zip(self.dense_blocks[:-1], self.transitions, strict=True)):
            activation = transition.activate(dense_block(maps))
            yield activation
            outputs = [transition(activation)]
            del activation
            if self.cross_transitions and i > 0:
                cross_transition = self.cross_transitions[i - 1]
                outputs.append(cross_transition(cross_transition.activate(maps)))
            maps = concatenate(outputs)
        yield self.last_activation.activate(self.dense_blocks[-1](maps))

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        return super().forward_head(features.mean(1, dtype=self.classifier.weight.dtype), pre_logits)


def _share(compression: float, n_channels: int) -> int:
    """Return a share of the channels, rounded down. The tiny addition corrects rounding: 0.29 of 100 is 29, not 28."""
    return int(compression * n_channels + 1e-9)
