"""Load files of survey spectra onto one wavelength grid."""

import glob
import os
import warnings
from collections.abc import Generator, Iterable
from contextlib import closing, nullcontext

import joblib
import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch
from tqdm.auto import tqdm

from ._grid import LAMOST_WAVELENGTH
from ._readers import Labels, NoSpectra, Spectrum, read_file, readers
from ._readers._registry import Label, Reader
from ._resample import PixelOverlap, check_wavelength

__all__ = ["load_spectra"]

_FITS_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz")
_SUFFIXES = (*_FITS_SUFFIXES, ".npz", ".npy", ".csv", ".csv.gz", ".txt", ".txt.gz")
_FILES_AT_ONCE = 32

# Grids that agree to this relative precision are one grid: what is left is the rounding of float32.
_SAME_GRID = 1e-6


def load_spectra(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    *,
    wavelength: str | ArrayLike | None = "lamost",
    bad_pixels: str = "keep",
    n_jobs: int | None = None,
    on_error: str = "raise",
    progress: bool = False,
) -> Bunch:
    """Load files of survey spectra onto one wavelength grid.

    The survey is recognised from the content of each file, plain or gzipped: LAMOST low-resolution (both layouts),
    SDSS, BOSS and eBOSS ``spec-*``, SDSS ``spSpec-*``, DESI coadds, the form of the Tianchi competition, and plain npz,
    npy and csv. ``redrock-X.fits`` among the files gives the DESI ``coadd-X.fits`` beside it classes and redshifts, a
    redrock table of another name any coadd, and a table of id and type Tianchi's spectra. :func:`register_reader` adds
    a survey. Reading FITS files needs astropy (``pip install 'skspectra[fits]'``).

    Parameters
    ----------
    paths : str, path-like or iterable of them
        Files, folders and glob patterns (``**`` goes through subfolders). Of a folder, without its subfolders, the
        files with a suffix of a format above are read; a csv, npz, npy or text file there that holds no spectra is
        passed over. A file that is met again is read once.
    wavelength : "lamost", array-like of shape (n_features,) or None, default="lamost"
        Grid of the result, in vacuum, in angstrom. "lamost" is ``np.linspace(3690, 9100, 2600)``. Spectra are
        resampled to it with :func:`resample_spectra`. None keeps the grid of the files, which must be one: those of
        LAMOST and SDSS begin and end at other pixels from file to file, so several of them seldom load so.
    bad_pixels : {"keep", "nan"}, default="keep"
        "nan" makes `data` NaN wherever `mask` is True, for
        :class:`~skspectra.preprocessing.MissingFluxInterpolator` to fill.
    n_jobs : int, default=None
        Number of processes that read files. None means 1 unless in a :obj:`joblib.parallel_config` context, -1 all
        processors.
    on_error : {"raise", "warn"}, default="raise"
        What to do with a file that cannot be read. "warn" loads the rest, warns once and lists `failures`.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    spectra : :class:`~sklearn.utils.Bunch`
        data : ndarray of float32, (n_samples, n_features)
            Flux density per unit wavelength, in the unit of the survey. NaN outside the range of the instrument.
        wavelength : ndarray of float64, (n_features,)
            In vacuum, in angstrom.
        ivar : ndarray of float32, (n_samples, n_features)
            Inverse variance of `data`: 0 where nothing was measured, NaN where the file gives none.
        mask : ndarray of bool, (n_samples, n_features)
            True where the survey's own flags call a pixel bad or its inverse variance is 0, and outside the range of
            the instrument. A resampled pixel is bad where it overlaps any bad pixel, for its flux has a share of it.
        target, subclass : ndarray of str, (n_samples,)
            Class and subclass; "" where no file says.
        redshift : ndarray of float64, (n_samples,)
            NaN where there is none.
        snr : ndarray of float64, (n_samples,)
            Signal-to-noise ratio per pixel in the r band; NaN where no file says.
        survey : ndarray of str, (n_samples,)
            Name of the survey.
        object_id : ndarray of str, (n_samples,)
            Name of the object. Repeated observations share it: use it as `groups` in every split.
        spectrum_id : ndarray of str, (n_samples,)
            Name of the observation: LAMOST's plan, spectrograph and fibre, SDSS's plate, date and fibre.
        filename : ndarray of str, (n_samples,)
            File that the spectrum came from.
        failures : list of (str, str)
            File and cause of each that could not be loaded, with ``on_error="warn"``.
        DESCR : str
            Description of what was loaded.

    Raises
    ------
    OSError
        Where a file is not there or must not be read.
    ValueError
        Where a file is damaged, of no known format, on another grid than the first (with ``wavelength=None``) or holds
        a spectrum a second time; where there is no spectrum at all. The error names the file and the cause. Also where
        a parameter is out of its range.
    ImportError
        Where a FITS file is met and astropy is not installed.

    See Also
    --------
    register_reader : Add a survey.
    resample_spectra : The resampling alone.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skspectra.datasets import load_spectra
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     flux = np.ones((2, 3000), dtype=np.float32)
    ...     wavelength = np.linspace(3800, 9000, 3000)
    ...     np.savez(Path(folder, "mine.npz"), flux=flux, wavelength=wavelength, target=["STAR", "QSO"])
    ...     spectra = load_spectra(folder)
    >>> spectra.data.shape, spectra.target
    ((2, 2600), array(['STAR', 'QSO'], dtype='<U4'))
    """
    grid = check_grid(wavelength, "load_spectra")
    check_option("bad_pixels", bad_pixels, ("keep", "nan"), "load_spectra")
    check_option("on_error", on_error, ("raise", "warn"), "load_spectra")
    spectra: list[Spectrum] = []
    filenames: list[str] = []
    # By survey and file of spectra ("" where they are about any), by object: label and the file that it is from.
    catalogues: dict[tuple[str, str], dict[str, tuple[Label, str]]] = {}
    failures: list[tuple[str, str]] = []
    first_file: dict[tuple[str, str], str] = {}
    files, folders = expand(paths, None if on_error == "raise" else failures, "load_spectra")
    with closing(read_all([path for path, _ in files], grid, n_jobs, progress)) as results:
        for (path, folder), content in zip(files, results, strict=True):
            try:
                found = accept(content, path, folder)
                if found is None:
                    continue
                folders.discard(folder)
                if isinstance(found, Labels):
                    _add_catalogue(found, path, catalogues)
                    continue
                _refuse_duplicates(found, path, first_file)
                if grid is None:
                    first = (spectra[0], filenames[0]) if spectra else (found[0], path)
                    refuse_other_grid(found, path, *first)
            except (OSError, ValueError) as error:
                if on_error == "raise":
                    raise
                failures.append((path, str(error).removeprefix(f"{path}: ")))
                folders.discard(folder)
            else:
                spectra += found
                filenames += [path] * len(found)
    require_spectra(len(spectra), folders, failures, on_error, f"load in {paths!r}")
    warn_of(failures, len(files))
    _apply_catalogues(spectra, filenames, catalogues)
    return _bunch(spectra, filenames, failures, grid, bad_pixels)


