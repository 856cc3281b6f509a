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


class Table(np.ndarray):
    """Structured array that says of a column of the file why it is not in it."""

    not_read: dict[str, str] = {}

    def __array_finalize__(self, source: Any) -> None:
        self.not_read = getattr(source, "not_read", {})

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return super().__getitem__(key)
        if key in self.not_read:
            raise ValueError(f"column {key} {self.not_read[key]}, and such columns are not read")
        return np.asarray(super().__getitem__(key))


def read_table(key: int | str, header: Any, cards: bytes, read: Callable[[int], bytes]) -> np.ndarray:
    """Return the rows of a binary table; `cards` is its header as it lies in the file, and `read(n)` gives its data."""
    dtype, not_read = _parse_columns(key, header, cards)
    table = np.frombuffer(read(dtype.itemsize * header["NAXIS2"]), dtype).view(Table)
    table.not_read = not_read
    return table


def _parse_columns(key: int | str, header: Any, raw: bytes) -> tuple[np.dtype, dict[str, str]]:
    """Return the dtype of a row, and why some columns are not part of it."""
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
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": width}), not_read


def _column_format(kind: str, count: int) -> str | tuple[str, int]:
    if kind == "A":
        return f"S{count}"
    return _COLUMN_TYPES[kind] if count == 1 else (_COLUMN_TYPES[kind], count)


def _element_size(kind: str) -> int:
    if kind in _COLUMN_TYPES:
        return np.dtype(_COLUMN_TYPES[kind]).itemsize
    return {"A": 1, "P": 8, "Q": 16}[kind]
