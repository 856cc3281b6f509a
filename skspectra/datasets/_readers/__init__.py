"""Readers of survey files, one small module each."""

# Importing a reader registers it. The order does not affect the result; readers that need only the first header come
# first.
from . import _lamost, _sdss_spec, _sdss_spspec, _astra, _desi, _tianchi, _npz, _text, _fits_table  # noqa: F401, I001
from ._read_file import read_file
from ._registry import Reader, readers, register_reader
from ._spectrum import VOID_LABEL, Label, Labels, NoSpectra, Spectrum
from ._survey_file import SurveyFile
from ._unpack import PACKED_SUFFIXES, without_packing

__all__ = [
    "PACKED_SUFFIXES",
    "VOID_LABEL",
    "Label",
    "Labels",
    "NoSpectra",
    "Reader",
    "Spectrum",
    "SurveyFile",
    "read_file",
    "readers",
    "register_reader",
    "without_packing",
]
