"""Spectra of galaxies."""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.integrate import trapezoid
from scipy.ndimage import gaussian_filter1d

from .._constants import LIGHT_SPEED
from .._lines import REST
from ._log_grid import STEP, add_lines, continuum_at, redshifted, sample_index
from ._stars import library
from ._stellar_spectrum import START, STOP

_MARGIN = 60

# The zero-age main sequence: mass (Sun), effective temperature (K), log10 of the luminosity (Sun).
# Pecaut M. J., Mamajek E. E., ApJS 208 (2013) 9; above 2 solar masses Ekstroem S. et al., A&A 537 (2012) A146.
_MAIN_SEQUENCE = np.array(
    [
        (0.10, 2800, -3.05), (0.15, 3080, -2.50), (0.2, 3210, -2.20), (0.3, 3400, -1.85), (0.4, 3520, -1.60),
        (0.5, 3680, -1.40), (0.6, 4000, -1.10), (0.7, 4450, -0.78), (0.8, 4950, -0.50), (0.9, 5350, -0.27),
        (1.0, 5720, -0.05), (1.1, 6000, 0.15), (1.25, 6350, 0.40), (1.4, 6700, 0.60), (1.6, 7350, 0.85),
        (1.8, 8100, 1.05), (2.0, 8900, 1.25), (2.5, 10700, 1.63), (3.0, 12200, 1.95), (4.0, 14800, 2.43),
        (5.0, 17100, 2.78), (7.0, 20800, 3.28), (10.0, 25200, 3.80), (15.0, 30800, 4.32), (25.0, 38000, 4.89),
        (40.0, 43500, 5.37), (60.0, 47500, 5.73),
    ]
).T  # fmt: skip

# Stars past the main sequence: temperature (K) and share of the bolometric light of all of them, after Maraston C.,
# MNRAS 362 (2005) 799: old populations (subgiants, first ascent, clump, asymptotic branch) and young ones (blue loops,
# supergiants).
_OLD_GIANTS = np.array(
    [(5400, 0.10), (5000, 0.13), (4800, 0.22), (4500, 0.20), (4150, 0.17), (3800, 0.11), (3400, 0.07)]
).T
_YOUNG_GIANTS = np.array([(20000, 0.25), (11000, 0.20), (7500, 0.10), (5000, 0.15), (4200, 0.15), (3800, 0.15)]).T

_AGES = np.array([0.003, 0.006, 0.015, 0.04, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 5.5, 9.0, 13.0])  # Gyr
_METALLICITIES = np.array([-1.2, -0.6, -0.2, 0.1, 0.35])
_DISPERSIONS = (80.0, 320.0)  # km/s
# Time scales, Gyr: stars of an age formed at a rate proportional to exp(age / time scale); negative for a rising rate.
_HISTORIES = np.array([0.3, 0.8, 1.5, 2.5, 4.0, 7.0, 20.0, -10.0])
# Bursts: their ages, as positions in _AGES, and the equivalent width (angstrom) of H alpha of a burst alone, which
# falls as the ionising stars die (Leitherer C. et al., ApJS 123 (1999) 3).
_BURST_AGES = [0, 1, 2, 4]
_BURST_HALPHA = np.array([720.0, 200.0, 8.0, 0.0])


def _initial_mass_function(mass: np.ndarray) -> np.ndarray:
    """Return the number of stars per mass, normalised to one solar mass of stars (Kroupa P., MNRAS 322 (2001) 231)."""

    def number(m: np.ndarray) -> np.ndarray:
        return np.where(m < 0.5, 2.0 * m**-1.3, m**-2.3)

    grid = np.geomspace(0.08, 100.0, 2000)
    return number(mass) / trapezoid(grid * number(grid), grid)


