"""The public names of `skspectra.datasets`, which lists them. The aliases mark them as exported for type checkers."""

from ._lines import load_lines as load_lines
from ._loading._load_spectra import load_spectra as load_spectra
from ._readers import Label as Label
from ._readers import Labels as Labels
from ._readers import Spectrum as Spectrum
from ._readers import SurveyFile as SurveyFile
from ._readers import register_reader as register_reader
from ._resample import resample_spectra as resample_spectra
from ._sdss_sample import load_sdss_sample as load_sdss_sample
from ._simulator._make_spectra import make_spectra as make_spectra
from ._store._open import open_spectra_store as open_spectra_store
from ._store._write import write_spectra_store as write_spectra_store
from ._wavelength import LAMOST_WAVELENGTH as LAMOST_WAVELENGTH
from ._wavelength import air_to_vacuum as air_to_vacuum
from ._wavelength import vacuum_to_air as vacuum_to_air
