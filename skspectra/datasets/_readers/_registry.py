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
    """Add a reader of the package. It knows its own files and no others; a fallback gets what no other reader knows."""

    def add(function: Callable) -> Callable:
        (_fallback_readers if fallback else _readers).append(Reader(survey, function))
        return function

    return add


def register_reader(survey: str) -> Callable:
    """Decorator that adds a reader of survey files to those that :func:`load_spectra` tries.

    The decorated function gets a :class:`SurveyFile`. It returns None if the file is not of its survey, a
    :class:`Spectrum` or a list of them, or :class:`Labels` of spectra in other files. What it raises becomes the cause
    that `load_spectra` names beside the file. Readers are asked from the last registered to the
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
    """The readers in the order in which they are asked."""
    return [*_user_readers, *_readers, *_fallback_readers]
