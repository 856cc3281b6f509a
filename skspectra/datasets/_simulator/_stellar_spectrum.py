"""The spectrum of a star, given its temperature, gravity and composition."""

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_array

from .._constants import LIGHT_SPEED_CGS
from ._absorption import atomic_lines, band_opacity, haze
from ._log_grid import INSTRUMENT_SIGMA, STEP, grid_wavelength, sample_index
from ._stellar_atmosphere import (
    BOLTZMANN,
    BOLTZMANN_EV,
    LINE_CONSTANT,
    Layer,
    dissociation,
    equivalent_width,
    line_opacity,
    planck,
    solve_layer,
)

START, STOP = (int(k) for k in sample_index(np.array([1600.0, 11500.0])))
_BOUNDARY = 0.78  # temperature where the cores of strong lines form, over the effective one: a choice near the Sun's
_HOPF = 0.58  # Hopf's function of the grey atmosphere at small optical depth

# Optical depths and weights that integrate the Planck function with the exponential integral E2 (Gray 2005, equation
# 7.14).
_DEPTHS = np.array([0.15, 0.7, 2.0])
_WEIGHTS = np.array([0.46, 0.42, 0.12])


def _hydrogen_lines(layer: Layer, wavelength: np.ndarray) -> np.ndarray:
    """Return the opacity of the Balmer and Paschen lines, cm^2 per hydrogen nucleus, (n_models, n_wavelengths)."""
    t = layer.temperature[:, None]
    electrons = layer.electron_pressure[:, None] / (BOLTZMANN * t)
    total = np.zeros((len(t), len(wavelength)), dtype=np.float32)
    # Inglis and Teller: the last level that the field of the electrons does not dissolve.
    last = 10.0 ** ((23.26 - np.log10(electrons)) / 7.5)
    for lower, uppers in ((2, range(3, 31)), (3, range(8, 31))):
        population = layer.neutral[:, None] * lower**2 * np.exp(-13.598 * (1 - 1 / lower**2) / (BOLTZMANN_EV * t))
        for upper in uppers:
            centre = _hydrogen_wavelength(lower, upper)
            inside = slice(*np.searchsorted(wavelength, (centre - 250.0, centre + 250.0)))
            profile = _stark_profile(wavelength[inside], lower, upper, electrons)
            alive = 1.0 / (1.0 + np.exp(np.clip(2.0 * (upper - last), -50, 50)))
            hz = centre**2 * 1e-8 / LIGHT_SPEED_CGS  # angstrom to Hz
            total[:, inside] += population * LINE_CONSTANT * _oscillator_strength(lower, upper) * hz * alive * profile
            # Dissolved levels absorb as a continuum up to where the line was.
            if upper > 10:
                before = _hydrogen_wavelength(lower, upper + 1)
                gap = slice(*np.searchsorted(wavelength, (before, centre)))
                total[:, gap] += population * (1.0 - alive) * 7.9e-18 * lower
    return total


def _hydrogen_wavelength(lower: int, upper: int) -> float:
    """Return the vacuum wavelength of a line in angstrom (Rydberg's formula)."""
    return 911.763 / (1 / lower**2 - 1 / upper**2)


def _oscillator_strength(lower: int, upper: int) -> float:
    """Return Kramers' oscillator strength with a Gaunt factor near that of the series (Gray 2005, chapter 8)."""
    return 1.96028 * 0.80 / (lower**5 * upper**3) / (1 / lower**2 - 1 / upper**2) ** 3


def _stark_profile(wavelength: np.ndarray, lower: int, upper: int, electrons: np.ndarray) -> np.ndarray:
    """Return the profile of a hydrogen line per angstrom, (n_models, n_wavelengths).

    The width is that of H beta after Gigosos et al. (2003), scaled to the other lines by the linear Stark effect.
    `electrons` is in cm^-3, of shape (n_models, 1).
    """
    centre = _hydrogen_wavelength(lower, upper)
    width = 24.0 * (electrons / 1e17) ** (2 / 3) * centre**2 * upper * (upper - 1) / (4862.7**2 * 12)
    if upper == lower + 1:  # the first line has a component that is not shifted
        width = width * 0.35
    width = np.maximum(width, 0.35)  # Doppler width
    x = np.abs(wavelength - centre) / width
    return 1.0 / (2.643 * width * (1.0 + x * x * np.sqrt(x)))  # Holtsmark wings


