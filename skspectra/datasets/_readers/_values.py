"""Values of cards and columns, checked."""

import numbers


def as_number(name: str, value: object) -> float:
    """Value of a card or column, or ValueError that names it where it is no number."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} is {value!r}, which is no number")
    return float(value)


def as_text(name: str, value: object) -> str:
    """Value of a card or column, or ValueError that names it where it is no text."""
    try:
        text = value.decode("ascii") if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        text = None
    if not isinstance(text, str):
        raise ValueError(f"{name} is {value!r}, which is no text")
    return text.strip()


def as_class(name: str, value: object) -> str:
    """Value of a card or column, or ValueError that names it where it is no class: "" would pass for no label."""
    text = as_text(name, value)
    if not text:
        raise ValueError(f"{name} is empty")
    return text
