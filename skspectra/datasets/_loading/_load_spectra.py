"""Load files of survey spectra onto one wavelength grid."""

from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch

from ..._checks import check_wavelength
from ..._validation import StrOptions, validate_params
from .._readers import Labels, Spectrum
from .._wavelength import LAMOST_WAVELENGTH
from ._find_files import find_files
from ._read_files import read_into, refuse_other_grid
from ._report import Report
from ._table import NUMBER_COLUMNS, TEXT_COLUMNS, SpectraTable


@validate_params({"bad_pixels": [StrOptions({"keep", "nan"})], "on_error": [StrOptions({"raise", "warn"})]})
def load_spectra(
    paths: Any,
    *,
    wavelength: ArrayLike | None = LAMOST_WAVELENGTH,
    bad_pixels: str = "keep",
    n_jobs: int | None = None,
    on_error: str = "raise",
    progress: bool = False,
) -> Bunch:
    """Load files of survey spectra onto one wavelength grid.

    The survey is recognised from the content of each file, plain or compressed (gzip, bzip2, xz, a zip archive of one
    file). The supported formats are LAMOST spectra of low and medium resolution, ``spec-*`` of SDSS, BOSS, eBOSS and
    SDSS-V, ``spSpec-*`` of SDSS, ``mwmStar`` and ``mwmVisit`` of SDSS-V, DESI coadds, files of the Tianchi competition,
    and your own tables: npz, npy, csv and other text, ECSV, VOTable and FITS. Classes and redshifts of a DESI
    ``coadd-X.fits`` come from ``redrock-X.fits`` in the same folder, if it is among the files; a redrock table with
    another name or a redshift catalogue applies to any coadd. Classes of Tianchi spectra come from a table of id and
    type. :func:`register_reader` adds a survey. Reading FITS files requires astropy, and reading text files requires
    pandas (``pip install astropy pandas``).

    Parameters
    ----------
    paths : str, path-like, file object, HDUList, specutils Spectrum or iterable of them
        Files, folders and glob patterns (``**`` matches subfolders). In a folder, but not in its subfolders, all files
        with a suffix of the formats above are read; a file that is not FITS and contains no spectra is ignored. A file
        that occurs more than once is read once. Open files, astropy HDULists, and `Spectrum` or `SpectrumList` objects
        of specutils with wavelengths in vacuum are also accepted.
    wavelength : array-like of shape (n_features,) or None, default=LAMOST_WAVELENGTH
        Grid of the result, in vacuum, in angstrom; by default ``np.linspace(3690, 9100, 2600)``. Spectra are resampled
        to it with :func:`resample_spectra`. None keeps the grid of the files, which must be the same for all. Spectra
        of LAMOST and SDSS begin and end at different pixels from file to file, so several files seldom share a grid.
    bad_pixels : {"keep", "nan"}, default="keep"
        "nan" sets `data` to NaN wherever `mask` is True, so that
        :class:`~skspectra.preprocessing.MissingFluxInterpolator` can fill it.
    n_jobs : int, default=None
        Number of processes that read files. None means 1 unless in a :obj:`joblib.parallel_config` context. -1 means
        using all processors.
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
            Inverse variance of `data`: 0 where nothing was measured, NaN where the file gives none. It is float64 where
            float32 cannot hold it, as for a flux of 1e-18.
        mask : ndarray of bool, (n_samples, n_features)
            True where the flags of the survey mark a pixel as bad, where its inverse variance is 0, and outside the
            range of the instrument. A resampled pixel is bad if it overlaps a bad pixel, which contributes to its flux.
        target, subclass : ndarray of str, (n_samples,)
            Class and subclass; "" if no file states them, or if the survey marks the label as void (see `zwarning`).
        redshift : ndarray of float64, (n_samples,)
            NaN where there is none.
        snr : ndarray of float64, (n_samples,)
            Signal-to-noise ratio per pixel in the r band; NaN if no file states it.
        zwarning : ndarray of int64, (n_samples,)
            Warning flags of the label from the survey, with the bits of SDSS (ZWARNING) and DESI (ZWARN); 0 means no
            warning. Bits 0 (sky), 7 (unplugged), 8 (bad target) and 9 (no data) make the label void. Bit 2 (small
            difference in chi-squared), for example, means that another class or redshift fits nearly as well.
        survey : ndarray of str, (n_samples,)
            Name of the survey.
        object_id : ndarray of str, (n_samples,)
            Name of the object, which is the same for repeated observations. Use it as `groups` in every split.
        spectrum_id : ndarray of str, (n_samples,)
            Name of the observation: the plan, spectrograph and fibre of LAMOST, or the plate, date and fibre of SDSS.
        filename : ndarray of str, (n_samples,)
            File that the spectrum came from.
        failures : list of (str, str)
            With ``on_error="warn"``, each file that could not be loaded completely, and the cause.
        passed_over : list of str
            Files in folders that contain no spectra.
        DESCR : str
            Description of what was loaded.

    Raises
    ------
    OSError
        If a file does not exist or cannot be read.
    ValueError
        If a file is damaged, has an unknown format, has another grid than the first one (with ``wavelength=None``), or
        contains a duplicate spectrum or one without measured samples on the grid; if there are no spectra at all; or if
        a parameter is out of range. The error names the file and the cause.
    ImportError
        If a FITS file needs astropy, or a text file needs pandas, and it is not installed.

    Warns
    -----
    UserWarning
        Once about files that could not be loaded, and once about arrays in the files that are not used.

    See Also
    --------
    register_reader : Add a survey.
    resample_spectra : Resample spectra to another grid.

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
    grid = None if wavelength is None else check_wavelength(wavelength)
    spectra: list[Spectrum] = []
    report = Report(on_error)
    files, folders = find_files(paths, report, "load_spectra", in_memory=True)
    with closing(SpectraTable()) as table:

        def add(found: list[Spectrum] | Labels, path: str) -> None:
            if isinstance(found, Labels):
                table.add_labels(found, path)
                return
            if grid is None:
                first, first_path = (spectra[0], table.first_filename()) if spectra else (found[0], path)
                refuse_other_grid(found, path, first, first_path)
            table.add_spectra(found, path)
            spectra.extend(found)

        read_into(add, files, folders, report, grid=grid, n_jobs=n_jobs, progress=progress)
        report.require_spectra(len(spectra), folders, f"loaded from {paths!r}")
        report.warn(len(files))
        [rows] = table.chunks((*TEXT_COLUMNS, *NUMBER_COLUMNS), size=len(spectra))
    return _bunch(spectra, rows, report, grid, bad_pixels)


def _bunch(
    spectra: list[Spectrum],
    rows: list[tuple],
    report: Report,
    grid: np.ndarray | None,
    bad_pixels: str,
) -> Bunch:
    wavelength = np.array(spectra[0].wavelength if grid is None else grid)
    bunch = Bunch(data=_stacked(spectra, "flux"), wavelength=wavelength)
    bunch.ivar = _stacked(spectra, "ivar")
    bunch.mask = _stacked(spectra, "mask")
    for name, values in zip((*TEXT_COLUMNS, *NUMBER_COLUMNS), zip(*rows, strict=True), strict=True):
        bunch[name] = np.array(values, NUMBER_COLUMNS.get(name))  # None becomes NaN
    bunch.failures = report.failures
    bunch.passed_over = report.passed_over
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
        f"Files that could not be loaded: {len({path for path, _ in bunch.failures})}",
        f"Files without spectra that were passed over in folders: {len(bunch.passed_over)}",
    ]
    if len(set(bunch.survey)) > 1:
        lines.append(
            "Surveys differ in units, resolution and noise: where class and survey go together, a classifier can "
            "learn the survey instead of the class."
        )
    return "\n".join(lines) + "\n"
