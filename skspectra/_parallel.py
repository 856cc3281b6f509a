"""Loop over the rows of a large array, in chunks that stay in the processor's cache and in threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from ._validation import _openmp_effective_n_threads

# A chunk and its temporaries should stay in the second-level cache, yet hold enough work for the calls to be cheap.
SAMPLES_PER_CHUNK = 2**17


def for_each_chunk(function: Callable[[int, int], None], n_samples: int, n_features: int) -> None:
    """Call ``function(start, stop)`` for consecutive chunks of rows that cover ``range(n_samples)``.

    The chunks depend on the shape alone. NumPy releases the interpreter lock inside its loops, so threads pay; there
    are as many as scikit-learn's own OpenMP loops would use (``OMP_NUM_THREADS`` and CPU quotas are heeded).
    """
    n_rows = max(1, SAMPLES_PER_CHUNK // n_features)
    n_chunks = -(-n_samples // n_rows)
    n_threads = min(_openmp_effective_n_threads(), n_chunks)

    def run(first_chunk: int, last_chunk: int) -> None:
        for start in range(first_chunk * n_rows, min(last_chunk * n_rows, n_samples), n_rows):
            function(start, min(start + n_rows, n_samples))

    if n_threads <= 1:
        run(0, n_chunks)
        return
    # A few spans for each thread, so that one that is held up leaves work to the others.
    edges = [n_chunks * i // (4 * n_threads) for i in range(4 * n_threads + 1)]
    with ThreadPoolExecutor(n_threads) as pool:
        for _ in pool.map(run, edges[:-1], edges[1:]):
            pass  # taking the results raises what a thread raised
