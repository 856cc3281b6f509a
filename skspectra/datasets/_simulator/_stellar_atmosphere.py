"""Spectra of stars from first principles, at low resolution and low cost.

The model is a grey atmosphere in local thermodynamic equilibrium. One layer gives the pressures, the temperature
stratification is Eddington's, and the flux at each wavelength is a mean of the Planck function near that wavelength's
optical depth 2/3. Continuous opacity comes from hydrogen, its negative ion and electrons; hydrogen lines are Stark
broadened; metal lines follow the curve of growth with Saha and Boltzmann populations; molecules follow from their
dissociation equilibrium.

References
----------
Gray D. F., "The Observation and Analysis of Stellar Photospheres", 3rd edition, Cambridge University Press (2005):
chapters 7 (Eddington-Barbier relation), 8 (hydrogen, equations 8.8 to 8.10; Rayleigh scattering), 9 (hydrostatic
equilibrium). John T. L., A&A 193 (1988) 189: bound-free and free-free opacity of the negative hydrogen ion.
Tsuji T., A&A 23 (1973) 411: dissociation constants of molecules.
Gigosos M. A., Gonzalez M. A., Cardenoso V., Spectrochimica Acta B 58 (2003) 1489: Stark widths of Balmer lines.
Asplund M. et al., ARA&A 47 (2009) 481: solar abundances.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.integrate import trapezoid
from scipy.interpolate import RegularGridInterpolator
from scipy.special import voigt_profile

from .._constants import LIGHT_SPEED_CGS, PLANCK_C2

BOLTZMANN = 1.380649e-16  # erg/K
BOLTZMANN_EV = 8.617333e-5  # eV/K
ATOMS_PER_GRAM = 4.27e23  # hydrogen atoms in a gram of the solar mixture
LINE_CONSTANT = 0.02654  # pi e^2 / (m c), cm^2 Hz


class Element(NamedTuple):
    abundance: float  # log10 of the number relative to hydrogen, plus 12
    mass: float  # atomic mass units
    ionisation: tuple[float, float]  # eV, first and second
    partition: tuple[float, float, float]  # near 6000 K: neutral, once and twice ionised


# Ionisation energies and partition functions: Gray (2005), appendix D.
ELEMENTS = {
    "He": Element(10.93, 4.0, (24.59, 54.42), (1.0, 2.0, 1.0)),
    "C": Element(8.43, 12.0, (11.26, 24.38), (9.3, 6.0, 1.0)),
    "O": Element(8.69, 16.0, (13.62, 35.12), (8.9, 4.0, 9.0)),
    "Na": Element(6.24, 23.0, (5.14, 47.29), (2.1, 1.0, 6.0)),
    "Mg": Element(7.60, 24.3, (7.65, 15.04), (1.03, 2.0, 1.0)),
    "Al": Element(6.45, 27.0, (5.99, 18.83), (5.9, 1.0, 2.0)),
    "Si": Element(7.51, 28.1, (8.15, 16.35), (9.5, 5.7, 1.0)),
    "K": Element(5.03, 39.1, (4.34, 31.63), (2.2, 1.0, 6.0)),
    "Ca": Element(6.34, 40.1, (6.11, 11.87), (1.2, 2.3, 1.0)),
    "Sc": Element(3.15, 45.0, (6.56, 12.80), (12.0, 23.0, 10.0)),
    "Ti": Element(4.95, 47.9, (6.83, 13.58), (30.0, 56.0, 20.0)),
    "V": Element(3.93, 50.9, (6.75, 14.66), (47.0, 44.0, 28.0)),
    "Cr": Element(5.64, 52.0, (6.77, 16.49), (10.4, 7.2, 20.0)),
    "Mn": Element(5.43, 54.9, (7.43, 15.64), (6.5, 7.8, 6.0)),
    "Fe": Element(7.50, 55.8, (7.90, 16.19), (28.0, 43.0, 25.0)),
    "Co": Element(4.99, 58.9, (7.88, 17.08), (33.0, 29.0, 28.0)),
    "Ni": Element(6.22, 58.7, (7.64, 18.17), (30.0, 11.0, 21.0)),
    "Sr": Element(2.87, 87.6, (5.69, 11.03), (1.3, 2.2, 1.0)),
    "Ba": Element(2.18, 137.3, (5.21, 10.00), (2.3, 4.2, 1.0)),
}


# Number relative to hydrogen, ionisation energy (eV) and ratio of the partition functions: sodium and potassium;
# aluminium and calcium; magnesium, silicon and iron; carbon.
_ELECTRON_DONORS = ((2.3e-6, 5.1, 0.5), (5.0e-6, 6.05, 0.9), (1.05e-4, 7.9, 1.5), (2.7e-4, 11.26, 0.7))


def planck(wavelength: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Return the Planck function per wavelength, in arbitrary units."""
    return 1e20 / (wavelength**5 * np.expm1(PLANCK_C2 / (wavelength * temperature)))


