"""File format of the Tianchi competition on LAMOST spectra."""

import csv

import numpy as np

from .._wavelength import LAMOST_WAVELENGTH
from ._registry import register_builtin
from ._spectrum import Label, Labels, NoSpectra, Spectrum
from ._survey_file import SurveyFile

# Class names of the competition, and their spelling in the surveys.
_CLASSES = {"star": "STAR", "galaxy": "GALAXY", "qso": "QSO", "unknown": "Unknown"}


@register_builtin("Tianchi")
def read_tianchi(file: SurveyFile) -> Spectrum | None:
    """Read ``ID.txt``: the 2600 comma-separated fluxes of one LAMOST spectrum.

    The fluxes are on `LAMOST_WAVELENGTH`, 3690 to 9100 angstrom. There are no inverse variances or flags. The class is
    in a table of id and type (see `read_tianchi_index`); without it `target` is "".

    References
    ----------
    Tianchi competition 231646, "Astronomical data mining: classification of LAMOST DR3 spectra", Alibaba Cloud (2018),
    https://tianchi.aliyun.com/competition/entrance/231646
    """
    start = file.text_start
    if start is None or start.lstrip()[:1] not in tuple("+-.0123456789") or "," not in start[:100]:
        return None
    if len(start.split()) != 1:
        return None
    n_values = file.content.count(b",") + 1
    if n_values != len(LAMOST_WAVELENGTH):
        raise NoSpectra(f"it has {n_values} fluxes, not {len(LAMOST_WAVELENGTH)}")
    return Spectrum(
        flux=np.array(file.content.strip().decode("utf-8-sig").split(","), dtype=np.float32),
        wavelength=LAMOST_WAVELENGTH,
        object_id=file.stem,
        spectrum_id=file.stem,
    )


@register_builtin("Tianchi")
def read_tianchi_index(file: SurveyFile) -> Labels | None:
    """Read the competition's index: a csv table with the columns id and type, or id alone in the test sets."""
    start = file.text_start
    if start is None or start[:100].split("\n")[0].strip().lower() not in ("id,type", "id"):
        return None
    rows = csv.reader(file.lines())
    next(rows)
    labels = {}
    for row in rows:
        if row:
            kind = row[1].strip() if len(row) > 1 else ""
            labels[row[0].strip()] = Label(_CLASSES.get(kind.lower(), kind))
    return Labels(labels)
