"""Values of cards and columns, checked."""

import numbers

import numpy as np


def as_number(name: str, value: object) -> float:
    """Value of a card or column, or ValueError that names it where it is no number; NaN where there is none."""
    if value is None or value is np.ma.masked:
        return np.nan
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} is {value!r}, which is not a number")
    return float(value)


def as_integer(name: str, value: object) -> int:
    """Value of a card or column, or ValueError that names it where it is no whole number; 0 where there is none."""
    if value is None or value is np.ma.masked:
        return 0
    number = as_number(name, value)
    if not number.is_integer():
        raise ValueError(f"{name} is {value!r}, which is not a whole number")
    return int(value)  # type: ignore[call-overload]  # the number itself, for float64 may round it


def as_text(name: str, value: object) -> str:
    """Value of a card or column, or ValueError that names it where it is no text."""
    try:
        text = value.decode("ascii") if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        text = None
    if not isinstance(text, str):
        raise ValueError(f"{name} is {value!r}, which is not text")
    return text.strip()


def as_class(name: str, value: object) -> str:
    """Value of a card or column, or ValueError that names it where it is no class: "" would pass for no label."""
    text = as_text(name, value)
    if not text:
        raise ValueError(f"{name} is empty")
    return text


def refuse_per_frequency(flux: object) -> None:
    """Raise ValueError where a flux has a unit, and that is one per unit frequency."""
    unit = getattr(flux, "unit", None)
    kind = str(getattr(unit, "physical_type", ""))
    if "flux density" in kind and "wav" not in kind:
        raise ValueError(f"the flux is in {unit}, which is not per unit wavelength: convert it first")
