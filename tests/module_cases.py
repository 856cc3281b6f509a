"""A network in plain layers, and networks, that the tests of the modules share."""

import torch

from skspectra.neural_network import DenseNet1D

SMALL = {
    "n_classes": 3,
    "n_dense_blocks": 3,
    "n_conv_blocks_per_dense_block": 2,
    "growth_rate": 3,
    "stem_channels": 5,
    "stem_kernel_size": 5,
    "kernel_sizes": (1, 3, 9),
}


def network(seed=0, **params):
    """A network in float64 whose normalisations have weights, biases and statistics of their own."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = DenseNet1D(**{**SMALL, "compute_dtype": torch.float64, **params}).double()
        for name, tensor in net.state_dict().items():
            if "pre_activation" in name or "last_activation" in name:
                tensor.copy_(torch.rand_like(tensor) + (0.5 if name.endswith("var") else -0.3))
    return net


def spectra(n, length, seed=1):
    return torch.randn(n, length, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
