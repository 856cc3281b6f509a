"""Spectra of quasars."""

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .._constants import FWHM, LIGHT_SPEED, PLANCK_C2
from .._lines import REST
from ._galaxies import star_light
from ._log_grid import INSTRUMENT_SIGMA, STEP, add_lines, continuum_at, grid_wavelength, redshifted, sample_index

# Broad lines: equivalent width in the rest frame (angstrom), its scatter (of the natural logarithm), width relative
# to the quasar's, and mean velocity (km/s). Vanden Berk D. E. et al., AJ 122 (2001) 549, table 2; scatter and
# blueshifts: Shen Y. et al., ApJS 194 (2011) 45.
_BROAD = {
    "O VI": (10.0, 0.4, 1.2, -300), "Ly alpha": (80.0, 0.4, 1.0, 0), "N V": (15.0, 0.5, 1.2, 0),
    "Si II 1263": (2.5, 0.5, 1.0, 0), "O I 1304": (2.5, 0.5, 1.0, 0), "C II 1335": (1.2, 0.5, 1.0, 0),
    "Si IV": (5.0, 0.45, 1.2, -200), "O IV]": (4.0, 0.45, 1.2, 0), "C IV": (30.0, 0.5, 1.1, -700),
    "He II 1640": (5.0, 0.6, 2.0, -500), "O III]": (2.5, 0.6, 1.2, 0), "Al III": (2.0, 0.5, 1.0, 0),
    "Si III]": (4.0, 0.5, 1.0, 0), "C III]": (19.0, 0.4, 1.2, -200), "C II]": (2.0, 0.5, 1.0, 0),
    "Mg II": (33.0, 0.45, 0.85, 0), "H delta": (6.0, 0.5, 0.9, 0), "H gamma": (16.0, 0.45, 0.9, 0),
    "He II 4686": (3.0, 0.8, 1.3, 0), "H beta": (50.0, 0.45, 0.9, 0), "He I 5876": (6.0, 0.5, 1.0, 0),
    "H alpha": (200.0, 0.4, 0.85, 0),
}  # fmt: skip

# Narrow lines relative to [O III] 5007 (Vanden Berk et al. 2001; Osterbrock & Ferland 2006).
_NARROW = {
    "[O III] 5007": 1.0, "[O III] 4959": 0.336, "[O II]": 0.25, "[Ne III] 3869": 0.12, "[Ne III] 3967": 0.036,
    "[Ne V] 3346": 0.03, "[Ne V] 3426": 0.08, "H gamma": 0.04, "[O III] 4363": 0.025, "H beta": 0.09, "H alpha": 0.30,
    "[N II] 6583": 0.25, "[N II] 6548": 0.082, "[S II] 6716": 0.07, "[S II] 6731": 0.06, "[O I] 6300": 0.04,
}  # fmt: skip

# Blends of iron: vacuum wavelength, relative flux, extra width (km/s). Ultraviolet after Vestergaard M., Wilkes B.
# J., ApJS 134 (2001) 1; optical multiplets 27, 28, 37, 38, 42, 48 and 49 after Kovacevic J. et al., ApJS 189 (2010) 15.
_IRON_ULTRAVIOLET = np.array(
    [
        (1608, 1.0, 1500), (1786, 1.6, 1500), (1914, 1.6, 1200), (2020, 0.8, 2500), (2080, 4.0, 2200),
        (2170, 2.2, 2500), (2250, 4.5, 2500), (2330, 7.0, 2500), (2390, 8.5, 2200), (2440, 7.0, 2000),
        (2500, 9.0, 2000), (2570, 5.5, 2200), (2615, 4.0, 1500), (2665, 1.8, 1500), (2750, 4.5, 1600),
        (2850, 2.5, 2500), (2930, 2.5, 2000), (2970, 1.8, 1500), (3190, 1.8, 2500), (3280, 1.2, 2500),
        (3500, 1.0, 5000),
    ]
)  # fmt: skip
_IRON_OPTICAL = np.array(
    [
        (4130, 0.5, 1200), (4179, 0.7, 300), (4234, 1.0, 300), (4300, 0.7, 800), (4352, 0.9, 300), (4417, 0.7, 300),
        (4473, 0.7, 500), (4491, 0.8, 200), (4516, 1.7, 300), (4523, 1.0, 200), (4550, 1.5, 200), (4557, 1.0, 200),
        (4585, 1.8, 200), (4630, 1.2, 300), (4667, 0.5, 500), (4925, 1.5, 200), (5019, 1.7, 200), (5170, 2.0, 200),
        (5199, 1.1, 200), (5236, 1.4, 200), (5276, 1.7, 200), (5318, 2.0, 200), (5364, 0.9, 200), (5427, 0.6, 300),
        (5535, 0.5, 500), (6240, 0.5, 600), (6456, 0.5, 400),
    ]
)  # fmt: skip
_IRON_WIDTHS = np.array([1000.0, 2000.0, 3500.0, 6000.0])  # full width at half maximum, km/s
_REST_STOP = int(sample_index(11500.0))
_FOREST_SCATTER = 1.6


