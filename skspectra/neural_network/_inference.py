"""What a network computes for many spectra."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import numpy as np
import torch

from ._training._batches import as_tensor
from ._training._mapped_file import MappedFile


def compute_in_batches(
    function: Callable[[torch.Tensor], torch.Tensor],
    flux: np.ndarray,
    n_outputs: int,
    *,
    batch_size: int,
    device: torch.device,
) -> np.ndarray:
    """Return what a module in evaluation mode computes from float32 spectra, (n_samples, n_outputs), float32.

    On a CPU every thread takes batches of its own, each computed by that thread alone: many threads on one batch wait
    for each other after every operation. Memory is that of one batch a thread, of at most `batch_size` spectra. If the
    file of a memory-mapped array is changed meanwhile, OSError is raised.
    """
    outputs = np.empty((len(flux), n_outputs), dtype=np.float32)
    file = MappedFile(flux)

    def compute(batches: Iterable[slice]) -> None:
        for rows in batches:
            file.check()
            with torch.inference_mode():
                outputs[rows] = function(as_tensor(flux[rows]).to(device)).cpu().numpy()

    n_batches = -(-len(flux) // batch_size)
    n_threads = min(torch.get_num_threads(), n_batches) if device.type == "cpu" else 1
    # As many for each thread, where there are spectra enough.
    n_batches = min(n_batches + -n_batches % n_threads, len(flux))
    edges = [len(flux) * i // n_batches for i in range(n_batches + 1)]
    batches = [slice(start, stop) for start, stop in pairwise(edges)]
    if n_threads == 1:
        compute(batches)
    else:
        with _single_threads(n_threads) as pool:
            list(pool.map(compute, (batches[i::n_threads] for i in range(n_threads))))
    return outputs


def _single_threads(n_threads: int) -> ThreadPoolExecutor:
    """Return a pool of threads in each of which PyTorch computes with one thread."""
    before = torch.get_num_threads()
    started = Barrier(n_threads + 1)

    def start() -> None:
        torch.get_num_threads()  # a thread that has asked once no longer takes the default
        torch.set_num_threads(1)
        started.wait()

    pool = ThreadPoolExecutor(n_threads, initializer=start)
    for _ in range(n_threads):
        pool.submit(int)  # starts a thread
    started.wait()
    # The setting is a thread's own, but also the default of threads that start later.
    torch.set_num_threads(before)
    return pool
