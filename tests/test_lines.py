"""The table of spectral lines."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skspectra.datasets import load_lines, vacuum_to_air


@pytest.fixture(scope="module")
def lines():
    return load_lines()


def test_columns_are_arrays_of_equal_length_and_make_a_table(lines):
    table = pd.DataFrame(dict(lines))
    assert list(table) == [
        *("name", "ion", "wavelength_vacuum", "wavelength_air", "kind", "STAR", "GALAXY", "QSO", "reference"),
    ]
    assert all(isinstance(column, np.ndarray) and column.shape == (len(table),) for column in lines.values())
    for label in ("STAR", "GALAXY", "QSO"):
        assert lines[label].dtype == bool
    assert set(lines.kind) == {"absorption", "emission", "band"}


def test_every_line_is_named_once_for_each_kind_and_cited_and_shown_by_a_class(lines):
    assert len(set(zip(lines.name, lines.kind, strict=True))) == len(lines.name)
    assert all(len(reference) > 10 and any(c.isdigit() for c in reference) for reference in lines.reference)
    assert (lines.STAR | lines.GALAXY | lines.QSO).all()


def test_wavelengths_increase_and_those_in_air_and_vacuum_belong_together(lines):
    assert (np.diff(lines.wavelength_vacuum) >= 0).all()
    assert_allclose(vacuum_to_air(lines.wavelength_vacuum), lines.wavelength_air, rtol=1e-12)
    optical = lines.wavelength_air > 2000
    assert (lines.wavelength_vacuum > lines.wavelength_air)[optical].all()
    assert_array_equal(lines.wavelength_vacuum[~optical], lines.wavelength_air[~optical])


@pytest.mark.parametrize(("name", "upper"), [("alpha", 3), ("beta", 4), ("gamma", 5), ("delta", 6), ("epsilon", 7)])
def test_balmer_lines_follow_rydberg_and_appear_in_both_kinds(lines, name, upper):
    rydberg = 1e8 / (109677.58 * (1 / 4 - 1 / upper**2))  # angstrom
    of_name = lines.name == f"H {name}"
    assert_allclose(lines.wavelength_vacuum[of_name], rydberg, rtol=2e-5)
    absorption, emission = (of_name & (lines.kind == kind) for kind in ("absorption", "emission"))
    assert lines.STAR[absorption].all()
    assert not lines.QSO[absorption].any()
    assert lines.QSO[emission].all()
    assert lines.GALAXY[of_name].all()


@pytest.mark.parametrize(
    ("name", "vacuum"),
    [
        # SDSS, table of lines used by its spectroscopic pipeline (Stoughton et al. 2002), vacuum
        ("Ly alpha", 1215.67),
        ("C III]", 1908.73),
        ("[O III] 4959", 4960.295),
        ("[O III] 5007", 5008.240),
        ("[N II] 6583", 6585.27),
        ("[S II] 6716", 6718.29),
        ("[S II] 6731", 6732.67),
        ("Ca II K", 3934.777),
        ("Ca II H", 3969.588),
        ("[O II]", (3727.092 + 3729.875) / 2),
        # means of the doublets of NIST
        ("C IV", (2 * 1548.187 + 1550.772) / 3),
        ("Mg II", (2 * 2796.352 + 2803.531) / 3),
        ("Na I D2", 5891.583),
    ],
)
def test_published_wavelengths(lines, name, vacuum):
    assert_allclose(lines.wavelength_vacuum[lines.name == name], vacuum, atol=0.06)


def test_lines_that_define_the_classes_are_there(lines):
    def of(label, kind):
        return set(lines.ion[lines[label] & (lines.kind == kind)])

    assert {"H I", "Ca II", "Mg I", "Na I", "He I", "Fe I"} <= of("STAR", "absorption")
    assert {"TiO", "CH", "CN", "C2", "VO"} <= of("STAR", "band")
    assert {"H I", "O II", "O III", "N II", "S II"} <= of("GALAXY", "emission")
    assert {"H I", "C IV", "C III", "Mg II", "Si IV", "N V", "O VI", "Ne V"} <= of("QSO", "emission")
    assert "Fe II" in of("QSO", "band")


def test_callers_cannot_change_the_table(lines):
    load_lines().wavelength_vacuum[:] = 0
    assert (load_lines().wavelength_vacuum > 1000).all()
    assert (lines.wavelength_vacuum > 1000).all()
