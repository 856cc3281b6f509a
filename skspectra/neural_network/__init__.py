"""Neural-network classifiers for spectra, trained with PyTorch through skorch."""

from ._base import BaseSpectrumClassifier
from ._dbn import DBNClassifier
from ._densenet import DenseNet1DClassifier
from ._mlp import SpectrumMLPClassifier
from ._modules._blocks import Maps, MultiScaleBlock, PreActivatedConv
from ._modules._densenet import DenseNet1D
from ._modules._spectrum_module import SpectrumModule

__all__ = [
    "BaseSpectrumClassifier",
    "DBNClassifier",
    "DenseNet1D",
    "DenseNet1DClassifier",
    "Maps",
    "MultiScaleBlock",
    "PreActivatedConv",
    "SpectrumMLPClassifier",
    "SpectrumModule",
]
