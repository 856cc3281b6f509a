"""FITS tables of no known survey, such as those that specutils writes."""

from ._fields import find_fields, has_spectra, spectra_of
from ._registry import register_builtin
from ._spectrum import Spectrum
from ._survey_file import SurveyFile


@register_builtin("table", fallback=True)
def read_fits_table(file: SurveyFile) -> list[Spectrum] | None:
    """Read the first table with columns of wavelength and flux, with the same names as in an npz archive.

    The table holds one spectrum, with one pixel per row, or several spectra, with one spectrum per row and an array in
    each cell. The unit of the wavelengths is that of the column.
    """
    for number, _ in enumerate(file.hdu_names()):
        names = file.column_names(number)
        places = find_fields(names)
        if has_spectra(places):
            file.unused += [name for name in names if name not in places.values()]
            table = file.table(number, list(places.values()))
            return spectra_of({name: table[name] for name in table.colnames}, file.stem)
    return None
