"""Class activation maps in torch: exact for the last feature maps, and by LayerCAM for earlier ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..neural_network import DenseNet1D


def exact_cam(module: DenseNet1D, x: Tensor, wanted: Tensor | None) -> Tensor:
    """Return the map of the wanted class of each spectrum, or of the predicted one, (n_spectra, n_cells), float32."""
    weight = module.classifier.weight
    features = module.forward_features(x)
    if wanted is None:
        wanted = module.forward_head(features).argmax(1)
    return torch.bmm(features.to(weight.dtype), weight[wanted].unsqueeze(2)).squeeze(2)


def layer_cam(module: DenseNet1D, x: Tensor, wanted: Tensor | None, layers: Sequence[int]) -> list[Tensor]:
    """Return the LayerCAM map after each of the dense blocks, each (n_spectra, n_cells).

    The parameters of the module should not require gradients, which would be computed unnecessarily.
    """
    recorded = []
    for layer, activation in enumerate(module.forward_intermediates(x)):
        if layer in layers:
            recorded.append(activation.requires_grad_())
    logits = module.forward_head(activation)
    if wanted is None:
        wanted = logits.argmax(1)
    # In prediction spectra are independent, so that the gradient of the sum is that of the logit of each spectrum.
    score = logits.gather(1, wanted.unsqueeze(1)).sum()
    gradients = torch.autograd.grad(score, recorded)
    return [
        (activation.detach() * gradient.clamp(min=0)).sum(2, dtype=torch.float32)
        for activation, gradient in zip(recorded, gradients, strict=True)
    ]
