"""Validation shared by the estimators, and the only imports of private parts of scikit-learn."""

from collections.abc import Callable
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, _clone_parametrized, _fit_context
from sklearn.utils import Tags, _safe_indexing, check_array
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from sklearn.utils._param_validation import HasMethods as SklearnHasMethods
from sklearn.utils._param_validation import Interval as SklearnInterval
from sklearn.utils._param_validation import StrOptions
from sklearn.utils._param_validation import validate_params as sklearn_validate_params
from sklearn.utils.validation import _check_feature_names, _check_sample_weight, validate_data

from ._checks import advice_on_flux, masked_as_nan

__all__ = [
    "HasMethods",
    "Interval",
    "Pair",
    "StrOptions",
    "Tags",
    "_check_feature_names",
    "_check_sample_weight",
    "_clone_parametrized",
    "_fit_context",
    "_openmp_effective_n_threads",
    "_safe_indexing",
    "check_spectra",
    "validate_data",
    "validate_params",
]

Function = TypeVar("Function", bound=Callable)


class Interval(SklearnInterval):
    """scikit-learn's constraint for a number in an interval, refusing booleans: Python counts True as the number 1."""

    def is_satisfied_by(self, val: object) -> bool:
        return not isinstance(val, bool) and super().is_satisfied_by(val)


class HasMethods(SklearnHasMethods):
    """scikit-learn's constraint for an object with some methods, refusing classes: an instance is meant."""

    def is_satisfied_by(self, val: object) -> bool:
        return not isinstance(val, type) and super().is_satisfied_by(val)


class Pair(Interval):
    """Constraint for a parameter that is a pair (low, high) of real numbers, both of them in an interval.

    Low must be less than high, or at most equal to it if ``strict`` is False. (scikit-learn accepts only its own kinds
    of constraints and their subclasses.)
    """

    def __init__(self, left: float | None, right: float | None, *, closed: str, strict: bool = True) -> None:
        super().__init__(Real, left, right, closed=closed)
        self.strict = strict

    def is_satisfied_by(self, val: object) -> bool:
        if not (isinstance(val, tuple | list) and len(val) == 2 and all(map(super().is_satisfied_by, val))):
            return False
        low, high = val
        return low < high or (low == high and not self.strict)

    def __str__(self) -> str:
        return f"a pair (low, high) with low {'<' if self.strict else '<='} high, each {super().__str__()}"


def validate_params(constraints: dict) -> Callable[[Function], Function]:
    """Return scikit-learn's decorator that checks the arguments of a function, typed to keep the function's type."""
    return sklearn_validate_params(constraints, prefer_skip_nested_validation=False)


def check_spectra(estimator: BaseEstimator, X: Any, *, reset: bool = False, **check_params: Any) -> np.ndarray:
    """Return X as an array of float64 or float32, NaN allowed, checked against what a transformer saw in ``fit``.

    Masked samples become NaN.

    The transformers of this package are stateless: one that was not fitted takes any width and any feature names,
    for which `validate_data` would warn.
    """
    # With a list of dtypes, float32 of a Polars frame would become float64.
    check_params = {"dtype": "numeric", "ensure_all_finite": "allow-nan", **check_params}
    with advice_on_flux():
        X = masked_as_nan(X)
        if reset or hasattr(estimator, "n_features_in_"):
            X = validate_data(estimator, X, reset=reset, **check_params)
        else:
            X = check_array(X, estimator=estimator, input_name="X", **check_params)
    if X.dtype in (np.float64, np.float32):
        return X
    try:
        with np.errstate(over="raise"):
            return X.astype(np.float64)
    except FloatingPointError as error:  # of numpy.longdouble
        raise ValueError("Input X contains a value too large for dtype('float64').") from error
