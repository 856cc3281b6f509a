"""The deep belief network as a scikit-learn classifier."""

from collections.abc import Iterator, Sequence
from functools import partial, reduce
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from .._validation import Interval
from ._base import BaseSpectrumClassifier
from ._mlp import check_hidden_layer_sizes
from ._modules._mlp import MultilayerPerceptron
from ._modules._rbm import RestrictedBoltzmannMachine
from ._training._batches import SpectrumBatches


class DBNClassifier(BaseSpectrumClassifier):
    """Deep belief network for spectra: sigmoid layers pre-trained without labels, then trained with them.

    Each hidden layer is first trained as a restricted Boltzmann machine, by contrastive divergence, on the output of
    the layers before it [2]_. Then the whole network is trained with labels like any other network. Wang, Zhao & Fan
    [1]_ compare their network with a deep belief network. Pre-training does not always improve the result;
    ``python -m benchmarks.classifiers.pretraining`` measures its effect.

    The machines interpret numbers in [0, 1] as probabilities, so scale the spectra first, for example with
    :class:`~skspectra.preprocessing.MinMaxSpectrumScaler`. If the training spectra are not within [0, 1], pre-training
    maps their range to it linearly and then includes this mapping in the weights of the first layer. Noise of
    `augmenter` beyond this range is clipped. The mapping and the clipping apply only to pre-training.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(512, 256, 128)
        Number of units in each hidden layer. With the last layer, which gives the classes, the default has four layers
        with weights, as many as in Table 3 of [1]_ if they are counted like the 36 layers of the DenseNet.
    pretrain_epochs : int, default=10
        Number of passes over the training spectra for each hidden layer before the training with labels. 0 starts from
        random weights.
    pretrain_lr : float, default=0.05
        Learning rate of the pre-training.
    lr : float, default=0.003
        Learning rate of Adam; with ``lr_schedule="one-cycle"`` its peak.
    <training parameters>

    Attributes
    ----------
    reconstruction_errors_ : list of ndarray of shape (pretrain_epochs,)
        For each hidden layer, the mean squared error of its reconstructed input in every epoch of its pre-training.
        Empty without pre-training.
    <fitted attributes>

    See Also
    --------
    SpectrumMLPClassifier : ReLU instead of sigmoids, without pre-training.
    DenseNet1DClassifier : Convolutions instead of fully connected layers.

    References
    ----------
    .. [1] Wang Q., Zhao G., Fan Z., "Classification of Astronomical Spectra Based on DenseNet", Astronomical Research
       and Technology 17(1), 85-95, 2020.
    .. [2] Hinton G. E., Osindero S., Teh Y.-W., "A Fast Learning Algorithm for Deep Belief Nets", Neural Computation
       18, 1527-1554, 2006.

    Examples
    --------
    >>> from skspectra.datasets import make_spectra
    >>> from skspectra.neural_network import DBNClassifier
    >>> from skspectra.preprocessing import MinMaxSpectrumScaler
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = make_spectra(60, weights=(1, 1, 1), random_state=0, return_X_y=True)
    >>> classifier = DBNClassifier(hidden_layer_sizes=(64, 32, 16), pretrain_epochs=3, max_epochs=5, random_state=0)
    >>> pipeline = make_pipeline(MinMaxSpectrumScaler(), classifier).fit(X, y)
    >>> pipeline.predict_proba(X).shape
    (60, 3)
    >>> [errors.shape for errors in pipeline[-1].reconstruction_errors_]
    [(3,), (3,), (3,)]
    """

    module_class = MultilayerPerceptron

    _parameter_constraints: dict = {
        **BaseSpectrumClassifier._parameter_constraints,
        "hidden_layer_sizes": ["array-like"],
        "pretrain_epochs": [Interval(Integral, 0, None, closed="left")],
        "pretrain_lr": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        hidden_layer_sizes: Sequence[int] = (512, 256, 128),
        pretrain_epochs: int = 10,
        pretrain_lr: float = 0.05,
        lr: float = 0.003,
        **training_params: Any,
    ) -> None:
        super().__init__(lr=lr, **training_params)
        self.hidden_layer_sizes = hidden_layer_sizes
        self.pretrain_epochs = pretrain_epochs
        self.pretrain_lr = pretrain_lr

    def module_params(self, n_features: int, n_classes: int) -> dict[str, Any]:
        sizes = check_hidden_layer_sizes(self.hidden_layer_sizes)
        return {"n_features": n_features, "n_classes": n_classes, "hidden_layer_sizes": sizes, "activation": "sigmoid"}

    @torch.no_grad()
    def pretrain(self, module: torch.nn.Module, batches: SpectrumBatches) -> dict[str, list[np.ndarray]]:
        if self.pretrain_epochs == 0:
            return {"reconstruction_errors_": []}
        seed = int(torch.randint(2**62, (), generator=batches.sampler.generator))
        generator = torch.Generator(batches.device).manual_seed(seed)
        low, high = batches.flux_range()
        if low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        span = (high - low) or 1.0
        trained: list[torch.nn.Linear] = []
        reconstruction_errors = []
        for layer in tqdm(module.hidden_layers, desc="Pre-training", unit="layer", disable=not self.verbose):
            visible = partial(_visible_units, batches, low, span, trained)
            mean = reduce(torch.add, (units.sum(0) for units in visible())) / len(batches)
            machine = RestrictedBoltzmannMachine(layer, mean, self.pretrain_lr, generator)
            errors = [machine.train_epoch(visible()) for _ in range(self.pretrain_epochs)]
            reconstruction_errors.append(np.array(errors))
            trained.append(layer)
        # Include (flux - low) / span, which the network itself does not compute, in its first layer.
        first = trained[0]
        first.weight.div_(span)
        first.bias.sub_(first.weight.sum(1), alpha=low)
        return {"reconstruction_errors_": reconstruction_errors}


def _visible_units(
    batches: SpectrumBatches, low: float, span: float, layers: Sequence[torch.nn.Linear]
) -> Iterator[torch.Tensor]:
    """Yield the output of the layers for each batch."""
    for flux, _ in batches:
        units = ((flux - low) / span).clamp_(0, 1)
        for layer in layers:
            units = layer(units).sigmoid_()
        yield units
