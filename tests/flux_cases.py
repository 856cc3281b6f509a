"""Flux of random shapes and values."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, from_dtype


def spectra(n_samples=5, n_features=40, dtype="float32", seed=0):
    return np.random.default_rng(seed).normal(3.0, 2.0, (n_samples, n_features)).astype(dtype)


def finite_spectra(dtypes=("f4", "f8", "i2", "u1"), allow_nan=True):
    """Spectra of any shape and any finite numbers, up to the largest float, some samples missing."""

    def of_dtype(dtype):
        elements = from_dtype(np.dtype(dtype), allow_infinity=False, allow_nan=allow_nan)
        return arrays(dtype, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=elements)

    return st.sampled_from(dtypes).flatmap(of_dtype)
