"""What a reader returns, and the list of readers."""

import numbers
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .._resample import check_wavelength
from ._survey_file import SurveyFile, check_n_pixels

__all__ = [
    "Label",
    "Labels",
    "NoSpectra",
    "Reader",
    "Spectrum",
    "as_class",
    "as_number",
    "as_text",
    "read_file",
    "readers",
    "register_reader",
]


@dataclass
class Spectrum:
    """One spectrum as a reader found it, on the grid of its file.

    Parameters
    ----------
    flux : array-like of shape (n,)
        Flux density per unit wavelength.
    wavelength : array-like of shape (n,)
        In vacuum, in angstrom, strictly increasing. For a survey that gives wavelengths in air, convert them with
        :func:`~skspectra.datasets.air_to_vacuum`.
    ivar : array-like of shape (n,), default=None
        Inverse variance of the flux; None where the survey gives none.
    mask : array-like of bool of shape (n,), default=None
        True at pixels that the survey flags as bad.
    target : str, default=""
        Class of the object; "" where the file does not say.
    subclass : str, default=""
        Class within `target`.
    redshift : float, default=nan
        NaN where there is none.
    snr : float, default=nan
        Signal-to-noise ratio per pixel in the r band.
    object_id : str, default=""
        Name of the object on the sky. Repeated observations share it.
    spectrum_id : str, default=""
        Name of this observation. A second spectrum of the same survey and name is refused; "" is never.
    survey : str, default=""
        "" means the name that the reader was registered with.

    Examples
    --------
    >>> from skspectra.datasets import Spectrum
    >>> Spectrum(flux=[1.0, 2.0], wavelength=[5000.0, 5001.0], target="STAR").target
    'STAR'
    """

    flux: Any
    wavelength: Any
    ivar: Any = None
    mask: Any = None
    target: str = ""
    subclass: str = ""
    redshift: float = np.nan
    snr: float = np.nan
    object_id: str = ""
    spectrum_id: str = ""
    survey: str = ""


class NoSpectra(ValueError):
    """A file of plain arrays that need not be spectra: an error where it is named, passed over in a folder."""


class Label(NamedTuple):
    """What a catalogue says of one object."""

    target: str
    subclass: str = ""
    redshift: float = np.nan


@dataclass
class Labels:
    """What a catalogue file says of the objects whose spectra lie in other files of the same survey."""

    by_object_id: Mapping[str, Label]
    # Name of the one file of spectra, in the same folder, that the catalogue is about; "" where it is about any.
    about: str = ""
    survey: str = ""


class Reader(NamedTuple):
    """A registered reader."""

    survey: str
    function: Callable[[SurveyFile], Spectrum | list[Spectrum] | Labels | None]


_readers: list[Reader] = []
_user_readers: list[Reader] = []


def _register_builtin(survey: str) -> Callable:
    def add(function: Callable) -> Callable:
        _readers.append(Reader(survey, function))
        return function

    return add


def register_reader(survey: str) -> Callable:
    """Decorator that adds a reader of survey files to those that :func:`load_spectra` tries.

    The decorated function gets a file, with the attributes `path`, `stem`, `header` (of the primary HDU), `text` and
    `content` and the methods ``image(hdu)`` and ``table(hdu)`` that give the arrays of an HDU by number or name. It
    returns None where the file is not of its survey, or else a :class:`Spectrum` or a list of them. What it raises
    becomes the cause that `load_spectra` names beside the file. Readers are asked from the last registered to the
    first, and before those of this package.

    Parameters
    ----------
    survey : str
        Name of the survey, the `survey` field of what `load_spectra` returns. Registering a name again replaces its
        reader, so a survey of two layouts needs one function that knows both.

    Returns
    -------
    decorator : callable
        It registers the function that it is given, and returns it as it is.

    Raises
    ------
    ValueError
        Where `survey` is not a non-empty string.

    Examples
    --------
    >>> from skspectra.datasets import Spectrum, register_reader
    >>> @register_reader("MySurvey")
    ... def read_my_survey(file):
    ...     if file.header.get("TELESCOP") != "MYSCOPE":
    ...         return None
    ...     table = file.table(1)
    ...     return Spectrum(flux=table["FLUX"], wavelength=table["WAVE"], target=file.header["CLASS"])
    """
    if not isinstance(survey, str) or not survey:
        raise ValueError(f"The 'survey' parameter of register_reader must be a non-empty str. Got {survey!r} instead.")

    def add(function: Callable) -> Callable:
        _user_readers[:] = [reader for reader in _user_readers if reader.survey != survey]
        _user_readers.insert(0, Reader(survey, function))
        return function

    return add


def readers() -> list[Reader]:
    """The readers in the order in which they are asked."""
    return [*_user_readers, *_readers]


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
                        found.survey = survey
                        return found
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


def as_number(name: str, value: object) -> float:
    """Value of a card or column, or ValueError that names it where it is no number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} is {value!r}, which is no number")
    return float(value)


def as_text(name: str, value: object) -> str:
    """Value of a card or column, or ValueError that names it where it is no text."""
    try:
        text = value.decode("ascii") if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        text = None
    if not isinstance(text, str):
        raise ValueError(f"{name} is {value!r}, which is no text")
    return text.strip()


def as_class(name: str, value: object) -> str:
    """Value of a card or column, or ValueError that names it where it is no class: "" would pass for no label."""
    text = as_text(name, value)
    if not text:
        raise ValueError(f"{name} is empty")
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
        text = getattr(spectrum, name)
        setattr(spectrum, name, text.decode().strip() if isinstance(text, bytes) else str(text).strip())
    for name in ("redshift", "snr"):
        value = as_number(f"the {name}", getattr(spectrum, name))
        # -9999 is the surveys' way to say that there is none.
        setattr(spectrum, name, value if np.isfinite(value) and value > -9000.0 else np.nan)
