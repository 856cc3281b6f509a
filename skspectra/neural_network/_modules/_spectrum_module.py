"""The interface of every torch module of the package: features first, then a head."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod

from torch import Tensor, nn


class SpectrumModule(nn.Module, metaclass=ABCMeta):
    """Base class of the torch modules: a body that computes features, and a last layer that reads an embedding.

    A subclass implements `forward_features` and has `classifier`, its last layer. It takes the keyword argument
    `compute_dtype`, the dtype in which `forward_features` should compute. Parameters stay float32.

    Attributes
    ----------
    classifier : torch.nn.Linear
        The last layer, from the embedding to the logits.
    n_layers : int
        Number of layers with weights that follow each other, the last layer included.
    stem_stride : int, default=1
        Step of the first layer in samples. A network with a larger one predicts more spectra at once on a CPU.

    See Also
    --------
    BaseSpectrumClassifier : The classifier that trains such a module.

    Examples
    --------
    >>> import torch
    >>> from skspectra.neural_network import SpectrumModule
    >>> class Linear(SpectrumModule):
    ...     def __init__(self, n_features, n_classes, compute_dtype=torch.float32):
    ...         super().__init__()
    ...         self.classifier = torch.nn.Linear(n_features, n_classes)
    ...         self.n_layers = 1
    ...
    ...     def forward_features(self, x):
    ...         return x
    >>> Linear(100, 3)(torch.rand(5, 100)).shape
    torch.Size([5, 3])
    """

    classifier: nn.Linear
    n_layers: int
    stem_stride: int = 1

    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def forward_features(self, x: Tensor) -> Tensor:
        """Compute the features that `forward_head` reads.

        Parameters
        ----------
        x : Tensor of shape (n_spectra, n_features), float32
            Spectra.

        Returns
        -------
        features : Tensor of shape (n_spectra, ...)
            The features, in the dtype of the computation.
        """

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """Compute the logits, or the embedding that the last layer reads.

        Parameters
        ----------
        features : Tensor of shape (n_spectra, ...)
            The result of `forward_features`.
        pre_logits : bool, default=False
            Return the embedding instead of the logits.

        Returns
        -------
        output : Tensor of shape (n_spectra, n_classes) or (n_spectra, n_embedding), float32
            Logits or embedding.
        """
        embedding = features.to(self.classifier.weight.dtype)
        return embedding if pre_logits else self.classifier(embedding)

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logits.

        Parameters
        ----------
        x : Tensor of shape (n_spectra, n_features), float32
            Spectra.

        Returns
        -------
        logits : Tensor of shape (n_spectra, n_classes), float32
            One logit for each class.
        """
        return self.forward_head(self.forward_features(x))


def he_uniform(weight: Tensor) -> Tensor:
    """Initialise in place (He et al. 2015, arXiv:1502.01852)."""
    return nn.init.kaiming_uniform_(weight, nonlinearity="relu")
