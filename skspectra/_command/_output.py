"""Writing of the table of results: to a file, to a terminal or into a pipe."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np

from .._atomic_file import replacing
from ._arguments import UsageError
from ._results import Results

if TYPE_CHECKING:
    from astropy.table import Table

FORMATS = {".csv": "ascii.csv", ".ecsv": "ascii.ecsv", ".fits": "fits", ".parquet": "parquet"}


def check_output(path: Path, overwrite: bool) -> None:
    """Raise UsageError, before anything is done, if the table could not be written to a file."""
    if path.suffix not in FORMATS:
        raise UsageError(f"-o {path}: the name must end in one of {', '.join(FORMATS)}.")
    if path.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UsageError(f"-o {path}: parquet needs pyarrow, which is not installed: pip install pyarrow.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"-o {path}: there is no folder {path.absolute().parent}.")
    if os.path.lexists(path) and not overwrite:
        raise UsageError(f"-o {path}: the file exists; give --overwrite to replace it.")


def write_table(results: Results, path: Path) -> None:
    """Write the results to a temporary file, and then replace the file in one step."""
    with replacing(path) as part:
        if path.suffix == ".csv":
            with open(part, "w", encoding="utf-8", newline="") as file:
                _write_csv(results, file)
        else:
            table = results.table()
            if path.suffix == ".fits":
                _make_ascii(table)
            table.write(part, format=FORMATS[path.suffix], overwrite=True)


def print_table(results: Results) -> None:
    """Print the results: aligned on a terminal, as csv into a pipe."""
    if sys.stdout.isatty():
        for line in results.table().pformat(max_lines=-1, max_width=-1, align=None):
            print(line.rstrip())
    else:
        _write_csv(results, sys.stdout)
    sys.stdout.flush()


def _write_csv(results: Results, file: TextIO) -> None:
    header = True
    for table in results.tables():
        table.write(file, format="ascii.csv" if header else "ascii.no_header", delimiter=",")
        header = False


def _make_ascii(table: Table) -> None:
    """Escape the characters that the texts of FITS files cannot hold."""
    for name in table.colnames:
        if table[name].dtype.kind == "U":
            table[name] = np.char.encode(table[name], "ascii", "backslashreplace")
