"""Resuming an interrupted call: the files that are left to read, and the blocks in which they are read."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from ._in_memory import File
from ._table import SpectraTable, file_state


def files_to_read(
    table: SpectraTable, files: list[File], folders: set[str], parameters: dict[str, str], part: Path, what: str
) -> list[File]:
    """Return the files that the table does not hold yet.

    Folders with a file in the table are removed from `folders`. A new table stores `parameters`.

    Raises
    ------
    ValueError
        If the table was begun with other parameters, or a file in it was changed since or is not among `files`.
    """
    if table.n_files == 0:
        # The table holds nothing of an earlier call.
        table["parameters"] = json.dumps(parameters)
        return files
    restart = f"delete {part} to start again"
    other = difference(json.loads(table["parameters"]), parameters)
    if other:
        raise ValueError(
            f"{part}: the {what} was begun with a different value of {other}; use the same value, or {restart}"
        )
    to_read = []
    for file in files:
        state = table.state_when_read(file.path)
        if state is None:
            to_read.append(file)
            continue
        if state != file_state(file.path):
            raise ValueError(
                f"{file.path}: the file was changed after it was read into {part} ({state}; now "
                f"{file_state(file.path) or 'missing'}); {restart}"
            )
        folders.discard(file.folder or "")
    if len(files) - len(to_read) < table.n_files:
        raise ValueError(
            f"{part}: {table.n_files - len(files) + len(to_read)} of the files in it are not among 'paths'; give them "
            f"again, or {restart}"
        )
    return to_read


def difference(before: dict[str, str], now: dict[str, str]) -> str | None:
    """Return the first parameter that differs, with both values, as text; None if all agree."""
    for name, value in now.items():
        if before[name] != value:
            return f"{name} ({before[name]}, now {value})"
    return None


def blocks(files: list[File], n_bytes: int) -> Iterator[list[File]]:
    """Yield blocks of consecutive files of about `n_bytes` on disk, with at least one file each."""
    block: list[File] = []
    size = 0
    for file in files:
        try:
            size_here = os.path.getsize(file.path)
        except OSError:
            size_here = 0  # reading it will raise the error
        if block and size + size_here > n_bytes:
            yield block
            block, size = [], 0
        block.append(file)
        size += size_here
    if block:
        yield block
