"""Which files there are to read in files, folders and glob patterns."""

import glob
import os
from collections.abc import Iterable

FITS_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz")
_SUFFIXES = (*FITS_SUFFIXES, ".npz", ".npy", ".csv", ".csv.gz", ".txt", ".txt.gz")

File = tuple[str, str | None]  # its path, and the folder that it was found in if it was not named itself


def find_files(
    paths: str | os.PathLike | Iterable[str | os.PathLike], failures: list[tuple[str, str]] | None, caller: str
) -> tuple[list[File], set[str]]:
    """Files to read, and the folders among the paths.

    A folder that cannot be read is added to `failures`, where there are such.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    try:
        names = [os.fspath(path) for path in paths]
    except TypeError:
        raise ValueError(
            f"The 'paths' parameter of {caller} must be a str, a path or an iterable of them. Got {paths!r} instead."
        ) from None
    files: list[File] = []
    folders = set()
    for name in names:
        if os.path.isdir(name):
            try:
                files += [(path, name) for path in _inside(name)]
            except OSError as error:
                if failures is None:
                    raise
                failures.append((name, str(error)))
                continue
            folders.add(name)
        elif glob.has_magic(name) and not os.path.exists(name):
            # A pattern that matches nothing stays as it is, and opening it says that there is no such file.
            matches = sorted(path for path in glob.glob(name, recursive=True) if not os.path.isdir(path))
            files += [(path, None) for path in matches or [name]]
        else:
            files.append((name, None))
    first: dict[str, File] = {}
    for path, folder in files:
        if first.setdefault(os.path.abspath(path), (path, folder)) != (path, folder):
            folders.discard(folder)  # it is not bare, though the file is read under another name
    return list(first.values()), folders


def _inside(folder: str) -> list[str]:
    """Files that a folder holds, by their suffix, those in its subfolders apart."""
    return sorted(
        entry.path for entry in os.scandir(folder) if entry.is_file() and entry.name.lower().endswith(_SUFFIXES)
    )
