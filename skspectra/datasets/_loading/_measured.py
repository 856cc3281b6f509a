"""Check whether a spectrum has measured samples on the requested grid."""

import numpy as np

from .._readers import Spectrum

# Units of wavelengths that occur in files, and their factors to angstrom.
_UNITS = {"nm": 10.0, "micrometre": 1e4, "mm": 1e7, "m": 1e10}


def why_unmeasured(spectrum: Spectrum, first: float, last: float) -> str:
    """Return why a spectrum from `first` to `last` has no measured samples on its grid; "" if it has some.

    Flags are ignored, because the user may choose not to apply them.
    """
    if (np.isfinite(spectrum.flux) & (spectrum.ivar != 0)).any():
        return ""
    name = spectrum.spectrum_id or spectrum.object_id
    whose = f"of the spectrum {name} " if name else ""
    grid = spectrum.wavelength
    if last >= grid[0] and first <= grid[-1]:
        return f"nothing {whose}was measured: no sample has a finite flux and an inverse variance above 0"
    return (
        f"nothing {whose}falls on the grid: it covers {first:.6g} to {last:.6g}, and the grid covers "
        f"{grid[0]:.6g} to {grid[-1]:.6g} angstrom{_guess(first, last, grid)}"
    )


def _guess(first: float, last: float, grid: np.ndarray) -> str:
    """Return a sentence about the units in which the wavelengths would fall on the grid."""
    as_angstrom = {unit: (first * factor, last * factor) for unit, factor in _UNITS.items()}
    if last < 10:
        as_angstrom["log10(angstrom)"] = (10.0**first, 10.0**last)
    fitting = [unit for unit, (low, high) in as_angstrom.items() if low < grid[-1] and high > grid[0]]
    return f". They seem to be in {' or '.join(fitting)}, but must be in angstrom" if fitting else ""
