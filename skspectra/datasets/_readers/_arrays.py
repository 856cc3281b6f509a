"""Plain arrays: npz, npy and csv."""

import array
import csv
import io
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .._wavelength import LAMOST_WAVELENGTH
from ._limits import check_n_pixels, gunzip_limit
from ._registry import register_builtin
from ._spectrum import NoSpectra, Spectrum
from ._survey_file import SurveyFile

# Fields of one value a spectrum, under the names that `load_spectra` gives them and others that are met.
_FIELDS = {
    "target": ("target",),
    "subclass": ("subclass",),
    "redshift": ("redshift", "z"),
    "snr": ("snr",),
    "object_id": ("object_id", "object"),
    "spectrum_id": ("spectrum_id",),
    "survey": ("survey",),
}

# A csv table without a field above is one of spectra if it has as many columns of numbers.
_MANY_PIXELS = 16

_TRUTH = {"true": "1", "false": "0"}


@register_builtin("array", fallback=True)
def read_npz(file: SurveyFile) -> list[Spectrum] | None:
    """Read an npz archive of spectra that share a grid.

    `flux` (or `data`) is the array (n, n_features) or (n_features,), `wavelength` its grid in vacuum, in angstrom. Also
    read, where they are there: `ivar` and `mask` of the shape of `flux`, and `target`, `subclass`, `redshift` (or `z`),
    `snr`, `object_id` (or `object`), `spectrum_id` and `survey` of n values. So the result of :func:`load_spectra`
    saved with :func:`numpy.savez` is read again.

    References
    ----------
    NumPy, "NEP 1: a simple file format for NumPy arrays", https://numpy.org/neps/nep-0001-npy-format.html
    """
    if file.start(4) != b"PK\x03\x04":
        return None
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist()}

        def read(name: str) -> np.ndarray | None:
            if name not in members:
                return None
            info = archive.getinfo(members[name])
            if info.file_size > gunzip_limit(info.compress_size):
                raise ValueError(f"{name} claims {info.file_size} bytes in {info.compress_size}")
            return _npy(archive.read(info))

        flux = _first(read("flux"), read("data"))
        wavelength = read("wavelength")
        if flux is None or wavelength is None:
            raise NoSpectra(f"it has no array {'flux' if flux is None else 'wavelength'}, only {sorted(members)}")
        fields = {field: _first(*map(read, names)) for field, names in _FIELDS.items()}
        return _spectra(flux, wavelength, fields, ivar=read("ivar"), mask=read("mask"))


@register_builtin("array", fallback=True)
def read_npy(file: SurveyFile) -> list[Spectrum] | None:
    """Read an npy array of fluxes (n, 2600) or (2600,) on `LAMOST_WAVELENGTH`.

    An npy file says nothing of wavelengths, so fluxes on another grid must be in an npz or a csv file.
    """
    if file.start(6) != b"\x93NUMPY":
        return None
    flux = _npy(file.content)
    if flux.ndim not in (1, 2) or flux.shape[-1] != len(LAMOST_WAVELENGTH):
        raise NoSpectra(
            f"it has shape {flux.shape}, not (n, {len(LAMOST_WAVELENGTH)}): on another grid than that of LAMOST the "
            "wavelength must be given, in an npz file"
        )
    return _spectra(flux, LAMOST_WAVELENGTH, {})


@register_builtin("array", fallback=True)
def read_csv(file: SurveyFile) -> list[Spectrum] | None:
    """Read a csv table with a header, in one of two forms; wavelengths are in vacuum, in angstrom.

    One spectrum, a pixel a row: the columns `wavelength` and `flux`, and where they are there `ivar` and `mask`.

    Many spectra on one grid, a spectrum a row: columns whose names are the wavelengths, increasing, and where they are
    there `target`, `subclass`, `redshift` (or `z`), `snr`, `object_id` (or `object`), `spectrum_id` and `survey`.
    """
    if file.text_start is None or not _is_header(next(csv.reader(file.text_start.splitlines()[:1]), [])):
        return None
    rows = csv.reader(_limited(file.lines()))
    names = [name.strip().lower() for name in next(rows)]
    table = _table(rows, len(names))
    if {"wavelength", "flux"} <= set(names):
        return [_read_pixel_rows(names, table, file.stem)]
    return _read_spectrum_rows(names, table)


