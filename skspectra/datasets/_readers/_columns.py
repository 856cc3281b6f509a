"""Cut a binary table of a FITS file to some of its columns, as bytes.

astropy takes 40 ms to read the two hundred columns of an SDSS table, of which a reader needs ten. Cutting the table
before astropy reads it reduces this to 5 ms.
"""

import re
from collections.abc import Collection

import numpy as np

_CARD = 80  # bytes
_COLUMN_CARD = re.compile(rb"(T[A-Z]{3,4})(\d{1,3}) *= *(?:'([^']*)')?")
_COLUMN_FORMAT = re.compile(r"(\d*)([LXBIJKAEDCMPQ])")
_SIZES = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}  # bytes


def cut_columns(
    cards: bytes, data: bytes, n_rows: int, n_row_bytes: int, columns: Collection[str] | None
) -> tuple[bytes, bytes]:
    """Return the cards and the data of a binary table, reduced to `columns` (names in capitals; None keeps all).

    Variable-length arrays keep their positions in the heap after the rows.
    """
    table_cards: list[bytes] = []
    column_cards: dict[int, list[bytes]] = {}
    values: dict[tuple[bytes, int], str] = {}
    heap_start = n_rows * n_row_bytes
    for start in range(0, len(cards), _CARD):
        card = cards[start : start + _CARD]
        match = _COLUMN_CARD.match(card)
        if match:
            number = int(match[2])
            column_cards.setdefault(number, []).append(card)
            if match[3] is not None:
                values[match[1], number] = match[3].decode("ascii").strip()
        elif card.startswith(b"THEAP "):
            heap_start = int(card[10:].split(b"/")[0])
        elif card.startswith(b"END "):
            break
        elif not card.startswith((b"NAXIS1 ", b"TFIELDS ", b"PCOUNT ")):
            table_cards.append(card)
    widths = {number: _width(number, values.get((b"TFORM", number), "")) for number in sorted(column_cards)}
    if sum(widths.values()) != n_row_bytes or n_rows <= 0 or not n_row_bytes <= heap_start <= len(data):
        raise ValueError(
            f"the table has {n_rows} rows of {n_row_bytes} bytes, and its columns have {sum(widths.values())} bytes"
        )
    ends = dict(zip(widths, np.cumsum(list(widths.values())), strict=True))
    kept = [n for n in widths if columns is None or values.get((b"TTYPE", n), "").upper() in columns]
    rows = np.frombuffer(data, np.uint8, n_rows * n_row_bytes).reshape(n_rows, n_row_bytes)
    cut = rows if len(kept) == len(widths) else np.hstack([rows[:, ends[n] - widths[n] : ends[n]] for n in kept])
    heap = data[heap_start:]
    # The order of the first cards is that of the FITS standard: XTENSION, BITPIX, NAXIS, NAXIS1, NAXIS2, PCOUNT, ...
    table_cards.insert(3, _integer_card("NAXIS1", cut.shape[1]))
    table_cards.insert(5, _integer_card("PCOUNT", len(heap)))
    table_cards.insert(7, _integer_card("TFIELDS", len(kept)))
    for position, number in enumerate(kept, 1):
        table_cards += [_numbered(card, position) for card in column_cards[number]]
    return b"".join(table_cards), cut.tobytes() + heap


def _width(number: int, form: str) -> int:
    """Return the number of bytes of a column in each row."""
    parsed = _COLUMN_FORMAT.match(form)
    if parsed is None:
        raise ValueError(f"column {number} has the unknown format {form!r}")
    count = int(parsed[1] or 1)
    return (count + 7) // 8 if parsed[2] == "X" else count * _SIZES[parsed[2]]


def _numbered(card: bytes, number: int) -> bytes:
    """Return the card of a column with its number replaced."""
    name = re.sub(rb"\d+", b"", card[:8]).strip() + str(number).encode()
    return name.ljust(8) + card[8:]


def _integer_card(name: str, value: int) -> bytes:
    return f"{name:8}= {value:20}".ljust(_CARD).encode()
