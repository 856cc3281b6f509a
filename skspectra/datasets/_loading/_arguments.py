"""Checks of the parameters that load_spectra and write_spectra_store have in common."""

import numpy as np
from numpy.typing import ArrayLike

from ..._checks import check_wavelength


def check_grid(wavelength: ArrayLike | None, caller: str) -> np.ndarray | None:
    if wavelength is None:
        return None
    return check_wavelength(wavelength, f"The 'wavelength' parameter of {caller}")


def check_option(name: str, value: object, allowed: tuple[str, ...], caller: str) -> None:
    if value not in allowed:
        raise ValueError(f"The {name!r} parameter of {caller} must be a str among {allowed}. Got {value!r} instead.")
