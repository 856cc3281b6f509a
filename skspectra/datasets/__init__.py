"""Simulated spectra, the line table, readers of survey files and stores of spectra on disk."""

from ._air_vacuum import air_to_vacuum, vacuum_to_air
from ._grid import LAMOST_WAVELENGTH
from ._lines import load_lines
from ._load_spectra import load_spectra
from ._make_spectra import make_spectra
from ._readers import Spectrum, register_reader
from ._resample import resample_spectra
from ._store import open_spectra_store
from ._write_store import write_spectra_store

__all__ = [
    "LAMOST_WAVELENGTH",
    "Spectrum",
    "air_to_vacuum",
    "load_lines",
    "load_spectra",
    "make_spectra",
    "open_spectra_store",
    "register_reader",
    "resample_spectra",
    "vacuum_to_air",
    "write_spectra_store",
]