@cache
def _templates() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return UV and optical iron of each width, (n_widths, _REST_STOP), of unit mean, and the Balmer continuum."""
    wavelength = grid_wavelength(0, _REST_STOP)

    def iron(blends: np.ndarray, width: float, first: float, last: float) -> np.ndarray:
        flux = np.zeros(_REST_STOP)
        for centre, strength, extra in blends:
            sigma = np.sqrt((width / FWHM) ** 2 + extra**2) / LIGHT_SPEED
            sigma = np.hypot(sigma, INSTRUMENT_SIGMA)
            flux += strength / sigma / centre * np.exp(-0.5 * (np.log(wavelength / centre) / sigma) ** 2)
        return flux / flux[int(sample_index(first)) : int(sample_index(last))].mean()

    ultraviolet = np.stack([iron(_IRON_ULTRAVIOLET, w, 2200.0, 3090.0) for w in _IRON_WIDTHS])
    optical = np.stack([iron(_IRON_OPTICAL, w, 4434.0, 4684.0) for w in _IRON_WIDTHS])

    # The Balmer continuum is partly optically thick at 15 000 K, smeared by the motion of the gas, and joined by the
    # high Balmer lines (Grandi S. A., ApJ 255 (1982) 25; Dietrich M. et al., ApJ 564 (2002) 581).
    planck = wavelength**-5.0 / np.expm1(PLANCK_C2 / (wavelength * 15000.0))
    balmer = planck * -np.expm1(-((wavelength / 3646.0) ** 3)) * (wavelength < 3646.0)
    edge = balmer[int(sample_index(3640.0))]
    balmer += edge * np.exp(-(wavelength - 3646.0) / 130.0) * (wavelength >= 3646.0)
    balmer = gaussian_filter1d(balmer / edge, 1500.0 / LIGHT_SPEED / STEP)
    return ultraviolet.astype(np.float32), optical.astype(np.float32), balmer.astype(np.float32)


@cache
def _forest_amplitude() -> tuple[np.ndarray, np.ndarray]:
    """Return the mean transmission of exp(-amplitude * lognormal) and the logarithms of the amplitudes."""
    x, weight = np.polynomial.hermite_e.hermegauss(60)
    log_amplitude = np.linspace(-8.0, 6.0, 120)
    field = np.exp(_FOREST_SCATTER * x)
    mean = (np.exp(-np.exp(log_amplitude)[:, None] * field) * weight).sum(axis=1) / weight.sum()
    return mean, log_amplitude


def lyman_forest(u: np.ndarray, redshift: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the transmission of the intergalactic medium.

    Parameters
    ----------
    u : ndarray of float32, (n, n_grid)
        ln of the rest wavelength (angstrom).
    redshift : ndarray, (n,)
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float32, (n, n_grid)

    References
    ----------
    Becker G. D. et al., MNRAS 430 (2013) 2067, equation 5: mean optical depth.
    Bi H., Davidsen A. F., ApJ 479 (1997) 523: lognormal fluctuations.
    Worseck G. et al., MNRAS 445 (2014) 1745: mean free path of ionising photons.
    """
    transmission = np.ones(u.shape, dtype=np.float32)
    alpha, limit = np.log(REST["Ly alpha"]), np.log(911.76)
    n_blue = int((u < alpha).sum(axis=1).max())  # the grid increases: the forest is at its start
    if n_blue == 0:
        return transmission
    blue = u[:, :n_blue]
    inside = blue < alpha
    absorber = np.exp(blue - np.float32(alpha)) * (1 + redshift[:, None]).astype(np.float32)  # 1 + its redshift
    depth = np.maximum(0.751 * (absorber / 4.5) ** 2.9 - 0.132, 0.03)
    depth += np.where(blue < np.log(REST["Ly beta"]), 0.25 * depth, 0.0)
    mean, log_amplitude = _forest_amplitude()
    amplitude = np.interp(np.exp(-depth), mean[::-1], log_amplitude[::-1]).astype(np.float32)
    field = gaussian_filter1d(rng.standard_normal(blue.shape, dtype=np.float32), 1.6, axis=1)
    field *= np.float32(_FOREST_SCATTER * np.sqrt(2 * np.sqrt(np.pi) * 1.6))  # to unit variance, times the scatter
    forest = np.exp(-np.exp(amplitude + field))
    forest = gaussian_filter1d(forest, INSTRUMENT_SIGMA / STEP, axis=1)
    # Bluewards of the limit, light is absorbed with a mean free path that shrinks with redshift.
    path = 0.05 * (5.0 / (1 + redshift[:, None])) ** 5.4
    forest *= np.exp(-np.maximum(limit - blue, 0.0) / path)
    transmission[:, :n_blue] = np.where(inside, forest, 1.0)
    return transmission


