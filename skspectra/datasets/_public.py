"""The public names of `skspectra.datasets`."""

from ._lines import load_lines
from ._loading._load_spectra import load_spectra
from ._readers import Label, Labels, Spectrum, SurveyFile, register_reader
from ._resample import resample_spectra
from ._sdss_sample import load_sdss_sample
from ._simulator._make_spectra import make_spectra
from ._store._open import open_spectra_store
from ._store._write import write_spectra_store
from ._wavelength import LAMOST_WAVELENGTH, air_to_vacuum, vacuum_to_air

__all__ = [
    "LAMOST_WAVELENGTH",
    "Label",
    "Labels",
    "Spectrum",
    "SurveyFile",
    "air_to_vacuum",
    "load_lines",
    "load_sdss_sample",
    "load_spectra",
    "make_spectra",
    "open_spectra_store",
    "register_reader",
    "resample_spectra",
    "vacuum_to_air",
    "write_spectra_store",
]
