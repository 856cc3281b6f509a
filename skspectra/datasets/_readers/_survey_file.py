"""A survey file opened for the readers, with every size that it claims checked before memory is taken for it."""

import gzip
import io
import math
import os
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

import numpy as np

__all__ = ["MOST_PIXELS", "SurveyFile", "check_n_pixels", "gunzip_limit"]

# NumPy format of one element of a column of a binary table, by the letter of its type, and bytes of the types that are
# stepped over: bits and the descriptors of variable-length arrays.
_COLUMN_TYPES = {
    "L": "i1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16",
}  # fmt: skip
_COLUMN_FORMAT = re.compile(r"\s*(\d*)([LXBIJKAEDCMPQ])")
_COLUMN_CARD = re.compile(rb"(TTYPE|TFORM|TSCAL|TZERO)(\d{1,3}) *= *(?:'([^']*)')?")
_CARD = 80  # bytes

_BLOCK = 2880  # bytes; a FITS file is whole blocks
_MOST_AXES = _MOST_COLUMNS = 999  # by the FITS standard
_MOST_BYTES = 1 << 62
_BITPIX = (8, 16, 32, 64, -32, -64)

# No survey spectrum has as many. Grids and masks are far larger than the bytes that a compressed file claims them in.
MOST_PIXELS = 1_000_000


def check_n_pixels(n_pixels: int) -> None:
    """Raise ValueError where a spectrum claims more pixels than any has."""
    if n_pixels > MOST_PIXELS:
        raise ValueError(f"it claims {n_pixels} pixels a spectrum, which no survey has: the limit is {MOST_PIXELS}")


def gunzip_limit(compressed_size: int) -> int:
    """Largest size that compressed data may grow to: noisy spectra shrink by a factor near 2, a bomb by 1000."""
    return max(100 * compressed_size, 1 << 26)


class _HDU(NamedTuple):
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


