"""A survey file opened for the readers, with every size that it claims checked before memory is taken for it."""

import gzip
import io
import math
import os
import re
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

__all__ = ["SurveyFile", "gunzip_limit"]

# NumPy format of one element of a column of a binary table, by the letter of its type, and bytes of the types that are
# stepped over: bits and the descriptors of variable-length arrays.
_COLUMN_TYPES = {
    "L": "i1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16",
}  # fmt: skip
_COLUMN_FORMAT = re.compile(r"\s*(\d*)([LXBIJKAEDCMPQ])")


def gunzip_limit(compressed_size: int) -> int:
    """Largest size that compressed data may grow to: noisy spectra shrink by a factor near 2, a bomb by 1000."""
    return max(100 * compressed_size, 1 << 26)


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

    def __enter__(self) -> "SurveyFile":
        self._handle: BinaryIO = self.path.open("rb")
        try:
            magic = self._handle.read(2)
            if not magic:
                raise ValueError("the file is empty")
            self._handle.seek(0)
            if magic == b"\x1f\x8b":
                self._handle = self._gunzipped()
            self._size = self._handle.seek(0, os.SEEK_END)
            self._is_fits = self.start(9) == b"SIMPLE  ="
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
            try:
                with gzip.GzipFile(fileobj=handle) as unzipped:
                    content = unzipped.read(limit + 1)
            except Exception as error:
                raise ValueError(f"the gzip compression is broken: {error}") from error
        if len(content) > limit:
            raise ValueError(f"the gzip compression holds more than {limit} bytes, which no file of spectra does")
        if not content:
            raise ValueError("the file is empty")
        return io.BytesIO(content)

    def _bytes(self, start: int, count: int) -> bytes:
        self._handle.seek(start)
        return self._handle.read(count)

    def start(self, n_bytes: int) -> bytes:
        """The first bytes of the file, unzipped."""
        return self._bytes(0, min(n_bytes, self._size))

    @property
    def stem(self) -> str:
        """Name of the file without folder and suffixes."""
        return re.sub(r"\.(fits?|npz|npy|csv|txt)$", "", re.sub(r"\.gz$", "", self.path.name))

    @cached_property
    def content(self) -> bytes:
        """All of the file, unzipped."""
        return self._bytes(0, self._size)

    @cached_property
    def text(self) -> str | None:
        """All of the file as text; None where it is binary."""
        if self._is_fits or b"\0" in self.start(4096):
            return None
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None

    @cached_property
    def hdus(self) -> Any:
        """astropy's HDUList; an empty list where the file is not FITS."""
        if not self._is_fits:
            return []
        try:
            from astropy.io import fits
        except ImportError as error:
            raise ImportError("Reading FITS files needs astropy: pip install 'skspectra[fits]'.") from error
        self._handle.seek(0)
        return fits.open(self._handle, memmap=False, lazy_load_hdus=True)

    @cached_property
    def header(self) -> Any:
        """Header of the primary HDU; empty where the file is not FITS."""
        return self.hdus[0].header if self._is_fits else {}

    def hdu(self, key: int | str) -> Any:
        """One HDU by number or name."""
        try:
            return self.hdus[key]
        except (IndexError, KeyError) as error:
            raise ValueError(f"it has no HDU {key!r}, only {len(self.hdus)} HDUs") from error

    def image(self, key: int | str, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Array of an image HDU.

        `shape` is the one expected, where it is known: an image of another shape is not read. A tile-compressed image
        is read only with a `shape`, for its header can claim any size.
        """
        from astropy.io import fits

        hdu = self.hdu(key)
        claimed = hdu.shape if isinstance(hdu, fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU) else ()
        if len(claimed) == 0 or 0 in claimed:
            raise ValueError(f"HDU {key!r} holds no image")
        if shape is not None and claimed != shape:
            raise ValueError(f"HDU {key!r} has shape {claimed}, not {shape}")
        if isinstance(hdu, fits.CompImageHDU):
            if shape is None:
                raise ValueError(f"HDU {key!r} is a compressed image")
        else:
            self._check_fits_in(key, hdu, abs(hdu.header["BITPIX"]) // 8 * math.prod(claimed))
        return hdu.data

    def has_table(self, key: int | str, columns: set[str]) -> bool:
        """Whether an HDU is there and a binary table with these columns (in capitals)."""
        try:
            header = self.hdus[key].header
        except (IndexError, KeyError):
            return False
        return columns <= {str(name).strip().upper() for name in header["TTYPE*"].values()}

    def table(self, key: int | str) -> np.ndarray:
        """Structured array of a binary table, its column names in capitals.

        astropy spends most of its time on the hundreds of columns of an SDSS table, of which a reader wants ten, so
        the rows are taken as they lie in the file.
        """
        hdu = self.hdu(key)
        header = hdu.header
        if header.get("XTENSION") != "BINTABLE":
            raise ValueError(f"HDU {key!r} is not a table")
        names: list[str] = []
        formats: list[str | tuple[str, int]] = []
        offsets: list[int] = []
        width = 0
        for number in range(1, header["TFIELDS"] + 1):
            form = str(header[f"TFORM{number}"])
            parsed = _COLUMN_FORMAT.match(form)
            if parsed is None:
                raise ValueError(f"column {number} of HDU {key!r} has the unknown format {form!r}")
            count, kind = int(parsed[1] or 1), parsed[2]
            # Of no use to a spectrum: empty columns, bits, arrays of a variable length and scaled numbers.
            scaled = f"TZERO{number}" in header or f"TSCAL{number}" in header
            if count > 0 and (kind == "A" or kind in _COLUMN_TYPES) and not scaled:
                names.append(str(header.get(f"TTYPE{number}", number)).strip().upper())
                formats.append(_column_format(kind, count))
                offsets.append(width)
            width += (count + 7) // 8 if kind == "X" else count * _element_size(kind)
        n_rows = header["NAXIS2"]
        if width != header["NAXIS1"] or not names or n_rows <= 0:
            raise ValueError(
                f"HDU {key!r} has {n_rows} rows of {header['NAXIS1']} bytes, and its columns have {width} bytes"
            )
        start = self._check_fits_in(key, hdu, width * n_rows)
        dtype = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": width})
        return np.frombuffer(self._bytes(start, width * n_rows), dtype)

    def _check_fits_in(self, key: int | str, hdu: Any, n_bytes: int) -> int:
        """Return where the data of an HDU start, or raise ValueError where they reach past the end of the file."""
        start = hdu.fileinfo()["datLoc"]
        if n_bytes < 0 or start + n_bytes > self._size:
            raise ValueError(
                f"it is truncated: HDU {key!r} should have {n_bytes} bytes of data from byte {start}, "
                f"and the file ends at byte {self._size}"
            )
        return start


def _column_format(kind: str, count: int) -> str | tuple[str, int]:
    if kind == "A":
        return f"S{count}"
    return _COLUMN_TYPES[kind] if count == 1 else (_COLUMN_TYPES[kind], count)


def _element_size(kind: str) -> int:
    if kind in _COLUMN_TYPES:
        return np.dtype(_COLUMN_TYPES[kind]).itemsize
    return {"A": 1, "P": 8, "Q": 16}[kind]
