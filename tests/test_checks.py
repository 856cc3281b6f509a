"""Checks that subpackages share: labels and their codes, and wavelengths. Class shares: see test_calibration.py."""

import numpy as np
import pytest

from skspectra._checks import check_wavelength, check_y, class_codes, encode

CLASSES = np.array(["STAR", "GALAXY", "QSO"])  # in an order of their own


def test_codes_are_positions_in_the_classes():
    y = np.array(["QSO", "STAR", "GALAXY", "QSO"])
    for codes in (encode(y, CLASSES), class_codes(y, CLASSES, "y"), class_codes(y.astype(object), CLASSES, "y")):
        assert codes.tolist() == [2, 0, 1, 2]
        assert codes.dtype == np.int64


def test_a_label_that_is_no_class():
    y = np.array(["QSO", "COMET", "STAR", "ASTEROID"])
    assert encode(y, CLASSES).tolist() == [2, 3, 0, 3]
    with pytest.raises(ValueError, match=r"y_val has labels \['ASTEROID', 'COMET'\], but the classes are"):
        class_codes(y, CLASSES, "y_val")


@pytest.mark.parametrize("y", [[1, 2], [1.5], [None], ["QSO", 1], ["QSO", None]])
def test_labels_of_another_kind(y):
    with pytest.raises(ValueError, match=r"target .* classes"):
        class_codes(np.array(y, dtype=object), CLASSES, "target")


def test_numbers_are_not_taken_for_their_texts():
    with pytest.raises(ValueError, match=r"y has labels \['1'\], but the classes are \[0, 1\]"):
        class_codes(np.array(["1"]), np.array([0, 1]), "y")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[0, 1], [1, 0]], "y should be a 1d array"),
        ([0.0, np.nan], "y has 1 missing labels among 2"),
        ([0.5, 1.5], "Unknown label type: continuous"),
        ([0, 1, 1], "inconsistent numbers of samples"),
    ],
)
def test_labels_for_fit(y, message):
    assert check_y(np.zeros((2, 5)), [0, 1]).tolist() == [0, 1]
    with pytest.raises(ValueError, match=message):
        check_y(np.zeros((2, 5)), y)


def test_a_good_grid_becomes_float64():
    for grid in ([4000, 5000], np.float32([4000, 5000])):
        checked = check_wavelength(grid, n_features=2, limits=(4000, 5000))
        assert checked.dtype == np.float64
        assert checked.tolist() == [4000, 5000]


@pytest.mark.parametrize(
    ("grid", "arguments", "message"),
    [
        (["a", "b"], {}, "grid must be an array of numbers"),
        ([5000], {}, r"grid must be a 1D array of at least 2 values, got shape \(1,\)"),
        ([[4000, 5000]], {}, r"1D array of at least 2 values, got shape \(1, 2\)"),
        ([4000, 5000], {"n_features": 3}, r"grid must hold a value for each of 3 samples, got shape \(2,\)"),
        ([4000, np.inf], {}, "grid holds 1 values that are NaN or infinite"),
        ([0, 5000], {}, "grid must be positive and strictly increasing"),
        ([4000, 4000], {}, "grid must be positive and strictly increasing"),
        ([3000, 5000], {"limits": (3500, 9000)}, "between 3500 and 9000 angstrom, got 3000 to 5000"),
        ([4000, 9500], {"limits": (3500, 9000)}, "between 3500 and 9000 angstrom, got 4000 to 9500"),
    ],
)
def test_a_bad_grid(grid, arguments, message):
    with pytest.raises(ValueError, match=message):
        check_wavelength(grid, "grid", **arguments)
