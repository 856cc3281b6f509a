"""The files of the pretrained models, and their names."""

from importlib.resources import files
from pathlib import Path

_FOLDER = Path(str(files(__package__) / "models"))

# Without a number it is the newest version.
_NEWEST = {"star-galaxy-qso": "star-galaxy-qso-4"}


def model_names() -> list[str]:
    """Return every name that a model can be asked for by."""
    return sorted([*_NEWEST, *(path.stem for path in _FOLDER.glob("*.npz"))])


def model_file(name: str, suffix: str) -> Path:
    """Return a file of a model: ".npz" its weights, ".onnx" its export, ".md" its card.

    Raises
    ------
    ValueError
        If there is no model of that name.
    """
    if name not in model_names():
        raise ValueError(f"name={name!r} is not a pretrained model; available models are {model_names()}.")
    return _FOLDER / f"{_NEWEST.get(name, name)}{suffix}"
