"""Convolutions by sums of products.

Every feature map here is an array (n_spectra, length, n_channels), channels last: oneDNN and cuDNN run
convolutions several times faster in this order than in PyTorch's default (n_spectra, n_channels, length).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def conv_same(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """Convolve channels-last maps (n_spectra, length, in_channels), with zeros beyond both ends.

    The weight is (out_channels, in_channels, width), of odd width; the result has ceil(length / stride) samples.
    """
    if weight.shape[2] == 1 and stride == 1:
        return F.linear(x, weight.squeeze(2))
    kernel = weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    padding = (0, weight.shape[2] // 2)
    return F.conv2d(_as_image(x), kernel, stride=(1, stride), padding=padding).squeeze(2).transpose(1, 2)


def _as_image(x: Tensor) -> Tensor:
    """Return maps as images of height 1, since only images have a channels-last memory format."""
    return x.transpose(1, 2).unsqueeze(2)


def crop_kernel(weight: Tensor, length: int) -> Tensor:
    """Return the part of a kernel that reaches from one sample to another in a spectrum of this length."""
    margin = max(weight.shape[2] // 2 - (length - 1), 0)
    return weight[:, :, margin : weight.shape[2] - margin]


def merge_kernels(weights: Sequence[Tensor]) -> Tensor:
    """Return one kernel of the largest width that gives the concatenated results of several."""
    width = max(weight.shape[2] for weight in weights)
    margins = [(width - weight.shape[2]) // 2 for weight in weights]
    return torch.cat([F.pad(weight, (margin, margin)) for weight, margin in zip(weights, margins, strict=True)])


def split_kernels(kernel: Tensor, shapes: Sequence[torch.Size]) -> list[Tensor]:
    """Return the parts of a merged kernel that belong to weights of these shapes."""
    parts = kernel.split([shape[0] for shape in shapes])
    margins = [(kernel.shape[2] - shape[2]) // 2 for shape in shapes]
    return [part.narrow(2, m, shape[2]) for part, m, shape in zip(parts, margins, shapes, strict=True)]


class DirectConvolution:
    """Parallel convolutions of a layer and their gradients. It is the faster form where the kernels are narrow.

    Parameters
    ----------
    weights : sequence of Tensor of shape (out_channels, in_channels, width)
        The kernels. Their results are concatenated.
    length : int
        Number of samples of a spectrum.
    """

    def __init__(self, weights: Sequence[Tensor], length: int):
        self.weights = weights
        self.dtype = weights[0].dtype  # of activations and of gradients with respect to results
        self.padded_length = length  # of the arrays with results and their gradients
        self.samples = slice(0, length)  # of these arrays that belong to the spectrum

    def new_activation(self, n_spectra: int) -> Tensor:
        """Return an array (n_spectra, length, in_channels) that the other methods accept once it is filled."""
        return self.weights[0].new_empty(n_spectra, self.padded_length, self.weights[0].shape[1])

    def forward(self, activation: Tensor, out: Tensor) -> None:
        """Write the results (n_spectra, padded_length, out_channels) of an activation to `out`."""
        if len(self.weights) == 1 and self.weights[0].shape[2] == 1:
            torch.mm(activation.flatten(0, 1), self.weights[0].squeeze(2).T, out=out.flatten(0, 1))
        else:
            torch.cat([conv_same(activation, weight) for weight in self.weights], dim=2, out=out)

    def backward(self, activation: Tensor, grad: Tensor, total: list[Tensor] | None) -> Tensor:
        """Return the gradient with respect to the activation, and add that of the weights to `total` if it is given.

        The gradient with respect to the results is zero outside `samples`.
        """
        grad_activation = None
        parts = [part.contiguous() for part in grad.split([len(weight) for weight in self.weights], dim=2)]
        for k, (weight, part) in enumerate(zip(self.weights, parts, strict=True)):
            convolved = conv_same(part, weight.flip(2).transpose(0, 1))
            grad_activation = convolved if grad_activation is None else grad_activation.add_(convolved)
            if total is not None:
                total[k] += _weight_gradient(activation, part, weight)
        assert grad_activation is not None
        return grad_activation

    def new_total(self) -> list[Tensor]:
        """Return the sum over no spectra of the gradients of the weights."""
        return [torch.zeros_like(weight, dtype=sum_dtype(weight)) for weight in self.weights]

    def weight_gradients(self, total: list[Tensor]) -> list[Tensor]:
        """Return the gradient of each weight from their sum over all spectra."""
        return total


def _weight_gradient(x: Tensor, grad: Tensor, weight: Tensor) -> Tensor:
    if weight.shape[2] == 1:
        return (grad.flatten(0, 1).T @ x.flatten(0, 1)).unsqueeze(2)
    one, padding, mask = [1, 1], [0, weight.shape[2] // 2], [False, True, False]
    _, gradient, _ = torch.ops.aten.convolution_backward(
        _as_image(grad), _as_image(x), weight.unsqueeze(2), None, one, padding, one, False, [0, 0], 1, mask
    )
    return gradient.squeeze(2)


def sum_dtype(x: Tensor) -> torch.dtype:
    """Return the precision in which the values of an array are summed, single precision or better."""
    return torch.promote_types(x.dtype, torch.float32)
