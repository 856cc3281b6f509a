"""Warnings about spectra that are not scaled, or are scaled differently for training and validation."""

from __future__ import annotations

import warnings

import numpy as np

_N_ROWS = 256  # spectra that are checked, so that a memory-mapped survey is not read as a whole
_SPANS = (1e-3, 1e3)
_MOST_UNLIKE = 100.0

_SCALE = "Scale the spectra, for example with a MinMaxSpectrumScaler before the network in a pipeline."
_ROUTE = (
    "A pipeline scales X_val like X only if it is named in transform_input: "
    "sklearn.set_config(enable_metadata_routing=True); make_pipeline(MinMaxSpectrumScaler(), network, "
    'transform_input=["X_val"]).fit(X, y, X_val=X_val, y_val=y_val).'
)


def warn_of_scale(flux: np.ndarray, rows: np.ndarray, validation_flux: np.ndarray | None, stacklevel: int) -> None:
    """Warn if the span of the spectra is far from 1, or if those for validation are far from those for training.

    The span of a set is the median of the spans of its spectra, so that a few spikes do not matter. Of the training
    spectra, only the given rows are used.
    """
    span, level = _span_and_level(flux, rows)
    if span == 0 and level != 0:  # constant spectra have no scale; those of 0 may have been too small for float32
        return
    if not _SPANS[0] <= span <= _SPANS[1]:
        warnings.warn(
            f"The median range (maximum - minimum) of the spectra in X is {span:.2g}, and a network learns little from "
            f"such values. {_SCALE}",
            stacklevel=stacklevel + 1,
        )
    if validation_flux is None:
        return
    validation_span, validation_level = _span_and_level(validation_flux, np.arange(len(validation_flux)))
    unlike = max(validation_span, span) > _MOST_UNLIKE * min(validation_span, span)
    if unlike or abs(validation_level - level) > _MOST_UNLIKE * span:
        warnings.warn(
            f"The spectra in X_val have a median range of {validation_span:.2g} around {validation_level:.2g}, but "
            f"those in X have one of {span:.2g} around {level:.2g}. {_ROUTE}",
            stacklevel=stacklevel + 1,
        )


def _span_and_level(flux: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
    """Return the median span of the spectra that are not constant, 0 if all are, and the median of the flux."""
    some = flux[rows[:: max(1, len(rows) // _N_ROWS)]]
    spans = np.ptp(some.astype(np.float64), axis=1)  # the span of float32 may be larger than float32 holds
    changing = spans > 0
    return (float(np.median(spans[changing])) if changing.any() else 0.0), float(np.median(some))
