"""The classifier that the command uses: a pretrained one, or one that the user has saved."""

import argparse
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ._arguments import UsageError


def load_model(args: argparse.Namespace) -> tuple[Any, np.ndarray]:
    """Return a fitted classifier and the wavelengths of the spectra that it takes, in angstrom."""
    path = Path(args.model)
    if path.suffix in _LOADERS and args.device != "auto":
        raise UsageError(
            f"--device {args.device} is for pretrained models only; the device of {path} was set when it was saved."
        )
    if path.suffix not in _LOADERS:
        return _load_pretrained(args)
    if not path.is_file():
        raise UsageError(f"--model {path}: there is no such file.")
    try:
        model = _LOADERS[path.suffix](path, args)
    except ImportError as error:
        raise UsageError(f"--model {path} needs a package that is not installed: {error}.") from error
    return model, _wavelength(model, path)


def model_identity(name: str) -> str:
    """Return a text that identifies a model, even if its file has been replaced."""
    path = Path(name)
    if path.suffix in _LOADERS:
        return f"{path} ({hashlib.sha256(path.read_bytes()).hexdigest()[:12]})"
    return f"{name} of skspectra {__version__}"


def _load_pretrained(args: argparse.Namespace) -> tuple[Any, np.ndarray]:
    from ..datasets import LAMOST_WAVELENGTH
    from ..pretrained import load_classifier
    from ..pretrained._files import model_names

    if args.model not in model_names():
        raise UsageError(
            f"--model {args.model} is neither a pretrained model ({', '.join(model_names())}) nor a file of the kinds "
            f"{', '.join(_LOADERS)}."
        )
    try:
        return load_classifier(args.model, device=args.device), LAMOST_WAVELENGTH
    except ValueError as error:
        raise UsageError(f"--device: {error}") from error


def _load_onnx(path: Path, args: argparse.Namespace) -> Any:
    from ..export import OnnxClassifier

    model = OnnxClassifier(path)
    _ = model.classes_  # reads the file
    return model


def _load_skops(path: Path, args: argparse.Namespace) -> Any:
    from skops import io

    untrusted = io.get_untrusted_types(file=path)
    foreign = [name for name in untrusted if not name.startswith("skspectra.")]
    if foreign:
        raise UsageError(f"--model {path} contains objects of types that are not trusted: {', '.join(foreign)}.")
    return io.load(path, trusted=untrusted)


def _load_joblib(path: Path, args: argparse.Namespace) -> Any:
    import joblib

    if not args.trust_model:
        raise UsageError(
            f"--model {path}: a joblib file can execute arbitrary code when it is loaded. Give --trust-model if you "
            "trust the file, or save the pipeline with skops or skspectra.export.to_onnx."
        )
    return joblib.load(path)


_LOADERS = {".onnx": _load_onnx, ".skops": _load_skops, ".joblib": _load_joblib}


def _wavelength(model: Any, path: Path) -> np.ndarray:
    from ..datasets import LAMOST_WAVELENGTH

    if not hasattr(model, "predict_proba"):
        raise UsageError(f"--model {path} contains a {type(model).__name__}, which has no predict_proba.")
    stated = getattr(model, "model_card_", {}).get("Wavelength")
    if stated is not None:
        return np.asarray(stated, dtype=np.float64)
    n_features = getattr(model, "n_features_in_", None)
    if n_features != len(LAMOST_WAVELENGTH):
        raise UsageError(
            f"--model {path} requires spectra of {n_features} samples, but its file does not contain their "
            "wavelengths. Export the model with to_onnx(..., wavelength=...) to store them."
        )
    return LAMOST_WAVELENGTH
