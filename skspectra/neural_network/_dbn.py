"""The deep belief network as a scikit-learn classifier."""

import os
from collections.abc import Iterator, Sequence
from functools import partial, reduce
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from tqdm.auto import tqdm

from .._validation import Interval
from ..augmentation import CCDNoiseAugmenter
from ._base import BaseSpectrumClassifier
from ._batches import SpectrumBatches
from ._modules import MultilayerPerceptron
from ._parameter_checks import check_hidden_layer_sizes
from ._rbm import RestrictedBoltzmannMachine


class DBNClassifier(BaseSpectrumClassifier):
    """Deep belief network for spectra: sigmoid layers pre-trained without labels, then trained with them.

    Each hidden layer is first trained as a restricted Boltzmann machine, by contrastive divergence, on the output of
    the layers before it [2]_; then the whole network learns the classes as any other. Wang, Zhao & Fan [1]_ compare
    theirs with one. Pre-training helped in one measurement and not in others: "What pre-training does for the deep
    belief network" on the page Benchmarks.

    The machines take numbers in [0, 1] for probabilities, so scale the spectra first, for example with
    :class:`~skspectra.preprocessing.MinMaxSpectrumScaler`. If the training spectra leave [0, 1] all the same,
    pre-training maps their range to it linearly and puts the inverse into the weights of the first layer; noise of
    `augmenter` beyond is clipped. Both concern pre-training alone.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(512, 256, 128)
        Number of units in each hidden layer. With the last layer, which gives the classes, the default has four layers
        with weights, the number of Table 3 of [1]_ counted as its 36 layers of the DenseNet are.
    pretrain_epochs : int, default=10
        Number of passes over the training spectra for each hidden layer before the training with labels. 0 starts from
        random weights.
    pretrain_lr : float, default=0.05
        Learning rate of the pre-training.
    max_epochs : int, default=60
        Number of passes over the training spectra.
    batch_size : int, default=64
        Largest number of spectra in an optimiser step. It sets the memory that training takes, whatever n_samples.
    lr : float, default=0.003
        Learning rate of Adam; with ``lr_schedule="one-cycle"`` its peak.
    lr_schedule : {"step", "one-cycle"} or None, default="step"
        "step" multiplies the rate by `lr_factor` after each of `lr_milestones` epochs. "one-cycle" [3]_ rises and falls
        once over the whole training and needs far fewer epochs.
    lr_milestones : sequence of int, default=(10, 30, 50)
        Epochs after which "step" lowers the rate.
    lr_factor : float, default=0.1
        What "step" multiplies the rate by, in (0, 1].
    weight_decay : float, default=0.0
        Strength of the L2 penalty in Adam.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss. "balanced" weighs them inversely to their frequency in `y`.
    sampling : {"balanced"} or None, default=None
        "balanced" draws equally many spectra of each class in every epoch, which keeps its length. With `augmenter` it
        replaces oversampling and needs no copies. It sets the shares of the classes; `sample_weight` still multiplies
        the loss.
    augmenter : CCDNoiseAugmenter or None, default=None
        Strengths of the noise that every drawn spectrum receives afresh in every epoch. Its `random_state` is not used:
        that of the classifier is. Validation and prediction see no noise.
    validation_fraction : float or None, default=None
        Fraction of each class, drawn at random, that is held back for validation. None trains on everything.
    patience : int or None, default=None
        End the training when so many epochs have passed since the best one. Needs validation.
    device : str or torch.device, default="auto"
        Where to train and predict; "auto" is CUDA where there is one, and the CPU elsewhere.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Format of the layers' products; weights, statistics and probabilities are float32. "auto" takes bfloat16 where
        the hardware multiplies it, and float32 elsewhere.
    compile : bool, default=False
        Compile the network with torch.compile. It takes minutes and a C++ compiler; worth trying for long trainings on
        a GPU. A saved model loads without it.
    callbacks : list of skorch callbacks or None, default=None
        Further callbacks of the training; they are copied. They find "train_loss", "valid_loss" and "valid_score" in
        the net's history. Those that would score the net on its data sets, such as EpochScoring, do not work.
    checkpoint_dir : str, path-like or None, default=None
        Folder in which the state of the training is kept, anew after every epoch. Where the process ends before the
        training does, the same call of `fit` goes on from there, to the model of a training that was never interrupted,
        on a CPU to the last bit. A file is that of one training: parameters, spectra, labels and versions, `verbose`
        apart. A training that is finished deletes its file; one that Ctrl-C ends does not. A state that cannot be
        saved is a warning. Of `callbacks`, those with the methods `state_dict` and `load_state_dict` are kept too.
    warm_start : bool, default=False
        Let `fit` go on from the weights of the last fit, with the same classes and architecture. Then nothing is
        pre-trained.
    verbose : int, default=0
        1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seeds initial weights, order, validation part and noise. On a CPU with the same number of threads, the same
        seed gives the same model to the last bit.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    n_features_in_ : int
        Number of samples in a spectrum.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names that are all strings.
    history_ : list of dict
        For each epoch of the last fit: "epoch" (from 1), "train_loss", "lr", "seconds" and, with validation,
        "valid_loss" and "valid_score" (macro F1).
    best_epoch_ : int
        The epoch whose weights are kept: with validation the one of highest macro F1, of equal ones that of lowest
        loss; the last one otherwise.
    reconstruction_errors_ : list of ndarray of shape (pretrain_epochs,)
        For each hidden layer the mean squared error, over every epoch of its pre-training, of its input reconstructed
        from it. Empty without pre-training.
    n_layers_ : int
        Number of layers with weights: one more than the hidden ones.
    n_parameters_ : int
        Number of trained values.
    net_ : skorch.NeuralNetClassifier
        The fitted net; ``net_.module_`` is the torch module.

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
    .. [3] Smith L. N., Topin N., "Super-Convergence", arXiv:1708.07120, 2017.

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

    _module_class = MultilayerPerceptron

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
        max_epochs: int = 60,
        batch_size: int = 64,
        lr: float = 0.003,
        lr_schedule: str | None = "step",
        lr_milestones: Sequence[int] = (10, 30, 50),
        lr_factor: float = 0.1,
        weight_decay: float = 0.0,
        class_weight: dict | str | None = None,
        sampling: str | None = None,
        augmenter: CCDNoiseAugmenter | None = None,
        validation_fraction: float | None = None,
        patience: int | None = None,
        device: str | torch.device = "auto",
        precision: str = "auto",
        compile: bool = False,
        callbacks: list[Callback] | None = None,
        checkpoint_dir: str | os.PathLike | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.pretrain_epochs = pretrain_epochs
        self.pretrain_lr = pretrain_lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.lr_milestones = lr_milestones
        self.lr_factor = lr_factor
        self.weight_decay = weight_decay
        self.class_weight = class_weight
        self.sampling = sampling
        self.augmenter = augmenter
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.precision = precision
        self.compile = compile
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    def _module_params(self, n_features: int, n_classes: int) -> dict[str, Any]:
        return {
            "n_features": n_features,
            "n_classes": n_classes,
            "hidden_layer_sizes": check_hidden_layer_sizes(self.hidden_layer_sizes),
            "activation": "sigmoid",
        }

    @torch.no_grad()
    def _pretrain(self, module: torch.nn.Module, batches: SpectrumBatches) -> list[np.ndarray]:
        if self.pretrain_epochs == 0:
            return []
        seed = int(torch.randint(2**62, (), generator=batches.generator))
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
        # (flux - low) / span, of which the network knows nothing, becomes part of its first layer.
        first = trained[0]
        first.weight.div_(span)
        first.bias.sub_(first.weight.sum(1), alpha=low)
        return reconstruction_errors


def _visible_units(
    batches: SpectrumBatches, low: float, span: float, layers: Sequence[torch.nn.Linear]
) -> Iterator[torch.Tensor]:
    """Yield the output of the layers for each batch."""
    for flux, _ in batches:
        units = ((flux - low) / span).clamp_(0, 1)
        for layer in layers:
            units = layer(units).sigmoid_()
        yield units
