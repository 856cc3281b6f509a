"""Threads, and a loop over the rows of a large array in chunks that stay in the processor's cache."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ._validation import _openmp_effective_n_threads

# A chunk and its temporaries should stay in the second-level cache, yet hold enough work for the calls to be cheap.
SAMPLES_PER_CHUNK = 2**17


def map_in_threads(function: Callable[..., Any], *iterables: Iterable[Any]) -> list[Any]:
    """Call ``function`` in threads with the items of the iterables, which are equally long, and return the results.

    NumPy releases the interpreter lock inside its loops, so threads are useful. Their number is that of scikit-learn's
    own OpenMP loops, which respects ``OMP_NUM_THREADS`` and CPU quotas.
    """
    calls = list(zip(*iterables, strict=True))
    n_threads = min(_openmp_effective_n_threads(), len(calls))
    if n_threads <= 1:
        return [function(*arguments) for arguments in calls]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(lambda arguments: function(*arguments), calls))


def for_each_chunk(function: Callable[[int, int], None], n_samples: int, n_features: int) -> None:
    """Call ``function(start, stop)`` in threads for consecutive chunks of rows that cover ``range(n_samples)``.

    The chunks depend on the shape alone.
    """
    n_rows = max(1, SAMPLES_PER_CHUNK // n_features)
    n_chunks = -(-n_samples // n_rows)

    def run(first_chunk: int, last_chunk: int) -> None:
        # Underflow is harmless, even if the caller lets NumPy raise it; other threads have the default settings anyway.
        with np.errstate(under="ignore"):
            for start in range(first_chunk * n_rows, min(last_chunk * n_rows, n_samples), n_rows):
                function(start, min(start + n_rows, n_samples))

    # Each thread has a few spans, so that other threads can take over work from a slow one.
    n_spans = 4 * _openmp_effective_n_threads()
    edges = sorted({n_chunks * i // n_spans for i in range(n_spans + 1)})
    map_in_threads(run, edges[:-1], edges[1:])