def make_quasars(n: int, start: int, stop: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw quasars; parameters as for :func:`make_stars`."""
    # Chosen so that most are between 0.5 and 2.5, as in optical surveys: Schneider D. P. et al., AJ 139 (2010) 2360
    redshift = np.where(rng.random(n) < 0.15, rng.uniform(0.05, 4.0, n), 4.0 * rng.beta(1.7, 2.4, n))
    redshift = np.maximum(redshift, 0.05)
    wavelength = grid_wavelength(start, stop).astype(np.float32)
    u = np.log(wavelength) - np.log1p(redshift)[:, None].astype(np.float32)

    power = _power_law(u, rng)
    width = np.clip(rng.lognormal(np.log(4200.0), 0.45, n), 1200.0, 12000.0)  # km/s
    flux = power.copy()
    _add_iron_and_balmer_continuum(flux, power, width, redshift, start, rng)
    _add_broad_lines(flux, power, width, redshift, start, rng)
    _add_narrow_lines(flux, power, redshift, start, rng)
    _absorb(flux, redshift, start, rng)
    flux *= lyman_forest(u, redshift, rng)
    _add_host(flux, redshift, start, rng)
    return flux, redshift, np.full(n, "BROADLINE")


def _power_law(u: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw power laws on both sides of 5000 angstrom and in the far ultraviolet; `u` is ln of the rest wavelength.

    References
    ----------
    Vanden Berk et al. (2001). Telfer R. C. et al., ApJ 565 (2002) 773.
    """

    def normal(mean: float, scatter: float) -> np.ndarray:
        return rng.normal(mean, scatter, (len(u), 1)).astype(np.float32)

    slope = normal(-1.55, 0.35)
    x = u - np.float32(np.log(5000.0))
    exponent = slope * x + np.maximum(x, 0.0) * (normal(0.5, 0.3) + np.float32(0.3))
    exponent += np.minimum(u - np.float32(np.log(1150.0)), 0.0) * normal(1.0, 0.4)
    return np.exp(exponent)


def _add_iron_and_balmer_continuum(
    flux: np.ndarray, power: np.ndarray, width: np.ndarray, redshift: np.ndarray, start: int, rng: np.random.Generator
) -> None:
    n, n_grid = flux.shape
    nearest = np.abs(np.log(width[:, None] / _IRON_WIDTHS)).argmin(axis=1)
    ultraviolet, optical, balmer = _templates()
    iron = rng.lognormal(0.0, 0.5, (n, 1)).astype(np.float32)
    for strength, rows in (
        (0.22 * iron, [ultraviolet[k] for k in nearest]),
        (0.16 * iron * rng.lognormal(0.0, 0.4, (n, 1)).astype(np.float32), [optical[k] for k in nearest]),
        (rng.lognormal(np.log(0.15), 0.5, (n, 1)).astype(np.float32), [balmer] * n),
    ):
        flux += power * strength * redshifted(rows, 0, redshift, start, start + n_grid)


def _add_broad_lines(
    flux: np.ndarray, power: np.ndarray, width: np.ndarray, redshift: np.ndarray, start: int, rng: np.random.Generator
) -> None:
    """Add lines with a core and wings; their strengths are partly correlated within a quasar."""
    n = len(flux)
    together = rng.normal(0.0, 0.25, n)
    core = rng.uniform(0.3, 0.7, n)
    for name, (equivalent, scatter, relative, velocity) in _BROAD.items():
        rest = REST[name]
        shift = rng.normal(velocity, 200.0 + 0.5 * abs(velocity), n) / LIGHT_SPEED
        centre = rest * (1 + redshift) * (1 + shift)
        area = equivalent / rest * np.exp(together + rng.normal(0.0, scatter, n)) * continuum_at(power, start, centre)
        sigma = width * relative / FWHM / LIGHT_SPEED
        add_lines(flux, start, centre, 1.4 * sigma, area, core)


def _add_narrow_lines(
    flux: np.ndarray, power: np.ndarray, redshift: np.ndarray, start: int, rng: np.random.Generator
) -> None:
    n = len(flux)
    sigma = rng.uniform(250.0, 800.0, n) / FWHM / LIGHT_SPEED
    oxygen = REST["[O III] 5007"]
    oxygen_width = rng.lognormal(np.log(14.0), 0.8, n)  # equivalent width, angstrom
    for name, ratio in _NARROW.items():
        rest = REST[name]
        centre = rest * (1 + redshift)
        # The ratio is one of fluxes. Relative to [O III], the power law at the line scales with the wavelength to the
        # power -1.5.
        strength = oxygen_width * ratio / oxygen * (rest / oxygen) ** 0.5 * rng.lognormal(0.0, 0.2, n)
        add_lines(flux, start, centre, sigma, strength * continuum_at(power, start, centre))


def _add_host(flux: np.ndarray, redshift: np.ndarray, start: int, rng: np.random.Generator) -> None:
    """Add the light of the host galaxy, which shows in nearby, faint quasars."""
    near = np.flatnonzero(redshift < 0.8)
    if len(near):
        stars, _ = star_light(len(near), redshift[near], start, start + flux.shape[1], rng)
        share = rng.beta(1.2, 2.5, len(near)) * np.exp(-redshift[near] / 0.4)
        scale = share / (1 - share) * np.median(flux[near], axis=1) / np.median(stars, axis=1)
        flux[near] += stars * scale[:, None].astype(np.float32)


def _absorb(flux: np.ndarray, redshift: np.ndarray, start: int, rng: np.random.Generator) -> None:
    """Absorb light in place: broad troughs in a tenth of the quasars, and narrow Mg II lines of foreground galaxies.

    References
    ----------
    Gibson R. R. et al., ApJ 692 (2009) 758: broad absorption lines. Zhu G., Menard B., ApJ 770 (2013) 130: Mg II
    absorbers.
    """
    n, n_grid = flux.shape
    for row in np.flatnonzero(rng.random(n) < 0.10):
        nearest, farthest = rng.uniform(0.0, 8000.0), rng.uniform(9000.0, 25000.0)
        depth = rng.uniform(0.3, 0.95)
        for name, share in (("C IV", 1.0), ("Si IV", 0.6), ("N V", 0.8)):
            velocity = np.array([farthest, nearest]) / LIGHT_SPEED
            edges = sample_index(REST[name] * (1 + redshift[row]) * (1 - velocity)) - start
            low, high = (int(k) for k in np.clip(edges, 0, n_grid))
            if high - low > 2:
                phase = (np.arange(low, high) - edges[0]) / (edges[1] - edges[0])
                trough = np.sqrt(np.maximum(np.sin(np.pi * phase), 0.0))
                flux[row, low:high] *= (1 - depth * share * trough).astype(np.float32)
    front = (rng.random(n) < 0.12) & (redshift > 0.4)
    absorber = np.where(front, rng.uniform(0.35, np.maximum(redshift, 0.36)), 0.0)
    equivalent = np.where(front, rng.lognormal(np.log(0.8), 0.4, n), 0.0)
    for rest, ratio in ((2796.35, 1.0), (2803.53, 0.75)):
        centre = rest * (1 + absorber)
        area = -equivalent * ratio / rest * continuum_at(flux, start, centre)
        add_lines(flux, start, centre, np.full(n, 80.0 / LIGHT_SPEED), area)
    np.maximum(flux, 0.0, out=flux)