class SurveyFile:
    """One file, plain or gzipped, as a reader sees it.

    Nothing is read before it is asked for. A part that is missing, cut off or larger than the file raises ValueError.

    Parameters
    ----------
    path : str or path-like

    Attributes
    ----------
    path : pathlib.Path
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        if os.path.exists(path) and not os.path.isfile(path):
            # Opening a named pipe would wait for ever.
            raise ValueError(f"{os.fspath(path)}: it is not a regular file")
        self._handle: BinaryIO = self.path.open("rb")

    def __enter__(self) -> "SurveyFile":
        try:
            magic = self._handle.read(2)
            if not magic:
                raise ValueError("the file is empty")
            self._handle.seek(0)
            if magic == b"\x1f\x8b":
                self._handle = self._gunzipped()
            self._size = self._handle.seek(0, os.SEEK_END)
            self._is_fits = self.start(9) == b"SIMPLE  ="
            self._hdus: list[_HDU] = []
            if self._is_fits and self._size % _BLOCK:
                for hdu in self._walk():
                    self._check_complete(hdu)
        except BaseException:
            self._handle.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._handle.close()

    def _gunzipped(self) -> BinaryIO:
        with self._handle as handle:
            limit = gunzip_limit(os.fstat(handle.fileno()).st_size)
            content = io.BytesIO()
            try:
                with gzip.GzipFile(fileobj=handle) as unzipped:
                    while content.tell() <= limit and (piece := unzipped.read(1 << 20)):
                        content.write(piece)
            except Exception as error:
                raise ValueError(f"the gzip compression is broken: {error}") from error
        if content.tell() > limit:
            raise ValueError(f"the gzip compression holds more than {limit} bytes, which no file of spectra does")
        if not content.tell():
            raise ValueError("the file is empty")
        return content

    def _bytes(self, start: int, count: int) -> bytes:
        self._handle.seek(start)
        return self._handle.read(count)

    def start(self, n_bytes: int) -> bytes:
        """The first bytes of the file, unzipped."""
        return self._bytes(0, min(n_bytes, self._size))

    @property
    def stem(self) -> str:
        """Name of the file without its folder, its suffix and ".gz"."""
        return Path(self.path.name.removesuffix(".gz")).stem

    @cached_property
    def content(self) -> bytes:
        """All of the file, unzipped."""
        return self._bytes(0, self._size)

    @cached_property
    def text_start(self) -> str | None:
        """The first 64 KiB as text, enough to tell a format by; None where the file is binary."""
        start = self.start(1 << 16)
        if self._is_fits or b"\0" in start:
            return None
        return start.decode("utf-8-sig", errors="replace")

    def lines(self) -> Iterator[str]:
        """Yield the lines of a text file, of which only one is held at a time."""
        self._handle.seek(0)
        for line in self._handle:
            yield line.decode("utf-8-sig")

    @cached_property
    def text(self) -> str | None:
        """All of the file as text; None where it is binary."""
        if self._is_fits or b"\0" in self.start(4096):
            return None
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None

    @property
    def header(self) -> Any:
        """Header of the primary HDU; empty where the file is not FITS."""
        return self._hdu(0).header if self._is_fits else {}

    def hdu_names(self) -> set[str]:
        """EXTNAME of all HDUs, in capitals."""
        return {hdu.name for hdu in self._walk()}

    def has_table(self, key: int | str, columns: set[str]) -> bool:
        """Whether an HDU is there and a binary table with these columns (in capitals)."""
        hdu = self._find(key)
        if hdu is None or hdu.header.get("XTENSION") != "BINTABLE":
            return False
        return columns <= {str(name).strip().upper() for name in hdu.header["TTYPE*"].values()}

    def image(self, key: int | str, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Array of an image HDU.

        `shape` is the one expected, where it is known: an image of another shape is not read. A tile-compressed image
        is read only with a `shape`, for its header can claim any size.
        """
        from astropy.io import fits

        hdu = self._hdu(key)
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
        self._check_complete(hdu)
        check_n_pixels(claimed[-1])
        # An extension becomes a file of its own behind an empty primary HDU.
        before = b"" if hdu.number == 0 else fits.PrimaryHDU().header.tostring().encode("ascii")
        content = before + self._bytes(hdu.start, hdu.stop - hdu.start)
        with fits.open(io.BytesIO(content), memmap=False) as hdus:
            return hdus[min(hdu.number, 1)].data

    def table(self, key: int | str) -> np.ndarray:
        """Structured array of a binary table, its column names in capitals.

        astropy takes 60 ms for the hundreds of columns of an SDSS table, of which a reader wants ten: most of the time
        that a file takes. So the columns are looked up in the cards and the rows taken as they lie in the file.
        """
        hdu = self._hdu(key)
        header = hdu.header
        if header.get("XTENSION") != "BINTABLE":
            raise ValueError(f"HDU {key!r} is not a table")
        raw = self._bytes(hdu.start, hdu.data_start - hdu.start)
        matches = (_COLUMN_CARD.match(raw, start) for start in range(0, len(raw), _CARD))
        cards = {(match[1], int(match[2])): (match[3] or b"").decode("ascii").strip() for match in matches if match}
        names: list[str] = []
        formats: list[str | tuple[str, int]] = []
        offsets: list[int] = []
        width = 0
        for number in range(1, header["TFIELDS"] + 1):
            form = cards.get((b"TFORM", number), "")
            parsed = _COLUMN_FORMAT.match(form)
            if parsed is None:
                raise ValueError(f"column {number} of HDU {key!r} has the unknown format {form!r}")
            count, kind = int(parsed[1] or 1), parsed[2]
            # Of no use to a spectrum: empty columns, bits, arrays of a variable length and scaled numbers.
            scaled = (b"TZERO", number) in cards or (b"TSCAL", number) in cards
            if count > 0 and (kind == "A" or kind in _COLUMN_TYPES) and not scaled:
                names.append(cards.get((b"TTYPE", number), str(number)).upper())
                formats.append(_column_format(kind, count))
                offsets.append(width)
            width += (count + 7) // 8 if kind == "X" else count * _element_size(kind)
        n_rows = header["NAXIS2"]
        if width != header["NAXIS1"] or not names or n_rows <= 0:
            raise ValueError(
                f"HDU {key!r} has {n_rows} rows of {header['NAXIS1']} bytes, and its columns have {width} bytes"
            )
        self._check_complete(hdu)
        dtype = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": width})
        return np.frombuffer(self._bytes(hdu.data_start, width * n_rows), dtype)

    def _hdu(self, key: int | str) -> _HDU:
        hdu = self._find(key)
        if hdu is None:
            raise ValueError(f"it has no HDU {key!r}, only {len(self._hdus)} HDUs")
        return hdu

    def _find(self, key: int | str) -> _HDU | None:
        return next((hdu for hdu in self._walk() if key in (hdu.number, hdu.name)), None)

    def _walk(self) -> Iterator[_HDU]:
        """Yield the HDUs, reading their headers as far as it is asked to.

        astropy's own walk loops for ages over a thousand million axes or columns and for ever over a negative size.
        """
        yield from self._hdus
        if not self._is_fits:
            return
        try:
            from astropy.io import fits
        except ImportError as error:
            raise ImportError("Reading FITS files needs astropy: pip install astropy.") from error

        while True:
            start = self._hdus[-1].stop if self._hdus else 0
            # What stands behind the last HDU and is none is left alone, as the FITS standard has it.
            if start >= self._size or (start and self._bytes(start, 8) != b"XTENSION"):
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
            hdu = _HDU(len(self._hdus), name, header, start, self._handle.tell(), n_bytes)
            self._hdus.append(hdu)
            yield hdu

    def _check_complete(self, hdu: _HDU) -> None:
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


def _column_format(kind: str, count: int) -> str | tuple[str, int]:
    if kind == "A":
        return f"S{count}"
    return _COLUMN_TYPES[kind] if count == 1 else (_COLUMN_TYPES[kind], count)


def _element_size(kind: str) -> int:
    if kind in _COLUMN_TYPES:
        return np.dtype(_COLUMN_TYPES[kind]).itemsize
    return {"A": 1, "P": 8, "Q": 16}[kind]