def simple_population(age: float, metallicity: float) -> np.ndarray:
    """Compute the luminosity of one solar mass of stars that were born together.

    The light of the main sequence is summed over the initial mass function; that of later stages follows from the
    fuel that they burn (Renzini A., Buzzoni A., in "Spectral Evolution of Galaxies" (1986) 195; Maraston 2005).

    Parameters
    ----------
    age : float
        Gyr.
    metallicity : float
        [M/H].

    Returns
    -------
    ndarray of float64, (STOP - START,)
        Luminosity per wavelength, in arbitrary units that are the same for all ages.
    """
    mass0, temperature0, luminosity0 = _MAIN_SEQUENCE
    mass = np.geomspace(0.1, 60.0, 160)
    temperature = np.interp(np.log(mass), np.log(mass0), temperature0) * 10.0 ** (-0.035 * metallicity)
    luminosity = 10.0 ** np.interp(np.log(mass), np.log(mass0), luminosity0)
    lifetime = 10.0 * mass / luminosity * 10.0 ** (0.1 * metallicity)  # Gyr
    lifetime = np.maximum(lifetime, 0.003)
    alive = lifetime > age
    # Stars brighten by up to a factor of two and cool while on the main sequence.
    phase = np.clip(age / lifetime, 0.0, 1.0)
    luminosity = luminosity * (1.0 + 1.3 * phase)
    temperature = temperature * (1.0 - np.where(mass > 1.2, 0.22, 0.02) * phase**2)
    number = _initial_mass_function(mass) * np.gradient(mass) * alive

    # Stars that leave the main sequence per year, and the solar masses of hydrogen that each burns later.
    turn_off = np.interp(-np.log(age), -np.log(lifetime), mass)
    lighter = np.interp(-np.log(age * 1.05), -np.log(lifetime), mass)
    rate = _initial_mass_function(turn_off) * abs(turn_off - lighter) / (0.05 * age * 1e9)
    fuel = np.interp(np.log10(age), [-2.5, -1.0, -0.3, 0.3, 1.1], [0.5, 0.35, 0.35, 0.55, 0.55])
    later_light = 9.75e10 * rate * fuel if age > 0.004 else 0.0
    if age > 0.6:
        giant_temperature, share = _OLD_GIANTS
        giant_temperature = giant_temperature - 220.0 * metallicity
    else:
        giant_temperature, share = _YOUNG_GIANTS
        hot = (giant_temperature > 10000.0) & (age > 0.1)
        share = np.where(hot, 0.0, share) / np.where(hot, 0.0, share).sum()

    all_temperatures = np.concatenate([temperature, giant_temperature])
    weights = np.concatenate([number * luminosity, later_light * share])
    giant = np.concatenate([np.zeros(len(mass), bool), giant_temperature < 6000.0])
    # A surface flux divided by T^4 has one solar luminosity.
    spectra = library().spectra(giant, all_temperatures, np.full(len(weights), metallicity))
    return np.einsum("k,kx->x", weights / all_temperatures**4, spectra.astype(np.float64))


class Populations(NamedTuple):
    """Composite populations of unit flux at 5500 angstrom."""

    # (n_dispersions, n_metallicities, n_histories, STOP - START)
    composite: np.ndarray
    # (n_metallicities, n_histories), angstrom
    halpha: np.ndarray
    # (n_metallicities, n_bursts, STOP - START)
    young: np.ndarray


def _unit(flux: np.ndarray) -> np.ndarray:
    middle = int(sample_index(5500.0)) - START
    return flux / flux[..., middle - 150 : middle + 150].mean(axis=-1, keepdims=True)


