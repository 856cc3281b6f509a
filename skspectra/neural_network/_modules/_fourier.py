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
        halves = self.matrices.of_kernel_in_halves @ taps
        real, imag = halves.view(2, -1, self.in_channels, self.out_channels)
        transformed = kernel.new_empty(len(real), 2, self.in_channels, 2, self.out_channels)
        transformed[:, 0, :, 0] = transformed[:, 1, :, 1] = real
        transformed[:, 0, :, 1] = imag
        torch.neg(imag, out=transformed[:, 1, :, 0])
        return transformed.flatten(1, 2).flatten(2)

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
        n = len(transformed)
        products = _multiply_frequencies(transformed, self.kernel.unflatten(2, (2, -1)).movedim(2, 0))
        if out.dtype == self.dtype:
            _multiply(self.matrices.inverse_of_halves, products, out=out.view(n, -1, self.out_channels))
        else:
            out.copy_(_multiply(self.matrices.inverse_of_halves, products).view_as(out))

    def backward(self, activation: Tensor, grad: Tensor, total: Tensor | None) -> Tensor:
        n, n_frequencies = len(activation) * self.n_parts, self.size // 2 + 1
        grad_products = _multiply(self.matrices.inverse.T, grad.view(n, -1, self.out_channels))
        grad_products = grad_products.view(n, n_frequencies, -1)
        if total is not None:
            total.baddbmm_(self._transform(activation).permute(1, 2, 0), grad_products.transpose(0, 1))
        halves = self.kernel.transpose(1, 2).unflatten(2, (2, -1)).movedim(2, 0)
        return self._add_parts(_multiply_frequencies(grad_products, halves))

    def _add_parts(self, grad_transformed: Tensor) -> Tensor:
        """Return the adjoint of `_transform`."""
        n = len(grad_transformed)
        first, last = self.matrices.of_part_in_halves.T.split([self.n_results, self.overlap])
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
        taps = self.matrices.of_kernel_in_halves.T @ torch.cat([real, imag]).flatten(1)
        kernel = taps.view(-1, self.in_channels, self.out_channels).permute(2, 1, 0)
        return split_kernels(kernel, self.shapes)


def _multiply(matrix: Tensor, parts: Tensor, out: Tensor | None = None) -> Tensor:
    """Return the product of one matrix with each part."""
    return torch.bmm(matrix.expand(len(parts), *matrix.shape), parts, out=out)


def _multiply_frequencies(transformed: Tensor, halves: Tensor) -> Tensor:
    """Return the products with the kernel at each frequency, (n_all_parts, 2 n_frequencies, n_channels).

    The halves of the kernel, (2, n_frequencies, ..., n_channels), give first all real parts, then all imaginary parts.
    In memory, all parts of a frequency follow each other, since PyTorch computes the products of all frequencies at
    once only if the result is contiguous.
    """
    _, n_frequencies, _, n_channels = halves.shape
    products = transformed.new_empty(2, n_frequencies, len(transformed), n_channels)
    for half, product in zip(halves, products, strict=True):
        torch.bmm(transformed.transpose(0, 1), half, out=product)
    return products.flatten(0, 1).transpose(0, 1)


class _Matrices(NamedTuple):
    """Matrices of the discrete Fourier transform.

    Rows or columns of frequencies alternate between real and imaginary parts. In those whose name ends in "halves", all
    real parts come first.
    """

    of_part: Tensor  # (2 n_frequencies, size)
    of_part_in_halves: Tensor
    inverse: Tensor  # (n_results, 2 n_frequencies), for the results that wrap around no end of the part
    inverse_of_halves: Tensor
    of_kernel_in_halves: Tensor  # (2 n_frequencies, width), of the reversed kernel


@lru_cache(maxsize=32)
def _dft_matrices(size: int, width: int, dtype: torch.dtype) -> _Matrices:
    with torch.inference_mode(False), torch.device("cpu"):  # whatever the first caller's settings
        frequency = torch.arange(size // 2 + 1, dtype=torch.float64)
        angle = torch.outer(frequency, torch.arange(size, dtype=torch.float64)) * (2 * pi / size)
        halves = torch.stack([angle.cos(), -angle.sin()])
        share = torch.full((len(frequency), 1), 2 / size, dtype=torch.float64)  # of a frequency and its negative
        share[0] = share[-1] = 1 / size  # which are the same here
        inverse = (halves * share)[:, :, : size - width + 1]
        matrices = (
            halves.transpose(0, 1).flatten(0, 1),
            halves.flatten(0, 1),
            inverse.transpose(0, 1).flatten(0, 1).T,
            inverse.flatten(0, 1).T,
            torch.cat([angle.cos(), angle.sin()])[:, :width],
        )
        return _Matrices(*(matrix.to(dtype).contiguous() for matrix in matrices))
