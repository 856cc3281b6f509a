"""Checks of arguments that subpackages share: labels and their codes, class shares, wavelengths."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

# Texts that missing labels become if an array or a frame converts them to text.
MISSING_TEXTS = ("", "nan", "NaN", "<NA>", "NaT")


def refuse_missing_labels(y: Any, name: str = "y") -> None:
    """Raise ValueError if labels are missing: None, NaN, masked, or the empty label that `load_spectra` gives."""
    # By default, NumPy converts all items of a list with a string to strings, None included.
    labels = np.asarray(y, dtype=object if isinstance(y, list | tuple) else None)
    if y is None or labels.ndim == 0:
        return
    missing = np.ma.getmaskarray(y) if isinstance(y, np.ma.MaskedArray) else np.zeros(labels.shape, bool)
    select = f"~{name}.mask"
    if labels.dtype.kind == "f":
        missing, select = missing | np.isnan(labels), f"~numpy.isnan({name})"
    elif labels.dtype.kind in "UST":
        texts = [text.encode() for text in MISSING_TEXTS] if labels.dtype.kind == "S" else MISSING_TEXTS
        missing, select = missing | np.isin(labels, texts), f'~numpy.isin({name}, ["", "nan"])'
    elif labels.dtype.kind == "O":
        distinct = _distinct(labels)
        if any(map(_is_missing, distinct)):  # few distinct labels, even of millions
            missing = missing | np.array([_is_missing(label) for label in labels.flat], bool).reshape(labels.shape)
        select = f'pandas.notna({name}) & ({name} != "")'
    if missing.any():
        rows = np.flatnonzero(missing)
        raise ValueError(
            f"{name} has {len(rows)} missing labels among {len(labels)} (None, NaN or empty text), the first in row "
            f"{rows[0]}. Select the labelled spectra: labelled = {select}; X, {name} = X[labelled], {name}[labelled]."
        )
    if labels.dtype.kind == "O" and len({isinstance(label, str | bytes) for label in distinct}) > 1:
        raise ValueError(f"{name} mixes text and other labels; all must be of one kind.")


def _distinct(labels: np.ndarray) -> Iterable:
    try:
        return set(labels.flat)
    except TypeError:  # objects without a hash are not labels, which scikit-learn reports
        return labels.flat


def _is_missing(label: Any) -> bool:
    if label is None or (isinstance(label, str) and label in MISSING_TEXTS):
        return True
    # NaN differs from itself, and pandas' NA cannot be compared.
    return type(label).__name__ in ("NAType", "NaTType") or (isinstance(label, float) and label != label)


@contextmanager
def advice_on_flux(name: str = "X") -> Iterator[None]:
    """Add this package's remedies to errors about NaN and about spectra that do not form a 2D array.

    The errors of scikit-learn and NumPy recommend other classifiers, or do not mention spectra.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        first = str(error).partition("\n")[0]
        if "contains NaN" in first:
            raise ValueError(
                f"{first} Fill missing flux with skspectra.preprocessing.MissingFluxInterpolator."
            ) from error
        if "inhomogeneous" in first or "array element with a sequence" in first:
            raise ValueError(
                f"{name} must be a 2D array with a row for each spectrum, but its spectra are of different lengths or "
                "are in one column. Resample them to one wavelength grid with skspectra.datasets.resample_spectra, and "
                "stack them with numpy.stack."
            ) from error
        raise


def refuse_unusable_labels(y: Any) -> None:
    """Raise ValueError if labels are missing, or if there is more than one for each spectrum."""
    refuse_missing_labels(y)
    shape = np.asarray(y).shape
    if len(shape) > 1 and shape[1:] != (1,):
        raise ValueError(
            f"y should be a 1d array, got an array of shape {shape} instead. Multilabel and multioutput targets are "
            "not supported."
        )


def check_y(X: Any, y: Any, *, warn: bool = False) -> np.ndarray:
    """Return one class label for each spectrum, checked as scikit-learn's classifiers do in `fit`."""
    # Not above: processes that read files use this module, and scikit-learn takes longer to import than all they need.
    from sklearn.utils import assert_all_finite, check_consistent_length
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import column_or_1d

    refuse_unusable_labels(y)
    labels = column_or_1d(y, warn=warn)
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    check_consistent_length(X, labels)
    return labels


