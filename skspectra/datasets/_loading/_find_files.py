"""Search for the files to read in files, folders and glob patterns."""

import glob
import os
from collections.abc import Iterable
from typing import Any

from .._readers import PACKED_SUFFIXES
from ._in_memory import File, file_in_memory, is_in_memory
from ._report import Report

_FITS_SUFFIXES = (".fits", ".fit", ".fits.fz")
_SUFFIXES = (*_FITS_SUFFIXES, ".npz", ".npy", ".csv", ".txt", ".dat", ".tsv", ".ecsv", ".vot", ".xml")


def is_fits(path: str) -> bool:
    """Return whether a name is that of a FITS file, compressed or not."""
    return path.lower().endswith(_with_packing(_FITS_SUFFIXES))


def _with_packing(suffixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(suffix + packing for suffix in suffixes for packing in ("", *PACKED_SUFFIXES))


def find_files(paths: Any, report: Report, caller: str, in_memory: bool = False) -> tuple[list[File], set[str]]:
    """Return the files to read and the folders among the paths.

    With `in_memory`, file objects, HDULists and specutils spectra also count as files. Items that cannot be read are
    reported.
    """
    if isinstance(paths, str | os.PathLike) or (in_memory and is_in_memory(paths)):
        paths = [paths]
    files: list[File] = []
    folders = set()
    for position, item in enumerate(_iterated(paths, caller)):
        if in_memory and is_in_memory(item):
            name = f"<{type(item).__name__} {position}>"
            try:
                files.append(file_in_memory(item, name))
            except Exception as error:  # raised by the library of the object
                report.fail(name, ValueError(f"{name}: {type(error).__name__}: {error}"))
            continue
        try:
            name = os.fspath(item)
        except TypeError:
            raise _wrong_type(item, caller) from None
        if os.path.isdir(name):
            try:
                files += [File(path, name) for path in _inside(name)]
            except OSError as error:
                report.fail(name, error)
                continue
            folders.add(name)
        elif glob.has_magic(name) and not os.path.exists(name):
            # A pattern without matches is kept as a name, so that opening it raises FileNotFoundError.
            matches = sorted(path for path in glob.glob(name, recursive=True) if not os.path.isdir(path))
            files += [File(path) for path in matches or [name]]
        else:
            files.append(File(name))
    first: dict[str, File] = {}
    for file in files:
        if first.setdefault(os.path.abspath(file.path), file) is not file:
            folders.discard(file.folder)  # the folder is not empty, although the file is read under another name
    return list(first.values()), folders


def _iterated(paths: Any, caller: str) -> Iterable:
    try:
        return iter(paths)
    except TypeError:
        raise _wrong_type(paths, caller) from None


def _wrong_type(item: Any, caller: str) -> ValueError:
    return ValueError(
        f"The 'paths' parameter of {caller} must be a str, a path or an iterable of them. Got {item!r} instead."
    )


def _inside(folder: str) -> list[str]:
    """Return the files in a folder with a known suffix, without those in its subfolders."""
    suffixes = _with_packing(_SUFFIXES)
    return sorted(
        entry.path for entry in os.scandir(folder) if entry.is_file() and entry.name.lower().endswith(suffixes)
    )
