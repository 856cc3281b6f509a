"""Time alternatives in turn, so that a busy moment of the machine does not affect only one of them, or one call."""

import gc
import time
from collections.abc import Callable

import numpy as np


def best_seconds(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the best time of each candidate. Every candidate runs once in each round."""
    best = dict.fromkeys(candidates, float("inf"))
    for _ in range(rounds):
        for name, function in candidates.items():
            gc.collect()
            start = time.perf_counter()
            result = function()
            best[name] = min(best[name], time.perf_counter() - start)
            del result
    return best


def median_seconds(function: Callable[[], object], rounds: int = 100) -> float:
    """Return the median time of a call."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
