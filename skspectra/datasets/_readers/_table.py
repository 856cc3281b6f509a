"""Binary tables of FITS files.

astropy takes 60 ms for the hundreds of columns of an SDSS table, of which a reader wants ten: most of the time that a
file takes. So the columns are looked up in the cards of the header and the rows taken as they lie in the file.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

# NumPy format of one element of a column, by the letter of its type.
_COLUMN_TYPES = {
    "L": "i1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16",
}  # fmt: skip
_NOT_READ = {"X": "holds bits", "P": "holds arrays of variable length", "Q": "holds arrays of variable length"}
_COLUMN_FORMAT = re.compile(r"\s*(\d*)([LXBIJKAEDCMPQ])")
_COLUMN_CARD = re.compile(rb"(TTYPE|TFORM|TSCAL|TZERO)(\d{1,3}) *= *(?:'([^']*)')?")
_CARD = 80  # bytes


class Row(np.void):  # type: ignore[misc]  # NumPy's stubs call it final
    """Row of a table that says of a column of the file why it is not in it."""

    def __getitem__(self, key: Any) -> Any:
        try:
            return super().__getitem__(key)
        except (KeyError, ValueError):
            _refuse_not_read(self.dtype, key)
            raise


class Table(np.ndarray):
    """Structured array that says of a column of the file why it is not in it, and so do its rows."""

    def __getitem__(self, key: Any) -> Any:
        try:
            found = super().__getitem__(key)
        except (KeyError, ValueError):
            _refuse_not_read(self.dtype, key)
            raise
        return np.asarray(found) if isinstance(key, str) else found


def _refuse_not_read(dtype: np.dtype, key: Any) -> None:
    """Raise ValueError if `key` is, or lists, a column that is not read: the dtype of the rows has the reasons."""
    reasons: Any = dtype.metadata or {"not_read": {}}
    for name in key if isinstance(key, list) else [key]:
        if isinstance(name, str) and name in reasons["not_read"]:
            raise ValueError(f"column {name} {reasons['not_read'][name]}, and such columns are not read")


def read_table(key: int | str, header: Any, cards: bytes, read: Callable[[int], bytes]) -> np.ndarray:
    """Return the rows of a binary table; `cards` is its header as it lies in the file, and `read(n)` gives its data."""
    dtype = _parse_columns(key, header, cards)
    return np.frombuffer(read(dtype.itemsize * header["NAXIS2"]), dtype).view(Table)


def _parse_columns(key: int | str, header: Any, raw: bytes) -> np.dtype:
    """Return the dtype of a row; its metadata say why some columns are not part of it."""
    matches = (_COLUMN_CARD.match(raw, start) for start in range(0, len(raw), _CARD))
    cards = {(match[1], int(match[2])): (match[3] or b"").decode("ascii").strip() for match in matches if match}
    names: list[str] = []
    formats: list[str | tuple[str, int]] = []
    offsets: list[int] = []
    not_read: dict[str, str] = {}
    width = 0
    for number in range(1, header["TFIELDS"] + 1):
        form = cards.get((b"TFORM", number), "")
        parsed = _COLUMN_FORMAT.match(form)
        if parsed is None:
            raise ValueError(f"column {number} of HDU {key!r} has the unknown format {form!r}")
        count, kind = int(parsed[1] or 1), parsed[2]
        name = cards.get((b"TTYPE", number), str(number)).upper()
        if kind in _NOT_READ:
            not_read[name] = _NOT_READ[kind]
        elif (b"TZERO", number) in cards or (b"TSCAL", number) in cards:
            not_read[name] = "is scaled by TSCAL or TZERO"
        elif count > 0:
            names.append(name)
            formats.append(_column_format(kind, count))
            offsets.append(width)
        width += (count + 7) // 8 if kind == "X" else count * _element_size(kind)
    if not_read and not names:
        raise ValueError(
            f"HDU {key!r} has no column that is read: " + ", ".join(f"{k} {v}" for k, v in not_read.items())
        )
    if width != header["NAXIS1"] or not names or header["NAXIS2"] <= 0:
        raise ValueError(
            f"HDU {key!r} has {header['NAXIS2']} rows of {header['NAXIS1']} bytes, and its columns have {width} bytes"
        )
    row: Any = (Row, np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": width}))
    return np.dtype(row, metadata={"not_read": not_read})


def _column_format(kind: str, count: int) -> str | tuple[str, int]:
    if kind == "A":
        return f"S{count}"
    return _COLUMN_TYPES[kind] if count == 1 else (_COLUMN_TYPES[kind], count)


def _element_size(kind: str) -> int:
    if kind in _COLUMN_TYPES:
        return np.dtype(_COLUMN_TYPES[kind]).itemsize
    return {"A": 1, "P": 8, "Q": 16}[kind]
