"""Evaluation mode of modules during a computation with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from weakref import WeakKeyDictionary

from torch import nn

_lock = Lock()
# How many threads compute with a module, and which of its submodules were in training mode before the first of them.
_in_use: WeakKeyDictionary[nn.Module, tuple[int, list[nn.Module]]] = WeakKeyDictionary()


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and restore the mode of each of its parts when the last thread is done.

    In training mode, in which another library may have left it, a prediction would depend on the other spectra of its
    batch and change the statistics that later predictions use.
    """
    with _lock:
        n_threads, training = _in_use.get(module) or (0, [part for part in module.modules() if part.training])
        for part in training:
            part.training = False
        _in_use[module] = n_threads + 1, training
    try:
        yield
    finally:
        with _lock:
            n_threads, training = _in_use.pop(module)
            if n_threads > 1:
                _in_use[module] = n_threads - 1, training
            else:
                for part in training:
                    part.training = True
