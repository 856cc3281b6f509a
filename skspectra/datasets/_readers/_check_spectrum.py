"""Check what a reader returned, and bring it to the types that the rest of the package works with."""

from typing import Any

import numpy as np

from ..._checks import MISSING_TEXTS, check_wavelength, masked_as_nan
from ._limits import check_n_pixels
from ._spectrum import Label, Labels, Spectrum
from ._values import as_integer, as_number, refuse_per_frequency

_FLOAT32 = np.finfo(np.float32)


def check_spectrum(spectrum: Spectrum) -> None:
    """Bring the fields of a spectrum to their types in place, or raise ValueError.

    The flux becomes float32, and so does the inverse variance unless float32 cannot hold it: the inverse variance of a
    flux in erg/s/cm2/A is 1e38 or more. Masked samples become NaN.
    """
    for name in ("flux", "wavelength", "ivar", "mask"):
        setattr(spectrum, name, _cell(getattr(spectrum, name)))
    refuse_per_frequency(spectrum.flux)
    flux = _floats("the flux", spectrum.flux)
    if flux.ndim != 1 or len(flux) == 0:
        raise ValueError(f"the flux must be a 1D array that is not empty; it has shape {flux.shape}")
    check_n_pixels(len(flux))
    wavelength = check_wavelength(spectrum.wavelength, "the wavelength")
    ivar = np.full(len(flux), np.nan, np.float32) if spectrum.ivar is None else _floats("the ivar", spectrum.ivar)
    mask = np.zeros(len(flux), bool) if spectrum.mask is None else _mask(spectrum.mask)
    for name, array in (("wavelength", wavelength), ("inverse variance", ivar), ("mask", mask)):
        if array.shape != flux.shape:
            raise ValueError(f"the {name} has shape {array.shape}, but the flux has shape {flux.shape}")
    mask |= ~np.isfinite(flux)
    if spectrum.ivar is not None:
        # Surveys write 0, a negative number, NaN or infinity for a pixel without information.
        mask |= ~((ivar > 0) & np.isfinite(ivar))
        ivar = _without_loss(np.where((ivar > 0) & np.isfinite(ivar + flux), ivar, ivar.dtype.type(0)))
    spectrum.flux = _as_float32(flux, ~mask)
    spectrum.wavelength, spectrum.ivar, spectrum.mask = wavelength, ivar, mask
    for name in ("target", "subclass", "object_id", "spectrum_id", "survey"):
        setattr(spectrum, name, _text(getattr(spectrum, name)))
    for name in ("redshift", "snr"):
        value = as_number(f"the {name}", getattr(spectrum, name))
        # Surveys write -9999 for a missing value.
        setattr(spectrum, name, value if np.isfinite(value) and value > -9000.0 else np.nan)
    spectrum.zwarning = as_integer("the zwarning", spectrum.zwarning)


def check_labels(labels: Labels, survey: str) -> Labels:
    """Return the labels with names and classes converted to text, or raise ValueError."""
    by_object_id = {}
    for object_id, label in labels.by_object_id.items():
        target, subclass, redshift, zwarning = Label(*label)
        by_object_id[_text(object_id)] = Label(
            _text(target),
            _text(subclass),
            as_number("the redshift", redshift),
            as_integer("the zwarning", zwarning),
        )
    return Labels(by_object_id, _text(labels.about), survey)


def _cell(values: Any) -> Any:
    """Return the array in a one-row table column of variable-length arrays; return other values unchanged."""
    dtype = getattr(values, "dtype", None)
    if dtype is None or not dtype.hasobject or np.shape(values) != (1,):
        return values
    unit = getattr(values, "unit", None)
    return values[0] if unit is None else values[0] * unit


def _floats(name: str, values: Any) -> np.ndarray:
    """Return float32 as float32 and other real numbers as float64, with NaN for masked values."""
    array = np.asarray(masked_as_nan(values))
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be real numbers; it is of type {array.dtype}")
    single = array.dtype.kind == "f" and array.dtype.itemsize == 4
    return array.astype(np.float32 if single else np.float64)  # a copy, in the byte order of the machine


def _mask(values: Any) -> np.ndarray:
    """Return a mask as booleans; values of the mask that are masked themselves count as True."""
    return np.array(values, bool) | np.asarray(getattr(values, "mask", False), bool)


def _as_float32(flux: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Return flux as float32, or raise ValueError if a good sample is out of its range."""
    largest = np.abs(flux[good]).max(initial=0.0)
    if largest > _FLOAT32.max or 0.0 < largest < _FLOAT32.tiny:
        raise ValueError(
            f"the flux reaches {largest:g}, which is outside the float32 range {_FLOAT32.tiny:.0e} to "
            f"{_FLOAT32.max:.0e}: convert it to another unit"
        )
    with np.errstate(over="ignore", under="ignore"):
        return flux.astype(np.float32)


def _without_loss(ivar: np.ndarray) -> np.ndarray:
    """Return the inverse variances as float32 if it can hold all of them, and unchanged otherwise."""
    known = ivar[ivar > 0]
    fits = (known >= _FLOAT32.tiny).all() and (known <= _FLOAT32.max).all()
    return ivar.astype(np.float32) if fits else ivar


def _text(value: object) -> str:
    """Return a value as stripped text that a store can hold; None and NaN, also written as text, become ""."""
    if value is None or value != value or value is np.ma.masked:
        return ""
    text = value.decode().strip() if isinstance(value, bytes) else str(value).strip()
    if "\0" in text:
        raise ValueError(f"{text!r} contains a zero byte, which is not allowed in names and classes")
    text.encode()  # lone surrogates raise UnicodeEncodeError, which is a ValueError
    return "" if text in MISSING_TEXTS else text
