"""The fused operation of the networks: affine map, ReLU and parallel convolutions.

Every feature map here is an array (n_spectra, length, n_channels), channels last: oneDNN and cuDNN run
convolutions several times faster in this order than in PyTorch's default (n_spectra, n_channels, length).
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

# Floats of one chunk of activations on a CPU: small enough to stay in its last-level cache between operations.
_CHUNK_SIZE = 1 << 20
# Kernels up to this width, and spectra shorter than so many kernels, have the gradient of their weights from oneDNN. On
# an Intel Xeon with AVX-512 a batch takes 2 ms by it and 3 ms by products of matrices for width 11 on 2600 samples, 5
# and 14 ms for width 41 on 40 samples, but 25 and 7 ms for width 41 on 2600 (`benchmarks.speed.forms`).
_NARROW, _SHORT = 11, 8
# Floats of the maps of a few spectra, for which the fused operation spends most of its time on its preparations: in the
# pretrained network one spectrum takes 14 ms by it and 9 ms without it, sixteen spectra take 25 ms and 24 ms.
_SMALL = 1 << 17
# The most neighbouring samples that one step of a convolution on a CPU computes.
_MAX_STEPS = 4


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
    weights = [weight.to(x.dtype) for weight in weights]
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


def merge_kernels(weights: Sequence[Tensor]) -> Tensor:
    """Return one kernel of the largest width that gives the concatenated results of several."""
    width = max(weight.shape[2] for weight in weights)
    margins = [(width - weight.shape[2]) // 2 for weight in weights]
    return torch.cat([F.pad(weight, (margin, margin)) for weight, margin in zip(weights, margins, strict=True)])


def conv_same(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """Convolve channels-last maps (n_spectra, length, in_channels), with zeros beyond both ends.

    The weight is (out_channels, in_channels, width), of odd width; the result has ceil(length / stride) samples.
    """
    if weight.shape[2] == 1 and stride == 1:
        return F.linear(x, weight.squeeze(2))
    return _conv(x, weight, stride, padding=weight.shape[2] // 2)


def _conv(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    # A convolution over an image of height 1, since only images have a channels-last memory format.
    image = x.transpose(1, 2).unsqueeze(2)
    kernel = weight.unsqueeze(2).contiguous(memory_format=torch.channels_last)
    return F.conv2d(image, kernel, stride=(1, stride), padding=(0, padding)).squeeze(2).transpose(1, 2)


def moments_over_length(x: Tensor, with_variance: bool = True) -> Tensor:
    """Return mean and, if wanted, variance of each map, (1 or 2, n_spectra, n_channels), in float32 or better."""
    mean = x.mean(1, dtype=_sum_dtype(x))
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
        kernels = [_PreparedConv(weight) for weight in weights]
        values = x.new_empty(*x.shape[:2], sum(len(weight) for weight in weights))
        moments = x.new_empty(1 + with_variance, len(x), values.shape[2], dtype=_sum_dtype(x))
        for rows in _chunks(x):
            activation = _activate(x[rows], scale[rows], shift[rows])
            results = [kernel(activation)[:, : x.shape[1]] for kernel in kernels]
            torch.cat(results, dim=2, out=values[rows])
            moments[:, rows] = moments_over_length(values[rows], with_variance)
        ctx.save_for_backward(x, scale, shift, values, moments, *weights)
        return values, moments

    @staticmethod
    def backward(ctx, grad_values, grad_moments):
        x, scale, shift, values, moments, *weights = ctx.saved_tensors
        length = x.shape[1]
        kernels = [_PreparedConv(weight.flip(2).transpose(0, 1)) for weight in weights]
        grad_x = torch.empty_like(x, memory_format=torch.contiguous_format)
        grad_scale, grad_shift = torch.empty_like(scale), torch.empty_like(shift)
        grad_weights = [torch.zeros_like(weight, dtype=_sum_dtype(x)) for weight in weights]
        for rows in _chunks(x):
            grad_out = _moments_gradient(values[rows], moments[:, rows], grad_moments[:, rows])
            grad_out += grad_values[rows]
            activation = _activate(x[rows], scale[rows], shift[rows])
            grad = None
            parts = _split(grad_out, weights)
            wanted_weights = ctx.needs_input_grad[4:]
            for kernel, grad_weight, part, wanted in zip(kernels, grad_weights, parts, wanted_weights, strict=True):
                part = _pad(part)
                grad = kernel(part) if grad is None else grad.add_(kernel(part))
                if wanted:
                    grad_weight += _weight_gradient(activation, part, grad_weight.shape[2])
            grad = torch.ops.aten.threshold_backward(grad, activation, 0)[:, :length]
            torch.mul(grad, scale[rows], out=grad_x[rows])
            grad_shift[rows] = grad.sum(1, keepdim=True)
            grad_scale[rows] = grad.mul_(x[rows]).sum(1, keepdim=True)
        grad_weights = [g.to(weight.dtype) for g, weight in zip(grad_weights, weights, strict=True)]
        return None, grad_x, grad_scale, grad_shift, *grad_weights


class _PreparedConv:
    """A convolution that computes several neighbouring samples at once; the length is a multiple of `_MAX_STEPS`.

    Vector units of 8 or 16 lanes stand half idle when there are, say, 12 output channels. `steps` neighbouring
    samples are `steps` shifted copies of the kernel, that is, a convolution of that stride with `steps` times as many
    output channels, whose result has the same memory layout. It costs `steps - 1` zeros at the ends of each kernel.
    """

    def __init__(self, weight: Tensor, steps: int | None = None):
        self.out_channels, _, width = weight.shape
        self.padding = width // 2
        self.steps = _steps_at_once(self.out_channels, width) if steps is None else steps
        self.weight = torch.cat([F.pad(weight, (i, self.steps - 1 - i)) for i in range(self.steps)])

    def __call__(self, x: Tensor) -> Tensor:
        if self.weight.shape[2] == 1:
            return F.linear(x, self.weight.squeeze(2))
        out = _conv(x, self.weight, self.steps, self.padding)
        return out.reshape(*x.shape[:2], self.out_channels)


def _steps_at_once(out_channels: int, width: int) -> int:
    """The number that wastes least on idle lanes and zeros."""
    lanes = 16 if torch.backends.cpu.get_cpu_capability() == "AVX512" else 8

    def cost(steps):
        channels = steps * out_channels
        return -(-channels // lanes) * lanes / channels * (width + steps - 1) / width

    return 1 if width == 1 else min((1, 2, _MAX_STEPS), key=cost)


def _activate(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return relu(scale * x + shift), then zeros up to a multiple of `_MAX_STEPS`."""
    length = x.shape[1]
    activation = x.new_empty(len(x), length + -length % _MAX_STEPS, x.shape[2])
    activation[:, length:] = 0
    torch.addcmul(shift, x, scale, out=activation[:, :length]).relu_()
    return activation


