"""Read one file with the first reader that knows it, and check what it returns."""

import io
import warnings
from typing import Any

from ._check_spectrum import check_labels, check_spectrum
from ._registry import Reader
from ._spectrum import Labels, NoSpectra, Spectrum
from ._survey_file import SurveyFile


def read_file(
    path: str, candidates: list[Reader], held: bytes | list[Spectrum] | None = None
) -> tuple[list[Spectrum] | Labels | None, list[str]]:
    """Read one file, from disk or from memory, with the first reader that recognises it.

    Returns
    -------
    found : list of Spectrum, Labels or None
        The spectra are checked. None if no reader recognises the file.
    unused : list of str
        Names of arrays in the file that the reader does not use.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If its content is damaged. Both errors name the file.
    """
    with warnings.catch_warnings():
        # astropy and NumPy warn of problems that the checks below turn into errors, and of harmless flaws in headers.
        warnings.simplefilter("ignore")
        opened = None if isinstance(held, list) else SurveyFile(path, None if held is None else io.BytesIO(held))
        try:
            if opened is None:
                return _checked(held, ""), []
            with opened as file:
                return _read(file, candidates), file.unused
        except NoSpectra as error:
            raise NoSpectra(f"{path}: {error}") from error
        except ImportError:
            raise
        except Exception as error:
            # A damaged file can make astropy raise nearly any error; only the text of a ValueError is clear without its
            # type.
            cause = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
            raise ValueError(f"{path}: {cause}") from error


def _read(file: SurveyFile, candidates: list[Reader]) -> list[Spectrum] | Labels | None:
    for survey, function in candidates:
        found = function(file)
        if isinstance(found, Labels):
            return check_labels(found, survey)
        if found is not None:
            return _checked([found] if isinstance(found, Spectrum) else found, survey)
    if file.hdu_names():
        raise ValueError(
            f"no reader recognises its format: it has the HDUs {file.hdu_names()}, and none is a table with "
            "columns of wavelength and flux"
        )
    return None


def _checked(spectra: Any, survey: str) -> list[Spectrum]:
    if not isinstance(spectra, list | tuple) or not all(isinstance(one, Spectrum) for one in spectra):
        raise ValueError(f"the reader of {survey} returned {type(spectra).__name__}, not a Spectrum or a list of them")
    if not spectra:
        raise ValueError("it holds no spectra")
    for spectrum in spectra:
        check_spectrum(spectrum)
        spectrum.survey = spectrum.survey or survey
    return list(spectra)
