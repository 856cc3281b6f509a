"""Readers of survey files, one small module each."""

# Importing a reader registers it. Any order gives the same; those that need no more than the first header come first.
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
