"""Write files of survey spectra to a store on disk, a block of files at a time."""

import os
from collections.abc import Iterable
from contextlib import closing
from numbers import Integral
from pathlib import Path

import joblib
from numpy.typing import ArrayLike
from sklearn.utils import Bunch
from tqdm.auto import tqdm

from ..._checks import check_wavelength
from ..._validation import HasMethods, Interval, StrOptions, validate_params
from .._loading._find_files import find_files
from .._loading._read_files import read_into
from .._loading._report import Report
from .._loading._resume import blocks, difference
from .._loading._table import SpectraTable, told_as_os_error
from .._wavelength import LAMOST_WAVELENGTH
from ._open import open_spectra_store, read_manifest, unfinished
from ._writer import StoreWriter, Transformer, sync_folder

_TABLE = "table.sqlite"


@validate_params(
    {
        "bad_pixels": [StrOptions({"keep", "nan"})],
        "transformer": [HasMethods("transform"), None],
        "block_bytes": [Interval(Integral, 1, None, closed="left")],
        "on_error": [StrOptions({"raise", "warn"})],
    }
)
def write_spectra_store(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    store: str | os.PathLike,
    *,
    wavelength: ArrayLike | None = LAMOST_WAVELENGTH,
    bad_pixels: str = "keep",
    transformer: Transformer | None = None,
    block_bytes: int = 2**26,
    n_jobs: int | None = None,
    on_error: str = "raise",
    progress: bool = False,
) -> Bunch:
    """Write files of survey spectra to a store on disk, for more spectra than memory holds.

    The files are read in the same way as by :func:`load_spectra`, one block at a time. After each block the data are
    safe on disk: if writing ends early because the process was killed, the disk was full or a file was damaged, the
    same call resumes. Until the store is complete it is called ``STORE.part``, so a folder named `store` is always
    complete. If the same call has already written `store`, it is opened and no file is read.

    Parameters
    ----------
    paths : str, path-like or iterable of them
        Files, folders and glob patterns, as in :func:`load_spectra`.
    store : str or path-like
        Folder to create.
    wavelength : array-like of shape (n_features,) or None, default=LAMOST_WAVELENGTH
        Grid of the spectra, as in :func:`load_spectra`.
    bad_pixels : {"keep", "nan"}, default="keep"
        "nan" sets bad flux to NaN, so that `transformer` can fill it. Inverse variance and mask are not stored.
    transformer : object with a method `transform`, default=None
        Transformer that prepares the spectra before they are written, so that no prepared copy is needed when a network
        is trained. It is a transformer, or a pipeline of transformers, that is fitted or needs no fit. It must treat
        every spectrum independently and keep its length. An example is
        ``make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler())``.
    block_bytes : int, default=67108864
        Bytes of files on disk that are read between two writes. At least one file is read. Memory use is a few times
        this size for uncompressed files.
    n_jobs : int, default=None
        Number of processes that read files. None means 1 unless in a :obj:`joblib.parallel_config` context. -1 means
        using all processors.
    on_error : {"raise", "warn"}, default="raise"
        What to do with a file that cannot be read, or that has a spectrum for which `transformer` raises an error.
        "warn" writes the other files, warns once and lists `failures`. Data written before an error are kept.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    spectra : :class:`~sklearn.utils.Bunch`
        The store, as returned by :func:`open_spectra_store`. The spectra are in the order of their files, except that
        those of a file that could not be read at first come later.

    Raises
    ------
    FileExistsError
        If `store` exists and was written by another call, or is not a store.
    OSError
        If a file does not exist or cannot be read, if the disk is full or another process writes this store.
    ValueError
        If a file is damaged, has an unknown format, has another grid than the first one (with ``wavelength=None``), or
        contains a duplicate spectrum or one for which `transformer` raises an error; if there are no spectra at all; if
        an existing ``STORE.part`` is damaged, was begun with other files or parameters, or contains a file that was
        changed since it was read; or if a parameter is out of range.
    ImportError
        If a FITS file needs astropy and it is not installed.

    See Also
    --------
    open_spectra_store : Open a store.
    load_spectra : Read files into memory.

    Notes
    -----
    A store is a folder of npy files, one for each column, and ``manifest.json``, which is written last.
    :func:`numpy.load` reads the files without this package. When the writing resumes, the size and modification time of
    the files that were already read are compared. The names of all files are kept in memory, about 300 bytes each, but
    their spectra are not. The folder must be on a file system that supports locks, which SQLite needs.

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
    grid = None if wavelength is None else check_wavelength(wavelength)
    report = Report(on_error)
    files, folders = find_files(paths, report, "write_spectra_store")
    parameters = {
        "wavelength": "of the files" if grid is None else joblib.hash(grid),
        "bad_pixels": bad_pixels,
        "transformer": "None" if transformer is None else f"{transformer!r} ({joblib.hash(transformer)})",
    }
    folder = Path(os.path.abspath(store))
    names = joblib.hash([os.path.abspath(path) for path, *_ in files])
    if os.path.lexists(folder):
        return _reopen(folder, parameters, names)
    part = unfinished(folder)
    with told_as_os_error(
        part,
        "this store",
        "the table could not be written",
        "The blocks before are safe, and the same call resumes.",
    ):
        part.mkdir(parents=True, exist_ok=True)
        with closing(SpectraTable(part / _TABLE)) as table:
            writer = StoreWriter(part, table, grid, parameters, bad_pixels == "nan", transformer)
            to_read = writer.resume(files, folders)
            with tqdm(total=len(files), initial=len(files) - len(to_read), unit="file", disable=not progress) as bar:
                for block in blocks(to_read, block_bytes):
                    read_into(writer.add, block, folders, report, grid=grid, n_jobs=n_jobs)
                    writer.commit()
                    bar.update(len(block))
            report.require_spectra(table.n_spectra, folders, f"loaded from {paths!r}")
            writer.finish(report.failures, names)
        os.rename(part, folder)
        sync_folder(folder.parent)
        _remove_table(folder)
    report.warn(len(files))
    return open_spectra_store(folder)


def _reopen(folder: Path, parameters: dict[str, str], names: str) -> Bunch:
    """Open an existing store if it was written by the same call."""
    try:
        manifest = read_manifest(folder)
    except ValueError as error:
        raise FileExistsError(f"{folder}: it already exists and is not a store of spectra: {error}") from error
    _remove_table(folder)
    other = difference(manifest["parameters"], parameters) or ("files" if manifest["names"] != names else None)
    if other:
        raise FileExistsError(
            f"{folder}: the store already exists and was written with different {other}: delete it or choose "
            "another name"
        )
    return open_spectra_store(folder)


def _remove_table(folder: Path) -> None:
    """Remove the table of a complete store, whose columns are also in its npy files."""
    for path in folder.glob(f"{_TABLE}*"):  # with its journal
        path.unlink()