def _is_header(names: list[str]) -> bool:
    names = [name.strip().lower() for name in names]
    return {"wavelength", "flux"} <= set(names) or sum(map(_is_number, names)) >= 2


def _limited(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        check_n_pixels(line.count(","))
        yield line


def _table(rows: Iterator[list[str]], n_columns: int) -> Iterator[list[str]]:
    for number, row in enumerate(filter(None, rows), 2):
        if len(row) != n_columns:
            raise ValueError(f"line {number} has {len(row)} values and the header {n_columns}")
        yield row


def _read_pixel_rows(names: list[str], table: Iterator[list[str]], object_id: str) -> Spectrum:
    """One spectrum, a pixel a row. Numbers are kept as such from the start, a tenth of what rows of text take."""
    columns = {name: array.array("d") for name in ("wavelength", "flux", "ivar", "mask") if name in names}
    places = [(name, names.index(name), values) for name, values in columns.items()]
    for n_pixels, row in enumerate(table, 1):
        check_n_pixels(n_pixels)
        for name, place, values in places:
            text = row[place].strip()
            values.append(_number(_TRUTH.get(text.lower(), text) if name == "mask" else text))
    arrays: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    return Spectrum(object_id=object_id, **arrays)


def _read_spectrum_rows(names: list[str], table: Iterator[list[str]]) -> list[Spectrum]:
    """Many spectra, one a row."""
    pixel_columns = [i for i, name in enumerate(names) if _is_number(name)]
    places = {
        field: next(names.index(name) for name in known if name in names)
        for field, known in _FIELDS.items()
        if set(known) & set(names)
    }
    wavelength = np.array([names[i] for i in pixel_columns], dtype=np.float64)
    if wavelength[0] <= 0 or (np.diff(wavelength) <= 0).any():
        raise NoSpectra("the numbers in its first line are no wavelengths, which are positive and strictly increasing")
    if len(wavelength) < _MANY_PIXELS and not places:
        raise NoSpectra(f"its first line is {len(wavelength)} numbers, too few for a header of wavelengths")
    fields: dict[str, list] = {field: [] for field in places}
    flux = []
    for row in table:
        flux.append(np.array([row[i].strip() or "nan" for i in pixel_columns], np.float32))
        for field, values in fields.items():
            text = row[places[field]]
            values.append(_number(text) if field in ("redshift", "snr") else text)
    return _spectra(np.array(flux).reshape(-1, len(wavelength)), wavelength, fields)


def _spectra(
    flux: np.ndarray,
    wavelength: np.ndarray,
    fields: Mapping[str, Sequence | None],
    ivar: np.ndarray | None = None,
    mask: np.ndarray | None = None,
) -> list[Spectrum]:
    """One Spectrum a row of `flux`."""
    flux = np.atleast_2d(flux)
    n = len(flux)
    ivar = None if ivar is None else np.atleast_2d(ivar)
    given = {name: np.atleast_1d(values) for name, values in fields.items() if values is not None}
    if mask is not None:
        given["mask"] = np.atleast_2d(mask)
    for name, values in (given if ivar is None else given | {"ivar": ivar}).items():
        if len(values) != n:
            raise ValueError(f"{name} has {len(values)} rows and the flux {n}")
    return [
        Spectrum(
            flux=flux[i],
            wavelength=wavelength,
            # NaN throughout is how `load_spectra` gives that there is none.
            ivar=None if ivar is None or np.isnan(ivar[i]).all() else ivar[i],
            **{name: values[i] for name, values in given.items()},
        )
        for i in range(n)
    ]


def _npy(content: bytes) -> np.ndarray:
    """Array of an npy file; it allocates no more than the file holds."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read_header(stream)
    if dtype.hasobject:
        raise NoSpectra("it holds Python objects, not numbers")
    n_bytes = math.prod(shape) * dtype.itemsize
    start = stream.tell()
    if n_bytes != len(content) - start:
        raise ValueError(f"an array of shape {shape} has {n_bytes} bytes, and the file {len(content) - start}")
    array = np.frombuffer(content, dtype, offset=start)
    return array.reshape(shape[::-1]).T if fortran_order else array.reshape(shape)


def _first(*values):
    return next((value for value in values if value is not None), None)


def _number(text: str) -> float:
    """Value of a cell; NaN where it is empty."""
    return float(text.strip() or "nan")


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False
