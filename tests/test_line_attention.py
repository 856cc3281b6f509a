"""line_attention: share of attention around the lines of the class, against random redshifts."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skspectra.datasets import LAMOST_WAVELENGTH, load_lines
from skspectra.inspection import _line_attention, line_attention

LINES = load_lines()


def maps_of_lines(redshift, names, width=15.0, background=0.0):
    """Maps with a peak at each of the named lines at the redshift of each spectrum."""
    maps = np.full((len(redshift), len(LAMOST_WAVELENGTH)), background)
    for name in names:
        rest = LINES.wavelength_vacuum[LINES.name == name][0]
        centre = rest * (1 + np.asarray(redshift)[:, np.newaxis])
        maps += np.exp(-0.5 * ((LAMOST_WAVELENGTH - centre) / width) ** 2)
    return maps


@pytest.mark.parametrize(
    ("target", "redshift", "names"),
    [
        ("GALAXY", np.linspace(0.02, 0.35, 40), ["H alpha", "[O III] 5007", "[O II]"]),
        ("QSO", np.linspace(0.5, 3.5, 40), ["Mg II", "C IV", "Ly alpha"]),
    ],
)
def test_attention_that_follows_the_lines_is_found(target, redshift, names):
    attention = line_attention(maps_of_lines(redshift, names), LAMOST_WAVELENGTH, redshift, target, random_state=0)
    assert_array_equal(attention.target_names, [target])
    assert_array_equal(attention.n_spectra, [40])
    assert attention.enrichment[0] > 1.5
    assert_allclose(attention.p_value, 1 / 201)
    by_density = attention.lines.name[np.argsort(attention.lines.density)[::-1]]
    assert by_density[0] in names
    named = np.isin(attention.lines.name, names)
    assert (attention.lines.p_value[named] < 0.01).all()


@pytest.mark.parametrize("target", ["STAR", "GALAXY", "QSO"])
def test_even_attention_is_no_enrichment(target):
    maps = np.full((10, len(LAMOST_WAVELENGTH)), 0.3)
    for level in (maps, 0 * maps, -maps):
        attention = line_attention(
            level, LAMOST_WAVELENGTH, np.linspace(0, 0.2, 10), target, n_permutations=20, random_state=0
        )
        assert_allclose(attention.enrichment, 1)
        assert_allclose(attention.share, attention.coverage)
        assert_allclose(attention.lines.density, 1)
        assert_allclose(attention.p_value, 1)


@pytest.mark.parametrize("target", ["STAR", "GALAXY", "QSO"])
def test_attention_fixed_in_wavelength_is_no_enrichment(target):
    # Where H alpha lies at the most frequent redshift: attention there is a habit, not a line that is followed.
    rng = np.random.default_rng(0)
    redshift = rng.normal(0.1, 0.03, 60) if target != "STAR" else rng.normal(0, 2e-4, 60)
    maps = np.repeat(maps_of_lines([np.median(redshift)], ["H alpha"], width=100), 60, axis=0)
    attention = line_attention(maps, LAMOST_WAVELENGTH, redshift, target, random_state=0)
    assert attention.p_value[0] > 0.02


def test_p_values_of_random_attention_are_even():
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(60):
        maps = np.repeat(rng.random((12, 65)), 40, axis=1)
        redshift = rng.uniform(0, 0.3, 12)
        attention = line_attention(
            maps, LAMOST_WAVELENGTH, redshift, "GALAXY", n_permutations=39, random_state=rng.integers(99)
        )
        p_values.append(attention.p_value[0])
    assert np.mean(np.array(p_values) <= 0.05) < 0.15
    assert 0.35 < np.mean(p_values) < 0.65


def test_share_coverage_and_density_by_hand(monkeypatch):
    # Two lines of one class, at 5000 and 6000, on samples 100 apart: a window of 1 % holds one sample at redshift 0.
    table = load_lines()
    first = np.flatnonzero(table.STAR)[:3]
    short = type(table)(**{key: np.asarray(values)[first] for key, values in table.items()})
    short.wavelength_vacuum = np.array([5000.0, 6000.0, 20000.0])
    monkeypatch.setattr(_line_attention, "load_lines", lambda: short)
    wavelength = 4600 + 100.0 * np.arange(20)
    maps = np.ones((2, 20))
    maps[0, 4] = 6  # at 5000; the sum is 25
    maps[1, 14] = 0  # at 6000; the sum is 19
    attention = line_attention(maps, wavelength, [0, 0], "STAR", half_width=2998, n_permutations=5, random_state=0)
    assert_allclose(attention.coverage, 2 / 20)
    assert_allclose(attention.share, (7 / 25 + 1 / 19) / 2)
    assert_array_equal(attention.lines.wavelength, [5000, 6000])
    assert_array_equal(attention.lines.n_spectra, [2, 2])
    assert_allclose(attention.lines.density, [(6 / 25 + 1 / 19) * 20 / 2, (1 / 25 + 0) * 20 / 2])
    # At redshift 0.1 the lines are at 5500 and 6600, the latter beyond the end.
    attention = line_attention(maps, wavelength, 0.1, "STAR", half_width=2998, n_permutations=5, random_state=0)
    assert_array_equal(attention.lines.wavelength, [5000])
    assert_allclose(attention.lines.density, [(1 / 25 + 1 / 19) * 20 / 2])


def test_a_reference_is_the_unit_of_attention():
    redshift = np.linspace(0.02, 0.35, 30)
    structure = maps_of_lines(redshift, ["H alpha", "H beta", "[O II]"], background=0.2)
    args = {
        "wavelength": LAMOST_WAVELENGTH,
        "redshift": redshift,
        "target": "GALAXY",
        "n_permutations": 60,
        "random_state": 0,
    }
    # Attention that shows no more than the reference, whatever its scale.
    same = line_attention(7 * structure, reference=structure, **args)
    assert_allclose(same.enrichment, 1)
    assert_allclose(same.lines.density, 1)
    assert same.p_value[0] == 1
    assert line_attention(structure, **args).enrichment[0] > 1.2
    # An even reference changes nothing.
    even = line_attention(structure, reference=np.full(structure.shape, 3.0), **args)
    assert_allclose(even.enrichment, line_attention(structure, **args).enrichment)
    # More attention to one of the lines than the reference has.
    more = line_attention(structure + 2 * maps_of_lines(redshift, ["H alpha"]), reference=structure, **args)
    assert more.enrichment[0] > 1.1
    assert more.p_value[0] < 0.02
    lines = more.lines
    assert lines.density[lines.name == "H alpha"][0] > 1.2 > 1 > lines.density[lines.name == "H beta"][0]


def test_windows_that_overlap_are_one():
    windows = _line_attention._LineWindows(np.array([5000.0, 5010, 5040, 6000]), 0.004 * 2.998e5)
    assert_allclose(np.exp(windows.union_low), [5000 * 0.996, 6000 * 0.996])
    assert_allclose(np.exp(windows.union_high), [5040 * 1.004, 6000 * 1.004])
    windows = _line_attention._LineWindows(np.array([5000.0, 5010]), 0.0005 * 2.998e5)
    assert_allclose(np.exp(windows.union_low), [5000 * 0.9995, 5010 * 0.9995])


def test_p_value_and_enrichment_by_hand():
    null = np.array([[1.0, 2.0, np.nan], [3.0, 2.0, np.nan], [2.0, np.nan, np.nan], [2.0, 2.0, np.nan]])
    enrichment, p_value = _line_attention._compare(np.array([2.0, 3.0, 1.0]), null)
    assert_allclose(enrichment, [1, 1.5, np.nan])
    assert_allclose(p_value, [4 / 5, 1 / 4, 1])


def test_classes_are_told_apart_and_a_class_does_not_depend_on_the_others():
    redshift = np.tile([0.1, 0.2, 0.3], 8)
    maps = maps_of_lines(redshift, ["H alpha", "H beta"], background=0.1)
    target = np.repeat(["GALAXY", "QSO"], 12)
    both = line_attention(maps, LAMOST_WAVELENGTH, redshift, target, n_permutations=30, random_state=0)
    alone = line_attention(maps[:12], LAMOST_WAVELENGTH, redshift[:12], "GALAXY", n_permutations=30, random_state=0)
    assert_array_equal(both.target_names, ["GALAXY", "QSO"])
    assert set(both.lines.target) == {"GALAXY", "QSO"}
    assert_allclose(both.enrichment[0], alone.enrichment[0])
    # A line that a class shows both in absorption and in emission is there once.
    galaxy = both.lines.name[both.lines.target == "GALAXY"]
    assert (galaxy == "H alpha").sum() == 1
    assert len({len(values) for values in both.lines.values()}) == 1


def test_random_state_and_input_of_other_kinds():
    redshift = np.linspace(0, 0.3, 6)
    maps = maps_of_lines(redshift, ["H alpha"], background=0.1).astype(np.float32)
    maps.flags.writeable = False
    target = ["GALAXY"] * 6
    args = {"n_permutations": 20, "random_state": 3}
    first = line_attention(maps, LAMOST_WAVELENGTH, redshift, target, **args)
    again = line_attention(pd.DataFrame(maps), list(LAMOST_WAVELENGTH), pd.Series(redshift), pd.Series(target), **args)
    assert_array_equal(first.enrichment, again.enrichment)
    other = line_attention(maps, LAMOST_WAVELENGTH, redshift, target, n_permutations=20, random_state=4)
    assert first.enrichment[0] != other.enrichment[0]
    one = line_attention(maps[:1], LAMOST_WAVELENGTH, 0.0, "GALAXY", **args)
    assert np.isfinite(one.enrichment).all()
    none_there = line_attention(maps[:1], LAMOST_WAVELENGTH, 1e4, "STAR", **args)
    assert np.isnan(none_there.enrichment).all()
    assert np.isnan(none_there.p_value).all()
    assert len(none_there.lines.name) == 0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"target": "COMET"}, r"target has labels \['COMET'\], but the classes are \['STAR', 'GALAXY', 'QSO'\]"),
        ({"target": ["QSO"] * 3}, "inconsistent numbers of samples"),
        ({"redshift": [0.1] * 3}, "inconsistent numbers of samples"),
        ({"redshift": [0.1, np.nan]}, "redshift must be finite and above -1"),
        ({"redshift": -1.0}, "redshift must be finite and above -1"),
        (
            {"wavelength": LAMOST_WAVELENGTH[:5]},
            r"wavelength must hold a value for each of 2600 samples, got shape \(5,\)",
        ),
        ({"wavelength": LAMOST_WAVELENGTH[::-1]}, "increasing"),
        ({"wavelength": LAMOST_WAVELENGTH - 5000}, "positive"),
        ({"maps": np.full((2, 2600), np.nan)}, "maps contains NaN"),
        ({"reference": np.ones((2, 5))}, r"reference has shape \(2, 5\), but maps has \(2, 2600\)"),
        ({"reference": np.full((2, 2600), np.nan)}, "reference contains NaN"),
        ({"half_width": 0}, "'half_width' parameter of line_attention must be .* Got 0 instead"),
        ({"half_width": 3e5}, "Got 300000.0 instead"),
        ({"n_permutations": 0}, "'n_permutations' parameter of line_attention must be an int"),
        ({"random_state": "seed"}, "'random_state' parameter of line_attention must be"),
    ],
)
def test_bad_arguments(params, message):
    args = {"maps": np.ones((2, 2600)), "wavelength": LAMOST_WAVELENGTH, "redshift": [0, 0.1], "target": "GALAXY"}
    with pytest.raises(ValueError, match=message):
        line_attention(**{**args, **params})