def saha(temperature: np.ndarray, electron_pressure: np.ndarray, energy: float, ratio: float) -> np.ndarray:
    """Return the number of ions over that of atoms; `ratio` is that of the partition functions."""
    return 0.6665 * ratio * temperature**2.5 * np.exp(-energy / (BOLTZMANN_EV * temperature)) / electron_pressure


def dissociation(theta: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    """Return a dissociation constant (dyn/cm^2) at theta = 5040 K / temperature, by coefficients of Tsuji (1973)."""
    return 10.0 ** np.polynomial.polynomial.polyval(theta, coefficients)


def negative_hydrogen(wavelength: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Return the opacity of the negative hydrogen ion per neutral atom and electron pressure, cm^4/dyn (John 1988)."""
    microns = wavelength * 1e-4
    x = np.clip(1.0 / microns - 1.0 / 1.6419, 0.0, None)
    series = np.polynomial.polynomial.polyval(np.sqrt(x), (152.519, 49.534, -118.858, 92.536, -34.194, 4.982))
    cross_section = 1e-18 * microns**3 * x**1.5 * series
    alpha = 1.439e4
    bound_free = (
        0.75 * temperature**-2.5 * np.exp(alpha / (1.6419 * temperature)) * -np.expm1(-alpha / (microns * temperature))
    ) * cross_section
    m = np.maximum(microns, 0.3645)
    terms = np.array(
        [
            (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
            (2483.3460, 285.8270, -2054.2910, 2827.7760, -1341.5370, 208.9520),
            (-3449.8890, -1158.3820, 8746.5230, -11485.6320, 5303.6090, -812.9390),
            (2200.0400, 2427.7190, -13651.1050, 16755.5240, -7510.4940, 1132.7380),
            (-696.2710, -1841.4000, 8624.9700, -10051.5300, 4400.0670, -655.0200),
            (88.2830, 444.5170, -1863.8640, 2095.2880, -901.7880, 132.9850),
        ]
    )
    powers = [m**2, 1.0, 1 / m, 1 / m**2, 1 / m**3, 1 / m**4]
    free_free = np.zeros(np.broadcast_shapes(m.shape, temperature.shape))
    for n, row in enumerate(terms, start=1):
        free_free += (5040.0 / temperature) ** ((n + 1) / 2) * sum(c * p for c, p in zip(row, powers, strict=True))
    return np.maximum(bound_free, 0.0) + 1e-29 * np.maximum(free_free, 0.0)


def neutral_hydrogen(wavelength: np.ndarray, temperature: np.ndarray) -> np.ndarray:
    """Return the bound-free and free-free opacity and Rayleigh scattering per neutral atom, cm^2 (Gray 2005)."""
    theta = 5040.0 / temperature
    n0 = np.ceil(np.sqrt(wavelength / 911.76))
    # Three levels are added one by one, and the higher ones together with the free-free opacity beyond their limit.
    higher = 10.0 ** (-theta * 13.598 * (1 - 1 / (n0 + 3) ** 2))
    total = 0.43429 / (2 * theta * 13.598) * higher
    for n in (n0, n0 + 1, n0 + 2):
        total += 10.0 ** (-theta * 13.598 * (1 - 1 / n**2)) / n**3
    opacity = 1.0449e-26 * wavelength**3 * total * -np.expm1(-PLANCK_C2 / (wavelength * temperature))
    w2 = 1.0 / wavelength**2
    return opacity + w2**2 * (5.799e-13 + 1.422e-6 * w2 + 2.784 * w2**2)


class Layer(NamedTuple):
    """Physical state where the continuum forms, with one value for each model."""

    temperature: np.ndarray
    gravity: np.ndarray  # log10, cm/s^2
    metallicity: np.ndarray  # [M/H]
    carbon: np.ndarray  # [C/M], dex
    electron_pressure: np.ndarray  # dyn/cm^2
    neutral: np.ndarray  # neutral hydrogen atoms per hydrogen nucleus
    hydrogen_pressure: np.ndarray  # of all hydrogen nuclei, as if they were atoms

    def continuous_opacity(self, wavelength: np.ndarray) -> np.ndarray:
        """Return the opacity in cm^2 per hydrogen nucleus, (n_models, n_wavelengths)."""
        t = self.temperature[:, None]
        neutral, pe = self.neutral[:, None], self.electron_pressure[:, None]
        free = pe / self.hydrogen_pressure[:, None]
        atomic = neutral * (neutral_hydrogen(wavelength, t) + pe * negative_hydrogen(wavelength, t)) + 0.6648e-24 * free
        # Water vapour, mostly in the infrared, and the weak lines of molecules in the coolest stars: a rough fit to
        # Ferguson et al., ApJ 623 (2005) 585.
        return atomic * (1.0 + np.where(wavelength > 9500.0, 1.0, 0.12) * (3500.0 / t) ** 15)

    def rosseland(self) -> np.ndarray:
        """Return the Rosseland mean of the continuous opacity, cm^2 per hydrogen nucleus, (n_models,)."""
        wavelength = np.geomspace(2000.0, 30000.0, 24)
        x = PLANCK_C2 / (wavelength * self.temperature[:, None])
        # dB/dT over equal steps of ln(wavelength)
        weight = x**2 * np.exp(-x) / np.expm1(-x) ** 2 / wavelength**3
        return weight.sum(axis=1) / (weight / self.continuous_opacity(wavelength)).sum(axis=1)


def solve_layer(temperature: np.ndarray, gravity: np.ndarray, metallicity: np.ndarray, carbon: np.ndarray) -> Layer:
    """Compute the pressures at optical depth 2/3 from hydrostatic and ionisation equilibrium.

    Parameters
    ----------
    temperature : ndarray, (n_models,)
        Effective temperature, K.
    gravity : ndarray, (n_models,)
        log10 of the surface gravity, cm/s^2.
    metallicity : ndarray, (n_models,)
        [M/H], dex.
    carbon : ndarray, (n_models,)
        Carbon over the other metals, dex, relative to the Sun.
    """
    theta = 5040.0 / temperature
    metals = 10.0**metallicity
    k_h2 = dissociation(theta, (12.739, -5.1172, 0.12572, -0.014149, 6.3021e-4))
    pg, pe = 10.0 ** (gravity * 0.6 + 2.0), np.full_like(temperature, 10.0)
    for _ in range(60):
        ph = np.maximum(pg - pe, 0.1 * pg) / 1.09
        # atoms and molecules of hydrogen: p + 2 p^2 / K = (pressure of the nuclei)
        atoms = 0.25 * k_h2 * (np.sqrt(1.0 + 8.0 * ph / k_h2) - 1.0)
        r = saha(temperature, pe, 13.598, 0.5)
        neutral = np.clip(atoms / ph, 0.0, 1.0) / (1.0 + r)
        donors = r / (1.0 + r) * np.clip(atoms / ph, 0.0, 1.0)
        for number, energy, ratio in _ELECTRON_DONORS:
            s = saha(temperature, pe, energy, ratio)
            donors = donors + number * metals * s / (1.0 + s)
        layer = Layer(temperature, gravity, metallicity, carbon, pe, neutral, ph)
        pe = np.sqrt(pe * np.clip(donors * ph, 1e-6, 0.5 * pg))
        pg = np.sqrt(pg * (2.0 / 3.0) * 10.0**gravity / (layer.rosseland() * ATOMS_PER_GRAM))
    return layer


def line_opacity(
    layer: Layer,
    element: str,
    ion: int,
    wavelength: np.ndarray,
    excitation: np.ndarray,
    log_gf: np.ndarray,
    opacity: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the strength of the lines of one ion.

    Parameters
    ----------
    layer : Layer
    element, ion
        Symbol; 0 for the neutral atom, 1 for its ion.
    wavelength : ndarray, (n_lines,)
        Vacuum, angstrom.
    excitation : ndarray, (n_lines,)
        Energy of the lower level, eV.
    log_gf : ndarray, (n_lines,)
    opacity : ndarray, (n_models, n_lines)
        Opacity of all else at these wavelengths, cm^2 per hydrogen nucleus.

    Returns
    -------
    ratio, damping : ndarray, (n_models, n_lines)
        Opacity at the centre of the line over that of the continuum, and the damping parameter of its Voigt profile.
    doppler : ndarray, (n_models, n_lines)
        Doppler width, angstrom.
    """
    e = ELEMENTS[element]
    t = layer.temperature[:, None]
    first = saha(t, layer.electron_pressure[:, None], e.ionisation[0], 2 * e.partition[1] / e.partition[0])
    second = saha(t, layer.electron_pressure[:, None], e.ionisation[1], 2 * e.partition[2] / e.partition[1])
    share = np.stack([np.ones_like(first), first, first * second])[ion] / (1 + first + first * second)
    number = 10.0 ** (e.abundance - 12.0 + (layer.metallicity[:, None] if element != "He" else 0.0)) * share
    if element == "C":
        number = number * 10.0 ** layer.carbon[:, None]
    boltzmann = np.exp(-excitation / (BOLTZMANN_EV * t)) / e.partition[ion] * -np.expm1(-PLANCK_C2 / (wavelength * t))
    turbulence = 1.0e5 + 0.3e5 * np.clip(4.8 - layer.gravity[:, None], 0.0, 4.0)
    speed = np.sqrt(2 * BOLTZMANN * t / (e.mass * 1.6605e-24) + turbulence**2)  # cm/s
    doppler_hz = speed / (wavelength * 1e-8)
    line = LINE_CONSTANT * 10.0**log_gf / (np.sqrt(np.pi) * doppler_hz) * number * boltzmann
    perturbers = layer.hydrogen_pressure[:, None] / (BOLTZMANN * t)
    width = 10.0**-7.9 * perturbers * (t / 1e4) ** 0.3 + 1e8  # van der Waals and natural, 1/s
    width = width + 1e-5 * layer.electron_pressure[:, None] / (BOLTZMANN * t)  # quadratic Stark
    return line / opacity, width / (4 * np.pi * doppler_hz), wavelength * speed / LIGHT_SPEED_CGS


_LOG_RATIO = np.linspace(-3.0, 8.0, 56)
_LOG_DAMPING = np.linspace(-4.0, 1.0, 21)


@cache
def _curve_of_growth() -> RegularGridInterpolator:
    """Return ln(equivalent width / Doppler width) by log10 of damping parameter and of central opacity ratio."""
    x = np.concatenate([[0.0], np.geomspace(1e-2, 1e5, 400)])
    table = np.empty((len(_LOG_DAMPING), len(_LOG_RATIO)))
    for i, a in enumerate(10.0**_LOG_DAMPING):
        # Voigt function of unit central height for a = 0
        profile = voigt_profile(x, np.sqrt(0.5), a) * np.sqrt(np.pi)
        opacity = 10.0 ** _LOG_RATIO[:, None] * profile
        table[i] = 2 * trapezoid(opacity / (1 + opacity), x, axis=1)
    return RegularGridInterpolator((_LOG_DAMPING, _LOG_RATIO), np.log(table))


def equivalent_width(ratio: np.ndarray, damping: np.ndarray, doppler: np.ndarray) -> np.ndarray:
    """Return the equivalent widths (angstrom) of lines that would be black if they were infinitely strong.

    They follow Minnaert's formula 1 / depth = 1 / ratio + 1 / limit (Gray 2005, chapter 13) over a Voigt profile.
    """
    a = np.clip(np.log10(damping), _LOG_DAMPING[0], _LOG_DAMPING[-1])
    r = np.clip(np.log10(np.maximum(ratio, 1e-30)), _LOG_RATIO[0], _LOG_RATIO[-1])
    growth = np.exp(_curve_of_growth()((a, r))) * np.where(ratio < 1e-3, ratio / 1e-3, 1.0)
    return growth * doppler
