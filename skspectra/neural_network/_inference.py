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
    for each other after every operation. A GPU is sent the next batch while it computes the last one. Memory is that of
    one batch a thread, two on a GPU, of at most `batch_size` spectra. If the file of a memory-mapped array is changed
    meanwhile, OSError is raised.
    """
    outputs = np.empty((len(flux), n_outputs), dtype=np.float32)
    file = MappedFile(flux)

    def read(rows: slice) -> torch.Tensor:
        file.check()
        return as_tensor(flux[rows])

    def compute(batches: Iterable[slice]) -> None:
        for rows in batches:
            with torch.inference_mode():
                outputs[rows] = function(read(rows).to(device)).cpu().numpy()

    def compute_ahead(batches: Iterable[slice]) -> None:
        last = None
        for rows in batches:
            launched = launch(rows)
            if last is not None:
                store(*last)
            last = launched
        if last is not None:
            store(*last)

    def launch(rows: slice) -> tuple[slice, torch.Tensor, torch.cuda.Event]:
        with torch.inference_mode():
            result = function(read(rows).pin_memory().to(device, non_blocking=True)).to("cpu", non_blocking=True)
        computed = torch.cuda.Event()
        computed.record()
        return rows, result, computed

    def store(rows: slice, result: torch.Tensor, computed: torch.cuda.Event) -> None:
        computed.synchronize()
        outputs[rows] = result.numpy()

    n_batches = -(-len(flux) // batch_size)
    n_threads = min(torch.get_num_threads(), n_batches) if device.type == "cpu" else 1
    # As many for each thread, where there are spectra enough.
    n_batches = min(n_batches + -n_batches % n_threads, len(flux))
    edges = [len(flux) * i // n_batches for i in range(n_batches + 1)]
    batches = [slice(start, stop) for start, stop in pairwise(edges)]
    if device.type == "cuda":
        compute_ahead(batches)
    elif n_threads == 1:
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
