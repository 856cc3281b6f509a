"""A survey file opened for the readers."""

import gzip
import io
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from ._fits import FitsFile
from ._limits import gunzip_limit


class SurveyFile:
    """One file, plain or gzipped, as a reader sees it.

    Use it in a with statement. Nothing is read before it is asked for. A part that is missing, cut off or larger than
    the file raises ValueError.

    Parameters
    ----------
    path : str or path-like
        The file.

    Attributes
    ----------
    stem : str
        Name of the file without its folder, its suffix and ".gz".
    header : astropy.io.fits.Header
        Header of the primary HDU; empty if the file is not FITS.
    content : bytes
        All of the file, unzipped.
    text, text_start : str or None
        All of the file, and its first 64 KiB, as text; None if it is binary.

    See Also
    --------
    register_reader : Adds a function that takes such a file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skspectra.datasets import SurveyFile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "mine.txt")
    ...     _ = path.write_text("5000.0 1.0\\n5001.0 2.0\\n")
    ...     with SurveyFile(path) as file:
    ...         print(file.stem, [line.split() for line in file.lines()])
    mine [['5000.0', '1.0'], ['5001.0', '2.0']]
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
            self._fits = FitsFile(self._handle, self._size) if self.start(9) == b"SIMPLE  =" else None
            if self._fits is not None:
                self._fits.check_size()
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
        """Return the first bytes of the file, unzipped.

        Parameters
        ----------
        n_bytes : int
            How many, or as many as there are.

        Returns
        -------
        content : bytes
            The bytes.
        """
        return self._bytes(0, min(n_bytes, self._size))

    @property
    def stem(self) -> str:
        return Path(self.path.name.removesuffix(".gz")).stem

    @cached_property
    def content(self) -> bytes:
        return self._bytes(0, self._size)

    @cached_property
    def text_start(self) -> str | None:
        start = self.start(1 << 16)
        if self._fits is not None or b"\0" in start:
            return None
        return start.decode("utf-8-sig", errors="replace")

    def lines(self) -> Iterator[str]:
        """Yield the lines of a text file, of which only one is held at a time.

        Yields
        ------
        line : str
            With its end.
        """
        self._handle.seek(0)
        for line in self._handle:
            yield line.decode("utf-8-sig")

    @cached_property
    def text(self) -> str | None:
        if self._fits is not None or b"\0" in self.start(4096):
            return None
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return None

    @property
    def header(self) -> Any:
        return {} if self._fits is None else self._fits.hdu(0).header

    def hdu_names(self) -> set[str]:
        """Return EXTNAME of all HDUs, in capitals.

        Returns
        -------
        names : set of str
            Empty if the file is not FITS.
        """
        return set() if self._fits is None else {hdu.name for hdu in self._fits.walk()}

    def has_table(self, hdu: int | str, columns: set[str]) -> bool:
        """Tell whether an HDU is a binary table with some columns.

        Parameters
        ----------
        hdu : int or str
            Number or EXTNAME.
        columns : set of str
            Names in capitals.

        Returns
        -------
        there : bool
            False also if there is no such HDU.
        """
        found = None if self._fits is None else self._fits.find(hdu)
        if found is None or found.header.get("XTENSION") != "BINTABLE":
            return False
        return columns <= {str(name).strip().upper() for name in found.header["TTYPE*"].values()}

    def image(self, hdu: int | str, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Return the array of an image HDU.

        Parameters
        ----------
        hdu : int or str
            Number or EXTNAME.
        shape : tuple of int, default=None
            The shape that is expected, if it is known: an image of another shape is not read. A tile-compressed image
            is read only with a `shape`, because its header can claim any size.

        Returns
        -------
        image : ndarray
            The array.
        """
        return self._opened(hdu).image(hdu, shape)

    def table(self, hdu: int | str) -> np.ndarray:
        """Return the rows of a binary table.

        Parameters
        ----------
        hdu : int or str
            Number or EXTNAME.

        Returns
        -------
        table : structured ndarray of shape (n_rows,)
            The names of the columns are in capitals. Columns of bits, of variable length or scaled by TSCAL or TZERO
            are not read: asking for one is a ValueError.
        """
        return self._opened(hdu).table(hdu)

    def _opened(self, hdu: int | str) -> FitsFile:
        if self._fits is None:
            raise ValueError(f"it has no HDU {hdu!r}, for it is not a FITS file")
        return self._fits
