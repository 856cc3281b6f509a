"""Files of pretrained classifiers: arrays and JSON, which execute nothing."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.pipeline import Pipeline, make_pipeline

from .._atomic_file import replace_file
from ..neural_network import DenseNet1DClassifier
from ..neural_network._device import select_device
from ..preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

_FORMAT = 2
_DESCRIPTION = "description"  # the array that holds JSON
_FITTED = ("history_", "best_epoch_", "stop_reason_", "n_layers_", "n_parameters_")


def half_precision(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Round convolutions and matrices to half precision, which halves a file; vectors stay as they are."""
    return {
        name: array.astype(np.float16).astype(array.dtype) if array.ndim > 1 else array
        for name, array in weights.items()
    }


def write_classifier(path: Path, pipeline: Pipeline) -> None:
    """Write a fitted pipeline of interpolation, scaling and a DenseNet1DClassifier."""
    interpolator, scaler, network = (step for _, step in pipeline.steps)
    state = network.__getstate__()
    defaults = DenseNet1DClassifier().get_params()
    params = network.get_params(deep=False)
    for name in ("augmenter", "checkpoint_dir", "init", "device"):  # not of the model
        del params[name]
    description = {
        "format": _FORMAT,
        "classes": network.classes_.tolist(),
        "n_features": network.n_features_in_,
        "n_neighbors": int(interpolator.n_neighbors),
        "quantile_range": list(scaler.quantile_range),
        "params": {name: value for name, value in params.items() if value != defaults[name]},
        "fitted": {name: state[name] for name in _FITTED},
        "network": {name: value for name, value in state["_network"].items() if name != "weights"},
    }
    weights = {
        # Half precision where it holds the very same numbers.
        name: array.astype(np.float16) if np.array_equal(array.astype(np.float16), array) else array
        for name, array in state["_network"]["weights"].items()
    }
    content = io.BytesIO()
    weights[_DESCRIPTION] = np.array(json.dumps(description))
    np.savez_compressed(content, **weights)  # type: ignore[arg-type]
    replace_file(path, content.getbuffer())


def read_classifier(path: Path, device: str | torch.device) -> Pipeline:
    """Read the pipeline that `write_classifier` wrote."""
    with np.load(path) as archive:
        weights = {name: archive[name] for name in archive.files}
    description = json.loads(str(weights.pop(_DESCRIPTION)))
    if description["format"] != _FORMAT:
        raise ValueError(f"{path}: it is of format {description['format']}, and this version reads {_FORMAT}.")
    select_device(device)  # raises where there is no such device; a saved network would be content with another
    network = DenseNet1DClassifier(**description["params"], device=device)
    state: dict[str, Any] = {
        **network.__getstate__(),
        **description["fitted"],
        "classes_": np.array(description["classes"]),
        "n_features_in_": description["n_features"],
        "_network": {**description["network"], "weights": weights},
    }
    network.__setstate__(state)
    interpolate = MissingFluxInterpolator(n_neighbors=description["n_neighbors"])
    scale = MinMaxSpectrumScaler(quantile_range=tuple(description["quantile_range"]))
    for step in (interpolate, scale):
        step.n_features_in_ = network.n_features_in_
    return make_pipeline(interpolate, scale, network)
