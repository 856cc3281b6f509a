"""Spectra of stars in a survey of the Galaxy."""

from functools import cache
from typing import NamedTuple

import numpy as np

from ..._parallel import map_in_threads
from .._constants import LIGHT_SPEED
from .._lines import REST
from ._log_grid import add_lines, continuum_at, redshifted
from ._stellar_spectrum import START, synthesise

# Temperatures of the library, more widely spaced for hot stars, and its metallicities [M/H].
_TEMPERATURES = np.concatenate(
    [np.arange(2600.0, 4000.0, 140.0), np.geomspace(4000.0, 10000.0, 22), np.geomspace(11500.0, 45000.0, 8)]
)
_METALLICITIES = np.array([-2.0, -1.0, -0.5, 0.0, 0.4])


def dwarf_gravity(temperature: np.ndarray) -> np.ndarray:
    """Return log10 of the gravity on the main sequence (Eker Z. et al., MNRAS 479 (2018) 5491)."""
    return np.interp(
        temperature,
        [2600, 3000, 3500, 4000, 5000, 5800, 7000, 9000, 45000],
        [5.3, 5.1, 4.85, 4.7, 4.58, 4.44, 4.25, 4.1, 4.0],
    )


def giant_gravity(temperature: np.ndarray) -> np.ndarray:
    """Return log10 of the gravity of giants and supergiants (Girardi L. et al., A&AS 141 (2000) 371)."""
    return np.interp(
        temperature,
        [2600, 3500, 4000, 4500, 5000, 5400, 6500, 12000, 45000],
        [0.0, 0.6, 1.3, 2.2, 3.0, 3.6, 3.8, 3.9, 4.0],
    )


class Library(NamedTuple):
    """Surface fluxes of stars."""

    branches: np.ndarray  # dwarfs and giants, (2, n_metallicities, n_temperatures, STOP - START)
    others: np.ndarray  # white dwarfs and carbon stars, (n_others, STOP - START)

    def spectra(
        self, giant: np.ndarray, temperature: np.ndarray, metallicity: np.ndarray, columns: slice = slice(None)
    ) -> np.ndarray:
        """Interpolate in temperature and metallicity.

        Parameters
        ----------
        giant, temperature, metallicity : ndarray, (n,)
            True for the giant branch, effective temperature (K) and [M/H], clipped to the range of the library.
        columns : slice
            Samples to return.

        Returns
        -------
        ndarray of float32, (n, n_columns)
        """
        i, u = _cell(np.log(_TEMPERATURES), np.log(temperature))
        j, v = _cell(_METALLICITIES, metallicity)
        cube = self.branches[..., columns]
        branch = np.asarray(giant, dtype=int)
        out = cube[branch, j, i] * ((1 - u) * (1 - v))[:, None]
        out += cube[branch, j, i + 1] * (u * (1 - v))[:, None]
        out += cube[branch, j + 1, i] * ((1 - u) * v)[:, None]
        out += cube[branch, j + 1, i + 1] * (u * v)[:, None]
        return out


