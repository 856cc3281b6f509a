"""Neural-network classifiers for spectra, trained with PyTorch through skorch."""

from ._dbn import DBNClassifier
from ._densenet import DenseNet1DClassifier
from ._mlp import SpectrumMLPClassifier

__all__ = ["DBNClassifier", "DenseNet1DClassifier", "SpectrumMLPClassifier"]