@cache
def populations() -> Populations:
    """Return the populations of galaxies with different histories; they are computed once."""
    simple = np.array([[simple_population(age, z) for age in _AGES] for z in _METALLICITIES])
    edges = np.concatenate([[0.0], np.sqrt(_AGES[1:] * _AGES[:-1]), [13.5]])
    mass = np.empty((len(_HISTORIES), len(_AGES)))  # stars formed in each interval of age
    recent = np.empty(len(_HISTORIES))  # in the last 6 Myr, whose stars ionise gas
    for k, scale in enumerate(_HISTORIES):
        formed = scale * np.exp((edges - 13.5) / scale)  # up to each age
        mass[k] = np.diff(formed)
        recent[k] = 0.006 * np.exp(-13.5 / scale)
    composite = np.einsum("ka,zax->zkx", mass, simple)
    at_halpha = composite[..., int(sample_index(REST["H alpha"] * 1.015)) - START]
    halpha = recent / at_halpha
    # A constant rate gives an equivalent width near 80 angstrom (Kennicutt R. C., ApJ 272 (1983) 54).
    halpha *= 80.0 / halpha[3, 6]
    broadened = np.stack(
        [gaussian_filter1d(_unit(composite), s / LIGHT_SPEED / STEP, axis=-1) for s in _DISPERSIONS]
    ).astype(np.float32)
    return Populations(broadened, halpha, _unit(simple[:, _BURST_AGES]).astype(np.float32))


# Equivalent width of H alpha in angstrom from which SDSS calls a star-forming galaxy a starburst, and below which the
# emission of a galaxy is not that of young stars (Cid Fernandes R. et al., MNRAS 413 (2011) 1687).
_STARBURST, _STARFORMING = 50.0, 3.0


