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
    """One file as a reader sees it, without its compression (gzip, bzip2, xz or a zip archive of one file).

    Use it in a with statement. Nothing is read before it is asked for. A part that is missing, cut off or larger than
    the file raises ValueError.

    Parameters
    ----------
    path : str or path-like
        The file.
    content : binary file object, default=None
        What is read instead of the file at `path`, which then is no more than a name. It must be seekable.

    Attributes
    ----------
    stem : str
        Name of the file without its folder, its suffix and that of its compression.
    header : astropy.io.fits.Header
        Header of the primary HDU; empty if the file is not FITS.
    content : bytes
        All of the file, without its compression.
    text, text_start : str or None
        All of the file, and its first 64 KiB, as text; None if it is binary.
    unused : list of str
        A reader adds the names of the arrays in the file that it has no use for. `load_spectra` warns of them.

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

    def __init__(self, path: str | os.PathLike, content: BinaryIO | None = None) -> None:
        self.path = Path(path)
        self.unused: list[str] = []
        if content is None and os.path.exists(path) and not os.path.isfile(path):
            # Opening a named pipe would wait for ever.
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
            How many, or as many as there are.

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
        """Yield the lines of a text file, of which only one is held at a time.

        Yields
        ------
        line : str
            With its end.
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
        """Return EXTNAME of all HDUs in their order, in capitals; "PRIMARY" is the first without a name.

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
        """Tell whether an HDU is a table with some columns.

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
            The shape that is expected, if it is known: an image of another shape is not read. A tile-compressed image
            is read only with a `shape`, because its header can claim any size.

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
            Names in capitals of the columns to read, where they are there; None reads all. An SDSS table has two
            hundred columns, and reading a dozen of them is ten times as fast.

        Returns
        -------
        table : astropy.table.Table
            Scaled values with the units of the columns; missing ones (TNULL) are masked. Names are in capitals.
        """
        return self._opened(hdu).table(hdu, columns)

    def _opened(self, hdu: int | str) -> FitsFile:
        if self._fits is None:
            raise ValueError(f"it has no HDU {hdu!r}, for it is not a FITS file")
        return self._fits


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode("latin-1")
