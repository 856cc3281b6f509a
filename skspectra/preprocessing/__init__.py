"""Transformers that treat each spectrum independently."""

from ._interpolate import MissingFluxInterpolator
from ._scale import MinMaxSpectrumScaler

__all__ = ["MinMaxSpectrumScaler", "MissingFluxInterpolator"]
