"""Spectra from named arrays in an npz archive, a text file or a FITS table of no known survey."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..._checks import in_angstrom, masked_as_nan
from ._spectrum import NoSpectra, Spectrum
from ._values import refuse_per_frequency

# Names that are recognised for each field, in lower case and without units.
_NAMES = {
    "wavelength": ("wavelength", "wave", "lambda", "lam", "spectral_axis"),
    "log10 wavelength": ("loglam",),
    "flux": ("flux", "data"),
    "ivar": ("ivar",),
    "error": ("error", "err", "sigma", "uncertainty", "flux_error", "flux_err"),
    "mask": ("mask",),
    "target": ("target", "class", "label"),
    "subclass": ("subclass",),
    "redshift": ("redshift", "z"),
    "snr": ("snr",),
    "zwarning": ("zwarning", "zwarn"),
    "object_id": ("object_id", "object", "source_id"),
    "spectrum_id": ("spectrum_id",),
    "survey": ("survey",),
}
TEXT_FIELDS = ("target", "subclass", "object_id", "spectrum_id", "survey")
_PER_SPECTRUM = (*TEXT_FIELDS, "redshift", "snr", "zwarning")

# "wavelength(A)", "Wave [nm]", "flux_nm"
_NAME_AND_UNIT = re.compile(r"(.+?)\s*(?:[\[(]\s*(.*?)\s*[\])]|_(nm|um|angstrom))")
_ANGSTROMS = {
    "": 1.0, "a": 1.0, "aa": 1.0, "å": 1.0, "ang": 1.0, "angstrom": 1.0, "angstroms": 1.0,
    "nm": 10.0, "nanometer": 10.0, "um": 1e4, "µm": 1e4, "micron": 1e4, "microns": 1e4, "m": 1e10,
}  # fmt: skip

# Grid of Gaia's sampled BP/RP spectra, whose text files do not state that the wavelengths are in nm.
_GAIA_GRID = np.arange(336.0, 1021.0, 2.0)


def find_fields(names: Iterable[str]) -> dict[str, str]:
    """Return the name of the array for each field that is present."""
    bare = {_split(name)[0]: name for name in reversed(list(names))}
    found = {field: next((bare[name] for name in known if name in bare), None) for field, known in _NAMES.items()}
    return {field: name for field, name in found.items() if name is not None}


def has_spectra(fields: Iterable[str]) -> bool:
    """Return whether the fields include flux and wavelength."""
    return "flux" in fields and ("wavelength" in fields or "log10 wavelength" in fields)


def spectra_of(arrays: Mapping[str, Any], object_id: str = "") -> list[Spectrum]:
    """Return a Spectrum for each row of the flux.

    Arrays are recognised by their names. Those with one value per spectrum have as many values as the flux has rows.
    `object_id` names a single spectrum that the arrays do not name.
    """
    places = find_fields(arrays)
    given = {field: arrays[name] for field, name in places.items()}
    if not has_spectra(given):
        missing = "flux" if "flux" not in given else "wavelength"
        raise NoSpectra(f"it has no array recognised as {missing}; its arrays are {sorted(arrays)}")
    refuse_per_frequency(given["flux"])
    if "error" in given and "ivar" not in given:
        given["ivar"] = _inverse_variance(given["error"])
    wavelength, survey = _wavelength(given, places)
    rows: dict[str, Any] = {
        name: np.atleast_2d(np.asarray(masked_as_nan(given[name])))
        for name in ("flux", "ivar", "mask")
        if name in given
    }
    flux = rows.pop("flux")
    rows |= {name: np.atleast_1d(given[name]) for name in _PER_SPECTRUM if name in given}
    if np.ndim(given["flux"]) == 1:
        # A table with one pixel per row repeats the values that belong to the whole spectrum.
        rows = {name: _repeated(values, len(values) == flux.shape[1]) for name, values in rows.items()}
    for name, values in rows.items():
        if len(values) != len(flux):
            raise ValueError(f"{name} has {len(values)} rows, but the flux has {len(flux)}")
    if "ivar" in rows:
        # `load_spectra` returns NaN throughout if there is no inverse variance.
        rows["ivar"] = [None if np.isnan(ivar).all() else ivar for ivar in rows["ivar"]]
    if len(flux) == 1:
        rows.setdefault("object_id", [object_id])
    if survey:
        rows.setdefault("survey", [survey] * len(flux))
    return [
        Spectrum(
            flux=flux[i],
            wavelength=wavelength if wavelength.ndim == 1 else wavelength[i],
            **{name: values[i] for name, values in rows.items()},
        )
        for i in range(len(flux))
    ]


def _split(name: str) -> tuple[str, str]:
    """Return the name of a column without its unit, and the unit, both in lower case."""
    name = name.strip().lower()
    match = _NAME_AND_UNIT.fullmatch(name)
    return (match[1], match[2] or match[3] or "") if match else (name, "")


def _wavelength(given: Mapping[str, Any], places: Mapping[str, str]) -> tuple[np.ndarray, str]:
    """Return the wavelengths in angstrom, and the survey if the grid identifies it."""
    if "wavelength" not in given:
        return 10.0 ** np.asarray(given["log10 wavelength"], np.float64), ""
    unit = _split(places["wavelength"])[1]
    if unit not in _ANGSTROMS:
        known = [name for name in _ANGSTROMS if name]
        raise ValueError(f"the wavelengths are in {unit!r}; the known units are {known}")
    values = in_angstrom(given["wavelength"], "the wavelength")
    if not unit and np.array_equal(values, _GAIA_GRID):
        return values * _ANGSTROMS["nm"], "Gaia"
    return values * _ANGSTROMS[unit], ""


def _inverse_variance(error: Any) -> np.ndarray:
    """Return 1 / error**2, and 0 where the error is unknown."""
    error = np.asarray(masked_as_nan(error), np.float64)
    return np.divide(1.0, error**2, out=np.zeros(error.shape), where=error > 0)


def _repeated(values: np.ndarray, is_column: bool) -> np.ndarray:
    """Return the single value of a column that repeats it; return other values unchanged."""
    return values[:1] if is_column and (values == values[0]).all() else values
