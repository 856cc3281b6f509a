"""The paper's network as a plain PyTorch program, with which the speed of the package is compared.

It has the layers of `torch.nn` in the order of the paper, Adam, and batches that are indexed from one tensor on the
device. It is what a careful user would write without the operations of the package.
"""

import torch
from torch import nn
from torch.nn import functional as F

KERNEL_SIZES = (1, 11, 25, 41)


class PlainActivation(nn.Module):
    """Batch normalisation, squeeze-and-excitation and ReLU."""

    def __init__(self, n_channels):
        super().__init__()
        n_hidden = max(n_channels // 4, 4)
        self.norm = nn.BatchNorm1d(n_channels)
        self.excitation = nn.Sequential(
            nn.Linear(n_channels, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_channels), nn.Sigmoid()
        )

    def forward(self, x):
        x = self.norm(x)
        return F.relu(x * self.excitation(x.mean(2)).unsqueeze(2))


class PlainBlock(nn.Module):
    """Parallel convolutions of four widths and a convolution of width 1, whose output is appended to the input."""

    def __init__(self, n_channels, growth_rate):
        super().__init__()
        self.activation = PlainActivation(n_channels)
        self.parallel = nn.ModuleList(
            nn.Conv1d(n_channels, growth_rate, width, padding=width // 2, bias=False) for width in KERNEL_SIZES
        )
        n_parallel = growth_rate * len(KERNEL_SIZES)
        self.mix = nn.Sequential(PlainActivation(n_parallel), nn.Conv1d(n_parallel, growth_rate, 1, bias=False))

    def forward(self, x):
        activation = self.activation(x)
        return torch.cat([x, self.mix(torch.cat([conv(activation) for conv in self.parallel], dim=1))], dim=1)


class PlainTransition(nn.Sequential):
    """A convolution of width 1, followed by the mean of two neighbouring samples."""

    def __init__(self, n_channels, n_out):
        super().__init__(PlainActivation(n_channels), nn.Conv1d(n_channels, n_out, 1, bias=False), nn.AvgPool1d(2))


class PlainDenseNet(nn.Module):
    """The network of `DenseNet1DClassifier` with seven dense blocks of two convolution blocks each."""

    def __init__(self, n_classes=3, growth_rate=12, stem_stride=1, n_dense_blocks=7):
        super().__init__()
        n_channels = 24
        self.stem = nn.Conv1d(1, n_channels, 11, stem_stride, padding=5, bias=False)
        self.dense, self.transitions, self.cross = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for i in range(n_dense_blocks):
            n_input = n_channels
            self.dense.append(nn.Sequential(*(PlainBlock(n_channels + k * growth_rate, growth_rate) for k in range(2))))
            n_channels += 2 * growth_rate
            if i == n_dense_blocks - 1:
                break
            self.transitions.append(PlainTransition(n_channels, n_channels // 2))
            n_channels //= 2
            if i > 0:
                n_cross = max(n_input // 2, 4)
                self.cross.append(PlainTransition(n_input, n_cross))
                n_channels += n_cross
        self.activation = PlainActivation(n_channels)
        self.classifier = nn.Linear(n_channels, n_classes)

    def forward(self, flux):
        x = self.stem(flux.unsqueeze(1))
        for i, transition in enumerate(self.transitions):
            parts = [transition(self.dense[i](x))]
            if i > 0:
                parts.append(self.cross[i - 1](x))
            x = torch.cat(parts, dim=1)
        return self.classifier(self.activation(self.dense[-1](x)).mean(2))


def train_epoch(network, optimizer, X, y, batch_size, autocast):
    """Train for one epoch. X and y are on the device."""
    network.train()
    for rows in torch.randperm(len(X), device=X.device).split(batch_size):
        optimizer.zero_grad()
        with torch.autocast(X.device.type, torch.bfloat16, enabled=autocast):
            loss = F.cross_entropy(network(X[rows]).float(), y[rows])
        loss.backward()
        optimizer.step()


@torch.no_grad()
def predict(network, X, batch_size, autocast):
    """Return class probabilities as a NumPy array."""
    network.eval()
    with torch.autocast(X.device.type, torch.bfloat16, enabled=autocast):
        return torch.cat([network(batch).float().softmax(1) for batch in X.split(batch_size)]).cpu().numpy()