def _molecules(layer: Layer) -> dict[str, np.ndarray]:
    """Return the opacity of the strongest band of each molecule in cm^2 per hydrogen nucleus, (n_models,)."""
    t = 0.96 * layer.temperature  # molecules are plentiful higher up
    theta = 5040.0 / t
    metals, p = 10.0**layer.metallicity, layer.hydrogen_pressure
    atoms = p * layer.neutral
    carbon, oxygen = 2.7e-4 * metals * 10.0**layer.carbon * p, 4.9e-4 * metals * p
    k_co = dissociation(theta, (13.820, -11.795, 0.17217, -0.022888, 1.1349e-3))
    s = carbon + oxygen + k_co
    co = 2.0 * carbon * oxygen / (s + np.sqrt(np.maximum(s * s - 4.0 * carbon * oxygen, 0.0)))
    carbon, oxygen = np.maximum(carbon - co, 1e-30), np.maximum(oxygen - co, 1e-30)

    def bound(total: float, partner: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
        """Return molecules per hydrogen nucleus where `partner` is plentiful."""
        ratio = partner / dissociation(theta, coefficients)
        return total * metals * ratio / (1.0 + ratio)

    def neutral(energy: float, ratio: float) -> np.ndarray:
        return 1.0 / (1.0 + 0.6665 * ratio * t**2.5 * np.exp(-energy / (BOLTZMANN_EV * t)) / layer.electron_pressure)

    titanium = neutral(6.83, 3.7)
    magnesium, calcium, vanadium = neutral(7.65, 3.9), neutral(6.11, 3.8), neutral(6.75, 1.9)
    nitrogen = np.sqrt(6.8e-5 * metals * p * dissociation(theta, (13.590, -10.585, 0.22067, -0.029997, 1.4993e-3)))
    nitrogen = np.minimum(nitrogen, 6.8e-5 * metals * p)
    # Cross sections at the band head, set by eye so that the bands are as deep as in dwarfs of types K7 to M7 and the G
    # band as in the Sun. The dissociation constant of VO is that of its energy, 6.4 eV.
    return {
        "TiO": 7e-17 * titanium * bound(8.9e-8, oxygen, (13.398, -8.5956, 0.40873, -0.057937, 2.9287e-3)),
        "VO": 4.5e-17 * vanadium * bound(8.5e-9, oxygen, (13.0, -8.0)),
        "CH": 1.2e-17 * carbon * atoms / dissociation(theta, (12.135, -4.0760, 0.12768, -0.015473, 7.2661e-4)) / p,
        "CN": 3e-17 * carbon * nitrogen / dissociation(theta, (12.805, -8.2793, 0.064162, -0.0073627, 3.4666e-4)) / p,
        "C2": 3e-17 * carbon**2 / dissociation(theta, (12.804, -6.5178, 0.097719, -0.012739, 6.2603e-4)) / p,
        "MgH": 2e-18 * magnesium * bound(4.0e-5, atoms, (11.285, -2.7164, 0.19658, -0.027310, 1.3816e-3)),
        "CaH": 8e-17 * calcium * bound(2.2e-6, atoms, (11.340, -3.0144, 0.42349, -0.08467, 5.9e-3)),
    }


def synthesise(
    temperature: np.ndarray, gravity: np.ndarray, metallicity: np.ndarray, carbon: np.ndarray | float = 0.0
) -> np.ndarray:
    """Compute spectra at the instrument's resolution, one row for each star.

    Parameters
    ----------
    temperature, gravity, metallicity, carbon : ndarray, (n_models,)
        Effective temperature (K), log10 of the gravity (cm/s^2), [M/H] and [C/M].

    Returns
    -------
    ndarray of float32, (n_models, STOP - START)
        Surface flux per wavelength.
    """
    temperature, gravity, metallicity, carbon = np.broadcast_arrays(temperature, gravity, metallicity, carbon)
    layer = solve_layer(temperature, gravity, metallicity, carbon)
    wavelength = grid_wavelength(START, STOP)
    coarse = wavelength[::16]
    t = temperature[:, None]

    # Opacity of everything that is resolved. Its ratio to the Rosseland mean gives the depth from which light comes.
    continuum = np.exp(_interpolate(wavelength, coarse, np.log(layer.continuous_opacity(coarse))))
    opacity = continuum + _hydrogen_lines(layer, wavelength)
    for molecule, strength in _molecules(layer).items():
        opacity += (strength[:, None] * band_opacity(molecule, wavelength)).astype(np.float32)
    ratio = (layer.rosseland()[:, None] / opacity).astype(np.float32)
    flux = np.zeros_like(ratio)
    for depth, weight in zip(_DEPTHS, _WEIGHTS, strict=True):
        local = t * (0.75 * (depth * ratio + _HOPF)) ** 0.25
        flux += (weight * planck(wavelength, local)).astype(np.float32)

    # Metal lines are narrower than a sample: the flux that each removes follows from its equivalent width.
    limit = 1.0 - planck(wavelength, _BOUNDARY * t) / planck(wavelength, t)
    weak = (haze(wavelength) * _haze_scale(layer)).astype(np.float32)
    strong = np.ones_like(flux)
    for lines in atomic_lines():
        nearest = np.rint(sample_index(lines.wavelength)).astype(int) - START
        widths = equivalent_width(*line_opacity(layer, *lines, opacity[:, nearest]))
        broad = widths.max(axis=0) > 1.5
        weak += _deposit(lines.wavelength[~broad], widths[:, ~broad], len(wavelength))
        for centre, width in zip(lines.wavelength[broad], widths[:, broad].T, strict=True):
            reach = 10.0 + 4.0 * width.max()
            window = slice(*np.searchsorted(wavelength, (centre - reach, centre + reach)))
            half = np.maximum(width / np.pi, 0.6 * STEP * centre)[:, None].astype(np.float32)
            x = (wavelength[window] - centre).astype(np.float32) / half
            strong[:, window] *= 1.0 - (width[:, None] / (np.pi * half)).astype(np.float32) / (1.0 + x * x)
    sigma = INSTRUMENT_SIGMA / STEP
    weak = gaussian_filter1d(weak, sigma, axis=1)
    flux *= 1.0 - limit * (1.0 - strong)
    flux = gaussian_filter1d(flux, sigma, axis=1)
    return (flux * (1.0 - limit * -np.expm1(-weak))).astype(np.float32)


def _interpolate(x: np.ndarray, knots: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.stack([np.interp(x, knots, row) for row in rows])


def _haze_scale(layer: Layer) -> np.ndarray:
    """Return the absorption of weak lines over the Sun's, (n_models, 1), from iron lines of medium strength."""
    at = np.array([4200.0])
    lines = (("Fe", 0, at, np.array([2.6]), np.array([-1.8])), ("Fe", 1, at, np.array([3.0]), np.array([-2.8])))
    sun = solve_layer(np.array([5777.0]), np.array([4.44]), np.zeros(1), np.zeros(1))

    def width(layer: Layer) -> np.ndarray:
        return np.sum([equivalent_width(*line_opacity(layer, *x, layer.continuous_opacity(at))) for x in lines], axis=0)

    return width(layer) / width(sun)


def _deposit(wavelength: np.ndarray, widths: np.ndarray, n_grid: int) -> np.ndarray:
    """Return absorption per sample, (n_models, n_grid), with each line shared between its two nearest samples."""
    position = sample_index(wavelength) - START
    left = np.floor(position).astype(int)
    share = position - left
    rows = np.concatenate([left, left + 1])
    columns = np.tile(np.arange(len(wavelength)), 2)
    weight = np.concatenate([1 - share, share]) / np.tile(STEP * wavelength, 2)
    matrix = csr_array((weight, (rows, columns)), shape=(n_grid, len(wavelength)))
    return (matrix @ widths.T).T.astype(np.float32)
