"""Constants of a layer that depend on its weights alone, computed once for many predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

T = TypeVar("T")

# The weights of each layer, their versions and the arguments, and what was computed from them. The weights are kept so
# that no others can take their place in memory.
_remembered: WeakKeyDictionary[nn.Module, tuple[list[Tensor], list[object], object]] = WeakKeyDictionary()


def may_remember(layer: nn.Module) -> bool:
    """Return whether the constants of a layer stay the same from call to call and need no gradient."""
    return not (layer.training or torch.is_grad_enabled() or torch.compiler.is_compiling())


def remember(layer: nn.Module, function: Callable[..., T], weights: Sequence[Tensor], *arguments: object) -> T:
    """Return ``function(weights, *arguments)``, computed again only if a weight or an argument has changed.

    PyTorch counts every change in place, except those of `tensor.data`, which it cannot see.
    """
    try:
        state = [*(number for weight in weights for number in (weight.data_ptr(), weight._version)), *arguments]
    except RuntimeError:  # tensors of the inference mode have no version
        return function(weights, *arguments)
    _, last_state, value = _remembered.get(layer, (None, None, None))
    if state != last_state:
        value = function(weights, *arguments)
        _remembered[layer] = [weight.detach() for weight in weights], state, value
    return value  # type: ignore[return-value]
