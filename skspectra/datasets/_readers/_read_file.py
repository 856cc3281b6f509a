"""Read one file with the first reader that knows it, and check what it returns."""

import os
import warnings

import numpy as np

from ..._checks import check_wavelength
from ._limits import check_n_pixels
from ._registry import Reader
from ._spectrum import Label, Labels, NoSpectra, Spectrum
from ._survey_file import SurveyFile
from ._values import as_number


def read_file(path: str | os.PathLike, candidates: list[Reader]) -> list[Spectrum] | Labels | None:
    """Read one file with the first reader that knows it.

    Returns
    -------
    list of Spectrum, checked; Labels; or None where no reader knows the file.

    Raises
    ------
    OSError
        Where the file cannot be opened.
    ValueError
        Where what is in it is damaged. Both name the file.
    """
    with warnings.catch_warnings():
        # astropy and NumPy warn of what the checks below turn into errors, and of slips in headers that do not matter.
        warnings.simplefilter("ignore")
        opened = SurveyFile(path)
        try:
            with opened as file:
                for survey, function in candidates:
                    found = function(file)
                    if found is None:
                        continue
                    if isinstance(found, Labels):
                        return _checked_labels(found, survey)
                    spectra = [found] if isinstance(found, Spectrum) else found
                    if not isinstance(spectra, list | tuple) or not all(isinstance(one, Spectrum) for one in spectra):
                        raise ValueError(
                            f"the reader of {survey} returned {type(found).__name__}, not a Spectrum or a list of them"
                        )
                    if not spectra:
                        raise ValueError("it holds no spectra")
                    for spectrum in spectra:
                        _check(spectrum)
                        spectrum.survey = spectrum.survey or survey
                    return list(spectra)
            return None
        except NoSpectra as error:
            raise NoSpectra(f"{os.fspath(path)}: {error}") from error
        except ImportError:
            raise
        except Exception as error:
            # A damaged file can make astropy raise nearly anything, of which only ValueError speaks for itself.
            cause = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
            raise ValueError(f"{os.fspath(path)}: {cause}") from error


def _checked_labels(labels: Labels, survey: str) -> Labels:
    """Return labels with text as names and classes, or raise ValueError."""
    by_object_id = {}
    for object_id, label in labels.by_object_id.items():
        target, subclass, redshift = Label(*label)
        label = Label(_text(target), _text(subclass), as_number("the redshift", redshift))
        by_object_id[_text(object_id)] = label
    return Labels(by_object_id, _text(labels.about), survey)


def _text(value: object) -> str:
    """Return text that a store can hold, without blanks at its ends."""
    text = value.decode().strip() if isinstance(value, bytes) else str(value).strip()
    if "\0" in text:
        raise ValueError(f"{text!r} is no name: it holds a zero byte")
    text.encode()  # lone surrogates are no text; the error is a ValueError
    return text


def _check(spectrum: Spectrum) -> None:
    """Bring the arrays of a spectrum to their types in place, or raise ValueError."""
    flux = np.asarray(spectrum.flux)
    if flux.ndim != 1 or len(flux) == 0:
        raise ValueError(f"the flux must be a 1D array that is not empty; it has shape {flux.shape}")
    check_n_pixels(len(flux))
    spectrum.flux = flux.astype(np.float32)
    spectrum.wavelength = check_wavelength(spectrum.wavelength, "the wavelength")
    ivar = np.full(len(flux), np.nan, np.float32) if spectrum.ivar is None else np.array(spectrum.ivar, np.float32)
    mask = np.zeros(len(flux), bool) if spectrum.mask is None else np.array(spectrum.mask, bool)
    for name, array in (("wavelength", spectrum.wavelength), ("inverse variance", ivar), ("mask", mask)):
        if array.shape != flux.shape:
            raise ValueError(f"the flux has shape {flux.shape} and the {name} {array.shape}")
    if spectrum.ivar is not None:
        # Surveys write 0, a negative number, NaN or infinity where they know nothing of a pixel.
        unknown = ~((ivar > 0) & np.isfinite(ivar))
        ivar[unknown] = 0.0
        mask |= unknown
    spectrum.ivar = ivar
    spectrum.mask = mask | ~np.isfinite(spectrum.flux)
    for name in ("target", "subclass", "object_id", "spectrum_id", "survey"):
        setattr(spectrum, name, _text(getattr(spectrum, name)))
    for name in ("redshift", "snr"):
        value = as_number(f"the {name}", getattr(spectrum, name))
        # -9999 is the surveys' way to say that there is none.
        setattr(spectrum, name, value if np.isfinite(value) and value > -9000.0 else np.nan)
