"""The header-data units of a FITS file, with every size that a header claims checked before memory is taken for it."""

import io
import math
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ._limits import check_n_pixels
from ._table import read_table

_BLOCK = 2880  # bytes; a FITS file is whole blocks
_MOST_AXES = _MOST_COLUMNS = 999  # by the FITS standard
_MOST_BYTES = 1 << 62
_BITPIX = (8, 16, 32, 64, -32, -64)


class HDU(NamedTuple):
    """One header-data unit of a FITS file and where it lies in it."""

    number: int
    name: str
    header: Any
    start: int
    data_start: int
    n_bytes: int

    @property
    def stop(self) -> int:
        return self.data_start + -(-self.n_bytes // _BLOCK) * _BLOCK


class FitsFile:
    """An open FITS file of `size` bytes, whose headers are read when they are needed."""

    def __init__(self, handle: BinaryIO, size: int) -> None:
        self._handle = handle
        self._size = size
        self._hdus: list[HDU] = []

    def read(self, start: int, count: int) -> bytes:
        self._handle.seek(start)
        return self._handle.read(count)

    def check_size(self) -> None:
        """Raise ValueError if the file does not end with a block because it is truncated."""
        if self._size % _BLOCK:
            for hdu in self.walk():
                self.check_complete(hdu)

    def image(self, key: int | str, shape: tuple[int, ...] | None) -> np.ndarray:
        """Return the array of an image HDU, as `SurveyFile.image` describes it."""
        from astropy.io import fits

        hdu = self.hdu(key)
        compressed = hdu.header.get("ZIMAGE") is True
        n_axes = _integer(hdu.header, "ZNAXIS" if compressed else "NAXIS", 0, _MOST_AXES)
        claimed = tuple(
            _integer(hdu.header, f"{'Z' * compressed}NAXIS{axis}", 0, _MOST_BYTES) for axis in range(n_axes, 0, -1)
        )
        if 0 in claimed or not claimed or not (compressed or hdu.number == 0 or hdu.header["XTENSION"] == "IMAGE"):
            raise ValueError(f"HDU {key!r} holds no image")
        if shape is None and compressed:
            raise ValueError(f"HDU {key!r} is a compressed image")
        if shape is not None and claimed != shape:
            raise ValueError(f"HDU {key!r} has shape {claimed}, not {shape}")
        self.check_complete(hdu)
        check_n_pixels(claimed[-1])
        # An extension becomes a file of its own behind an empty primary HDU.
        before = b"" if hdu.number == 0 else fits.PrimaryHDU().header.tostring().encode("ascii")
        content = before + self.read(hdu.start, hdu.stop - hdu.start)
        with fits.open(io.BytesIO(content), memmap=False) as hdus:
            return hdus[min(hdu.number, 1)].data

    def table(self, key: int | str) -> np.ndarray:
        """Return the rows of a binary table, as `SurveyFile.table` describes them."""
        hdu = self.hdu(key)
        if hdu.header.get("XTENSION") != "BINTABLE":
            raise ValueError(f"HDU {key!r} is not a table")
        self.check_complete(hdu)
        cards = self.read(hdu.start, hdu.data_start - hdu.start)
        return read_table(key, hdu.header, cards, lambda n_bytes: self.read(hdu.data_start, n_bytes))

    def hdu(self, key: int | str) -> HDU:
        hdu = self.find(key)
        if hdu is None:
            raise ValueError(f"it has no HDU {key!r}, only {len(self._hdus)} HDUs")
        return hdu

    def find(self, key: int | str) -> HDU | None:
        return next((hdu for hdu in self.walk() if key in (hdu.number, hdu.name)), None)

    def walk(self) -> Iterator[HDU]:
        """Yield the HDUs, reading their headers as far as it is asked to.

        astropy's own walk loops for ages over a thousand million axes or columns and for ever over a negative size.
        """
        yield from self._hdus
        try:
            from astropy.io import fits
        except ImportError as error:
            raise ImportError("Reading FITS files needs astropy: pip install astropy.") from error

        while True:
            start = self._hdus[-1].stop if self._hdus else 0
            # What stands behind the last HDU and is none is left alone, as the FITS standard has it.
            if start >= self._size or (start and self.read(start, 8) != b"XTENSION"):
                return
            self._handle.seek(start)
            header = fits.Header.fromfile(self._handle)
            axes = range(1, _integer(header, "NAXIS", 0, _MOST_AXES) + 1)
            n_values = math.prod(_integer(header, f"NAXIS{axis}", 0, _MOST_BYTES) for axis in axes) if axes else 0
            n_values += _integer(header, "PCOUNT", 0, _MOST_BYTES, 0)
            bitpix = _integer(header, "BITPIX", -64, 64)
            if bitpix not in _BITPIX:
                raise ValueError(f"BITPIX is {bitpix} in a FITS header")
            n_bytes = abs(bitpix) // 8 * n_values * _integer(header, "GCOUNT", 1, 1, 1)
            _integer(header, "TFIELDS", 0, _MOST_COLUMNS, 0)
            name = str(header.get("EXTNAME", "")).strip().upper()
            hdu = HDU(len(self._hdus), name, header, start, self._handle.tell(), n_bytes)
            self._hdus.append(hdu)
            yield hdu

    def check_complete(self, hdu: HDU) -> None:
        if hdu.data_start + hdu.n_bytes > self._size:
            raise ValueError(
                f"it is truncated: HDU {hdu.number} should have {hdu.n_bytes} bytes of data from byte "
                f"{hdu.data_start}, and the file ends at byte {self._size}"
            )


def _integer(header: Any, name: str, least: int, most: int, default: int | None = None) -> int:
    value = header.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} is {value!r} in a FITS header")
    return value
