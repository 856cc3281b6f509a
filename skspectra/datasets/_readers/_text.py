"""Text files: csv and tables with other separators, ECSV and VOTable."""

import array
import csv
import io
import math
from typing import Any

import numpy as np

from ._fields import TEXT_FIELDS, find_fields, has_spectra, spectra_of
from ._limits import check_n_pixels
from ._registry import register_builtin
from ._spectrum import NoSpectra, Spectrum
from ._survey_file import SurveyFile

# A table with no other known columns is one of spectra if it has at least this many columns of numbers.
_MANY_PIXELS = 16

_MISSING = ["", "--", "nan", "NaN", "NA", "N/A", "n/a", "null", "NULL", "None", "none", "<NA>"]
_TRUTH = {"true": "1", "false": "0"}
_SEPARATORS = (",", ";", "\t", "|")  # and blanks

_WANTED = (
    "A text file of spectra has a header with the columns wavelength and flux (one pixel per row), or with the "
    "wavelengths themselves (one spectrum per row)"
)


@register_builtin("array", fallback=True)
def read_text(file: SurveyFile) -> list[Spectrum] | None:
    """Read a text table with a header, in one of two forms; wavelengths are in vacuum.

    One spectrum, with one pixel per row: the columns `wavelength` and `flux` and, if present, `ivar` (or `error`) and
    `mask`. Other common names of these columns are recognised, too. The unit of the wavelengths can follow their name,
    as in "wavelength(nm)"; without a unit they are in angstrom.

    Many spectra on one grid, with one spectrum per row: columns whose names are the wavelengths in angstrom,
    increasing, and, if present, `target`, `subclass`, `redshift`, `snr`, `zwarning`, `object_id`, `spectrum_id` and
    `survey`.

    Values are separated by commas, semicolons, tabs, bars or blanks. Lines that begin with "#" are comments; the last
    of them can be the header. ECSV and VOTable files state the units of their columns.
    """
    start = file.text_start
    if start is None:
        return None
    if start.startswith("# %ECSV") or "<VOTABLE" in start[:2000]:
        return _read_with_units(file, "votable" if "<VOTABLE" in start[:2000] else "ascii.ecsv")
    names, separator, n_before = _header(start)
    places = find_fields(names)
    if not has_spectra(places) and sum(map(_is_number, names)) < 2:
        first = " ".join(start.strip()[:60].split())
        raise NoSpectra(f"no reader recognises its format: it begins with {first!r}. {_WANTED}")
    check_n_pixels(len(names))
    pixels = [] if has_spectra(places) else _pixels(names, places)
    lines, skipped = _scan(file, n_before, separator, len(names), one_spectrum=not pixels)
    if not lines:
        raise ValueError(f"there are no lines of values after the header. {_WANTED}")
    texts = {places[field]: str for field in TEXT_FIELDS if field in places}
    table = _read_values(file, names, separator, skipped, texts)
    file.unused += [name for name in names if name not in (*pixels, *places.values())]
    arrays = {
        name: _text(table[name]) if name in texts else _numbers(table, name, lines, truth=field == "mask")
        for field, name in places.items()
    }
    if pixels:
        arrays["flux"] = np.stack([_numbers(table, name, lines).astype(np.float32) for name in pixels], axis=1)
        arrays["wavelength"] = np.array(pixels, np.float64)
    return spectra_of(arrays, file.stem)


def _read_with_units(file: SurveyFile, table_format: str) -> list[Spectrum]:
    """Return the spectra of a table whose columns have units."""
    try:
        from astropy.table import Table
    except ImportError as error:
        raise ImportError("Reading ECSV and VOTable files needs astropy: pip install astropy.") from error

    table = Table.read(io.BytesIO(file.content), format=table_format)
    places = find_fields(table.colnames)
    file.unused += [name for name in table.colnames if name not in places.values()]
    return spectra_of({name: table[name] for name in table.colnames}, file.stem)


def _header(start: str) -> tuple[list[str], str, int]:
    """Return the names of the columns, their separator, and the number of lines up to and including the header.

    The header is the last comment before the values if it contains the names, and the first other line otherwise.
    """
    comment: tuple[list[str], str, int] = [], " ", 0
    for number, line in enumerate(start.splitlines(), 1):
        line = line.strip()
        if line.startswith("#"):
            comment = (*_split(line.lstrip("# ")), number)
        elif line:
            return comment if has_spectra(find_fields(comment[0])) else (*_split(line), number)
    return comment


def _split(header: str) -> tuple[list[str], str]:
    separator = next((separator for separator in _SEPARATORS if separator in header), " ")
    names = header.split() if separator == " " else next(csv.reader([header], delimiter=separator))
    return [name.strip() for name in names], separator


def _pixels(names: list[str], places: dict[str, str]) -> list[str]:
    """Return the columns whose names are wavelengths."""
    pixels = [name for name in names if _is_number(name)]
    wavelength = np.array(pixels, np.float64)
    if wavelength[0] <= 0 or (np.diff(wavelength) <= 0).any():
        raise NoSpectra(
            f"the numbers in its first line are not wavelengths, which are positive and strictly increasing. {_WANTED}"
        )
    if len(wavelength) < _MANY_PIXELS and not places:
        raise NoSpectra(
            f"its first line has only {len(wavelength)} numbers, too few to be a header of wavelengths. {_WANTED}"
        )
    return pixels


def _scan(
    file: SurveyFile, n_before: int, separator: str, n_columns: int, *, one_spectrum: bool
) -> tuple[array.array, list[int]]:
    """Return the numbers of the lines of values, from 1, and of the lines to skip, from 0.

    A line with too few values raises ValueError; pandas would fill it with missing values.
    """
    lines = array.array("q")
    skipped = list(range(n_before))
    for number, line in enumerate(file.lines(), 1):
        if number <= n_before or not line.strip():
            continue
        if line.startswith("#"):
            skipped.append(number - 1)
            continue
        n_values = len(line.split()) if separator == " " else line.count(separator) + 1
        check_n_pixels(n_values)
        if n_values != n_columns and '"' not in line:
            raise ValueError(f"line {number} has {n_values} values, but the header has {n_columns} columns")
        lines.append(number)
        if one_spectrum:
            check_n_pixels(len(lines))
    return lines, skipped


def _read_values(
    file: SurveyFile, names: list[str], separator: str, skipped: list[int], texts: dict[str, type[str]]
) -> Any:
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("Reading text files needs pandas: pip install pandas.") from error

    return pd.read_csv(
        io.StringIO("".join(file.lines())),
        sep=r"\s+" if separator == " " else separator,
        header=None,
        names=names,
        skiprows=skipped,
        dtype=texts,
        na_values=_MISSING,
        keep_default_na=False,
        skipinitialspace=True,
    )


def _text(values: Any) -> np.ndarray:
    return values.fillna("").to_numpy(str)


def _numbers(table: Any, name: str, lines: array.array, *, truth: bool = False) -> np.ndarray:
    """Return a column as numbers, with NaN for missing values; with `truth`, True is 1 and False is 0."""
    values = table[name]
    if values.dtype.kind in "iuf":
        return values.to_numpy(np.float64)
    known = _TRUTH if truth else {}
    numbers = np.empty(len(values))
    for row, (text, missing) in enumerate(zip(values.astype(str).str.strip(), values.isna(), strict=True)):
        try:
            numbers[row] = np.nan if missing else float(known.get(text.lower(), text))
        except ValueError:
            raise ValueError(f"line {lines[row]}, column {name!r}: {text!r} is not a number") from None
    return numbers


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False