def check_grid(wavelength: str | ArrayLike | None, caller: str) -> np.ndarray | None:
    if wavelength is None:
        return None
    if isinstance(wavelength, str):
        check_option("wavelength", wavelength, ("lamost",), caller)
        return LAMOST_WAVELENGTH
    return check_wavelength(wavelength, f"The 'wavelength' parameter of {caller}")


def check_option(name: str, value: object, allowed: tuple[str, ...], caller: str) -> None:
    if value not in allowed:
        raise ValueError(f"The {name!r} parameter of {caller} must be a str among {allowed}. Got {value!r} instead.")


def expand(
    paths: str | os.PathLike | Iterable[str | os.PathLike], failures: list[tuple[str, str]] | None, caller: str
) -> tuple[list[tuple[str, str | None]], set[str]]:
    """Files to read, each with the folder it was found in or None if it was named, and the folders.

    A folder that cannot be read is added to `failures`, where there are such.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    try:
        names = [os.fspath(path) for path in paths]
    except TypeError:
        raise ValueError(
            f"The 'paths' parameter of {caller} must be a str, a path or an iterable of them. Got {paths!r} instead."
        ) from None
    files: list[tuple[str, str | None]] = []
    folders = set()
    for name in names:
        if os.path.isdir(name):
            try:
                inside = sorted(
                    entry.path
                    for entry in os.scandir(name)
                    if entry.is_file() and entry.name.lower().endswith(_SUFFIXES)
                )
            except OSError as error:
                if failures is None:
                    raise
                failures.append((name, str(error)))
                continue
            folders.add(name)
            files += [(path, name) for path in inside]
        elif glob.has_magic(name) and not os.path.exists(name):
            # A pattern that matches nothing stays as it is, and opening it says that there is no such file.
            matches = sorted(path for path in glob.glob(name, recursive=True) if not os.path.isdir(path))
            files += [(path, None) for path in matches or [name]]
        else:
            files.append((name, None))
    first: dict[str, tuple[str, str | None]] = {}
    for path, folder in files:
        if first.setdefault(os.path.abspath(path), (path, folder)) != (path, folder):
            folders.discard(folder)  # it is not bare, though the file is read under another name
    return list(first.values()), folders


def accept(
    content: list[Spectrum] | Labels | Exception | None, path: str, folder: str | None
) -> list[Spectrum] | Labels | None:
    """What was read from a file that is to be used; None where a file that `folder` holds is passed over."""
    if content is None:
        if folder is None or path.lower().endswith(_FITS_SUFFIXES):
            raise ValueError(f"{path}: it is of no format that a reader knows")
        return None
    if isinstance(content, NoSpectra) and folder is not None:
        return None
    if isinstance(content, Exception):
        raise content
    return content


def require_spectra(
    n_spectra: int, folders: set[str], failures: list[tuple[str, str]], on_error: str, action: str
) -> None:
    """Raise ValueError where there are no spectra; with "warn" a folder that holds none is a failure instead."""
    for folder in sorted(folders):
        if on_error == "raise":
            raise ValueError(f"{folder}: the folder holds no spectra")
        failures.append((folder, "the folder holds no spectra"))
    if n_spectra == 0:
        causes = "; ".join(f"{path}: {cause}" for path, cause in failures[:3])
        raise ValueError(f"There are no spectra to {action}. {causes}".rstrip())


def warn_of(failures: list[tuple[str, str]], n_files: int) -> None:
    """Warn the caller of the caller, once, where there are failures."""
    if failures:
        path, cause = failures[0]
        warnings.warn(
            f"{len(failures)} of {n_files} files could not be loaded and are listed in `failures`. "
            f"The first is {path}: {cause}",
            stacklevel=3,
        )


def read_all(paths: list[str], grid: np.ndarray | None, n_jobs: int | None, progress: bool) -> Generator:
    """Yield for each file, in order, its spectra, its Labels, None or the exception that reading it raised."""
    share = -(-len(paths) // (4 * joblib.effective_n_jobs(n_jobs)))
    size = max(1, min(_FILES_AT_ONCE, share))
    chunks = [paths[start : start + size] for start in range(0, len(paths), size)]
    known = readers()  # handed over, for a new process does not know the readers registered in this one
    # With one process the files are read as they are asked for.
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator")
    results = parallel(joblib.delayed(_read_chunk)(chunk, known, grid) for chunk in chunks)
    try:
        with tqdm(total=len(paths), unit="file") if progress else nullcontext() as bar:
            for contents in results:
                if bar is not None:
                    bar.update(len(contents))
                yield from contents
    finally:
        with warnings.catch_warnings():
            # After an error joblib would warn that the tasks still under way are given up.
            warnings.simplefilter("ignore")
            results.close()


def _read_chunk(paths: list[str], known: list[Reader], grid: np.ndarray | None) -> list:
    results: list[list[Spectrum] | Labels | Exception | None] = []
    for path in paths:
        try:
            found = read_file(path, known)
        except (OSError, ValueError) as error:
            results.append(error)
            continue
        if grid is not None and isinstance(found, list):
            _resample(found, grid)  # at once, for spectra on the grid of their file can be far larger
        results.append(found)
    return results


def _resample(spectra: list[Spectrum], grid: np.ndarray) -> None:
    """Bring spectra to a grid in place, those that share one together."""
    groups: dict[bytes, list[Spectrum]] = {}
    for spectrum in spectra:
        groups.setdefault(spectrum.wavelength.tobytes(), []).append(spectrum)
    for members in groups.values():
        wavelength = members[0].wavelength
        if not _same_grid(wavelength, grid):
            overlap = PixelOverlap(wavelength, grid)
            flux = overlap.flux(np.stack([spectrum.flux for spectrum in members]))
            ivar = overlap.ivar(np.stack([spectrum.ivar for spectrum in members]))
            mask = overlap.mask(np.stack([spectrum.mask for spectrum in members]))
            for i, spectrum in enumerate(members):
                spectrum.flux, spectrum.ivar, spectrum.mask = flux[i], ivar[i], mask[i]
        for spectrum in members:
            spectrum.wavelength = grid


def _same_grid(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=_SAME_GRID, atol=0.0)


def _refuse_duplicates(spectra: list[Spectrum], path: str, first_file: dict[tuple[str, str], str]) -> None:
    here: dict[tuple[str, str], str] = {}
    for spectrum in spectra:
        key = (spectrum.survey, spectrum.spectrum_id)
        other = first_file.get(key) or here.get(key)
        if other and spectrum.spectrum_id:
            raise ValueError(
                f"{path}: it holds the spectrum {spectrum.spectrum_id} of {spectrum.survey} a second time, "
                f"after {other}"
            )
        here[key] = path
    first_file |= here


def refuse_other_grid(spectra: list[Spectrum], path: str, first: Spectrum, first_path: str) -> None:
    for spectrum in spectra:
        if not _same_grid(spectrum.wavelength, first.wavelength):
            here, there = (
                f"{len(grid)} pixels from {grid[0]:.2f} to {grid[-1]:.2f} angstrom"
                for grid in (spectrum.wavelength, first.wavelength)
            )
            raise ValueError(
                f"{path}: its grid ({here}) is not that of {first_path} ({there}); "
                "give `wavelength` to bring all spectra to one grid"
            )


def _add_catalogue(labels: Labels, path: str, catalogues: dict[tuple[str, str], dict[str, tuple[Label, str]]]) -> None:
    """Add the labels of a file to those about the same spectra, or raise ValueError where they disagree."""
    about = place(os.path.join(os.path.dirname(path), labels.about)) if labels.about else ""
    known = catalogues.setdefault((labels.survey, about), {})
    for object_id, label in labels.by_object_id.items():
        if object_id in known:
            other, source = known[object_id]
            if str(label) != str(other):  # as text, for NaN is not NaN
                raise ValueError(f"{path}: it has {object_id} as {label}, {source} as {other}")
    for object_id, label in labels.by_object_id.items():
        known.setdefault(object_id, (label, path))


def _apply_catalogues(
    spectra: list[Spectrum], filenames: list[str], catalogues: dict[tuple[str, str], dict[str, tuple[Label, str]]]
) -> None:
    """Set class, subclass and redshift of the spectra that a catalogue names.

    A file of spectra takes from the catalogue about it, which lies beside it, or else from those about any of its
    survey.
    """
    for spectrum, filename in zip(spectra, filenames, strict=True):
        for about in (place(filename), ""):
            known = catalogues.get((spectrum.survey, about))
            if known is not None:
                if spectrum.object_id in known:
                    (spectrum.target, spectrum.subclass, spectrum.redshift), _ = known[spectrum.object_id]
                break


def place(path: str) -> str:
    """Absolute path without ".gz", for a file and the catalogue about it need not both be compressed."""
    return os.path.abspath(path).removesuffix(".gz")


def _bunch(
    spectra: list[Spectrum],
    filenames: list[str],
    failures: list[tuple[str, str]],
    grid: np.ndarray | None,
    bad_pixels: str,
) -> Bunch:
    wavelength = np.array(spectra[0].wavelength if grid is None else grid)
    bunch = Bunch(data=_stacked(spectra, "flux"), wavelength=wavelength)
    bunch.ivar = _stacked(spectra, "ivar")
    bunch.mask = _stacked(spectra, "mask")
    for name in ("target", "subclass", "redshift", "snr", "survey", "object_id", "spectrum_id"):
        bunch[name] = np.array([getattr(spectrum, name) for spectrum in spectra])
    bunch.filename = np.array(filenames)
    bunch.failures = failures
    if bad_pixels == "nan":
        bunch.data[bunch.mask] = np.nan
    bunch.DESCR = _description(bunch)
    return bunch


def _stacked(spectra: list[Spectrum], name: str) -> np.ndarray:
    rows = np.stack([getattr(spectrum, name) for spectrum in spectra])
    for spectrum in spectra:
        setattr(spectrum, name, None)  # so that a large survey is not held twice
    return rows


def _description(bunch: Bunch) -> str:
    def counts(values: np.ndarray) -> str:
        names, numbers = np.unique(values, return_counts=True)
        return ", ".join(f"{name or '(none)'} {number}" for name, number in zip(names, numbers, strict=True))

    grid = bunch.wavelength
    lines = [
        f"{len(bunch.data)} survey spectra of {len(grid)} pixels",
        f"Wavelength: vacuum, {grid[0]:.2f} to {grid[-1]:.2f} angstrom",
        f"Survey: {counts(bunch.survey)}",
        f"Class: {counts(bunch.target)}",
        f"Objects: {len(set(bunch.object_id))}; keep the spectra of one object on one side of every split",
        f"Files that could not be loaded: {len(bunch.failures)}",
    ]
    if len(set(bunch.survey)) > 1:
        lines.append(
            "Surveys differ in units, resolution and noise: where class and survey go together, a classifier can "
            "learn the survey instead of the class."
        )
    return "\n".join(lines) + "\n"
