"""Write files of survey spectra to a store on disk, a block of files at a time."""

import io
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import joblib
import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch
from tqdm.auto import tqdm

from ._load_spectra import (
    accept,
    check_grid,
    check_option,
    expand,
    read_all,
    refuse_other_grid,
    require_spectra,
    warn_of,
)
from ._readers import Labels, Spectrum
from ._store import FORMAT, MANIFEST, NUMBER_COLUMNS, TEXT_COLUMNS, open_spectra_store, read_manifest, unfinished
from ._store_table import StoreTable, file_state

__all__ = ["write_spectra_store"]

_TABLE = "table.sqlite"
_FLUX = "data.npy"
_ROWS_AT_ONCE = 2**13  # of the table

File = tuple[str, str | None]  # its path, and the folder that it was found in if it was not named itself


class Transformer(Protocol):
    def transform(self, X: np.ndarray) -> np.ndarray: ...


def write_spectra_store(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    store: str | os.PathLike,
    *,
    wavelength: str | ArrayLike | None = "lamost",
    bad_pixels: str = "keep",
    transformer: Transformer | None = None,
    block_bytes: int = 2**26,
    n_jobs: int | None = None,
    on_error: str = "raise",
    progress: bool = False,
) -> Bunch:
    """Write files of survey spectra to a store on disk, for more spectra than memory holds.

    The files are read as by :func:`load_spectra`, a block of them at a time. After each block what is there is safe on
    disk: where the writing ends early, because the process was killed, the disk was full or a file was damaged, the
    same call goes on with it. Until all is there the store is called ``STORE.part``, so that nothing of the name
    `store` is ever incomplete. Where `store` was written by the same call before, it is opened and nothing is read.

    Parameters
    ----------
    paths : str, path-like or iterable of them
        Files, folders and glob patterns, as in :func:`load_spectra`.
    store : str or path-like
        Folder to make.
    wavelength : "lamost", array-like of shape (n_features,) or None, default="lamost"
        Grid of the spectra, as in :func:`load_spectra`.
    bad_pixels : {"keep", "nan"}, default="keep"
        "nan" makes the flux NaN where it is bad, for `transformer` to fill. Inverse variance and mask are not stored.
    transformer : object with a method `transform`, default=None
        What prepares the spectra before they are written, so that they need no further copy when a network is trained:
        a transformer that needs no fit or is fitted, or a pipeline of such, that treats every spectrum by itself and
        keeps its length. For example ``make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler())``.
    block_bytes : int, default=67108864
        Bytes of files on disk that are read between two writes; one file at least. Memory grows with it: to a few
        times as much for files without compression.
    n_jobs : int, default=None
        Number of processes that read files. None means 1 unless in a :obj:`joblib.parallel_config` context, -1 all
        processors.
    on_error : {"raise", "warn"}, default="raise"
        What to do with a file that cannot be read, or of which `transformer` refuses a spectrum. "warn" writes the
        other files, warns once and lists `failures`. What was written before an error stays.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    spectra : :class:`~sklearn.utils.Bunch`
        The store, as :func:`open_spectra_store` opens it. The spectra stand in the order of their files, except that
        those of a file that could not be read at first come later.

    Raises
    ------
    FileExistsError
        Where `store` is there and was written by another call, or is something else.
    OSError
        Where a file is not there or must not be read, where the disk is full or another process writes this store.
    ValueError
        Where a file is damaged, of no known format, on another grid than the first (with ``wavelength=None``), or holds
        a spectrum a second time or one that `transformer` refuses; where there is no spectrum at all. Where
        ``STORE.part`` is there and was begun with other files or parameters, is damaged, or a file in it was changed
        since it was read. Also where a parameter is out of its range.
    ImportError
        Where a FITS file is met and astropy is not installed.

    See Also
    --------
    open_spectra_store : Open a store.
    load_spectra : Read files into memory.

    Notes
    -----
    A store is a folder of npy files, one a column, and ``manifest.json``, which is written last. :func:`numpy.load`
    reads the files without this package. Resuming compares the size and the time of the last change of the files read
    before. The names of all files are kept in memory, some 300 bytes each; their spectra are not. The folder needs a
    file system with locks, for SQLite.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skspectra.datasets import write_spectra_store
    >>> from skspectra.preprocessing import MinMaxSpectrumScaler
    >>> folder = tempfile.TemporaryDirectory()
    >>> for name, target in ("one", "STAR"), ("two", "QSO"):
    ...     flux = np.linspace(1, 3, 3000, dtype=np.float32)
    ...     grid = np.linspace(3600, 9200, 3000)
    ...     np.savez(Path(folder.name, f"{name}.npz"), flux=flux, wavelength=grid, target=target)
    >>> store = Path(folder.name, "store")
    >>> spectra = write_spectra_store(f"{folder.name}/*.npz", store, transformer=MinMaxSpectrumScaler())
    >>> spectra.data.shape, spectra.target.tolist()
    ((2, 2600), ['STAR', 'QSO'])
    >>> spectra.data[0, [0, -1]].tolist()
    [0.0, 1.0]
    >>> del spectra
    >>> folder.cleanup()
    """
    caller = "write_spectra_store"
    grid = check_grid(wavelength, caller)
    check_option("bad_pixels", bad_pixels, ("keep", "nan"), caller)
    check_option("on_error", on_error, ("raise", "warn"), caller)
    if transformer is not None and not callable(getattr(transformer, "transform", None)):
        raise ValueError(
            f"The 'transformer' parameter of {caller} must be an object with a method transform or None. "
            f"Got {transformer!r} instead."
        )
    if not isinstance(block_bytes, int | np.integer) or isinstance(block_bytes, bool) or block_bytes < 1:
        raise ValueError(
            f"The 'block_bytes' parameter of {caller} must be an int in the range [1, inf). "
            f"Got {block_bytes!r} instead."
        )
    failures: list[tuple[str, str]] = []
    files, folders = expand(paths, None if on_error == "raise" else failures, caller)
    parameters = {
        "wavelength": "of the files" if grid is None else joblib.hash(grid),
        "bad_pixels": bad_pixels,
        "transformer": "None" if transformer is None else f"{transformer!r} ({joblib.hash(transformer)})",
    }
    folder = Path(os.path.abspath(store))
    names = joblib.hash([os.path.abspath(path) for path, _ in files])
    if os.path.lexists(folder):
        return _reopen(folder, parameters, names)
    part = unfinished(folder)
    try:
        part.mkdir(parents=True, exist_ok=True)
        with closing(StoreTable(part / _TABLE)) as table:
            writer = _Writer(part, table, grid, parameters, bad_pixels == "nan", transformer)
            to_read = writer.resume(files, folders)
            with tqdm(total=len(files), initial=len(files) - len(to_read), unit="file", disable=not progress) as bar:
                for block in _blocks(to_read, block_bytes):
                    writer.add(block, folders, n_jobs, failures if on_error == "warn" else None)
                    bar.update(len(block))
            require_spectra(table.n_spectra, folders, failures, on_error, f"write in {paths!r}")
            writer.finish(failures, names)
        os.rename(part, folder)
        _sync_folder(folder.parent)
        _remove_table(folder)
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise OSError(f"{part}: another process is writing this store") from error
        raise OSError(
            f"{part}: the table could not be written: {error}. The blocks before are safe; the same call goes on."
        ) from error
    warn_of(failures, len(files))
    return open_spectra_store(folder)


