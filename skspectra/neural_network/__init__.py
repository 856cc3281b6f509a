"""Neural-network classifiers for spectra, trained with PyTorch through skorch."""

from ._densenet import DenseNet1DClassifier

__all__ = ["DenseNet1DClassifier"]
