"""Initial weights of a training: those of a pretrained network or of one that is already fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .._unwrap import innermost

ARCHITECTURE = (
    "n_dense_blocks",
    "n_conv_blocks_per_dense_block",
    "growth_rate",
    "stem_channels",
    "stem_kernel_size",
    "stem_stride",
    "kernel_sizes",
    "compression",
    "se_reduction",
    "cross_transitions",
    "conv_block",
)


def copy_weights(classifier: Any, module: Any, classes: np.ndarray) -> None:
    """Copy the weights of `classifier.init` into the module of a new training.

    The last layer keeps its random weights for classes that the other network does not have.
    """
    source = _source(classifier)
    _refuse_other_architecture(classifier, source)
    weights = source.net_.module_.state_dict()
    last = {name: weights.pop(f"classifier.{name}") for name in ("weight", "bias")}
    module.load_state_dict(weights, strict=False)
    known = source.classes_.tolist()
    with torch.no_grad():
        for row, label in enumerate(classes.tolist()):
            if label in known:
                module.classifier.weight[row] = last["weight"][known.index(label)]
                module.classifier.bias[row] = last["bias"][known.index(label)]


def _source(classifier: Any) -> Any:
    """Return the fitted network that `init` names or is."""
    init = classifier.init
    if isinstance(init, str):
        from ..pretrained import load_classifier

        return load_classifier(init, device="cpu")[-1]
    try:
        source = innermost(init)
        check_is_fitted(source)
    except (NotFittedError, AttributeError, TypeError) as error:
        raise ValueError(
            f"init={init!r} is not fitted. A search makes unfitted copies of the estimators in its grid, so wrap them "
            "in sklearn.frozen.FrozenEstimator."
        ) from error
    if getattr(source, "module_class", None) is not classifier.module_class:
        raise ValueError(
            f"init={type(source).__name__} is not allowed; it must be the name of a pretrained model or a fitted "
            f"{type(classifier).__name__}, which may be at the end of a pipeline."
        )
    return source


def _refuse_other_architecture(classifier: Any, source: Any) -> None:
    def value(estimator: Any, name: str) -> Any:
        found = getattr(estimator, name)
        return tuple(found) if name == "kernel_sizes" else found

    differing = [name for name in ARCHITECTURE if value(classifier, name) != value(source, name)]
    if differing:
        own = ", ".join(f"{name}={getattr(classifier, name)!r}" for name in differing)
        wanted = ", ".join(f"{name}={getattr(source, name)!r}" for name in differing)
        raise ValueError(
            f"The network of init has {wanted}, but this classifier has {own}. Set them to the same values."
        )
