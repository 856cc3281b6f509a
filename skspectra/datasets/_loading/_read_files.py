"""Read files of survey spectra, in one process or several, onto one wavelength grid."""

import warnings
from collections.abc import Callable, Generator
from contextlib import closing, nullcontext
from typing import NamedTuple

import joblib
import numpy as np
from tqdm.auto import tqdm

from .._readers import Labels, NoSpectra, Reader, Spectrum, read_file, readers
from .._resample import PixelOverlap
from ._find_files import is_fits
from ._in_memory import File
from ._measured import why_unmeasured
from ._report import Report

_FILES_AT_ONCE = 32

# Grids that agree to this relative precision, that of float32, are treated as one grid.
_SAME_GRID = 1e-6


class Content(NamedTuple):
    """Content of a file: spectra or labels, the reasons why spectra are left out, and the names of unused arrays."""

    found: list[Spectrum] | Labels | None
    problems: list[str]
    unused: list[str]


def read_into(
    add: Callable[[list[Spectrum] | Labels, str], None],
    files: list[File],
    folders: set[str],
    report: Report,
    *,
    grid: np.ndarray | None,
    n_jobs: int | None,
    progress: bool = False,
) -> None:
    """Read files in order and pass the content of each to `add(content, path)`.

    A file that cannot be read, or for which `add` raises OSError or ValueError, is reported. Folders with a file that
    was used or failed are removed from `folders`.
    """
    with closing(_read_all(files, grid, n_jobs, progress)) as results:
        for (path, folder, _), content in zip(files, results, strict=True):
            try:
                found = _accept(content, path, folder, report)
                if found is None:
                    continue
                for problem in found.problems:
                    report.fail(path, ValueError(f"{path}: {problem}"))
                report.unused.update(filter(None, found.unused))
                if found.found:
                    add(found.found, path)
            except (OSError, ValueError) as error:
                report.fail(path, error)
            folders.discard(folder)


def _read_all(files: list[File], grid: np.ndarray | None, n_jobs: int | None, progress: bool) -> Generator:
    """Yield the Content of each file in order, or the exception that was raised when it was read."""
    share = -(-len(files) // (4 * joblib.effective_n_jobs(n_jobs)))
    size = max(1, min(_FILES_AT_ONCE, share))
    chunks = [files[start : start + size] for start in range(0, len(files), size)]
    known = readers()  # passed on, because a new process does not know the readers registered in this one
    # With one process, each file is read when it is requested.
    parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator")
    results = parallel(joblib.delayed(_read_chunk)(chunk, known, grid) for chunk in chunks)
    try:
        with tqdm(total=len(files), unit="file") if progress else nullcontext() as bar:
            for contents in results:
                if bar is not None:
                    bar.update(len(contents))
                yield from contents
    finally:
        with warnings.catch_warnings():
            # After an error, joblib would warn that running tasks are abandoned.
            warnings.simplefilter("ignore")
            results.close()


def _read_chunk(files: list[File], known: list[Reader], grid: np.ndarray | None) -> list[Content | Exception]:
    """Read files one after another with the known readers, and return the Content of each or the exception raised."""
    results: list[Content | Exception] = []
    for file in files:
        try:
            found, unused = read_file(file.path, known, file.held)
        except (OSError, ValueError) as error:
            results.append(error)
            continue
        problems: list[str] = []
        if isinstance(found, list):
            found, problems = _on_grid(found, grid)
        results.append(Content(found, problems, unused))
    return results


def _on_grid(spectra: list[Spectrum], grid: np.ndarray | None) -> tuple[list[Spectrum], list[str]]:
    """Bring spectra to a grid; return those with measured samples on it, and the reasons why others have none."""
    ranges = [(spectrum.wavelength[0], spectrum.wavelength[-1]) for spectrum in spectra]
    if grid is not None:
        _resample(spectra, grid)  # at once, because spectra on the grid of their file can be far larger
    reasons = [why_unmeasured(spectrum, *limits) for spectrum, limits in zip(spectra, ranges, strict=True)]
    kept = [spectrum for spectrum, reason in zip(spectra, reasons, strict=True) if not reason]
    return kept, [reason for reason in reasons if reason]


def _resample(spectra: list[Spectrum], grid: np.ndarray) -> None:
    """Bring spectra to a grid in place; spectra that share a grid are resampled together."""
    groups: dict[tuple, list[Spectrum]] = {}
    for spectrum in spectra:
        groups.setdefault((spectrum.wavelength.tobytes(), spectrum.ivar.dtype), []).append(spectrum)
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


def _accept(content: Content | Exception, path: str, folder: str | None, report: Report) -> Content | None:
    """Return the content of a file that is to be used; None for a file in `folder` that is ignored."""
    unknown = not isinstance(content, Exception) and content.found is None
    if folder is not None and (unknown or isinstance(content, NoSpectra)) and not is_fits(path):
        report.passed_over.append(path)
        return None
    if isinstance(content, Exception):
        raise content
    if unknown:
        raise ValueError(f"{path}: no reader recognises its format")
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
