"""Checks of values of header cards and table columns."""

import numbers

import numpy as np


def as_number(name: str, value: object) -> float:
    """Return the value of a card or column as a float, NaN if missing; raise ValueError if it is not a number."""
    if value is None or value is np.ma.masked:
        return np.nan
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} is {value!r}, which is not a number")
    return float(value)


def as_integer(name: str, value: object) -> int:
    """Return the value of a card or column as an integer, 0 if missing; raise ValueError if it is not one."""
    if value is None or value is np.ma.masked:
        return 0
    number = as_number(name, value)
    if not number.is_integer():
        raise ValueError(f"{name} is {value!r}, which is not a whole number")
    return int(value)  # type: ignore[call-overload]  # not int(number), which float64 may have rounded


def as_text(name: str, value: object) -> str:
    """Return the value of a card or column as stripped text; raise ValueError if it is not text."""
    try:
        text = value.decode("ascii") if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        text = None
    if not isinstance(text, str):
        raise ValueError(f"{name} is {value!r}, which is not text")
    return text.strip()


def as_class(name: str, value: object) -> str:
    """Return a class as text; raise ValueError if it is not text or empty, because "" means that there is no label."""
    text = as_text(name, value)
    if not text:
        raise ValueError(f"{name} is empty")
    return text


def refuse_per_frequency(flux: object) -> None:
    """Raise ValueError if a flux has a unit of flux density per unit frequency."""
    unit = getattr(flux, "unit", None)
    kind = str(getattr(unit, "physical_type", ""))
    if "flux density" in kind and "wav" not in kind:
        raise ValueError(f"the flux is in {unit}, which is not per unit wavelength: convert it first")
