"""The traditional network of fully connected layers as a scikit-learn classifier."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback

from ..augmentation import CCDNoiseAugmenter
from ._base import BaseSpectrumClassifier
from ._modules import MultilayerPerceptron
from ._parameter_checks import check_hidden_layer_sizes


class SpectrumMLPClassifier(BaseSpectrumClassifier):
    """Multilayer perceptron for spectra: fully connected layers with ReLU, one behind another.

    The traditional network with which Wang, Zhao & Fan [1]_ compare theirs. It takes each sample of a spectrum for a
    feature of its own and knows nothing of their order. It trains as :class:`DenseNet1DClassifier` does, which is what
    it has over :class:`sklearn.neural_network.MLPClassifier`: balanced draws, fresh noise, the best validation epoch,
    GPUs.

    Scale the spectra first, for example with :class:`~skspectra.preprocessing.MinMaxSpectrumScaler`.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(512, 256, 128)
        Number of units in each hidden layer. With the last layer, which gives the classes, the default has four layers
        with weights, the number of Table 3 of [1]_ counted as its 36 layers of the DenseNet are.
    max_epochs : int, default=60
        Number of passes over the training spectra.
    batch_size : int, default=64
        Largest number of spectra in an optimiser step. It sets the memory that training takes, whatever n_samples.
    lr : float, default=0.001
        Learning rate of Adam; with ``lr_schedule="one-cycle"`` its peak.
    lr_schedule : {"step", "one-cycle"} or None, default="step"
        "step" multiplies the rate by `lr_factor` after each of `lr_milestones` epochs. "one-cycle" [2]_ rises and falls
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
        Let `fit` go on from the weights of the last fit, with the same classes and architecture.
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
    n_layers_ : int
        Number of layers with weights: one more than the hidden ones.
    n_parameters_ : int
        Number of trained values.
    net_ : skorch.NeuralNetClassifier
        The fitted net; ``net_.module_`` is the torch module.

    See Also
    --------
    DBNClassifier : Layers pre-trained without labels.
    DenseNet1DClassifier : Convolutions instead of fully connected layers.

    References
    ----------
    .. [1] Wang Q., Zhao G., Fan Z., "Classification of Astronomical Spectra Based on DenseNet", Astronomical Research
       and Technology 17(1), 85-95, 2020.
    .. [2] Smith L. N., Topin N., "Super-Convergence", arXiv:1708.07120, 2017.

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

    _module_class = MultilayerPerceptron

    _parameter_constraints: dict = {
        **BaseSpectrumClassifier._parameter_constraints,
        "hidden_layer_sizes": ["array-like"],
    }

    def __init__(
        self,
        *,
        hidden_layer_sizes: Sequence[int] = (512, 256, 128),
        max_epochs: int = 60,
        batch_size: int = 64,
        lr: float = 0.001,
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
            "activation": "relu",
        }
