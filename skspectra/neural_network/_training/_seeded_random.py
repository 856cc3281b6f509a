"""Random numbers of PyTorch from separate generators instead of those of the process."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

# Operators that take no generator, and functions that draw the same numbers in place.
_LIKE: dict[Any, Callable] = {
    torch.ops.aten.rand_like: torch.Tensor.uniform_,
    torch.ops.aten.randn_like: torch.Tensor.normal_,
    torch.ops.aten.randint_like: lambda tensor, *limits, generator: tensor.random_(
        *(limits if len(limits) == 2 else (0, *limits)), generator=generator
    ),
}


class SeededRandom(TorchDispatchMode):
    """Let every random operator in this context draw from the context's generators, one for each device.

    The numbers are those that the same calls draw after ``torch.manual_seed(seed)``, but the state of the process stays
    as it is. The context belongs to one thread, so that threads do not take numbers from each other. Operators that are
    given a generator keep it. Fused GPU kernels with dropout take no generator and are not changed.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int):
        super().__init__()
        self._seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Tell PyTorch not to import its compiler for this mode, which would take more than a second."""
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags or _has_generator(args, kwargs):
            return func(*args, **kwargs)
        device = _device(args, kwargs)
        if device.type == "meta":  # it has no numbers
            return func(*args, **kwargs)
        generator = self._generator(device)
        seeded = _overload_with_generator(func)
        if seeded is not None:
            return seeded(*args, **{**kwargs, "generator": generator})
        if func.overloadpacket in _LIKE:
            like, *limits = args
            return _LIKE[func.overloadpacket](torch.empty_like(like, **kwargs), *limits, generator=generator)
        return func(*args, **kwargs)

    def _generator(self, device: torch.device) -> torch.Generator:
        new = torch.Generator(device)
        # Its own device has a number: "cuda" and "cuda:0" are one device and share a generator.
        return self._generators.setdefault(new.device, new.manual_seed(self._seed))


def _has_generator(args: tuple, kwargs: dict[str, Any]) -> bool:
    return any(isinstance(value, torch.Generator) for value in (*args, *kwargs.values()))


def _device(args: tuple, kwargs: dict[str, Any]) -> torch.device:
    """Return the device on which an operator draws."""
    if kwargs.get("device") is not None:
        return torch.device(kwargs["device"])
    tensors = (value for value in (kwargs.get("out"), *args) if isinstance(value, torch.Tensor))
    return next((tensor.device for tensor in tensors), torch.device("cpu"))


@functools.cache
def _overload_with_generator(func: Any) -> Any:
    """Return the operator that does the same and takes a generator, None if there is none."""
    arguments = _arguments(func)
    if ("generator", "Optional[Generator]") in arguments:
        return func
    overloads = (getattr(func.overloadpacket, name) for name in func.overloadpacket.overloads())
    wanted = arguments | {("generator", "Optional[Generator]")}
    return next((overload for overload in overloads if _arguments(overload) == wanted), None)


def _arguments(func: Any) -> set[tuple[str, str]]:
    return {(argument.name, str(argument.type)) for argument in func._schema.arguments}


def draws_random_numbers(module: nn.Module, flux: torch.Tensor) -> bool:
    """Tell whether a module in training draws random numbers, as dropout does; the module is not changed."""
    seen = _Drawing()
    with torch.no_grad(), SeededRandom(0), seen:
        copy.deepcopy(module).train()(flux)
    return seen.found


class _Drawing(TorchDispatchMode):
    """Notices operators that draw random numbers."""

    found = False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.found |= torch.Tag.nondeterministic_seeded in func.tags and not _has_generator(args, kwargs or {})
        return func(*args, **(kwargs or {}))
