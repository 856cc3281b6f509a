"""Classification of astronomical spectra with scikit-learn estimators.

Subpackages load on first use, so that ``import skspectra`` stays light: only
``skspectra.neural_network``, ``skspectra.inspection`` and ``skspectra.pretrained`` need PyTorch.
"""

import importlib

__version__ = "0.1.0"

__all__ = [
    "augmentation",
    "calibration",
    "datasets",
    "export",
    "inspection",
    "metrics",
    "neural_network",
    "outliers",
    "over_sampling",
    "preprocessing",
    "pretrained",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        return importlib.import_module(f"skspectra.{name}")
    raise AttributeError(f"module 'skspectra' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
