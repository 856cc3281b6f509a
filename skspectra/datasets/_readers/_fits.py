"""Header-data units of a FITS file; every size in a header is checked before memory is allocated for it."""

import io
import math
from collections.abc import Collection, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ._columns import cut_columns
from ._limits import check_n_pixels

_BLOCK = 2880  # bytes; a FITS file consists of whole blocks
_MOST_AXES = _MOST_COLUMNS = 999  # by the FITS standard
_MOST_BYTES = 1 << 62
_SCALING = {"BSCALE", "BZERO", "BLANK"}  # cards that change the values of an image
_BITPIX = (8, 16, 32, 64, -32, -64)


class HDU(NamedTuple):
    """One header-data unit of a FITS file and its position in the file."""

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
        """Raise ValueError if the file is truncated, which is checked if its size is not a number of whole blocks."""
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
        dtype = np.dtype(fits.BITPIX2DTYPE[hdu.header["BITPIX"]])
        if _SCALING.isdisjoint(hdu.header) and hdu.n_bytes == math.prod(claimed) * dtype.itemsize and not compressed:
            # Nearly twice as many files a second as by astropy, which would parse the header again.
            values = np.frombuffer(self.read(hdu.data_start, hdu.n_bytes), dtype.newbyteorder(">"))
            return values.reshape(claimed).astype(dtype)
        content = self.read(hdu.start, hdu.stop - hdu.start)
        with fits.open(io.BytesIO(content) if hdu.number == 0 else _alone(content), memmap=False) as hdus:
            return hdus[min(hdu.number, 1)].data

    def table(self, key: int | str, columns: Collection[str] | None) -> Any:
        """Return a table, as `SurveyFile.table` describes it."""
        from astropy.io import fits
        from astropy.table import Table

        hdu = self.hdu(key)
        kind = hdu.header.get("XTENSION")
        if kind not in ("BINTABLE", "TABLE"):
            raise ValueError(f"HDU {key!r} is not a table")
        self.check_complete(hdu)
        content = self.read(hdu.start, hdu.stop - hdu.start)
        if kind == "BINTABLE":
            n_header = hdu.data_start - hdu.start
            try:
                cards, data = cut_columns(
                    content[:n_header],
                    content[n_header : n_header + hdu.n_bytes],
                    hdu.header["NAXIS2"],
                    hdu.header["NAXIS1"],
                    columns,
                )
            except ValueError as error:
                raise ValueError(f"HDU {key!r}: {error}") from error
            content = _blocks(cards + b"END", b" ") + _blocks(data, b"\0")
        # NaN and empty text are values and must not be masked as missing.
        extension = (fits.BinTableHDU if kind == "BINTABLE" else fits.TableHDU).fromstring(content, uint=True)
        table = Table.read(extension, format="fits", mask_invalid=False)
        try:
            table.convert_bytestring_to_unicode()
        except UnicodeDecodeError as error:
            raise ValueError(f"HDU {key!r} contains text that cannot be decoded: {error}") from error
        for name in table.colnames:
            table.rename_column(name, name.strip().upper())
        if columns is not None:
            table.keep_columns([name for name in table.colnames if name in columns])
        return table

    def hdu(self, key: int | str) -> HDU:
        hdu = self.find(key)
        if hdu is None:
            raise ValueError(f"it has no HDU {key!r}, only {[hdu.name or hdu.number for hdu in self._hdus]}")
        return hdu

    def find(self, key: int | str) -> HDU | None:
        return next((hdu for hdu in self.walk() if key in (hdu.number, hdu.name)), None)

    def walk(self) -> Iterator[HDU]:
        """Yield the HDUs; each header is read when it is requested.

        astropy itself would take very long for a header with a billion axes or columns, and loop forever on a negative
        size.
        """
        yield from self._hdus
        try:
            from astropy.io import fits
        except ImportError as error:
            raise ImportError("Reading FITS files needs astropy: pip install astropy.") from error

        while True:
            start = self._hdus[-1].stop if self._hdus else 0
            # Data after the last HDU that are not an HDU are ignored, as in the FITS standard.
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
            name = str(header.get("EXTNAME", "" if self._hdus else "PRIMARY")).strip().upper()
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


def _blocks(content: bytes, fill: bytes) -> bytes:
    return content + fill * (-len(content) % _BLOCK)


def _alone(extension: bytes) -> BinaryIO:
    """Return a file with an empty primary HDU and one extension."""
    from astropy.io import fits

    return io.BytesIO(fits.PrimaryHDU().header.tostring().encode("ascii") + extension)
