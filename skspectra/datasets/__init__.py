"""Simulated spectra, the line table and readers of survey files."""

from ._air_vacuum import air_to_vacuum, vacuum_to_air
from ._grid import LAMOST_WAVELENGTH
from ._lines import load_lines
from ._load_spectra import load_spectra
from ._make_spectra import make_spectra
from ._readers import Spectrum, register_reader
from ._resample import resample_spectra

__all__ = [
    "LAMOST_WAVELENGTH",
    "Spectrum",
    "air_to_vacuum",
    "load_lines",
    "load_spectra",
    "make_spectra",
    "register_reader",
    "resample_spectra",
    "vacuum_to_air",
]
