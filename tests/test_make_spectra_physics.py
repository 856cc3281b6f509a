"""make_spectra: the working grid, the instrument, and stars, galaxies and quasars."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from simulated_cases import CLASSES

from skspectra.datasets import LAMOST_WAVELENGTH, make_spectra
from skspectra.datasets._lines import REST
from skspectra.datasets._simulator._absorption import atomic_lines
from skspectra.datasets._simulator._galaxies import make_galaxies, simple_population
from skspectra.datasets._simulator._log_grid import (
    INSTRUMENT_SIGMA,
    STEP,
    add_lines,
    grid_wavelength,
    rebinning_matrix,
    redshifted,
    sample_edges,
    sample_index,
)
from skspectra.datasets._simulator._quasars import lyman_forest, make_quasars
from skspectra.datasets._simulator._spectrograph import Spectrograph, extinction_curve
from skspectra.datasets._simulator._stars import make_stars
from skspectra.datasets._simulator._stellar_atmosphere import equivalent_width
from skspectra.datasets._simulator._stellar_spectrum import START, STOP, synthesise

# --- Line lists


def test_each_atomic_line_is_there_once():
    lines = [
        (ions.element, ions.ion, *line)
        for ions in atomic_lines()
        for line in zip(ions.wavelength, ions.excitation, ions.log_gf, strict=True)
    ]
    assert len(set(lines)) == len(lines)


# --- The working grid


def test_a_redshift_is_a_shift():
    rng = np.random.default_rng(0)
    rest = rng.random((2, 3000)).astype(np.float32)
    whole, half = np.expm1(STEP * np.array([100, 100.5]))
    moved = redshifted(rest, 500, np.array([whole, half]), 700, 2700)
    assert_allclose(moved[0], rest[0, 100:2100], rtol=1e-3)
    assert_allclose(moved[1], (rest[1, 99:2099] + rest[1, 100:2100]) / 2, rtol=1e-3)


def test_a_line_has_its_area_and_width_and_those_off_the_grid_are_left_out():
    start, stop = (int(k) for k in sample_index(np.array([4000.0, 6000.0])))
    flux = np.zeros((4, stop - start), dtype=np.float32)
    centre = np.array([5000.0, 5000.0, 3000.0, 7000.0])
    add_lines(flux, start, centre, np.full(4, 1e-3), np.array([2e-3, -1e-3, 1.0, 1.0]))
    assert_allclose(flux.sum(axis=1) * STEP, [2e-3, -1e-3, 0, 0], rtol=1e-3)
    offset = np.log(grid_wavelength(start, stop) / 5000.0)
    spread = np.sqrt((flux[0] * offset**2).sum() / flux[0].sum())
    assert_allclose(spread, np.hypot(1e-3, INSTRUMENT_SIGMA), rtol=5e-3)


def test_a_core_of_half_the_width_keeps_the_area():
    start, stop = (int(k) for k in sample_index(np.array([4000.0, 6000.0])))
    flux = np.zeros((1, stop - start), dtype=np.float32)
    add_lines(flux, start, np.array([5000.0]), np.array([5e-3]), np.array([1e-2]), np.array([0.4]))
    assert_allclose(flux.sum() * STEP, 1e-2, rtol=1e-3)
    assert_allclose(flux.max(), 1e-2 / np.sqrt(2 * np.pi) / 5e-3 * (0.6 + 2 * 0.4), rtol=2e-3)


@pytest.mark.parametrize(
    "wavelength",
    [np.linspace(4000, 5000, 37), np.linspace(4000, 4100, 900), np.geomspace(4000, 9000, 200), np.array([4500.0])],
    ids=["coarse", "fine", "logarithmic", "one sample"],
)
def test_rebinning_averages_over_each_sample(wavelength):
    edges = sample_edges(wavelength)
    start, stop = int(sample_index(edges[0])), int(sample_index(edges[-1])) + 2
    rebin = rebinning_matrix(edges, start, stop)
    knots = grid_wavelength(start, stop)
    middle = (edges[1:] + edges[:-1]) / 2
    assert_allclose(rebin @ np.ones(len(knots)), 1, rtol=1e-5)
    assert_allclose(rebin @ knots, middle, rtol=1e-6)
    if len(wavelength) > 1:
        # the mean of x^2 over a sample, by its integral
        assert_allclose(rebin @ knots**2, (edges[1:] ** 3 - edges[:-1] ** 3) / 3 / np.diff(edges), rtol=1e-5)


# --- The instrument


def test_extinction_curve_of_the_milky_way():
    # Cardelli et al. (1989), table 3: A/A(V) in the bands U, B, V, R, I for R_V = 3.1
    assert_allclose(extinction_curve([3650, 4400, 5500, 7000, 9000]), [1.569, 1.337, 1.0, 0.751, 0.479], atol=0.02)


def test_noise_follows_the_throughput_and_the_sky():
    spectrograph = Spectrograph(LAMOST_WAVELENGTH)
    flux = np.ones((400, 2600), dtype=np.float32)
    spectrograph.observe(flux, np.full(400, 5.0), np.random.default_rng(0))
    flux /= np.median(flux, axis=1, keepdims=True)
    difference = np.abs(2 * flux[:, 4:-4] - flux[:, :-8] - flux[:, 8:])
    noise = np.median(difference, axis=0)

    def at(wavelength):
        middle = np.searchsorted(LAMOST_WAVELENGTH, wavelength) - 4
        return np.median(noise[middle - 3 : middle + 4])

    assert at(3750) > 2 * at(4900)  # the blue end
    assert at(9050) > 1.5 * at(7300)  # the red end
    assert at(5578.9) > 1.5 * at(5450)  # the brightest line of the night sky


# --- Stars


@pytest.fixture(scope="module")
def stars():
    """Spectra of stars of solar metallicity by temperature."""
    temperature = np.array([3100.0, 3600.0, 4500.0, 5777.0, 7500.0, 9500.0, 20000.0, 40000.0])
    gravity = np.array([5.0, 4.8, 4.6, 4.44, 4.2, 4.1, 4.0, 4.0])
    return dict(zip(temperature, synthesise(temperature, gravity, np.zeros(8)), strict=True))


def depth(flux, centre, side):
    """Of a line or band at vacuum wavelength `centre` below the mean of two places `side` angstrom away."""
    wavelength = grid_wavelength(START, STOP)
    near, left, right = (np.interp(w, wavelength, flux) for w in (centre, centre - side, centre + side))
    return 1 - near / ((left + right) / 2)


def width(flux, centre, reach):
    """Equivalent width, angstrom, over a straight continuum between the ends."""
    wavelength = grid_wavelength(START, STOP)
    inside = np.abs(wavelength - centre) < reach
    w, f = wavelength[inside], flux[inside]
    continuum = np.interp(w, w[[0, -1]], f[[0, -1]])
    return ((1 - f / continuum) * np.gradient(w)).sum()


def test_balmer_lines_peak_in_a_stars(stars):
    widths = {t: width(flux, REST["H beta"], 40.0) for t, flux in stars.items()}
    assert max(widths, key=widths.get) == 9500.0
    assert 8 < widths[9500.0] < 25
    assert widths[20000.0] < 0.7 * widths[9500.0]
    assert widths[5777.0] < 0.5 * widths[9500.0]


def test_balmer_jump_is_large_in_a_stars_only(stars):
    wavelength = grid_wavelength(START, STOP)
    jump = {t: np.interp(3950, wavelength, f) / np.interp(3600, wavelength, f) for t, f in stars.items()}
    assert jump[9500.0] > 1.6
    assert jump[40000.0] < 1.1


def test_the_sun(stars):
    """Equivalent widths in the solar spectrum, Moore et al. (1966), to a factor near two, and its colour."""
    for name, moore, reach in (
        ("Ca II K", 20.3, 25.0),
        ("H alpha", 4.0, 20.0),
        ("Ca II 8542", 3.7, 20.0),
        ("Na I D1", 0.75 + 0.56, 12.0),  # both lines of the doublet
    ):
        assert 0.5 * moore < width(stars[5777.0], REST[name], reach) < 2.2 * moore, name
    assert depth(stars[5777.0], 4305.0, 50.0) > 0.15  # the G band
    assert depth(stars[5777.0], 7126.0, 90.0) < 0.02  # no TiO


def test_cool_stars_show_bands_and_sodium(stars):
    for band in (6190.0, 7128.0):
        assert depth(stars[3600.0], band, 80.0) > 0.1
        assert abs(depth(stars[5777.0], band, 80.0)) < 0.05
    assert width(stars[3600.0], REST["Na I D2"] + 3, 40.0) > 4 * width(stars[5777.0], REST["Na I D2"] + 3, 40.0)


def test_helium_appears_in_hot_stars(stars):
    assert width(stars[20000.0], REST["He I 4471"], 8.0) > 0.3
    assert abs(width(stars[7500.0], REST["He I 4471"], 8.0)) < 0.3
    assert width(stars[40000.0], REST["He II 4542"], 8.0) > width(stars[20000.0], REST["He II 4542"], 8.0)


def test_metals_weaken_with_metallicity_and_cool_stars_are_red():
    rich, poor = synthesise(np.array([5500.0, 5500.0]), np.array([4.5, 4.5]), np.array([0.0, -2.0]))
    assert width(poor, REST["Ca II K"], 25.0) < 0.5 * width(rich, REST["Ca II K"], 25.0)
    assert depth(poor, REST["Mg I b2"], 40.0) < 0.5 * depth(rich, REST["Mg I b2"], 40.0)


def test_carbon_stars_show_swan_bands():
    normal, carbon = synthesise(np.array([4000.0] * 2), np.array([1.5] * 2), np.array([-0.5] * 2), np.array([0.0, 0.7]))
    wavelength = grid_wavelength(START, STOP)

    def step(flux):  # across the head of the band at 5165 angstrom, which goes to the blue
        return np.interp(5190, wavelength, flux) / np.interp(5150, wavelength, flux)

    assert step(carbon) > 1.3 * step(normal)


def test_weak_lines_are_on_the_linear_part_of_the_curve_of_growth():
    ratio = np.array([1e-6, 1e-4, 1e-3, 1e-2])
    widths = equivalent_width(ratio, np.full(4, 1e-3), np.full(4, 0.05))
    assert_allclose(widths, np.sqrt(np.pi) * ratio * 0.05, rtol=0.03)
    strong = equivalent_width(np.array([1e5, 4e5]), np.full(2, 0.1), np.full(2, 0.05))
    assert_allclose(strong[1] / strong[0], 2.0, rtol=0.05)  # square root on the damping part


def test_radial_velocities_are_those_of_the_galaxy():
    start, stop = (int(k) for k in sample_index(np.array([4000.0, 8000.0])))
    flux, redshift, _ = make_stars(3000, start, stop, np.random.default_rng(0))
    assert flux.shape == (3000, stop - start)
    assert (flux > 0).all()
    assert 30 < redshift.std() * 2.998e5 < 90


# --- Galaxies and quasars, by their mean spectrum in the rest frame


def stacked(make, n, window, low, high):
    """Median of spectra of unit median, in the rest frame between two wavelengths, of the redshifts in the window."""
    start, stop = (int(k) for k in sample_index(np.array([3690.0, 9100.0])))
    flux, redshift, _ = make(n, start, stop, np.random.default_rng(0))
    wanted = (redshift > window[0]) & (redshift < window[1])
    rest = np.linspace(low, high, 1500)
    observed = grid_wavelength(start, stop)
    rows = [np.interp(rest * (1 + z), observed, f) for f, z in zip(flux[wanted], redshift[wanted], strict=True)]
    rows = np.array(rows) / np.median(rows, axis=1, keepdims=True)
    return rest, rows


@pytest.fixture(scope="module")
def galaxies():
    return stacked(make_galaxies, 600, (0.05, 0.3), 3800.0, 6900.0)


def mean_in(rest, rows, low, high):
    return rows[:, (rest > low) & (rest < high)].mean(axis=1)


def test_galaxies_range_from_quiescent_to_starburst(galaxies):
    rest, rows = galaxies
    step = rest[1] - rest[0]
    side = (mean_in(rest, rows, 6490, 6530) + mean_in(rest, rows, 6605, 6645)) / 2
    equivalent = ((rows / side[:, None] - 1) * step)[:, (rest > 6535) & (rest < 6600)].sum(axis=1)
    low, middle, high = np.percentile(equivalent, (20, 50, 90))
    assert low < 2
    assert 2 < middle < 40
    assert high > 60


def test_galaxies_have_a_break_at_4000_angstrom_that_falls_with_their_emission(galaxies):
    rest, rows = galaxies
    strength = mean_in(rest, rows, 4050, 4250) / mean_in(rest, rows, 3830, 3950)  # after Bruzual (1983)
    line = mean_in(rest, rows, 6555, 6575) / mean_in(rest, rows, 6490, 6530)
    assert 1.1 < np.median(strength) < 2.2
    assert np.percentile(strength, 90) - np.percentile(strength, 10) > 0.3
    order = np.argsort(line)
    assert np.median(strength[order[:150]]) > np.median(strength[order[-150:]]) + 0.3


def test_lines_of_galaxies_stand_at_their_redshift(galaxies):
    rest, rows = galaxies
    mean = rows.mean(axis=0)
    for name in ("H alpha", "[O III] 5007", "[S II] 6716"):
        near = np.abs(rest - REST[name]) < 12
        assert abs(rest[near][mean[near].argmax()] - REST[name]) < 4, name
    near = np.abs(rest - REST["Ca II K"]) < 15
    assert abs(rest[near][np.median(rows, axis=0)[near].argmin()] - REST["Ca II K"]) < 6


def test_populations_redden_and_fade_with_age():
    wavelength = grid_wavelength(START, STOP)
    ages = (0.01, 0.1, 1.0, 10.0)
    flux = [simple_population(age, 0.0) for age in ages]
    blue, red = (np.array([np.interp(w, wavelength, f) for f in flux]) for w in (3600.0, 8000.0))
    assert (np.diff(blue / red) < 0).all()
    assert (np.diff(blue) < 0).all()


def test_lines_of_quasars_stand_at_their_redshift():
    for window, names in (
        ((1.5, 2.2), ("C IV", "C III]", "Mg II")),
        ((2.2, 3.5), ("Ly alpha", "C IV")),
        ((0.1, 0.35), ("H beta", "[O III] 5007", "H alpha")),
    ):
        lines = np.array([REST[name] for name in names])
        rest, rows = stacked(make_quasars, 1200, window, lines.min() - 60, lines.max() + 60)
        mean = np.median(rows, axis=0)
        for name, line in zip(names, lines, strict=True):
            near, around = np.abs(rest - line) < 40, np.abs(rest - line) > 55
            around &= np.abs(rest - line) < 60
            assert abs(rest[near][mean[near].argmax()] - line) < 12, name
            assert mean[near].max() > 1.2 * mean[around].mean(), name


def test_redshifts():
    spectra = make_spectra(1500, weights=(1, 1, 1), wavelength=[5000, 5002], random_state=0)
    low = {label: spectra.redshift[spectra.target == label].min() for label in CLASSES}
    high = {label: spectra.redshift[spectra.target == label].max() for label in CLASSES}
    assert high["STAR"] < 0.003
    assert 0 < low["GALAXY"] < 0.02
    assert 0.5 < high["GALAXY"] <= 0.8
    assert 0 < low["QSO"] < 0.3
    assert 3 < high["QSO"] <= 4


@pytest.mark.parametrize("redshift", [2.5, 3.5])
def test_the_forest_transmits_as_much_as_observed(redshift):
    start, stop = (int(k) for k in sample_index(np.array([1100.0, 1300.0]) * (1 + redshift)))
    u = np.log(grid_wavelength(start, stop) / (1 + redshift)).astype(np.float32)
    transmission = lyman_forest(np.tile(u, (60, 1)), np.full(60, redshift), np.random.default_rng(0))
    forest = (u > np.log(1100.0)) & (u < np.log(1150.0))
    absorber = np.exp(u[forest]) / 1215.67 * (1 + redshift)
    expected = np.exp(-(0.751 * (absorber / 4.5) ** 2.9 - 0.132))  # Becker et al. (2013)
    assert_allclose(transmission[:, forest].mean(), expected.mean(), rtol=0.05)
    assert transmission[:, forest].std() > 0.1
    assert_array_equal(transmission[:, u > np.log(1217.0)], 1)
