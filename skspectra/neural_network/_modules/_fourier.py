"""Convolutions by Fourier transforms of short, overlapping parts of the spectra, which are faster for wide kernels.

This is the overlap-save method (Oppenheim & Schafer 2010, Discrete-Time Signal Processing, section 8.7). The transforms
are products with constant matrices. For some hundred samples with channels last they are as fast as a fast Fourier
transform, and their results lie as the products of the spectra and kernels at each frequency need them.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from ._convolutions import merge_kernels, split_kernels, sum_dtype


class Plan(NamedTuple):
    """How spectra are divided into parts: the number of samples in a part and the number of parts of a spectrum."""

    size: int
    n_parts: int
    n_operations: int  # for a spectrum


@lru_cache(maxsize=1024)
def make_plan(length: int, width: int, in_channels: int, out_channels: int) -> Plan:
    """Return the plan with the fewest operations for a kernel of this width and spectra of this length."""

    def plan(size: int) -> Plan:
        n_results = size - width + 1
        n_parts = -(-(length + width // 2) // n_results)  # at least width // 2 zeros are between two spectra
        transforms = size * in_channels + n_results * out_channels
        n_operations = n_parts * 2 * (size + 2) * (transforms + 2 * in_channels * out_channels)
        return Plan(size, n_parts, n_operations)

    # At least twice the width, so that only neighbouring parts overlap. The best number is far below eight times it.
    return min(map(plan, range(2 * width, 8 * width, 2)), key=lambda p: p.n_operations)


class FourierConvolution:
    """Parallel convolutions of a layer and their gradients. It is the faster form where the kernels are wide.

    It has the parameters, attributes and methods of `DirectConvolution`. It computes in float32 or better.
    """

    def __init__(self, weights: Sequence[Tensor], length: int):
        self.shapes = [weight.shape for weight in weights]
        self.dtype = sum_dtype(weights[0])
        self.length = length
        kernel = merge_kernels(weights).to(self.dtype)
        self.out_channels, self.in_channels, self.width = kernel.shape
        self.size, self.n_parts, _ = make_plan(length, self.width, self.in_channels, self.out_channels)
        self.n_results = self.size - self.width + 1  # of each part
        self.padded_length = self.n_parts * self.n_results
        self.transforms = _transforms(self.size, self.width, self.dtype)
        self.kernel = self._transform_kernel(kernel)
        self._kernel_gradient: Tensor | None = None

    def _transform_kernel(self, kernel: Tensor) -> Tensor:
        """Return real matrices (n_frequencies, 2 in_channels, 2 out_channels) that multiply (real, imaginary) rows."""
        taps = kernel.permute(2, 1, 0).flatten(1)
        real, imag = (self.transforms.of_kernel @ taps).view(2, -1, self.in_channels, self.out_channels)
        return torch.cat([torch.cat([real, imag], dim=2), torch.cat([-imag, real], dim=2)], dim=1)

    def new_activation(self, n_spectra: int) -> Tensor:
        # One long row of spectra with zeros between them, in which every part has the same distance from the next.
        margin = self.width // 2
        row = self.kernel.new_empty(n_spectra * self.padded_length + 2 * margin, self.in_channels)
        row[:margin] = 0
        row[-margin:] = 0
        spectra = row[margin:-margin].view(n_spectra, self.padded_length, self.in_channels)
        spectra[:, self.length :] = 0
        return spectra[:, : self.length]

    def _transform(self, activation: Tensor) -> Tensor:
        """Return the transforms of the parts, (n_all_parts, n_frequencies, 2 in_channels)."""
        n = len(activation) * self.n_parts
        start = activation.storage_offset() - self.width // 2 * self.in_channels
        stride = (self.n_results * self.in_channels, self.in_channels, 1)
        parts = activation.as_strided((n, self.size, self.in_channels), stride, start)
        transform = self.transforms.of_part
        return torch.bmm(transform.expand(n, *transform.shape), parts).view(n, -1, 2 * self.in_channels)

    def forward(self, activation: Tensor, out: Tensor) -> None:
        transformed = self._transform(activation)
        n, n_frequencies, _ = transformed.shape
        products = transformed.new_empty(n, n_frequencies, 2 * self.out_channels)
        torch.bmm(transformed.transpose(0, 1), self.kernel, out=products.transpose(0, 1))
        inverse = self.transforms.inverse
        products = products.view(n, -1, self.out_channels)
        if out.dtype == self.dtype:
            torch.bmm(inverse.expand(n, *inverse.shape), products, out=out.view(n, -1, self.out_channels))
        else:
            out.copy_(torch.bmm(inverse.expand(n, *inverse.shape), products).view_as(out))

    def backward(self, activation: Tensor, grad: Tensor, *, with_weights: bool) -> Tensor:
        n, n_frequencies = len(activation) * self.n_parts, self.size // 2 + 1
        adjoint = self.transforms.inverse.T
        grad_products = torch.bmm(adjoint.expand(n, *adjoint.shape), grad.view(n, -1, self.out_channels))
        grad_products = grad_products.view(n, n_frequencies, -1).transpose(0, 1)
        if with_weights:
            transformed = self._transform(activation)
            if self._kernel_gradient is None:
                self._kernel_gradient = torch.zeros_like(self.kernel)
            self._kernel_gradient.baddbmm_(transformed.permute(1, 2, 0), grad_products)
        grad_transformed = grad.new_empty(n, n_frequencies, 2 * self.in_channels)
        torch.bmm(grad_products, self.kernel.transpose(1, 2), out=grad_transformed.transpose(0, 1))
        return self._add_parts(grad_transformed.view(n, -1, self.in_channels))

    def _add_parts(self, grad_transformed: Tensor) -> Tensor:
        """Return the adjoint of `_transform`. Two parts overlap in width - 1 samples."""
        n, overlap = len(grad_transformed), self.width - 1
        first, last = self.transforms.of_part.T.split([self.n_results, overlap])
        row = grad_transformed.new_empty(n * self.n_results + overlap, self.in_channels)
        row[-overlap:] = 0
        parts = row[: n * self.n_results].view(n, self.n_results, self.in_channels)
        torch.bmm(first.expand(n, *first.shape), grad_transformed, out=parts)
        rest = torch.bmm(last.expand(n, *last.shape), grad_transformed)
        parts[1:, :overlap] += rest[:-1]
        row[-overlap:] += rest[-1]
        margin = self.width // 2
        spectra = row[margin:-margin].view(-1, self.padded_length, self.in_channels)
        return spectra[:, : self.length]

    @property
    def weight_gradients(self) -> list[Tensor]:
        assert self._kernel_gradient is not None
        upper, lower = self._kernel_gradient.split(self.in_channels, dim=1)
        real = upper[:, :, : self.out_channels] + lower[:, :, self.out_channels :]
        imag = upper[:, :, self.out_channels :] - lower[:, :, : self.out_channels]
        of_transform = torch.cat([real, imag]).flatten(1)
        taps = (self.transforms.of_kernel.T @ of_transform).view(self.width, self.in_channels, self.out_channels)
        return split_kernels(taps.permute(2, 1, 0), self.shapes)


class _Transforms(NamedTuple):
    """Matrices of the discrete Fourier transform. Real and imaginary parts alternate, except for `of_kernel`."""

    of_part: Tensor  # (2 n_frequencies, size)
    inverse: Tensor  # (n_results, 2 n_frequencies), for the samples that the parts after this one do not change
    of_kernel: Tensor  # (2 n_frequencies, width), of the reversed kernel: real parts, then imaginary parts


@lru_cache(maxsize=128)
def _transforms(size: int, width: int, dtype: torch.dtype) -> _Transforms:
    with torch.inference_mode(False):  # what is made in inference mode can't be used in training
        frequency = torch.arange(size // 2 + 1, dtype=torch.float64)
        angle = torch.outer(frequency, torch.arange(size, dtype=torch.float64)) * (2 * pi / size)
        of_part = torch.stack([angle.cos(), -angle.sin()], dim=1).flatten(0, 1)
        share = torch.full((len(frequency), 1, 1), 2 / size, dtype=torch.float64)  # of a frequency and its negative
        share[0] = share[-1] = 1 / size  # which are the same here
        inverse = (of_part.view(-1, 2, size) * share).flatten(0, 1).T[: size - width + 1]
        of_kernel = torch.cat([angle.cos(), angle.sin()])[:, :width]
        return _Transforms(*(matrix.to(dtype).contiguous() for matrix in (of_part, inverse, of_kernel)))
