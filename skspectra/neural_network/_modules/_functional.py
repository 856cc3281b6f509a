"""The fused operation of the networks: affine map, ReLU and parallel convolutions.

Every feature map here is an array (n_spectra, length, n_channels), as in `_convolutions`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from ._convolutions import DirectConvolution, conv_same, crop_kernel, merge_kernels, sum_dtype
from ._fourier import FourierConvolution

# Floats of one chunk of activations on a CPU: small enough to stay in its cache between operations.
CHUNK_SIZE = 1 << 19
# Wider kernels are applied by Fourier transforms. On an Intel Xeon with AVX-512, a single kernel of width 13 takes 1.4
# times as long by them as by sums of products, and one of width 17 takes as long. The four kernels of the default take
# .7 times as long, and their gradients .3 times (`benchmarks.speed.forms`).
_NARROW = 13
# On spectra shorter than so many kernels, the sums of products skip most of a kernel. For 20 samples they take 5.6 ms
# and Fourier transforms 8.4 ms, but for the gradients they take 33 ms and Fourier transforms 15 ms.
_SHORT = 0.75
# Floats of the maps of a few spectra, for which the fused operation spends most of its time on its preparations: with
# a growth rate of 8 and a stem stride of 4, one spectrum takes 17 ms by it and 11 ms without it; eight take as long.
_SMALL = 1 << 17


def affine_relu_conv(
    x: Tensor, scale: Tensor, shift: Tensor, weights: Sequence[Tensor], with_variance: bool = True
) -> tuple[Tensor, Tensor]:
    """Convolve relu(scale * x + shift) with several kernels, concatenate the results and measure them.

    Parameters
    ----------
    x : Tensor of shape (n_spectra, length, in_channels)
    scale, shift : Tensor of shape (n_spectra, in_channels)
        One affine map for each spectrum and channel.
    weights : sequence of Tensor of shape (out_channels, in_channels, width)
        The width is odd; the length is kept by zeros beyond both ends.
    with_variance : bool, default=True
        See `moments_over_length`.

    Returns
    -------
    values : Tensor of shape (n_spectra, length, sum of out_channels)
    moments : Tensor of shape (1 or 2, n_spectra, sum of out_channels)
        `moments_over_length` of the values.
    """
    scale, shift = scale.to(x.dtype).unsqueeze(1), shift.to(x.dtype).unsqueeze(1)
    weights = [crop_kernel(weight, x.shape[1]).to(x.dtype) for weight in weights]
    is_small = x.numel() <= _SMALL and not torch.is_grad_enabled()
    if x.device.type == "cpu" and not torch.compiler.is_compiling() and not is_small:
        return _AffineReluConv.apply(with_variance, x, scale, shift, *weights)
    return _unfused_affine_relu_conv(x, scale, shift, weights, with_variance)


def _unfused_affine_relu_conv(x, scale, shift, weights, with_variance) -> tuple[Tensor, Tensor]:
    """The same by PyTorch's own operations: on a GPU, for torch.compile, which fuses them, and for a few spectra.

    On a GPU the kernels become one, with zeros around the narrower ones: more products, but fewer and larger launches.
    """
    activation = torch.addcmul(shift, x, scale).relu_()
    if x.device.type == "cpu":
        values = torch.cat([conv_same(activation, weight) for weight in weights], dim=2)
    else:
        values = conv_same(activation, merge_kernels(weights))
    return values, moments_over_length(values, with_variance)


def moments_over_length(x: Tensor, with_variance: bool = True) -> Tensor:
    """Return mean and, if wanted, variance of each map, (1 or 2, n_spectra, n_channels), in float32 or better."""
    mean = x.mean(1, dtype=sum_dtype(x))
    if not with_variance:
        return mean.unsqueeze(0)
    # torch.var_mean is 20 times slower in this layout on a CPU.
    return torch.stack([mean, (x - mean.unsqueeze(1)).square().mean(1)])


def _moments_gradient(x: Tensor, moments: Tensor, grad_moments: Tensor) -> Tensor:
    """Gradient of `moments_over_length` with respect to x."""
    grad_mean = grad_moments[0].unsqueeze(1) / x.shape[1]
    if len(moments) == 1:
        return grad_mean.to(x.dtype).repeat(1, x.shape[1], 1)
    slope = grad_moments[1].unsqueeze(1) * (2 / x.shape[1])
    return torch.addcmul(grad_mean - slope * moments[0].unsqueeze(1), x, slope).to(x.dtype)


class _AffineReluConv(torch.autograd.Function):
    """`affine_relu_conv` on a CPU, a few spectra at a time so that every step finds the one before it in cache.

    The activations are made again in the backward pass rather than kept, so that a batch needs less than half of the
    memory (Pleiss et al. 2017, arXiv:1707.06990).
    """

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # without autocast
    def forward(ctx, with_variance, x, scale, shift, *weights):
        convolution = make_convolution(weights, x.shape[1], for_gradients=False)
        padded = x.new_empty(len(x), convolution.padded_length, sum(len(weight) for weight in weights))
        values = padded[:, convolution.samples]
        moments = x.new_empty(1 + with_variance, len(x), values.shape[2], dtype=sum_dtype(x))
        for rows in _chunks(x):
            activation = _activate(x[rows], scale[rows], shift[rows], convolution)
            convolution.forward(activation, out=padded[rows])
            moments[:, rows] = moments_over_length(values[rows], with_variance)
        ctx.save_for_backward(x, scale, shift, values, moments, *weights)
        return values, moments

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx, grad_values, grad_moments):
        x, scale, shift, values, moments, *weights = ctx.saved_tensors
        convolution = make_convolution(weights, x.shape[1], for_gradients=True)
        total: Any = convolution.new_total() if any(ctx.needs_input_grad[4:]) else None
        grad_x = torch.empty_like(x, memory_format=torch.contiguous_format)
        grad_scale, grad_shift = torch.empty_like(scale), torch.empty_like(shift)
        for rows in _chunks(x):
            activation = _activate(x[rows], scale[rows], shift[rows], convolution)
            shape = len(activation), convolution.padded_length, values.shape[2]
            grad_out = values.new_empty(shape, dtype=convolution.dtype)
            grad_out[:, : convolution.samples.start] = 0
            grad_out[:, convolution.samples.stop :] = 0
            of_moments = _moments_gradient(values[rows], moments[:, rows], grad_moments[:, rows])
            torch.add(of_moments, grad_values[rows], out=grad_out[:, convolution.samples])
            grad = convolution.backward(activation, grad_out, total)
            torch.ops.aten.threshold_backward.grad_input(grad, activation, 0, grad_input=grad)
            torch.mul(grad, scale[rows], out=grad_x[rows])
            grad_shift[rows] = grad.sum(1, keepdim=True)
            grad_scale[rows] = grad.mul_(x[rows]).sum(1, keepdim=True)
        grad_weights: list[Tensor | None] = [None] * len(weights)
        if total is not None:
            gradients = convolution.weight_gradients(total)
            grad_weights = [gradient.to(w.dtype) for gradient, w in zip(gradients, weights, strict=True)]
        return None, grad_x, grad_scale, grad_shift, *grad_weights


def make_convolution(
    weights: Sequence[Tensor], length: int, *, for_gradients: bool
) -> DirectConvolution | FourierConvolution:
    """Return the faster form of the convolution. The results of both are equal to rounding."""
    width = max(weight.shape[2] for weight in weights)
    if width > _NARROW and (for_gradients or length >= _SHORT * width):
        return FourierConvolution(weights, length)
    return DirectConvolution(weights, length)


def _activate(x: Tensor, scale: Tensor, shift: Tensor, convolution: DirectConvolution | FourierConvolution) -> Tensor:
    """Return relu(scale * x + shift), as the convolution takes it."""
    return torch.addcmul(shift, x, scale, out=convolution.new_activation(len(x))).relu_()


def _chunks(x: Tensor) -> Iterator[slice]:
    """Slices of equally many spectra: oneDNN prepares each new shape anew."""
    n_chunks = -(-x.numel() // CHUNK_SIZE)
    size = max(1, -(-len(x) // n_chunks))
    return (slice(start, start + size) for start in range(0, len(x), size))
