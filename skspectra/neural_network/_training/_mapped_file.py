"""Check that the file behind a memory-mapped array has not changed."""

from __future__ import annotations

import os

import numpy as np


class MappedFile:
    """File from which an array, or the base of a view, is mapped; `check` raises OSError if it was changed.

    A change in place alters the array, and the operating system kills a process that reads a map past the end of its
    file. With a `check` before every batch, only a truncation during a batch can still kill the process. If the map is
    writable, only the size is checked, because the modification time changes with every write. Deleting the file, or
    replacing it by another of its name, does not count as a change, because the map keeps the original file. If the
    array is not memory-mapped, nothing is checked.
    """

    def __init__(self, X: np.ndarray):
        base: np.ndarray | None = X
        while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
            base = base.base
        # A memory-mapped array that was copied, or pickled, has no file.
        self._path = getattr(base, "filename", None)
        self._read_only = getattr(base, "mode", None) in ("r", "c")
        self._before = self._status()

    def check(self) -> None:
        if self._before is None:
            return
        now = self._status()
        if now is not None and now[0] == self._before[0] and now != self._before:
            raise OSError(
                f"{self._path} was changed while spectra were read from it: it had {self._before[1]} bytes and has "
                f"{now[1]}. Results that were computed from it are not reliable, so start again."
            )

    def _status(self) -> tuple[tuple[int, int], int, int] | None:
        """Return the identity, size and modification time of the file; None if there is no file."""
        if self._path is None:
            return None
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return None
        return (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns if self._read_only else 0