def _pad(x: Tensor) -> Tensor:
    """Return a contiguous copy of x, then zeros up to a multiple of `_MAX_STEPS`."""
    return F.pad(x, (0, 0, 0, -x.shape[1] % _MAX_STEPS)).contiguous()


def _weight_gradient(x: Tensor, grad: Tensor, width: int) -> Tensor:
    """Gradient of a convolution's weight.

    x is (n_spectra, length, in_channels), grad a contiguous (n_spectra, length, out_channels), and the result
    (out_channels, in_channels, width), of no less than single precision.
    """
    if width == 1:
        return (grad.flatten(0, 1).T @ x.flatten(0, 1)).unsqueeze(2)
    if width <= _NARROW or x.shape[1] < _SHORT * width:
        return _weight_gradient_of_convolution(x, grad, width)
    return _weight_gradient_in_phases(x, grad, width)


def _weight_gradient_of_convolution(x: Tensor, grad: Tensor, width: int) -> Tensor:
    """Gradient of a convolution's weight by PyTorch's own routine."""
    image, upstream = (tensor.transpose(1, 2).unsqueeze(2) for tensor in (x, grad))
    weight = x.new_empty(grad.shape[2], x.shape[2], 1, width)
    one, padding = [1, 1], [0, width // 2]
    _, gradient, _ = torch.ops.aten.convolution_backward(
        upstream, image, weight, None, one, padding, one, False, [0, 0], 1, [False, True, False]
    )
    return gradient.squeeze(2).to(_sum_dtype(x))


def _weight_gradient_in_phases(x: Tensor, grad: Tensor, width: int) -> Tensor:
    """Gradient of a convolution's weight by matrix products.

    The gradient is x transposed times the matrix whose row i holds the samples i to i + width - 1 of `grad`. Rows that
    overlap are nothing a matrix product can take, but every width-th of them lie end to end, so the product is a sum
    over `width` phases, and nothing is copied. oneDNN's own routine reaches a third of this speed where the kernel is
    wide and the spectrum much longer than it.
    """
    n_spectra, length, in_channels = x.shape
    out_channels = grad.shape[2]
    n_rows = -(-length // width)
    padded = grad.new_zeros(n_spectra, (n_rows + 1) * width, out_channels)
    padded[:, width // 2 : width // 2 + length] = grad
    total = x.new_zeros(n_spectra, in_channels, width * out_channels)
    for phase in range(min(width, length)):
        rows = x[:, phase::width].mT
        shape = (n_spectra, rows.shape[2], width * out_channels)
        windows = padded.as_strided(shape, (padded.stride(0), shape[2], 1), phase * out_channels)
        total.baddbmm_(rows, windows)
    return total.sum(0, dtype=_sum_dtype(x)).view(in_channels, width, out_channels).flip(1).permute(2, 0, 1)


def _sum_dtype(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _chunks(x: Tensor) -> Iterator[slice]:
    """Slices of equally many spectra: oneDNN prepares each new shape anew."""
    n_chunks = -(-x.numel() // _CHUNK_SIZE)
    size = max(1, -(-len(x) // n_chunks))
    return (slice(start, start + size) for start in range(0, len(x), size))


def _split(x: Tensor, weights: Sequence[Tensor]) -> Sequence[Tensor]:
    return x.split([len(weight) for weight in weights], dim=2)
