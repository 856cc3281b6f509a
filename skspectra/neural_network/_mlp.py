"""The traditional network of fully connected layers as a scikit-learn classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._base import BaseSpectrumClassifier
from ._modules._mlp import MultilayerPerceptron


class SpectrumMLPClassifier(BaseSpectrumClassifier):
    """Multilayer perceptron for spectra: fully connected layers with ReLU, one after another.

    This is the traditional network with which Wang, Zhao & Fan [1]_ compare theirs. It treats each sample of a spectrum
    as a separate feature and ignores the order of the samples. It is trained like :class:`DenseNet1DClassifier`. Unlike
    :class:`sklearn.neural_network.MLPClassifier`, it supports balanced epochs, fresh noise in every epoch, the choice
    of the best validation epoch, and GPUs.

    Scale the spectra first, for example with :class:`~skspectra.preprocessing.MinMaxSpectrumScaler`.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(512, 256, 128)
        Number of units in each hidden layer. With the last layer, which gives the classes, the default has four layers
        with weights, as many as in Table 3 of [1]_ if they are counted like the 36 layers of the DenseNet.
    lr : float, default=0.001
        Learning rate of Adam; with ``lr_schedule="one-cycle"`` its peak.
    <training parameters>

    Attributes
    ----------
    <fitted attributes>

    See Also
    --------
    DBNClassifier : Layers pre-trained without labels.
    DenseNet1DClassifier : Convolutions instead of fully connected layers.

    References
    ----------
    .. [1] Wang Q., Zhao G., Fan Z., "Classification of Astronomical Spectra Based on DenseNet", Astronomical Research
       and Technology 17(1), 85-95, 2020.

    Examples
    --------
    >>> from skspectra.datasets import make_spectra
    >>> from skspectra.neural_network import SpectrumMLPClassifier
    >>> from skspectra.preprocessing import MinMaxSpectrumScaler
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = make_spectra(60, weights=(1, 1, 1), random_state=0, return_X_y=True)
    >>> classifier = SpectrumMLPClassifier(hidden_layer_sizes=(64, 32, 16), max_epochs=5, random_state=0)
    >>> pipeline = make_pipeline(MinMaxSpectrumScaler(), classifier).fit(X, y)
    >>> pipeline.predict_proba(X).shape
    (60, 3)
    >>> pipeline[-1].n_layers_
    4
    """

    module_class = MultilayerPerceptron

    _parameter_constraints: dict = {
        **BaseSpectrumClassifier._parameter_constraints,
        "hidden_layer_sizes": ["array-like"],
    }

    def __init__(
        self, *, hidden_layer_sizes: Sequence[int] = (512, 256, 128), lr: float = 0.001, **training_params: Any
    ) -> None:
        super().__init__(lr=lr, **training_params)
        self.hidden_layer_sizes = hidden_layer_sizes

    def module_params(self, n_features: int, n_classes: int) -> dict[str, Any]:
        sizes = check_hidden_layer_sizes(self.hidden_layer_sizes)
        return {"n_features": n_features, "n_classes": n_classes, "hidden_layer_sizes": sizes, "activation": "relu"}


def check_hidden_layer_sizes(sizes: Any) -> tuple[int, ...]:
    """Return the sizes as a tuple of at least one positive integer."""
    if len(sizes) == 0 or not all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n > 0 for n in sizes):
        raise ValueError(f"hidden_layer_sizes={sizes!r} is not allowed; it must have at least one positive integer.")
    return tuple(int(n) for n in sizes)
