"""Objects in memory as files: file objects, astropy HDULists and specutils spectra.

These libraries are imported only if one of their objects is given.
"""

import io
from typing import Any, NamedTuple

import numpy as np

from .._readers import Spectrum


class File(NamedTuple):
    """A file to read: its path, the folder in which it was found, if any, and its content if it is in memory."""

    path: str
    folder: str | None = None
    held: bytes | list[Spectrum] | None = None


def is_in_memory(item: Any) -> bool:
    """Return whether an object is a file or a spectrum in memory."""
    is_file = hasattr(item, "read") and not isinstance(item, list)  # a SpectrumList has a method read, too
    return is_file or _is_fits(item) or hasattr(item, "spectral_axis")


def file_in_memory(item: Any, name: str) -> File:
    """Return an object as a file; a file object with a name keeps its name."""
    if hasattr(item, "spectral_axis"):
        return File(name, held=_from_specutils(item))
    if _is_fits(item):
        content = io.BytesIO()
        item.writeto(content, output_verify="silentfix+ignore")
        return File(name, held=content.getvalue())
    read = item.read()
    own_name = getattr(item, "name", None)
    return File(
        own_name if isinstance(own_name, str) else name, held=read.encode() if isinstance(read, str) else bytes(read)
    )


def _is_fits(item: Any) -> bool:
    return hasattr(item, "writeto") and not hasattr(item, "spectral_axis")


def _from_specutils(item: Any) -> list[Spectrum]:
    """Return the spectra of a `Spectrum` (`Spectrum1D` before specutils 2), whose flux can have several rows."""
    from astropy import units
    from astropy.nddata import InverseVariance

    wavelength = item.spectral_axis.to(units.AA, equivalencies=units.spectral())
    per_wavelength = 1.0  # factor that converts the flux to flux per unit wavelength
    if item.flux.unit.is_equivalent(units.Jy):
        wanted = units.erg / units.s / units.cm**2 / units.AA
        per_wavelength = (1.0 * item.flux.unit).to_value(wanted, equivalencies=units.spectral_density(wavelength))
    ivar = None
    if item.uncertainty is not None:
        known = item.uncertainty.represent_as(InverseVariance)
        # An uncertainty without a unit has that of the flux.
        ivar = known.array if known.unit is None else known.quantity.to_value(item.flux.unit**-2)
        ivar = ivar / per_wavelength**2
    order = slice(None) if wavelength[0] < wavelength[-1] else slice(None, None, -1)

    def rows(values: Any) -> Any:
        every = np.broadcast_to(values, item.flux.shape).reshape(-1, len(wavelength))
        return every[:, order]

    flux = rows(item.flux.value * per_wavelength)
    ivars = [None] * len(flux) if ivar is None else rows(ivar)
    masks = [None] * len(flux) if item.mask is None else rows(item.mask)
    return [
        Spectrum(
            flux=flux[i],
            wavelength=wavelength.value[order],
            ivar=ivars[i],
            mask=masks[i],
            survey="specutils",
        )
        for i in range(len(flux))
    ]
