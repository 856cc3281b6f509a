"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._spectrum_module import SpectrumModule, he_uniform


class MultilayerPerceptron(SpectrumModule):
    """Fully connected layers, each followed by a ReLU or a sigmoid, and a last layer that gives the logits."""

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        hidden_layer_sizes: Sequence[int],
        activation: str = "relu",
        compute_dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.activation = activation
        self.compute_dtype = compute_dtype
        sizes = [n_features, *hidden_layer_sizes]
        self.hidden_layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in pairwise(sizes))
        self.classifier = nn.Linear(sizes[-1], n_classes)
        for layer in (*self.hidden_layers, self.classifier):
            if activation == "relu":
                he_uniform(layer.weight)
            else:
                nn.init.xavier_uniform_(layer.weight)  # Glorot & Bengio 2010, for saturating activations
            nn.init.zeros_(layer.bias)
        self.n_layers = len(self.hidden_layers) + 1

    def forward_features(self, x: Tensor) -> Tensor:
        x = x.to(self.compute_dtype)
        for layer in self.hidden_layers:
            weight, bias = (parameter.to(x.dtype) for parameter in layer.parameters())
            x = F.linear(x, weight, bias)
            x = x.relu() if self.activation == "relu" else x.sigmoid()
        return x
