"""The fused operation of the networks: affine map, ReLU and parallel convolutions.

Every feature map here is an array (n_spectra, length, n_channels), as in `_convolutions`.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ._convolutions import DirectConvolution, conv_same, crop_kernel, merge_kernels, sum_dtype
from ._fourier import FourierConvolution, make_plan

# Floats of one chunk of activations on a CPU: small enough to stay in its cache between operations.
CHUNK_SIZE = 1 << 19
# Kernels up to this width are applied by sums of products: on an Intel Xeon with AVX-512, a kernel of width 11 takes
# 1.5 times as long by Fourier transforms, forward and backward. One of width 25 takes .9 and .5 times as long, and the
# four kernels of the default take .7 and .3 times as long (`benchmarks.speed.forms`).
_NARROW = 11
# Floats of the maps of a few spectra, for which the fused operation spends most of its time on its preparations: with
# a growth rate of 8 and a stem stride of 4, one spectrum takes 17 ms by it and 11 ms without it, eight take 26 ms.
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
    def forward(ctx, with_variance, x, scale, shift, *weights):
        length = x.shape[1]
        convolution = make_convolution(weights, length)
        values = x.new_empty(len(x), convolution.padded_length, sum(len(weight) for weight in weights))
        moments = x.new_empty(1 + with_variance, len(x), values.shape[2], dtype=sum_dtype(x))
        for rows in _chunks(x):
            activation = _activate(x[rows], scale[rows], shift[rows], convolution)
            convolution.forward(activation, out=values[rows])
            moments[:, rows] = moments_over_length(values[rows, :length], with_variance)
        values = values[:, :length]
        ctx.save_for_backward(x, scale, shift, values, moments, *weights)
        return values, moments

    @staticmethod
    def backward(ctx, grad_values, grad_moments):
        x, scale, shift, values, moments, *weights = ctx.saved_tensors
        length = x.shape[1]
        convolution = make_convolution(weights, length)
        with_weights = any(ctx.needs_input_grad[4:])
        grad_x = torch.empty_like(x, memory_format=torch.contiguous_format)
        grad_scale, grad_shift = torch.empty_like(scale), torch.empty_like(shift)
        for rows in _chunks(x):
            activation = _activate(x[rows], scale[rows], shift[rows], convolution)
            shape = len(activation), convolution.padded_length, values.shape[2]
            grad_out = torch.empty(shape, dtype=convolution.dtype)
            grad_out[:, length:] = 0
            of_moments = _moments_gradient(values[rows], moments[:, rows], grad_moments[:, rows])
            torch.add(of_moments, grad_values[rows], out=grad_out[:, :length])
            grad = convolution.backward(activation, grad_out, with_weights=with_weights)
            torch.ops.aten.threshold_backward.grad_input(grad, activation, 0, grad_input=grad)
            torch.mul(grad, scale[rows], out=grad_x[rows])
            grad_shift[rows] = grad.sum(1, keepdim=True)
            grad_scale[rows] = grad.mul_(x[rows]).sum(1, keepdim=True)
        grad_weights: list[Tensor | None] = [None] * len(weights)
        if with_weights:
            grad_weights = [g.to(w.dtype) for g, w in zip(convolution.weight_gradients, weights, strict=True)]
        return None, grad_x, grad_scale, grad_shift, *grad_weights


def make_convolution(weights: Sequence[Tensor], length: int) -> DirectConvolution | FourierConvolution:
    """Return the form of the convolution that takes less time, whose results are equal to rounding."""
    in_channels, width = weights[0].shape[1], max(weight.shape[2] for weight in weights)
    if width > _NARROW:
        plan = make_plan(length, width, in_channels, sum(len(weight) for weight in weights))
        if plan.n_operations < 2 * length * sum(weight.numel() for weight in weights):
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
