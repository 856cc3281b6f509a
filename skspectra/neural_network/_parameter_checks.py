"""Checks of parameters that are lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from skorch.callbacks import Callback


def check_milestones(milestones: Iterable) -> list[int]:
    if not all(isinstance(epoch, int | np.integer) and epoch > 0 for epoch in milestones):
        raise ValueError(f"lr_milestones={milestones!r} is not allowed: epochs are positive integers.")
    return [int(epoch) for epoch in milestones]


def check_hidden_layer_sizes(sizes: Any) -> tuple[int, ...]:
    """Return the sizes as a tuple of positive integers, one at least."""
    if len(sizes) == 0 or not all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in sizes):
        raise ValueError(f"hidden_layer_sizes={sizes!r} is not allowed: sizes are positive integers, one at least.")
    return tuple(int(n) for n in sizes)


def check_callbacks(callbacks: list | None) -> list:
    """Return the callbacks, alone or in pairs with their names, as a list."""
    for item in callbacks or []:
        if not isinstance(item[-1] if isinstance(item, tuple) and len(item) == 2 else item, Callback):
            raise ValueError(
                f"callbacks has {item!r}; allowed are instances of skorch.callbacks.Callback, or pairs of a name "
                "and an instance."
            )
    return callbacks or []