def encode(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the position of each label in `classes`, in any order; ``len(classes)`` if it is not there."""
    order = np.argsort(classes)
    position = np.minimum(np.searchsorted(classes, y, sorter=order), len(classes) - 1)
    codes = order[position]
    codes[classes[codes] != y] = len(classes)
    return codes


def class_codes(y: np.ndarray, classes: np.ndarray, name: str) -> np.ndarray:
    """Return the position of each label in `classes`; raise ValueError if one is not there."""
    try:
        codes = encode(y, classes)
    except TypeError as error:  # None, or labels of several kinds: they have no order
        raise ValueError(f"{name} must hold labels of the kind of the classes {classes.tolist()}.") from error
    unknown = np.unique(y[codes == len(classes)])
    if len(unknown):
        raise ValueError(f"{name} has labels {unknown.tolist()}, but the classes are {classes.tolist()}.")
    return codes


def check_class_priors(class_priors: Any, classes: np.ndarray, name: str, *, positive: bool = False) -> np.ndarray:
    """Return shares of the classes, given as a mapping from label or in the order of ``classes``, as float64."""
    labels = classes.tolist()
    if hasattr(class_priors, "items"):  # a dict, or a pandas Series as value_counts(normalize=True) gives it
        class_priors = dict(class_priors.items())
        unknown = [key for key in class_priors if key not in labels]
        if unknown:
            raise ValueError(f"{name} has unknown keys {unknown}; the classes are {labels}.")
        class_priors = [class_priors.get(label, 0.0) for label in labels]
    try:
        priors = np.array(class_priors, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers, got {class_priors!r}.") from error
    if priors.shape != classes.shape:
        raise ValueError(f"{name} must hold one share for each of the classes {labels}, got shape {priors.shape}.")
    if not (priors >= 0).all() or not np.isclose(priors.sum(), 1.0):
        raise ValueError(f"{name} must be shares of 0 or more that sum to 1, got {priors.tolist()}.")
    if positive and not (priors > 0).all():
        raise ValueError(f"{name} must be above 0 for each of the classes {labels}, got {priors.tolist()}.")
    return priors / priors.sum()


def in_angstrom(wavelength: ArrayLike, name: str = "wavelength") -> np.ndarray:
    """Return wavelengths as float64, converted to angstrom if they have a unit, like an astropy Quantity.

    Wavelengths without a unit are taken to be in angstrom.
    """
    if np.any(getattr(wavelength, "mask", False)):
        raise ValueError(f"{name} must have no masked values.")
    units: Any = getattr(wavelength, "unit", None)
    try:
        values = np.asarray(wavelength, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from error
    if units is None:
        units = getattr(wavelength, "units", None) or getattr(wavelength, "attrs", {}).get("units")
        if units is not None:
            raise ValueError(
                f"{name} must be in angstrom, without a unit or with one of astropy; it has the unit {units}."
            )
        return values
    if str(units) == "A":  # ampere for astropy, but for wavelengths it means angstrom
        return values
    try:
        return np.asarray(units.to("Angstrom", values))
    except Exception as error:  # of another library
        raise ValueError(f"{name} must be in a unit of length; it has the unit {units}.") from error


def masked_as_nan(values: Any) -> Any:
    """Return masked values, as of numpy.ma and astropy, as an array with NaN; return others unchanged.

    float32 stays float32; other numbers become float64.
    """
    mask = getattr(values, "mask", None)
    if mask is None or callable(mask):  # the frames of pandas have a method of this name
        return values
    array = np.asarray(getattr(values, "unmasked", np.ma.getdata(values)))
    if not np.any(mask):
        return array
    single = array.dtype.kind == "f" and array.dtype.itemsize <= 4
    array = array.astype(np.float32 if single else np.float64)
    array[np.broadcast_to(mask, array.shape)] = np.nan
    return array


def check_wavelength(
    wavelength: ArrayLike,
    name: str = "wavelength",
    *,
    n_features: int | None = None,
    least: int = 2,
    limits: tuple[float, float] | None = None,
) -> np.ndarray:
    """Return a wavelength grid in angstrom as float64: positive, strictly increasing and, with limits, between them.

    It has `n_features` values, one for each sample of a spectrum, or at least `least` values if `n_features` is None.
    """
    grid = in_angstrom(wavelength, name)
    if n_features is None and (grid.ndim != 1 or len(grid) < least):
        raise ValueError(f"{name} must be a 1D array of at least {least} values, got shape {grid.shape}.")
    if n_features is not None and grid.shape != (n_features,):
        raise ValueError(f"{name} must hold a value for each of {n_features} samples, got shape {grid.shape}.")
    if not np.isfinite(grid).all():
        raise ValueError(f"{name} holds {np.count_nonzero(~np.isfinite(grid))} values that are NaN or infinite.")
    if grid[0] <= 0 or (np.diff(grid) <= 0).any():
        raise ValueError(f"{name} must be positive and strictly increasing.")
    if limits is not None and not (limits[0] <= grid[0] and grid[-1] <= limits[1]):
        raise ValueError(
            f"{name} must lie between {limits[0]:.0f} and {limits[1]:.0f} angstrom, got {grid[0]:g} to {grid[-1]:g}."
        )
    return grid
