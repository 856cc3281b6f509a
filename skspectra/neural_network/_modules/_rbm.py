"""Restricted Boltzmann machines, which train the layers of a deep belief network one after another."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class RestrictedBoltzmannMachine:
    """The layer of sigmoid units as a restricted Boltzmann machine, trained by contrastive divergence.

    There is one step of Gibbs sampling from the data. Hidden units are drawn, and visible ones are used as
    probabilities. The weights of the layer are drawn anew and then trained in place. The initial biases are such that
    the mean of the data is reconstructed and excites every hidden unit by half. The machine then learns how spectra
    differ from their mean.

    Parameters
    ----------
    layer : torch.nn.Linear
        From visible to hidden units.
    mean : Tensor of shape (n_visible,)
        Mean of the data, which is in [0, 1].
    lr : float
        Learning rate.
    generator : torch.Generator
        On the device of the layer.

    References
    ----------
    Hinton 2002, Neural Computation 14, 1771; Hinton 2010, "A Practical Guide to Training Restricted Boltzmann
    Machines".
    """

    @torch.no_grad()
    def __init__(self, layer: nn.Linear, mean: Tensor, lr: float, generator: torch.Generator):
        self.weight, self.hidden_bias = layer.weight, layer.bias
        self.visible_bias = mean.clamp(0.01, 0.99).logit()
        self.lr = lr
        self.generator = generator
        self.weight.normal_(0, 0.01, generator=generator)
        torch.mv(self.weight, mean, out=self.hidden_bias).neg_()

    @torch.no_grad()
    def train_epoch(self, batches: Iterable[Tensor]) -> float:
        """Train on batches of shape (n, n_visible), in [0, 1], and return the mean squared error of reconstruction.

        The error is that of each batch before it was trained on.
        """
        total, n_values = torch.zeros(()), 0
        for visible in batches:
            hidden = self._hidden(visible)
            drawn = torch.bernoulli(hidden, generator=self.generator)
            reconstruction = torch.addmm(self.visible_bias, drawn, self.weight).sigmoid_()
            hidden_again = self._hidden(reconstruction)
            step = self.lr / len(visible)
            self.weight.addmm_(hidden.T, visible, alpha=step).addmm_(hidden_again.T, reconstruction, alpha=-step)
            self.hidden_bias.add_((hidden - hidden_again).sum(0), alpha=step)
            error = visible - reconstruction
            self.visible_bias.add_(error.sum(0), alpha=step)
            total = total + error.square_().sum()
            n_values += visible.numel()
        return float(total) / n_values

    def _hidden(self, visible: Tensor) -> Tensor:
        return torch.addmm(self.hidden_bias, visible, self.weight.T).sigmoid_()