def _reopen(folder: Path, parameters: dict[str, str], names: str) -> Bunch:
    """Open the store that is there if it was written by the same call."""
    try:
        manifest = read_manifest(folder)
    except ValueError as error:
        raise FileExistsError(f"{folder}: it is there, and is not a store of spectra: {error}") from error
    _remove_table(folder)
    other = _difference(manifest["parameters"], parameters) or ("files" if manifest["names"] != names else None)
    if other:
        raise FileExistsError(f"{folder}: the store is there, written with other {other}: delete it or choose another")
    return open_spectra_store(folder)


def _remove_table(folder: Path) -> None:
    """Remove the table of a store that is complete, which holds its columns."""
    for path in folder.glob(f"{_TABLE}*"):  # with its journal
        path.unlink()


def _difference(before: dict[str, str], now: dict[str, str]) -> str | None:
    """The first parameter that differs, with both values, as text."""
    for name, value in now.items():
        if before[name] != value:
            return f"{name}: {before[name]}, now {value}"
    return None


def _blocks(files: list[File], n_bytes: int) -> Iterator[list[File]]:
    """Split the files into runs of about so many bytes on disk, and one file at least."""
    block: list[File] = []
    size = 0
    for file in files:
        try:
            size_here = os.path.getsize(file[0])
        except OSError:
            size_here = 0  # reading it will say what is the matter
        if block and size + size_here > n_bytes:
            yield block
            block, size = [], 0
        block.append(file)
        size += size_here
    if block:
        yield block


