"""Absorption in the atmospheres of stars: atomic lines, molecular bands and the haze of weak lines."""

from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from .._tables import read_table
from .._wavelength import air_to_vacuum


class IonLines(NamedTuple):
    """Lines of one ion."""

    element: str
    ion: int  # 0: neutral
    wavelength: np.ndarray  # vacuum, angstrom
    excitation: np.ndarray  # eV
    log_gf: np.ndarray


def _columns(rows: list[dict[str, str]], *names: str) -> list[np.ndarray]:
    return [np.array([float(row[name]) for row in rows]) for name in names]


def atomic_lines() -> list[IonLines]:
    """Return the strong lines, ion by ion."""
    table = []
    for name, rows in groupby(read_table("atomic_lines.csv"), key=itemgetter("ion")):
        element, stage = name.split()
        wavelength, excitation, log_gf = _columns(list(rows), "wavelength", "excitation", "log_gf")
        table.append(IonLines(element, len(stage) - 1, air_to_vacuum(wavelength), excitation, log_gf))
    return table


def haze(wavelength: np.ndarray) -> np.ndarray:
    """Return the mean absorption of weak lines in the Sun at vacuum wavelengths (angstrom)."""
    x, y = _columns(read_table("haze.csv"), "wavelength", "share")
    return np.interp(wavelength, x, y)


def band_opacity(molecule: str, wavelength: np.ndarray) -> np.ndarray:
    """Return the opacity of a molecule relative to its strongest band at vacuum wavelengths (angstrom)."""
    rows = [row for row in read_table("molecular_bands.csv") if row["molecule"] == molecule]
    x, y = _columns(rows, "wavelength", "log_opacity")
    opacity = 10.0 ** np.interp(wavelength, air_to_vacuum(x), y)
    opacity[(wavelength < air_to_vacuum(x[0])) | (wavelength > air_to_vacuum(x[-1]))] = 0.0
    return opacity
