"""Readers of survey files, one small module each.

astropy reads headers and images; the rows of tables are taken as they lie in the file (`SurveyFile.table`).

specutils, which also has loaders for ``spec-*``, ``spSpec-*`` and DESI coadds, was tried and not used. It gives flux,
uncertainty and wavelength, but neither class nor redshift, one spectrum or one camera at a time; it masks every pixel
with any flag, and in ``spSpec-*`` files emission lines have one; it takes some ``spec-*`` files for another format; it
has no reader for LAMOST; and it brings a large tree of dependencies. Where both read a format, fluxes and wavelengths
are equal, in about the same time (``benchmarks/files/load_spectra.py`` compares them).
"""

# Importing a reader registers it. The first registered is asked first.
from . import _lamost, _sdss_spec, _sdss_spspec, _desi, _tianchi, _arrays  # noqa: F401, I001
from ._read_file import read_file
from ._registry import Reader, readers, register_reader
from ._spectrum import Label, Labels, NoSpectra, Spectrum
from ._survey_file import SurveyFile

__all__ = [
    "Label",
    "Labels",
    "NoSpectra",
    "Reader",
    "Spectrum",
    "SurveyFile",
    "read_file",
    "readers",
    "register_reader",
]
