"""Batches for the training loop, gathered and augmented on the device that trains."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ._mapped_file import MappedFile
from ._samplers import RowSampler

Batch = tuple[Tensor, tuple[Tensor, Tensor | None]]

_COPIED_AT_ONCE = 1 << 24  # samples (spectra times their length)


class SpectrumBatches(Dataset):
    """The batches of one epoch, drawn anew at every iteration, as (spectra, (labels, weights)) on the device.

    A batch is one indexing operation: no Python code runs for a single spectrum. On a CPU, X is never copied as a
    whole. On another device, X is kept in its memory if it fits in half of the free memory; otherwise batches are sent
    one ahead. If the file of a memory-mapped X is changed, the next batch raises OSError.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float32
        May be memory-mapped.
    y : ndarray of shape (n_samples,), int64
    sampler : RowSampler
        Draws the rows of an epoch.
    weights : ndarray of shape (n_samples,) or None, default=None
        Factors for the loss of each spectrum.
    batch_size : int
        Size of the largest batch. The sizes of the batches of an epoch differ by at most one spectrum, so that there is
        no short batch, whose statistics would be poor.
    device : torch.device
    augmenter : object with a method augment(X, *, rng), or None, default=None
        Adds noise to every batch.
    """

    def __init__(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sampler: RowSampler,
        weights: np.ndarray | None = None,
        *,
        batch_size: int,
        device: torch.device,
        augmenter: Any = None,
    ):
        self.sampler = sampler
        self.labels = torch.from_numpy(y)
        self.weights = None if weights is None else torch.from_numpy(weights).float()
        self.n_batches = -(-len(sampler) // batch_size)
        self.device = device
        self.augmenter = augmenter
        self.X: np.ndarray | Tensor = X
        self._file = MappedFile(X)
        if _fits_on(device, X.nbytes):
            self.X = self._copy_to_device(X)
            self.labels = self.labels.to(device)
            self.weights = None if self.weights is None else self.weights.to(device)
        if augmenter is not None:
            noise_seed = int(torch.randint(2**62, (), generator=sampler.generator))
            self._rng = TorchRandom(torch.Generator(device).manual_seed(noise_seed), device)

    def __len__(self) -> int:
        """Return the number of spectra in an epoch."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[Batch]:
        rows = self.sampler.draw()
        if isinstance(self.X, Tensor):
            rows = rows.to(self.device)  # all at once, since every copy makes the device wait
        batches = torch.tensor_split(rows, self.n_batches)
        if self.device.type == "cpu" or isinstance(self.X, Tensor):
            return map(self._take, batches)
        return _one_ahead(self._take, batches)

    @property
    def generators(self) -> list[torch.Generator]:
        """All generators from which an epoch draws."""
        generators = [] if self.sampler.generator is None else [self.sampler.generator]
        return generators if self.augmenter is None else [*generators, self._rng.generator]

    def flux_range(self) -> tuple[float, float]:
        """Return the lowest and the highest flux without noise."""
        low, high = math.inf, -math.inf
        for rows in torch.tensor_split(self.sampler.rows, self.n_batches):
            flux = self._read(rows)
            low, high = min(low, float(flux.min())), max(high, float(flux.max()))
        return low, high

    def _take(self, rows: Tensor) -> Batch:
        flux = self._read(rows)
        labels = self._send(self.labels[rows])
        weights = None if self.weights is None else self._send(self.weights[rows])
        if self.augmenter is not None:
            flux = self.augmenter.augment(flux, rng=self._rng)
        return flux, (labels, weights)

    def _copy_to_device(self, X: np.ndarray) -> Tensor:
        """Copy X in parts, each of which is first copied in the memory of the host."""
        copy = torch.empty(X.shape, dtype=torch.float32, device=self.device)
        size = max(1, _COPIED_AT_ONCE // X.shape[1])
        for start in range(0, len(X), size):
            self._file.check()
            copy[start : start + size] = as_tensor(X[start : start + size])
        return copy

    def _read(self, rows: Tensor) -> Tensor:
        if isinstance(self.X, Tensor):
            return self.X[rows.to(self.device)]
        self._file.check()
        return self._send(as_tensor(self.X[rows.numpy()]))

    def _send(self, tensor: Tensor) -> Tensor:
        if self.device.type == "cuda" and not tensor.is_cuda:
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True)


class TorchRandom:
    """A torch generator with the two methods of numpy.random.Generator that the noise draws with."""

    def __init__(self, generator: torch.Generator, device: torch.device):
        self.generator = generator
        self._kwargs: dict[str, Any] = {"generator": generator, "device": device}

    def random(self, size: tuple[int, ...], dtype: str) -> Tensor:
        return torch.rand(size, dtype=getattr(torch, dtype), **self._kwargs)

    def standard_normal(self, size: tuple[int, ...], dtype: str) -> Tensor:
        return torch.randn(size, dtype=getattr(torch, dtype), **self._kwargs)


def as_tensor(X: np.ndarray) -> Tensor:
    """Return a copy of X, float32, in PyTorch's own memory.

    NumPy's memory is not aligned, and in products of small matrices the alignment decides the last digit.
    """
    tensor = torch.empty(X.shape, dtype=torch.float32, device="cpu")  # in any thread
    np.copyto(tensor.numpy(), X)
    return tensor


def _fits_on(device: torch.device, n_bytes: int) -> bool:
    """Return whether the data should be copied to the device as a whole; a CPU reads them in place."""
    if device.type != "cuda":
        return device.type != "cpu"
    free, _ = torch.cuda.mem_get_info(device)
    return n_bytes < free / 2


def _one_ahead(make_batch: Callable[[Tensor], Batch], items: Iterable[Tensor]) -> Iterator[Batch]:
    """Yield make_batch(item) in order, while the next one is made in a thread."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        pending = None
        for item in items:
            following = executor.submit(make_batch, item)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()
