"""The common wavelength grid of the package, and wavelengths in air and in vacuum (angstrom)."""

import numpy as np
from numpy.typing import ArrayLike

from .._checks import in_angstrom

# In vacuum; the range and length of LAMOST's low-resolution spectra in the classification literature.
LAMOST_WAVELENGTH = np.linspace(3690.0, 9100.0, 2600)
LAMOST_WAVELENGTH.flags.writeable = False

# Below this wavelength air is opaque, and by convention wavelengths are given in vacuum only.
AIR_LIMIT = 2000.0


def _refractive_index(wavelength_vacuum: np.ndarray) -> np.ndarray:
    """Return the refractive index of standard air (15 C, 101 325 Pa, 450 ppm CO2), Ciddor 1996, equation 1."""
    wavenumber_squared = (1e4 / wavelength_vacuum) ** 2  # micrometre^-2
    return 1.0 + 0.05792105 / (238.0185 - wavenumber_squared) + 0.00167917 / (57.362 - wavenumber_squared)


def _positive(wavelength: ArrayLike) -> np.ndarray:
    values = in_angstrom(wavelength)
    if (values <= 0).any():
        raise ValueError(f"wavelength must be positive; the least is {np.nanmin(values):g} angstrom.")
    return values


def vacuum_to_air(wavelength: ArrayLike) -> np.ndarray:
    """Convert wavelengths in vacuum to wavelengths in standard air.

    Parameters
    ----------
    wavelength : array-like
        Wavelengths in vacuum, in angstrom or with a unit of length, such as an astropy Quantity.

    Returns
    -------
    wavelength_air : ndarray of float64, of the same shape
        Wavelengths in air, in angstrom. Those below 2000 angstrom are returned unchanged, by the convention of line
        lists; NaN stays NaN.

    Raises
    ------
    ValueError
        If a wavelength is not positive or its unit is not one of length.

    Notes
    -----
    The limit applies to wavelengths in air, so that this function is the inverse of :func:`air_to_vacuum`. Because 2000
    angstrom in air are 2000.65 in vacuum, wavelengths in vacuum from 2000 to 2000.65 angstrom have no counterpart in
    air; 2000 is returned for them, so that the function does not decrease.

    References
    ----------
    Ciddor P. E., "Refractive index of air: new equations for the visible and near infrared", Applied Optics 35
    (1996) 1566.

    Examples
    --------
    >>> from skspectra.datasets import vacuum_to_air
    >>> vacuum_to_air([5008.240, 6564.614]).round(3)
    array([5006.843, 6562.801])
    """
    vacuum = _positive(wavelength)
    in_air = vacuum >= AIR_LIMIT
    # The formula has poles in the ultraviolet: it is not evaluated where it is not used.
    air = vacuum / _refractive_index(np.where(in_air, vacuum, 5000.0))
    return np.where(in_air, np.maximum(air, AIR_LIMIT), vacuum)


def air_to_vacuum(wavelength: ArrayLike) -> np.ndarray:
    """Convert wavelengths in standard air to wavelengths in vacuum: the inverse of :func:`vacuum_to_air`.

    Parameters
    ----------
    wavelength : array-like
        Wavelengths in air, in angstrom.

    Returns
    -------
    wavelength_vacuum : ndarray of float64, of the same shape
        Wavelengths in vacuum, in angstrom. Those below 2000 angstrom are returned unchanged; NaN stays NaN.

    Notes
    -----
    The refractive index is a function of the wavelength in vacuum. The equation is solved by iteration; the index
    varies so slowly that three steps reach the rounding of float64.

    References
    ----------
    Ciddor P. E., "Refractive index of air: new equations for the visible and near infrared", Applied Optics 35
    (1996) 1566.

    Examples
    --------
    >>> from skspectra.datasets import air_to_vacuum
    >>> air_to_vacuum([5006.843, 6562.801]).round(3)
    array([5008.24 , 6564.614])
    """
    air = _positive(wavelength)
    in_air = air >= AIR_LIMIT
    safe = np.where(in_air, air, 5000.0)
    vacuum = safe
    for _ in range(3):
        vacuum = safe * _refractive_index(vacuum)
    return np.where(in_air, vacuum, air)
