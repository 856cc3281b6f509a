"""Tables, texts and arrays that come with the package, in the folder `data`."""

import csv
from functools import cache
from importlib.resources import files
from typing import IO


def read_text(name: str) -> str:
    """Return a text."""
    return (files(__package__) / "data" / name).read_text(encoding="utf-8")


def open_binary(name: str) -> IO[bytes]:
    """Open a file of arrays."""
    return (files(__package__) / "data" / name).open("rb")


@cache
def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of a csv file as dicts of text. Lines that begin with "#" state the sources of the numbers."""
    return list(csv.DictReader(line for line in read_text(name).splitlines() if not line.startswith("#")))