def make_galaxies(n: int, start: int, stop: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw galaxies, from quiescent to starburst; parameters as for :func:`make_stars`."""
    # A choice: a survey limited in brightness, and some distant galaxies
    redshift = np.where(rng.random(n) < 0.25, rng.uniform(0.02, 0.8, n), np.minimum(rng.gamma(2.2, 0.055, n), 0.8))
    redshift = np.maximum(redshift, 5e-4)
    flux, halpha = star_light(n, redshift, start, stop, rng)
    halpha, active = _add_nebular_lines(flux, halpha, redshift, start, rng)
    subclass = np.select([active, halpha > _STARBURST, halpha > _STARFORMING], ["AGN", "STARBURST", "STARFORMING"], "")
    return flux, redshift, subclass


def star_light(
    n: int, redshift: np.ndarray, start: int, stop: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the observed starlight of `n` galaxies and the equivalent width (angstrom, rest frame) of H alpha."""
    p = populations()
    # Bimodal: nearly half of the galaxies of a survey are quiescent (Kauffmann G. et al., MNRAS 341 (2003) 33).
    quiescent = rng.random(n) < 0.45
    history = np.where(quiescent, rng.uniform(0.0, 2.2, n), rng.uniform(2.5, len(_HISTORIES) - 1.001, n))
    metal = np.where(quiescent, rng.normal(3.4, 0.5, n), rng.normal(2.3, 0.8, n)).clip(0.0, len(_METALLICITIES) - 1.001)
    dispersion = np.clip(np.where(quiescent, rng.normal(200, 60, n), rng.normal(120, 40, n)), *_DISPERSIONS)
    broad = ((dispersion - _DISPERSIONS[0]) / (_DISPERSIONS[1] - _DISPERSIONS[0])).astype(np.float32)

    # Only the part of the rest frame that is seen.
    first = start - START - int(np.log1p(redshift.max()) / STEP) - _MARGIN
    last = stop - START - int(np.log1p(redshift.min()) / STEP) + _MARGIN
    columns = slice(max(first, 0), min(last, STOP - START))
    k, u = history.astype(int), (history % 1).astype(np.float32)
    j = np.rint(metal).astype(int).clip(0, len(_METALLICITIES) - 1)
    rows = np.zeros((n, columns.stop - columns.start), dtype=np.float32)
    for d, share in enumerate((1 - broad, broad)):
        rows += p.composite[d, j, k, columns] * (share * (1 - u))[:, None]
        rows += p.composite[d, j, k + 1, columns] * (share * u)[:, None]
    halpha = p.halpha[j, k] * (1 - u) + p.halpha[j, k + 1] * u
    # A burst on top, in a quarter of the star-forming galaxies: a choice
    burst = np.where(~quiescent & (rng.random(n) < 0.25), rng.beta(1.0, 1.5, n), 0.0).astype(np.float32)
    age = rng.integers(0, len(_BURST_AGES), n)
    rows *= (1 - burst)[:, None]
    rows += p.young[j, age, columns] * burst[:, None]
    halpha = halpha * (1 - burst) + _BURST_HALPHA[age] * burst
    return redshifted(rows, START + columns.start, redshift, start, stop), halpha


def _add_nebular_lines(
    flux: np.ndarray, halpha: np.ndarray, redshift: np.ndarray, start: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Add emission lines whose ratios follow the sequence of star-forming galaxies, or that of active nuclei.

    Return the equivalent width of H alpha, with that of the nucleus, and whether the nucleus is active.

    References
    ----------
    Kewley L. J. et al., ApJ 774 (2013) 100, equation 5: [O III]/H beta against [N II]/H alpha of star-forming galaxies.
    Kauffmann G. et al., MNRAS 346 (2003) 1055: narrow-line active nuclei.
    Osterbrock D. E., Ferland G. J. (2006), table 4.4: recombination lines of hydrogen, case B, 10 000 K.
    """
    n = len(flux)
    nitrogen = np.clip(-0.35 - 0.55 * np.log10(np.maximum(halpha, 1.0) / 20.0) + rng.normal(0.0, 0.2, n), -1.9, -0.2)
    oxygen = np.clip(0.61 / (np.minimum(nitrogen, -0.2) + 0.08) + 1.1 + rng.normal(0.0, 0.12, n), -1.0, 0.95)
    active = rng.random(n) < 0.15
    nitrogen = np.where(active, rng.normal(0.0, 0.12, n), nitrogen)
    oxygen = np.where(active, rng.normal(0.6, 0.3, n), oxygen)
    halpha = np.where(active, halpha + rng.lognormal(np.log(5.0), 0.8, n), halpha) * rng.lognormal(0.0, 0.35, n)
    hbeta = 1 / 2.86
    o3, n2 = hbeta * 10.0**oxygen, 10.0**nitrogen
    s2 = 10.0 ** rng.normal(-0.5, 0.12, n)
    o2 = hbeta * 10.0 ** rng.normal(0.40, 0.15, n)
    hard = np.where(active, 0.1, 0.0) + 0.02
    ratios = {
        "H alpha": np.ones(n), "H beta": hbeta, "H gamma": 0.468 * hbeta, "H delta": 0.259 * hbeta,
        "H epsilon": 0.159 * hbeta, "H 8": 0.105 * hbeta, "H 9": 0.073 * hbeta,
        "[O III] 5007": o3, "[O III] 4959": o3 / 2.98, "[O III] 4363": 0.012 * o3, "[N II] 6583": n2,
        "[N II] 6548": n2 / 3.05, "[S II] 6716": 0.57 * s2, "[S II] 6731": 0.43 * s2, "[O II]": o2,
        "[Ne III] 3869": 0.09 * o3, "[Ne III] 3967": 0.027 * o3, "He I 5876": 0.12 * hbeta, "[O I] 6300": 0.15 * s2,
        "[O I] 6364": 0.05 * s2, "He II 4686": hard * hbeta, "[Ar III] 7136": 0.09 * hbeta,
        "[S III] 9069": 0.5 * hbeta,
    }  # fmt: skip
    # The continuum next to H alpha; if it lies beyond the grid, the continuum at the end is used.
    continuum = continuum_at(flux, start, 1.015 * REST["H alpha"] * (1 + redshift))
    sigma = np.clip(rng.lognormal(np.log(90.0), 0.4, n), 30.0, 350.0) / LIGHT_SPEED
    for name, ratio in ratios.items():
        add_lines(flux, start, REST[name] * (1 + redshift), sigma, halpha * continuum * ratio / REST[name])
    return halpha, active
