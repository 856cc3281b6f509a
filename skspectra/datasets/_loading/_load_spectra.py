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
    file): LAMOST of low and medium resolution, SDSS, BOSS, eBOSS and SDSS-V ``spec-*``, SDSS ``spSpec-*``, ``mwmStar``
    and ``mwmVisit`` of SDSS-V, DESI coadds, the form of the Tianchi competition, and tables of one's own: npz, npy, csv
    and other text, ECSV, VOTable and FITS. ``redrock-X.fits`` among the files gives the DESI ``coadd-X.fits`` beside it
    classes and redshifts, a redrock table of another name or a redshift catalogue any coadd, and a table of id and type
    Tianchi's spectra. :func:`register_reader` adds a survey. Reading FITS files needs astropy and text
    files need pandas (``pip install astropy pandas``).

    Parameters
    ----------
    paths : str, path-like, file object, HDUList, specutils Spectrum or iterable of them
        Files, folders and glob patterns (``**`` goes through subfolders). Of a folder, without its subfolders, the
        files with a suffix of a format above are read; a file there that is not FITS and holds no spectra is passed
        over. A file that is met again is read once. Also open files, HDULists of astropy, and `Spectrum` or
        `SpectrumList` of specutils, whose wavelengths must be in vacuum.
    wavelength : array-like of shape (n_features,) or None, default=LAMOST_WAVELENGTH
        Grid of the result, in vacuum, in angstrom; by default ``np.linspace(3690, 9100, 2600)``. Spectra are resampled
        to it with :func:`resample_spectra`. None keeps the grid of the files, which must be one: those of
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
            Inverse variance of `data`: 0 where nothing was measured, NaN where the file gives none. It is float64 where
            float32 cannot hold it, as for a flux of 1e-18.
        mask : ndarray of bool, (n_samples, n_features)
            True where the survey's own flags call a pixel bad or its inverse variance is 0, and outside the range of
            the instrument. A resampled pixel is bad where it overlaps any bad pixel, for its flux has a share of it.
        target, subclass : ndarray of str, (n_samples,)
            Class and subclass; "" where no file says, or where the survey calls the label void (see `zwarning`).
        redshift : ndarray of float64, (n_samples,)
            NaN where there is none.
        snr : ndarray of float64, (n_samples,)
            Signal-to-noise ratio per pixel in the r band; NaN where no file says.
        zwarning : ndarray of int64, (n_samples,)
            The survey's warning flags of the label, in the bits of SDSS (ZWARNING) and DESI (ZWARN); 0 is none. Bits 0
            (sky), 7 (unplugged), 8 (bad target) and 9 (no data) make the label void. Bit 2 (small difference in
            chi-squared), for example, says that another class or redshift fits nearly as well.
        survey : ndarray of str, (n_samples,)
            Name of the survey.
        object_id : ndarray of str, (n_samples,)
            Name of the object. Repeated observations share it: use it as `groups` in every split.
        spectrum_id : ndarray of str, (n_samples,)
            Name of the observation: LAMOST's plan, spectrograph and fibre, SDSS's plate, date and fibre.
        filename : ndarray of str, (n_samples,)
            File that the spectrum came from.
        failures : list of (str, str)
            File and cause of each that could not be loaded, or not all of its spectra, with ``on_error="warn"``.
        passed_over : list of str
            Files in folders that hold no spectra.
        DESCR : str
            Description of what was loaded.

    Raises
    ------
    OSError
        If a file does not exist or cannot be read.
    ValueError
        If a file is damaged, of no known format, on another grid than the first (with ``wavelength=None``), holds
        a spectrum a second time or one of which nothing was measured on the grid; where there is no spectrum at all.
        The error names the file and the cause. Also where a parameter is out of its range.
    ImportError
        If a FITS file is met and astropy is not installed, or a text file and pandas is not.

    Warns
    -----
    UserWarning
        Once of files that could not be loaded, and once of arrays in the files that are not used.

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
        report.require_spectra(len(spectra), folders, f"load in {paths!r}")
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
