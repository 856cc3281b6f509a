"""Convolutions by Fourier transforms of short, overlapping parts of the spectra, which are faster for wide kernels.

This is the overlap-save method (Oppenheim & Schafer 2010, Discrete-Time Signal Processing, section 8.7). The transforms
are products with constant matrices. For some hundred samples with channels last they are as fast as a fast Fourier
transform. Their results already have the memory order that the products at each frequency need.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from ._convolutions import merge_kernels, split_kernels, sum_dtype


class Plan(NamedTuple):
    """How spectra are divided into parts, and what that costs."""

    size: int  # samples in a part
    n_parts: int  # of a spectrum
    n_operations: int  # for a spectrum


@lru_cache(maxsize=1024)
def make_plan(length: int, width: int, in_channels: int, out_channels: int) -> Plan:
    """Return the plan with the fewest operations for a kernel of this width and spectra of this length."""

    def plan_of_size(size: int) -> Plan:
        n_results = size - width + 1
        n_parts = -(-(length + width - 1) // n_results)  # width - 1 zeros are between two spectra
        n_of_transforms = size * in_channels + n_results * out_channels
        n_operations = n_parts * 2 * (size + 2) * (n_of_transforms + 2 * in_channels * out_channels)
        return Plan(size, n_parts, n_operations)

    # At least twice the width, so that only neighbouring parts overlap.
    return min(map(plan_of_size, range(2 * width, 8 * width, 2)), key=lambda plan: plan.n_operations)


class FourierConvolution:
    """Parallel convolutions of a layer and their gradients. It is the faster form where the kernels are wide.

    It has the parameters, attributes and methods of `DirectConvolution`. It computes in float32 or better.

    The spectra of a batch lie in one row, with zeros between them. All parts then have the same distance from the next
    one, so that one product transforms them all. A part contains samples of one spectrum only.
    """

    def __init__(self, weights: Sequence[Tensor], length: int):
        self.shapes = [weight.shape for weight in weights]
        self.dtype = sum_dtype(weights[0])
        self.length = length
        kernel = merge_kernels(weights).to(self.dtype)
        self.out_channels, self.in_channels, width = kernel.shape
        self.size, self.n_parts, _ = make_plan(length, width, self.in_channels, self.out_channels)
        self.overlap = width - 1  # of two neighbouring parts
        self.n_results = self.size - self.overlap  # of each part
        self.padded_length = self.n_parts * self.n_results
        self.samples = slice(width // 2, width // 2 + length)
        self.matrices = _dft_matrices(self.size, width, self.dtype)
        self.kernel = self._transform_kernel(kernel)

    def _transform_kernel(self, kernel: Tensor) -> Tensor:
        """Return real matrices (n_frequencies, 2 in_channels, 2 out_channels) that multiply (real, imaginary) rows."""
        taps = kernel.permute(2, 1, 0).flatten(1)
        real, imag = (self.matrices.of_kernel @ taps).view(2, -1, self.in_channels, self.out_channels)
        return torch.cat([torch.cat([real, imag], dim=2), torch.cat([-imag, real], dim=2)], dim=1)

    def new_activation(self, n_spectra: int) -> Tensor:
        row = self.kernel.new_empty(self.overlap + n_spectra * self.padded_length, self.in_channels)
        row[: self.overlap] = 0
        spectra = self._spectra(row)
        spectra[:, self.length :] = 0
        return spectra[:, : self.length]

    def _spectra(self, row: Tensor) -> Tensor:
        return row[self.overlap :].view(-1, self.padded_length, self.in_channels)

    def _transform(self, activation: Tensor) -> Tensor:
        """Return the transforms of the parts, (n_all_parts, n_frequencies, 2 in_channels)."""
        n = len(activation) * self.n_parts
        start = activation.storage_offset() - self.overlap * self.in_channels
        stride = (self.n_results * self.in_channels, self.in_channels, 1)
        parts = activation.as_strided((n, self.size, self.in_channels), stride, start)
        return _multiply(self.matrices.of_part, parts).view(n, -1, 2 * self.in_channels)

    def forward(self, activation: Tensor, out: Tensor) -> None:
        transformed = self._transform(activation)
        n, n_frequencies, _ = transformed.shape
        products = transformed.new_empty(n, n_frequencies, 2 * self.out_channels)
        torch.bmm(transformed.transpose(0, 1), self.kernel, out=products.transpose(0, 1))
        products = products.view(n, -1, self.out_channels)
        if out.dtype == self.dtype:
            _multiply(self.matrices.inverse, products, out=out.view(n, -1, self.out_channels))
        else:
            out.copy_(_multiply(self.matrices.inverse, products).view_as(out))

    def backward(self, activation: Tensor, grad: Tensor, total: Tensor | None) -> Tensor:
        n, n_frequencies = len(activation) * self.n_parts, self.size // 2 + 1
        grad_products = _multiply(self.matrices.inverse.T, grad.view(n, -1, self.out_channels))
        grad_products = grad_products.view(n, n_frequencies, -1).transpose(0, 1)
        if total is not None:
            total.baddbmm_(self._transform(activation).permute(1, 2, 0), grad_products)
        grad_transformed = grad.new_empty(n, n_frequencies, 2 * self.in_channels)
        torch.bmm(grad_products, self.kernel.transpose(1, 2), out=grad_transformed.transpose(0, 1))
        return self._add_parts(grad_transformed.view(n, -1, self.in_channels))

    def _add_parts(self, grad_transformed: Tensor) -> Tensor:
        """Return the adjoint of `_transform`."""
        n = len(grad_transformed)
        first, last = self.matrices.of_part.T.split([self.n_results, self.overlap])
        row = grad_transformed.new_empty(n * self.n_results + self.overlap, self.in_channels)
        row[-self.overlap :] = 0
        parts = row[: n * self.n_results].view(n, self.n_results, self.in_channels)
        _multiply(first, grad_transformed, out=parts)
        rest = _multiply(last, grad_transformed)
        parts[1:, : self.overlap] += rest[:-1]
        row[-self.overlap :] += rest[-1]
        return self._spectra(row)[:, : self.length]

    def new_total(self) -> Tensor:
        return torch.zeros_like(self.kernel)

    def weight_gradients(self, total: Tensor) -> list[Tensor]:
        upper, lower = total.split(self.in_channels, dim=1)
        real = upper[:, :, : self.out_channels] + lower[:, :, self.out_channels :]
        imag = upper[:, :, self.out_channels :] - lower[:, :, : self.out_channels]
        taps = self.matrices.of_kernel.T @ torch.cat([real, imag]).flatten(1)
        kernel = taps.view(-1, self.in_channels, self.out_channels).permute(2, 1, 0)
        return split_kernels(kernel, self.shapes)


def _multiply(matrix: Tensor, parts: Tensor, out: Tensor | None = None) -> Tensor:
    """Return the product of one matrix with each part."""
    return torch.bmm(matrix.expand(len(parts), *matrix.shape), parts, out=out)


class _Matrices(NamedTuple):
    """Matrices of the discrete Fourier transform. Real and imaginary parts alternate, except for `of_kernel`."""

    of_part: Tensor  # (2 n_frequencies, size)
    inverse: Tensor  # (n_results, 2 n_frequencies), for the results that wrap around no end of the part
    of_kernel: Tensor  # (2 n_frequencies, width), of the reversed kernel: real parts, then imaginary parts


@lru_cache(maxsize=32)
def _dft_matrices(size: int, width: int, dtype: torch.dtype) -> _Matrices:
    with torch.inference_mode(False), torch.device("cpu"):  # whatever the first caller's settings
        frequency = torch.arange(size // 2 + 1, dtype=torch.float64)
        angle = torch.outer(frequency, torch.arange(size, dtype=torch.float64)) * (2 * pi / size)
        of_part = torch.stack([angle.cos(), -angle.sin()], dim=1).flatten(0, 1)
        share = torch.full((len(frequency), 1, 1), 2 / size, dtype=torch.float64)  # of a frequency and its negative
        share[0] = share[-1] = 1 / size  # which are the same here
        inverse = (of_part.view(-1, 2, size) * share).flatten(0, 1).T[: size - width + 1]
        of_kernel = torch.cat([angle.cos(), angle.sin()])[:, :width]
        return _Matrices(*(matrix.to(dtype).contiguous() for matrix in (of_part, inverse, of_kernel)))
