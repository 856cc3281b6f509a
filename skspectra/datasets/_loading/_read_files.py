"""Read files of survey spectra, in one process or several, onto one wavelength grid."""

import warnings
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext

import joblib
import numpy as np
from tqdm.auto import tqdm

from .._readers import Labels, NoSpectra, Reader, Spectrum, read_file, readers
from .._resample import PixelOverlap
from ._find_files import FITS_SUFFIXES, File

_FILES_AT_ONCE = 32

# Grids that agree to this relative precision are one grid: what is left is the rounding of float32.
_SAME_GRID = 1e-6


def read_into(
    add: Callable[[list[Spectrum] | Labels, str], None],
    files: list[File],
    folders: set[str],
    failures: list[tuple[str, str]] | None,
    *,
    grid: np.ndarray | None,
    n_jobs: int | None,
    progress: bool = False,
) -> None:
    """Read files in order and hand what each holds to `add(content, path)`.

    A file that cannot be read, or that `add` refuses by OSError or ValueError, goes to the failures. Without a list of
    failures the error is raised. Folders of which a file was used, or failed, are removed from `folders`.
    """
    with closing(_read_all([path for path, _ in files], grid, n_jobs, progress)) as results:
        for (path, folder), content in zip(files, results, strict=True):
            try:
                found = _accept(content, path, folder)
                if found is None:
                    continue
                add(found, path)
            except (OSError, ValueError) as error:
                if failures is None:
                    raise
                failures.append((path, str(error).removeprefix(f"{path}: ")))
            folders.discard(folder)


def _read_all(paths: list[str], grid: np.ndarray | None, n_jobs: int | None, progress: bool) -> Generator:
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


def _accept(
    content: list[Spectrum] | Labels | Exception | None, path: str, folder: str | None
) -> list[Spectrum] | Labels | None:
    """What was read from a file that is to be used; None where a file that `folder` holds is passed over."""
    if content is None:
        if folder is None or path.lower().endswith(FITS_SUFFIXES):
            raise ValueError(f"{path}: it is of no format that a reader knows")
        return None
    if isinstance(content, NoSpectra) and folder is not None:
        return None
    if isinstance(content, Exception):
        raise content
    return content


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
    """Warn once, if there are failures, in the line that called load_spectra or write_spectra_store."""
    if failures:
        path, cause = failures[0]
        warnings.warn(
            f"{len(failures)} of {n_files} files could not be loaded and are listed in `failures`. "
            f"The first is {path}: {cause}",
            stacklevel=4,
        )
