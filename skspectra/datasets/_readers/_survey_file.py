"""A survey file opened for the readers."""

import os
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from ._fits import FitsFile
from ._unpack import unpacked, without_packing


class SurveyFile:
    """Survey file as a reader sees it, decompressed from gzip, bzip2, xz or a zip archive of one file.

    Use it in a ``with`` statement. Each part is read when it is requested. A part that is missing, truncated or larger
    than the file raises ValueError.

    Parameters
    ----------
    path : str or path-like
        The file.
    content : binary file object, default=None
        Object to read instead of the file at `path`, which is then only a name. It must be seekable.

    Attributes
    ----------
    stem : str
        Name of the file without its folder, its suffix and the suffixes of a compression.
    header : astropy.io.fits.Header
        Header of the primary HDU; empty if the file is not FITS.
    content : bytes
        All of the file, without its compression.
    text, text_start : str or None
        Content of the file, and its first 64 KiB, as text; None if the file is binary.
    unused : list of str
        Names of the arrays in the file that the reader does not use. The reader adds them, and `load_spectra` warns
        about them.

    See Also
    --------
    register_reader : Register a function that reads such a file.

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

    def __init__(self, path: str | os.PathLike, content: BinaryIO | None = None) -> None:
        self.path = Path(path)
        self.unused: list[str] = []
        if content is None and os.path.exists(path) and not os.path.isfile(path):
            # Opening a named pipe would block forever.
            raise ValueError(f"{os.fspath(path)}: it is not a regular file")
        self._handle: BinaryIO = self.path.open("rb") if content is None else content

    def __enter__(self) -> "SurveyFile":
        try:
            self._handle = unpacked(self._handle)
            self._size = self._handle.seek(0, os.SEEK_END)
            if self._size == 0:
                raise ValueError("the file is empty")
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

    def _bytes(self, start: int, count: int) -> bytes:
        self._handle.seek(start)
        return self._handle.read(count)

    def start(self, n_bytes: int) -> bytes:
        """Return the first bytes of the file, without its compression.

        Parameters
        ----------
        n_bytes : int
            Number of bytes. A shorter file is returned as a whole.

        Returns
        -------
        content : bytes
            The bytes.
        """
        return self._bytes(0, min(n_bytes, self._size))

    @property
    def stem(self) -> str:
        return Path(without_packing(self.path.name)).stem

    @cached_property
    def content(self) -> bytes:
        return self._bytes(0, self._size)

    @cached_property
    def text_start(self) -> str | None:
        start = self.start(1 << 16)
        if self._fits is not None or b"\0" in start:
            return None
        return "".join(map(_decoded, start.splitlines(keepends=True)))

    def lines(self) -> Iterator[str]:
        """Yield the lines of a text file, holding only one of them in memory.

        Yields
        ------
        line : str
            A line with its line ending.
        """
        self._handle.seek(0)
        for line in self._handle:
            yield _decoded(line)

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

    def hdu_names(self) -> list[str]:
        """Return the EXTNAME of each HDU in order, in capitals; a first HDU without a name is "PRIMARY".

        Returns
        -------
        names : list of str
            Empty if the file is not FITS.
        """
        return [] if self._fits is None else [hdu.name for hdu in self._fits.walk()]

    def hdu_header(self, hdu: int | str) -> Any:
        """Return the header of an HDU.

        Parameters
        ----------
        hdu : int or str
            Number or EXTNAME.

        Returns
        -------
        header : astropy.io.fits.Header
            All of its cards.
        """
        return self._opened(hdu).hdu(hdu).header

    def has_table(self, hdu: int | str, columns: set[str]) -> bool:
        """Return whether an HDU is a table with the given columns.

        Parameters
        ----------
        hdu : int or str
            Number or EXTNAME.
        columns : set of str
            Names in capitals.

        Returns
        -------
        there : bool
            Also False if there is no such HDU.
        """
        return columns <= set(self.column_names(hdu))

    def column_names(self, hdu: int | str) -> list[str]:
        """Return the names of the columns of a table, in capitals.

        Parameters
        ----------
        hdu : int or str
            Number or EXTNAME.

        Returns
        -------
        names : list of str
            Empty if there is no such HDU or it is not a table.
        """
        found = None if self._fits is None else self._fits.find(hdu)
        if found is None or found.header.get("XTENSION") not in ("BINTABLE", "TABLE"):
            return []
        return [str(name).strip().upper() for name in found.header["TTYPE*"].values()]

    def image(self, hdu: int | str, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """Return the array of an image HDU.

        Parameters
        ----------
        hdu : int or str
            Number or EXTNAME.
        shape : tuple of int, default=None
            Expected shape, if it is known; an image of another shape raises ValueError. A tile-compressed image is read
            only with a `shape`, because its header can state any size.

        Returns
        -------
        image : ndarray
            The array.
        """
        return self._opened(hdu).image(hdu, shape)

    def table(self, hdu: int | str, columns: Collection[str] | None = None) -> Any:
        """Return a table as astropy reads it.

        Parameters
        ----------
        hdu : int or str
            Number or EXTNAME.
        columns : collection of str, default=None
            Names of the columns to read, in capitals; missing ones are ignored, and None reads all. Reading a dozen of
            the two hundred columns of an SDSS table is ten times as fast as reading all.

        Returns
        -------
        table : astropy.table.Table
            Scaled values with the units of the columns; missing values (TNULL) are masked. Column names are in
            capitals.
        """
        return self._opened(hdu).table(hdu, columns)

    def _opened(self, hdu: int | str) -> FitsFile:
        if self._fits is None:
            raise ValueError(f"it has no HDU {hdu!r}, because it is not a FITS file")
        return self._fits


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode("latin-1")
