"""Wavelengths in air and in vacuum."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skspectra.datasets import air_to_vacuum, vacuum_to_air


@pytest.mark.parametrize(
    ("air", "vacuum"),
    [
        # Table of lines of SDSS, both columns as published
        (3933.663, 3934.777),
        (4861.325, 4862.683),
        (5006.843, 5008.240),
        (6562.801, 6564.614),
        (8542.089, 8544.437),
    ],
)
def test_published_pairs(air, vacuum):
    assert_allclose(vacuum_to_air(vacuum), air, atol=0.004)
    assert_allclose(air_to_vacuum(air), vacuum, atol=0.004)


def test_another_published_formula_agrees():
    vacuum = np.linspace(3000.0, 11000.0, 500)
    # Morton D. C., ApJS 77 (1991) 119: the older formula, which SDSS used
    morton = vacuum / (1.0 + 2.735182e-4 + 131.4182 / vacuum**2 + 2.76249e8 / vacuum**4)
    assert_allclose(vacuum_to_air(vacuum), morton, atol=0.01)


def test_one_is_the_inverse_of_the_other():
    vacuum = np.geomspace(2002.0, 25000.0, 1000)
    assert_allclose(air_to_vacuum(vacuum_to_air(vacuum)), vacuum, rtol=1e-14)


def test_far_ultraviolet_and_nan_are_returned_as_they_are():
    wavelength = np.array([100.0, 1215.67, 1999.9, np.nan])
    assert_array_equal(vacuum_to_air(wavelength), wavelength)
    assert_array_equal(air_to_vacuum(wavelength), wavelength)


@pytest.mark.parametrize("convert", [air_to_vacuum, vacuum_to_air])
def test_any_shape_and_type_gives_float64_and_leaves_the_input_alone(convert):
    assert convert(5000).shape == ()
    assert convert([[4000, 5000]]).shape == (1, 2)
    wavelength = np.array([4000.0, 5000.0], dtype=np.float32)
    wavelength.flags.writeable = False
    assert convert(wavelength).dtype == np.float64
    assert_array_equal(wavelength, np.array([4000.0, 5000.0], dtype=np.float32))


def test_air_is_the_inverse_of_vacuum_at_every_wavelength():
    air = np.concatenate([np.linspace(1990.0, 2010.0, 4001), [100.0, 1999.999, 2000.0]])
    assert_allclose(vacuum_to_air(air_to_vacuum(air)), air, rtol=1e-14)


def test_neither_decreases_at_the_limit():
    wavelength = np.linspace(1990.0, 2010.0, 4001)
    assert (np.diff(air_to_vacuum(wavelength)) > 0).all()
    assert (np.diff(vacuum_to_air(wavelength)) >= 0).all()
    assert_allclose(air_to_vacuum(2000.0), 2000.648, atol=1e-3)
    assert vacuum_to_air(2000.3) == 2000.0


@pytest.mark.parametrize("convert", [air_to_vacuum, vacuum_to_air])
@pytest.mark.parametrize("wrong", [0.0, -5000.0, [5000.0, -1.0], [np.nan, 0.0]])
def test_wavelengths_that_are_not_positive_are_refused(convert, wrong):
    with pytest.raises(ValueError, match="wavelength must be positive; the least is "):
        convert(wrong)
