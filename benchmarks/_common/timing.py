"""Time alternatives in turn, so that a busy moment of the machine does not affect only one of them."""

import gc
import time
from collections.abc import Callable


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
