"""What a reader returns: spectra, or labels of spectra in other files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

# Bits of ZWARNING (SDSS) and ZWARN (DESI) for spectra without an object that could be classified.
SKY = 1 << 0
UNPLUGGED = 1 << 7
BAD_TARGET = 1 << 8
NO_DATA = 1 << 9
VOID_LABEL = SKY | UNPLUGGED | BAD_TARGET | NO_DATA


@dataclass
class Spectrum:
    """One spectrum as a reader found it, on the grid of its file.

    Parameters
    ----------
    flux : array-like of shape (n,)
        Flux density per unit wavelength.
    wavelength : array-like of shape (n,)
        Wavelength in vacuum, in angstrom, strictly increasing. Convert wavelengths in air with
        :func:`~skspectra.datasets.air_to_vacuum`.
    ivar : array-like of shape (n,), default=None
        Inverse variance of the flux; None where the survey gives none.
    mask : array-like of bool of shape (n,), default=None
        True at pixels that the survey flags as bad.
    target : str, default=""
        Class of the object; "" if the file does not state it.
    subclass : str, default=""
        Class within `target`.
    redshift : float, default=nan
        Redshift; NaN if there is none.
    snr : float, default=nan
        Signal-to-noise ratio per pixel in the r band.
    zwarning : int, default=0
        Warning flags of the survey, with the bits of SDSS and DESI; 0 means no warning. Bits 0 (sky), 7 (unplugged), 8
        (bad target) and 9 (no data) make the label void: the target is then "".
    object_id : str, default=""
        Name of the object on the sky. Repeated observations share it.
    spectrum_id : str, default=""
        Name of this observation. A second spectrum of the same survey and name is refused, unless the name is "".
    survey : str, default=""
        Name of the survey; "" means the name that the reader was registered with.

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
    zwarning: int = 0
    object_id: str = ""
    spectrum_id: str = ""
    survey: str = ""


class Label(NamedTuple):
    """Label of one object in a catalogue.

    Parameters
    ----------
    target : str
        Class.
    subclass : str, default=""
        Class within `target`.
    redshift : float, default=nan
        NaN if there is none.
    zwarning : int, default=0
        Warning flags, as in :class:`Spectrum`; 0 means no warning.

    Examples
    --------
    >>> from skspectra.datasets import Label
    >>> Label("QSO", redshift=2.1)
    Label(target='QSO', subclass='', redshift=2.1, zwarning=0)
    """

    target: str
    subclass: str = ""
    redshift: float = np.nan
    zwarning: int = 0


@dataclass
class Labels:
    """Labels from a catalogue for objects whose spectra are in other files of the same survey.

    A reader returns it for a file of labels.

    Parameters
    ----------
    by_object_id : mapping of str to Label
        The label of each object.
    about : str, default=""
        Name of the file of spectra, in the same folder, to which the catalogue applies; "" if it applies to any.
    survey : str, default=""
        The name that the reader was registered with; `load_spectra` sets it.

    Examples
    --------
    >>> from skspectra.datasets import Label, Labels
    >>> Labels({"0001": Label("STAR", "K5"), "0002": Label("QSO", redshift=2.1)}).by_object_id["0001"].subclass
    'K5'
    """

    by_object_id: Mapping[str, Label]
    about: str = ""
    survey: str = ""


class NoSpectra(ValueError):
    """Error for a file of arrays that are not spectra; it is ignored if the file was found in a folder."""
