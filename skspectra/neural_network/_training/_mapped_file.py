"""Whether the file behind a memory-mapped array is still what it was."""

from __future__ import annotations

import os

import numpy as np


class MappedFile:
    """The file that an array, or what it is a view of, is mapped from; `check` raises OSError if it was changed.

    A change in place reaches the array, and a process that reads a map past the end of its file is killed by the
    operating system. `check` before every batch leaves the time of one batch in which a truncation still kills. Only
    the size is looked at where the map is writable, for the time changes with every write. A file that was deleted, or
    replaced by another of its name, is no change: the map keeps the file that it was made from. Without a
    memory-mapped file behind the array nothing is checked.
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
                f"{now[1]}. Nothing that was computed from it can be relied on: start again."
            )

    def _status(self) -> tuple[tuple[int, int], int, int] | None:
        """Identity, size and time of the last change; None where there is no file."""
        if self._path is None:
            return None
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return None
        return (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns if self._read_only else 0
