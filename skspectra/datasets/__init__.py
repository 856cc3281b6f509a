"""Simulated and observed spectra, survey files, stores on disk, and the table of spectral lines.

The public names load on first use: a process that reads files imports `_loading` alone, and starts without
scikit-learn in a third of the time.
"""

# ruff: noqa: F403, F405

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._public import *

__all__ = [
    "LAMOST_WAVELENGTH",
    "Label",
    "Labels",
    "Spectrum",
    "SurveyFile",
    "air_to_vacuum",
    "load_lines",
    "load_sdss_sample",
    "load_spectra",
    "make_spectra",
    "open_spectra_store",
    "register_reader",
    "resample_spectra",
    "vacuum_to_air",
    "write_spectra_store",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        from . import _public

        return getattr(_public, name)
    raise AttributeError(f"module 'skspectra.datasets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
