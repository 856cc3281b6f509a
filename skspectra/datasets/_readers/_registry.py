"""The list of readers."""

from collections.abc import Callable
from typing import NamedTuple

from ._spectrum import Labels, Spectrum
from ._survey_file import SurveyFile


class Reader(NamedTuple):
    """A registered reader."""

    survey: str
    function: Callable[[SurveyFile], Spectrum | list[Spectrum] | Labels | None]


_readers: list[Reader] = []
_fallback_readers: list[Reader] = []
_user_readers: list[Reader] = []


def register_builtin(survey: str, *, fallback: bool = False) -> Callable:
    """Register a reader that recognises only its own files; a fallback is tried if no other reader recognises one."""

    def add(function: Callable) -> Callable:
        (_fallback_readers if fallback else _readers).append(Reader(survey, function))
        return function

    return add


def register_reader(survey: str) -> Callable:
    """Return a decorator that adds a reader of survey files to those that :func:`load_spectra` tries.

    The decorated function gets a :class:`SurveyFile`. It returns None if the file is not of its survey, a
    :class:`Spectrum` or a list of them, or :class:`Labels` of spectra in other files. If it raises an error,
    `load_spectra` reports the error with the name of the file. The reader that was registered last is tried first, and
    all of them are tried before those of this package.

    Parameters
    ----------
    survey : str
        Name of the survey, which `load_spectra` returns as `survey`. Registering a name again replaces its reader, so a
        survey with two layouts needs one function that reads both.

    Returns
    -------
    decorator : callable
        It registers a function and returns it unchanged.

    Raises
    ------
    ValueError
        If `survey` is not a non-empty string.

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
    """Return the readers in the order in which they are tried."""
    return [*_user_readers, *_readers, *_fallback_readers]