def _cell(knots: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of the knot below and the share of the knot above as float32."""
    x = np.clip(x, knots[0], knots[-1])
    i = np.clip(np.searchsorted(knots, x, "right") - 1, 0, len(knots) - 2)
    return i, ((x - knots[i]) / (knots[i + 1] - knots[i])).astype(np.float32)


@cache
def library() -> Library:
    """Return the stars from which all stars and galaxies are made; they are computed once."""

    def branch(giant: bool, metallicity: float) -> np.ndarray:
        gravity = giant_gravity(_TEMPERATURES) if giant else dwarf_gravity(_TEMPERATURES)
        return synthesise(_TEMPERATURES, gravity, np.full_like(_TEMPERATURES, metallicity))

    kinds = [(giant, metallicity) for giant in (False, True) for metallicity in _METALLICITIES]
    branches = np.stack(map_in_threads(branch, *zip(*kinds, strict=True)))
    branches = branches.reshape(2, len(_METALLICITIES), *branches.shape[1:])
    others = synthesise(
        np.array([8000.0, 10000.0, 13000.0, 17000.0, 25000.0, 40000.0, 3600.0, 4000.0, 4400.0]),
        np.array([8.0] * 6 + [1.0, 1.5, 2.0]),
        np.array([-9.0] * 6 + [-0.5] * 3),
        np.array([0.0] * 6 + [0.7] * 3),
    )
    others /= others.mean(axis=1, keepdims=True)
    return Library(branches, others)


# Share of each spectral type among the stars of a survey of the Galaxy, LAMOST's: Luo et al., RAA 15 (2015) 1095;
# Zhong et al., RAA 19 (2019) 75, and its range of effective temperatures (K): Pecaut M. J., Mamajek E. E., ApJS 208
# (2013) 9.
_TYPES = (
    ("O", 0.001, 30000.0, 45000.0),
    ("B", 0.009, 10500.0, 30000.0),
    ("A", 0.07, 7400.0, 10500.0),
    ("F", 0.30, 6000.0, 7400.0),
    ("G", 0.38, 5300.0, 6000.0),
    ("K", 0.17, 3900.0, 5300.0),
    ("M", 0.062, 2600.0, 3900.0),
    ("other", 0.008, 0.0, 0.0),
)
_OTHERS = ("WD",) * 6 + ("Carbon",) * 3  # as in `library`; the names are those of SDSS
_GIANT_SHARE = 0.35  # among G and K stars: a choice


def make_stars(n: int, start: int, stop: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw stars.

    Parameters
    ----------
    n : int
    start, stop : int
        Samples of the master grid in the observer's frame.
    rng : numpy.random.Generator

    Returns
    -------
    flux : ndarray of float32, (n, stop - start)
    redshift : ndarray of float64, (n,)
        Radial velocity over the speed of light.
    subclass : ndarray of str, (n,)
    """
    share = np.array([t[1] for t in _TYPES])
    kind = rng.choice(len(_TYPES), n, p=share / share.sum())
    low, high = (np.array([t[k] for t in _TYPES])[kind] for k in (2, 3))
    other = kind == len(_TYPES) - 1
    temperature = np.where(other, 5000.0, low + (high - low) * rng.random(n))
    giant = np.isin(kind, (4, 5)) & (rng.random(n) < _GIANT_SHARE)
    # Thin disc, thick disc and halo (Bensby T. et al., A&A 562 (2014) A71): [M/H] and velocity dispersion, km/s
    population = rng.choice(3, n, p=(0.80, 0.15, 0.05))
    metallicity = rng.normal(np.array([-0.15, -0.6, -1.5])[population], np.array([0.25, 0.3, 0.5])[population])
    redshift = rng.normal(0.0, np.array([35.0, 60.0, 150.0])[population]) / LIGHT_SPEED

    margin = 40
    columns = slice(start - margin - START, stop + margin - START)
    rows = library().spectra(giant, temperature, metallicity, columns)
    chosen = rng.integers(0, len(_OTHERS), other.sum())
    rows[other] = library().others[chosen, columns]
    kind[other] += chosen
    subclass = np.array([*(t[0] for t in _TYPES[:-1]), *_OTHERS])[kind]
    flux = redshifted(rows, start - margin, redshift, start, stop)

    # Chromospheric emission of active M dwarfs (West A. A. et al., AJ 141 (2011) 97); share and strength are choices.
    active = (temperature < 3800.0) & ~giant & ~other & (rng.random(n) < 0.3)
    strength = np.where(active, rng.lognormal(np.log(4.0), 0.6, n), 0.0)
    for name, ratio in (("H alpha", 1.0), ("H beta", 0.9), ("H gamma", 0.6)):
        centre = REST[name] * (1 + redshift)
        area = strength * ratio / REST[name] * continuum_at(flux, start, centre)
        add_lines(flux, start, centre, np.full(n, 1e-4), area)
    return flux, redshift, subclass
