"""Validation shared by the estimators, and the one home of imports from scikit-learn's private parts."""

import math
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import Tags, check_array
from sklearn.utils._openmp_helpers import _openmp_effective_n_threads
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, _Constraint
from sklearn.utils.validation import _check_feature_names, validate_data

__all__ = [
    "HasMethods",
    "Interval",
    "Pair",
    "StrOptions",
    "Tags",
    "_check_feature_names",
    "_fit_context",
    "_openmp_effective_n_threads",
    "check_spectra",
    "validate_data",
]


class Pair(_Constraint):
    """Constraint for a parameter that is a pair (low, high) of finite numbers between ``minimum`` and ``maximum``.

    Low must be less than high, or at most equal to it where ``strict`` is False.
    """

    def __init__(self, minimum: float = -math.inf, maximum: float = math.inf, *, strict: bool = True) -> None:
        super().__init__()
        self.minimum = minimum
        self.maximum = maximum
        self.strict = strict

    def is_satisfied_by(self, val: object) -> bool:
        if not (isinstance(val, tuple | list) and len(val) == 2 and all(isinstance(end, Real) for end in val)):
            return False
        low, high = val
        return (
            math.isfinite(low)
            and math.isfinite(high)
            and self.minimum <= low <= high <= self.maximum
            and (low < high or not self.strict)
        )

    def __str__(self) -> str:
        bounds = f"between {self.minimum} and {self.maximum}, " if math.isfinite(self.minimum) else ""
        return f"a pair (low, high) of finite numbers, {bounds}low {'<' if self.strict else '<='} high"


def check_spectra(estimator: BaseEstimator, X: Any, *, reset: bool = False, **check_params: Any) -> np.ndarray:
    """Return X as an array of float64 or float32, NaN allowed, checked against what a transformer saw in ``fit``.

    The transformers of this package are stateless: one that was not fitted takes any width and any feature names,
    for which `validate_data` would warn.
    """
    check_params = {"dtype": [np.float64, np.float32], "ensure_all_finite": "allow-nan", **check_params}
    if reset or hasattr(estimator, "n_features_in_"):
        return validate_data(estimator, X, reset=reset, **check_params)
    return check_array(X, estimator=estimator, input_name="X", **check_params)
