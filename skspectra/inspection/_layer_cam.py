"""Class activation maps in torch: of the last feature maps exactly, of earlier ones by LayerCAM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def exact_cam(module: Any, x: Tensor, wanted: Tensor | None) -> Tensor:
    """Return the map of the wanted class of each spectrum, or of the predicted one, (n_spectra, n_cells), float32."""
    weight = module.classifier.weight
    features = module.forward_features(x)
    if wanted is None:
        wanted = module.classifier(features.mean(1, dtype=weight.dtype)).argmax(1)
    return torch.bmm(features.to(weight.dtype), weight[wanted].unsqueeze(2)).squeeze(2)


def layer_cam(module: Any, x: Tensor, wanted: Tensor | None, recorded: list[Tensor]) -> list[Tensor]:
    """Return the LayerCAM map of each layer that `record_activations` was told of, each (n_spectra, n_cells)."""
    recorded.clear()
    logits = module(x)
    if wanted is None:
        wanted = logits.argmax(1)
    # Spectra do not see each other in prediction, so that the gradient of the sum is that of each one's logit.
    score = logits.gather(1, wanted.unsqueeze(1)).sum()
    gradients = torch.autograd.grad(score, recorded)
    return [
        (activation.detach() * gradient.clamp(min=0)).sum(2, dtype=torch.float32)
        for activation, gradient in zip(recorded, gradients, strict=True)
    ]


def record_activations(module: Any, layers: Sequence[int]) -> list[Tensor]:
    """Let a module keep the activations behind dense blocks; return the list that each forward pass appends them to.

    The module is changed. The activation, after the ReLU, is an intermediate result of the transition behind the block
    and has no module of its own that a hook could be put on.
    """
    recorded: list[Tensor] = []
    readers = [*(transition.pre_activation for transition in module.transitions), module.last_activation]

    def keep_result(activate):
        def activate_and_keep(maps):
            recorded.append(activate(maps).requires_grad_())
            return recorded[-1]

        return activate_and_keep

    for layer in layers:
        readers[layer].activate = keep_result(readers[layer].activate)
    return recorded