class _Writer:
    """Writes the flux of an unfinished store and, in the same steps, its table."""

    def __init__(
        self,
        part: Path,
        table: StoreTable,
        grid: np.ndarray | None,
        parameters: dict[str, str],
        bad_is_nan: bool,
        transformer: Transformer | None,
    ) -> None:
        self.part = part
        self.table = table
        self.grid = grid  # that of the reading; None for that of the first file
        self.parameters = parameters
        self.bad_is_nan = bad_is_nan
        self.transformer = transformer
        self.wavelength = grid
        self.first_path = ""

    def resume(self, files: list[File], folders: set[str]) -> list[File]:
        """Check what an earlier call wrote, cut off what it did not commit, and return the files still to be read."""
        (self.part / MANIFEST).unlink(missing_ok=True)
        table = self.table
        if table.n_files == 0:
            # Nothing of an earlier call counts.
            table["parameters"] = json.dumps(self.parameters)
            return files
        advice = f"use the same again, or delete {self.part} to start anew"
        other = _difference(json.loads(table["parameters"]), self.parameters)
        if other:
            raise ValueError(f"{self.part}: the store was begun with other {other}; {advice}")
        to_read = []
        for path, folder in files:
            state = table.state_when_read(path)
            if state is None:
                to_read.append((path, folder))
                continue
            if state != file_state(path):
                raise ValueError(
                    f"{path}: the file was changed after it was read into {self.part} ({state}; now "
                    f"{file_state(path) or 'missing'}); delete {self.part} to start anew"
                )
            folders.discard(folder)
        if len(files) - len(to_read) < table.n_files:
            raise ValueError(
                f"{self.part}: {table.n_files - len(files) + len(to_read)} of the files in it are not among 'paths'; "
                f"{advice}"
            )
        if table.n_spectra:
            self.wavelength = np.frombuffer(table["wavelength"], np.float64)
            self.first_path = table["first_path"]
            flux = self.part / _FLUX
            size, expected = os.path.getsize(flux) if flux.exists() else 0, self._flux_end()
            if size < expected:
                raise ValueError(
                    f"{flux}: it is truncated: it has {size} bytes, {expected} were written; delete {self.part} to "
                    "start anew"
                )
            os.truncate(flux, expected)
        return to_read

    def add(
        self,
        block: list[File],
        folders: set[str],
        n_jobs: int | None,
        failures: list[tuple[str, str]] | None,
    ) -> None:
        """Read a block of files and write their spectra; what cannot be read goes to the failures, if there are any."""
        start = self.table.n_spectra
        flux: list[np.ndarray] = []
        with closing(read_all([path for path, _ in block], self.grid, n_jobs, False)) as results:
            for (path, folder), content in zip(block, results, strict=True):
                try:
                    found = accept(content, path, folder)
                    if isinstance(found, Labels):
                        self.table.add_labels(found, path)
                    elif found is not None:
                        flux.append(self._add_spectra(found, path))
                except (OSError, ValueError) as error:
                    if failures is None:
                        raise
                    failures.append((path, str(error).removeprefix(f"{path}: ")))
                    found = []
                if found is not None:
                    folders.discard(folder)
        if flux:
            self._write_flux(flux, start)
        self.table.commit()

    def finish(self, failures: list[tuple[str, str]], names: str) -> None:
        """Write everything but the flux; the manifest comes last, when all else is safe on disk."""
        assert self.wavelength is not None  # there is a spectrum
        with self._disk_errors(self.table.n_spectra):
            with open(self.part / _FLUX, "r+b") as file:
                file.write(_npy_header((self.table.n_spectra, len(self.wavelength)), np.dtype(np.float32)))
                _sync(file)
            with open(self.part / "wavelength.npy", "wb") as file:
                np.save(file, self.wavelength)
                _sync(file)
            self._write_columns()
            manifest: dict[str, Any] = {
                "format": FORMAT,
                "n_samples": self.table.n_spectra,
                "n_features": len(self.wavelength),
                "bytes": {path.name: os.path.getsize(path) for path in sorted(self.part.glob("*.npy"))},
                "parameters": self.parameters,
                "names": names,
                "failures": failures,
            }
            with open(self.part / MANIFEST, "w", encoding="utf-8") as text:
                json.dump(manifest, text, indent=1)
                _sync(text)
            _sync_folder(self.part)

    def _add_spectra(self, spectra: list[Spectrum], path: str) -> np.ndarray:
        """Add the spectra of a file to the table, and return their flux as it is to be written."""
        first = spectra[0].wavelength if self.wavelength is None else self.wavelength
        if self.grid is None:
            refuse_other_grid(spectra, path, Spectrum(flux=None, wavelength=first), self.first_path or path)
        flux = self._prepare(spectra, path)
        self.table.add_spectra(spectra, path)
        if not self.first_path:
            self.wavelength, self.first_path = first, path
            self.table["wavelength"], self.table["first_path"] = first.tobytes(), path
        return flux

    def _prepare(self, spectra: list[Spectrum], path: str) -> np.ndarray:
        flux = np.stack([spectrum.flux for spectrum in spectra])
        if self.bad_is_nan:
            flux[np.stack([spectrum.mask for spectrum in spectra])] = np.nan
        if self.transformer is not None:
            shape = flux.shape
            try:
                flux = np.asarray(self.transformer.transform(flux))
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
            if flux.shape != shape:
                raise ValueError(f"{path}: {self.transformer!r} made an array of shape {flux.shape} of one of {shape}")
        return np.ascontiguousarray(flux, np.float32)

    def _write_flux(self, flux: list[np.ndarray], start: int) -> None:
        assert self.wavelength is not None
        with self._disk_errors(start), open(self.part / _FLUX, "r+b" if start else "wb") as file:
            if start == 0:
                # The length in it is wrong until the end. NumPy leaves room for the digits of the right one.
                file.write(_npy_header((0, len(self.wavelength)), np.dtype(np.float32)))
            file.seek(self._flux_end(start))
            for rows in flux:
                file.write(rows.data)
            _sync(file)

    @contextmanager
    def _disk_errors(self, n_safe: int) -> Iterator[None]:
        """Say in an error of the disk what is left of the work."""
        try:
            yield
        except OSError as error:
            free = shutil.disk_usage(self.part).free
            raise OSError(
                error.errno,
                f"{error.strerror}, with {free} bytes free; {n_safe} spectra are safe, and the same call goes on",
                str(self.part),
            ) from error

    def _flux_end(self, n_samples: int | None = None) -> int:
        """Position in the file behind so many spectra, by default all in the table."""
        assert self.wavelength is not None
        n_samples = self.table.n_spectra if n_samples is None else n_samples
        header = _npy_header((0, len(self.wavelength)), np.dtype(np.float32))
        return len(header) + n_samples * len(self.wavelength) * np.dtype(np.float32).itemsize

    def _write_columns(self) -> None:
        lengths = self.table.lengths(TEXT_COLUMNS)
        columns = dict(zip(TEXT_COLUMNS, (np.dtype(f"U{max(1, n)}") for n in lengths), strict=True))
        columns |= dict.fromkeys(NUMBER_COLUMNS, np.dtype(np.float64))
        with ExitStack() as stack:
            files = [stack.enter_context(open(self.part / f"{name}.npy", "wb")) for name in columns]
            for file, dtype in zip(files, columns.values(), strict=True):
                file.write(_npy_header((self.table.n_spectra,), dtype))
            for rows in self.table.chunks(tuple(columns), _ROWS_AT_ONCE):
                for file, dtype, values in zip(files, columns.values(), zip(*rows, strict=True), strict=True):
                    file.write(np.array(values, dtype).tobytes())  # None becomes NaN
            for file in files:
                _sync(file)


def _npy_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    header = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    return header.getvalue()


def _sync(file: Any) -> None:
    """Wait until what was written is on the disk itself."""
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
