"""What absorbs in the atmospheres of stars: atomic lines, molecular bands and the haze of weak lines."""

from typing import NamedTuple

import numpy as np

from .._wavelength import air_to_vacuum
from ._absorption_tables import BANDS, HAZE, LINES


class IonLines(NamedTuple):
    """Lines of one ion."""

    element: str
    ion: int  # 0: neutral
    wavelength: np.ndarray  # vacuum, angstrom
    excitation: np.ndarray  # eV
    log_gf: np.ndarray


def _numbers(text: str, n_columns: int) -> np.ndarray:
    return np.array(text.replace(",", " ").split(), dtype=float).reshape(-1, n_columns).T


def atomic_lines() -> list[IonLines]:
    """The strong lines, ion by ion."""
    table = []
    for name, text in LINES.items():
        element, stage = name.split()
        wavelength, excitation, log_gf = _numbers(text, 3)
        table.append(IonLines(element, len(stage) - 1, air_to_vacuum(wavelength), excitation, log_gf))
    return table


def haze(wavelength: np.ndarray) -> np.ndarray:
    """Mean absorption of weak lines in the Sun at vacuum wavelengths (angstrom)."""
    x, y = _numbers(HAZE, 2)
    return np.interp(wavelength, x, y)


def band_opacity(molecule: str, wavelength: np.ndarray) -> np.ndarray:
    """Opacity of a molecule relative to its strongest band at vacuum wavelengths (angstrom)."""
    x, y = _numbers(BANDS[molecule], 2)
    opacity = 10.0 ** np.interp(wavelength, air_to_vacuum(x), y)
    opacity[(wavelength < air_to_vacuum(x[0])) | (wavelength > air_to_vacuum(x[-1]))] = 0.0
    return opacity
