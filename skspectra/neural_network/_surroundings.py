"""Isolation of the networks from settings of PyTorch that other code in this process has changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

# These functions use the default dtype; those below use it only if their arguments are Python floats.
_OF_DEFAULT_DTYPE = {torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.eye, torch.linspace}
_OF_VALUES = {torch.tensor, torch.as_tensor, torch.scalar_tensor, torch.full, torch.arange}
_INTEGER = {torch.randint, torch.randperm}
_FACTORIES = _OF_DEFAULT_DTYPE | _OF_VALUES | _INTEGER


@contextmanager
def own_surroundings() -> Iterator[None]:
    """Compute in this thread with the initial settings of PyTorch, whatever the process has set.

    Within it there is no autocast and no inference mode of a caller, and tensors that are made without a dtype or a
    device are float32 on the CPU, whatever ``torch.set_default_dtype`` and ``torch.set_default_device`` say.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        for device_type in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device_type):
                stack.enter_context(torch.autocast(device_type, enabled=False))
        if torch.get_default_dtype() != torch.float32 or torch.get_default_device().type != "cpu":
            stack.enter_context(_UsualDefaults())
        yield


class _UsualDefaults(TorchFunctionMode):
    """Mode in which functions that create tensors use the initial default dtype and device of PyTorch."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func not in _FACTORIES or kwargs.get("out") is not None:
            return func(*args, **kwargs)
        has_array = any(isinstance(value, torch.Tensor | np.ndarray | np.generic) for value in args)
        if kwargs.get("device") is None and not (has_array and isinstance(args[0], torch.Tensor)):
            kwargs["device"] = torch.device("cpu")
        if kwargs.get("dtype") is not None or func in _INTEGER:
            return func(*args, **kwargs)
        if func in _OF_DEFAULT_DTYPE:
            return func(*args, **kwargs | {"dtype": torch.float32})
        made = func(*args, **kwargs)
        return made.float() if made.dtype == torch.get_default_dtype() and not has_array else made
