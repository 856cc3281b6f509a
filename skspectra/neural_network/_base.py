"""Base class of the network classifiers: parameters and fit."""

from __future__ import annotations

import os
import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from skorch.callbacks import Callback

from .._checks import class_codes, refuse_unusable_labels
from .._validation import HasMethods, Interval, StrOptions, _fit_context
from ._device import select_device
from ._fitted import FittedNetwork
from ._inherited import inherit_parameters
from ._surroundings import own_surroundings
from ._training._batches import SpectrumBatches, as_tensor
from ._training._callbacks import BestEpoch, make_callbacks
from ._training._checkpoint import open_checkpoint
from ._training._data import TrainingData, check_validation_data, check_weights
from ._training._net import DivergenceError, SpectrumNet, check_module, make_net
from ._training._samplers import BalancedSampler, RowSampler, ShuffledSampler
from ._training._scale_of_flux import warn_of_scale
from ._training._seeded_random import draws_random_numbers


class BaseSpectrumClassifier(FittedNetwork, metaclass=ABCMeta):
    """Base class of the network classifiers: it trains a torch module and predicts with it.

    A subclass names its module in `module_class`, gives the module's arguments in `module_params`, and takes the
    parameters of its architecture in `__init__`, which passes all others to this class. In its docstring the lines
    ``<training parameters>`` and ``<fitted attributes>`` stand for the entries below, and
    ``<parameters of the module>`` for those of its module, which is a :class:`SpectrumModule`.

    Parameters
    ----------
    max_epochs : int, default=60
        Number of passes over the training spectra.
    batch_size : int, default=64
        Largest number of spectra in an optimiser step. It determines the memory that training needs, which does not
        depend on n_samples.
    lr : float, default=0.01
        Learning rate of Adam; with ``lr_schedule="one-cycle"`` its peak.
    lr_schedule : {"step", "one-cycle"} or None, default="step"
        "step" divides the rate by ten after each of `lr_milestones` epochs. "one-cycle" (Smith & Topin 2017,
        arXiv:1708.07120) raises and lowers it once over the whole training and needs far fewer epochs.
    lr_milestones : sequence of int, default=(10, 30, 50)
        Epochs after which "step" lowers the rate.
    weight_decay : float, default=0.0
        Strength of the L2 penalty in Adam.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss. "balanced" weighs them inversely to their frequency in `y`.
    sampling : {"balanced"} or None, default=None
        "balanced" draws equally many spectra of each class in every epoch, without changing its length. With
        `augmenter` it replaces oversampling and needs no copies. It sets the shares of the classes; `sample_weight`
        still multiplies the loss.
    augmenter : CCDNoiseAugmenter, another object with a method augment, or None, default=None
        Noise that is drawn anew for every spectrum in every epoch: ``augment(X, rng=rng)`` is called with the tensor of
        every batch and returns the one to train with. Its `random_state` is not used; that of the classifier is used
        instead. Validation and prediction are without noise.
    validation_fraction : float or None, default=None
        Fraction of each class, drawn at random, that is held out for validation. None trains on everything.
    patience : int or None, default=None
        End the training after this many epochs without improvement. It needs validation.
    device : str or torch.device, default="auto"
        Where to train and predict. "auto" is CUDA if it is available, and the CPU otherwise.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Format of the feature maps and the layers' products; weights, statistics and probabilities are float32. "auto"
        takes bfloat16 on a GPU that computes in it, and float32 otherwise. On a CPU, bfloat16 is slower.
    callbacks : list of skorch callbacks or None, default=None
        Further callbacks of the training; they are copied. They find "train_loss", "valid_loss" and "valid_score" in
        the net's history. EpochScoring, BatchScoring and InputShapeSetter need skorch's own batches and are refused.
    checkpoint_dir : str, path-like or None, default=None
        Folder in which the state of the training is saved after every epoch. If the process ends before the training
        does, the same call of `fit` resumes from there and gives the same model as an uninterrupted training, on a CPU
        to the last bit. A file belongs to one training, identified by parameters (except `verbose`), spectra, labels
        and versions. It is deleted when the training is finished, but not after Ctrl-C. If a state cannot be saved, a
        warning is raised. The state includes that of each of `callbacks` with the methods `state_dict` and
        `load_state_dict`.
    warm_start : bool, default=False
        Whether `fit` starts from the weights of the last fit, with the same classes and architecture. A subclass with
        pre-training then skips it.
    verbose : int, default=0
        1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Controls initial weights, order, validation part and noise. On a CPU with the same number of threads, the same
        seed gives the same model to the last bit.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    n_features_in_ : int
        Number of samples in a spectrum.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had names that are all strings.
    history_ : list of dict
        For each epoch of the last fit: "epoch" (from 1), "train_loss", "lr", "seconds" and, with validation,
        "valid_loss" and "valid_score" (macro F1).
    best_epoch_ : int
        The epoch whose weights are kept: with validation the one with the highest macro F1 and, among equal ones, the
        lowest loss; otherwise the last one.
    stop_reason_ : {"max_epochs", "patience", "callback", "interrupt"}
        Why the training ended. "callback" is one of `callbacks`, "interrupt" is Ctrl-C.
    n_layers_ : int
        Number of layers with weights that follow each other.
    n_parameters_ : int
        Number of trainable parameters.
    net_ : skorch.NeuralNetClassifier
        The fitted net; ``net_.module_`` is the torch module.

    See Also
    --------
    DenseNet1DClassifier : The convolutional network of the package.

    Examples
    --------
    A small network of fixed size:

    >>> from skspectra.datasets import make_spectra
    >>> from skspectra.neural_network import BaseSpectrumClassifier, DenseNet1D
    >>> class SmallClassifier(BaseSpectrumClassifier):
    ...     module_class = DenseNet1D
    ...
    ...     def module_params(self, n_features, n_classes):
    ...         return {"n_classes": n_classes, "n_dense_blocks": 3, "growth_rate": 2, "stem_stride": 8}
    >>> X, y = make_spectra(60, weights=(1, 1, 1), random_state=0, return_X_y=True)
    >>> X = X / X.max(axis=1, keepdims=True)
    >>> SmallClassifier(max_epochs=2, sampling="balanced", random_state=0).fit(X, y).predict_proba(X).shape
    (60, 3)
    """

    # So that a pipeline with transform_input=["X_val"] needs no set_fit_request.
    __metadata_request__fit = {"X_val": True, "y_val": True}

    _parameter_constraints: dict = {
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"step", "one-cycle"}), None],
        "lr_milestones": ["array-like"],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "sampling": [StrOptions({"balanced"}), None],
        "augmenter": [HasMethods("augment"), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "patience": [Interval(Integral, 1, None, closed="left"), None],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "callbacks": [list, None],
        "checkpoint_dir": [str, os.PathLike, None],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # The torch module of the network, a SpectrumModule.
    module_class: type[torch.nn.Module]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        inherit_parameters(cls)
        super().__init_subclass__(**kwargs)

    def __init__(
        self,
        *,
        max_epochs: int = 60,
        batch_size: int = 64,
        lr: float = 0.01,
        lr_schedule: str | None = "step",
        lr_milestones: Sequence[int] = (10, 30, 50),
        weight_decay: float = 0.0,
        class_weight: dict | str | None = None,
        sampling: str | None = None,
        augmenter: Any = None,
        validation_fraction: float | None = None,
        patience: int | None = None,
        device: str | torch.device = "auto",
        precision: str = "auto",
        callbacks: list[Callback] | None = None,
        checkpoint_dir: str | os.PathLike | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.lr_milestones = lr_milestones
        self.weight_decay = weight_decay
        self.class_weight = class_weight
        self.sampling = sampling
        self.augmenter = augmenter
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.precision = precision
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @abstractmethod
    def module_params(self, n_features: int, n_classes: int) -> dict[str, Any]:
        """Check the parameters of the architecture and return the arguments of the module.

        Parameters
        ----------
        n_features : int
            Number of samples in a spectrum.
        n_classes : int
            Number of classes.

        Returns
        -------
        params : dict
            Keyword arguments of `module_class` except `compute_dtype`. They are saved with the model.
        """

    def pretrain(self, module: torch.nn.Module, batches: SpectrumBatches) -> dict[str, list[np.ndarray]] | None:
        """Find better initial weights than random ones, without labels. The base class does nothing.

        Parameters
        ----------
        module : torch.nn.Module
            The network, whose weights may be changed in place.
        batches : iterable of (spectra, (labels, weights))
            The training batches as tensors on the device of the module. Every iteration is one epoch.

        Returns
        -------
        attributes : dict of lists of ndarray, or None
            Attributes to set on the classifier. None if nothing was pre-trained.
        """
        return None

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra on one wavelength grid, scaled, without NaN. float32 is not copied, so a memory-mapped array stays
            on disk.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights that multiply the loss, and count in the loss and the score of the validation part.
            Spectra of weight 0 are not used at all.
        X_val, y_val : array-like, default=None
            Spectra and labels for validation, instead of `validation_fraction`. Use it if there are several spectra of
            one object, so that no object is in both. They must be scaled like `X`: in a pipeline with
            ``transform_input=["X_val"]`` and metadata routing, see :doc:`/network`.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter, a label or a spectrum is not valid, if the loss becomes NaN or infinite, or if a checkpoint
            cannot be read.

        Warns
        -----
        UserWarning
            If the spectra span less than 1e-3 or more than 1e3, or those in `X_val` are of another scale than `X`.
        """
        # Check.
        earlier = self.net_.module_.state_dict() if self.warm_start and hasattr(self, "net_") else None
        data = self._check_data(X, y, sample_weight, X_val, y_val, known_classes=earlier is not None)
        used = data.used_rows()
        warn_of_scale(data.flux, used, None if data.validation is None else data.validation[0], stacklevel=3)
        module_params = self.module_params(data.flux.shape[1], len(data.classes))
        device = select_device(self.device)
        with own_surroundings(), open_checkpoint(self, data, device, earlier) as checkpoint:
            # Build.
            random_state = checkpoint.seed(self.random_state)
            rows, validation_rows = data.split(self.validation_fraction, random_state)
            generator = torch.Generator().manual_seed(random_state.randint(2**31 - 1))
            if self.sampling == "balanced":
                sampler: RowSampler = BalancedSampler(rows, data.codes, generator)
            else:
                sampler = ShuffledSampler(rows, generator)
            train = self._make_batches(data, sampler, device)
            validation = data.validation_batches(validation_rows, device)
            best_epoch = None if validation is None else BestEpoch()
            callbacks = make_callbacks(self, train.n_batches, best_epoch)
            net = make_net(self, module_params, data.classes, device, callbacks)
            net.initialize_seeded(random_state.randint(2**31 - 1))
            check_module(net.module_)
            net.draws_ = draws_random_numbers(net.module_, as_tensor(data.flux[used[:2]]).to(device))
            # Train.
            if earlier is not None:
                _load_weights(net.module_, earlier)
            elif not checkpoint.is_resumed:
                self._set_initial_weights(net.module_, data.classes)
                checkpoint.pretrained = self.pretrain(net.module_, train)
            net.callbacks_.append(("Checkpoint", checkpoint))
            net.partial_fit((train, validation), None, epochs=self.max_epochs - checkpoint.n_epochs)
            net.module_.eval()
            _check_answer(net, data.flux[used[:1]])
            checkpoint.finish(net)
        # Store.
        for name, value in (checkpoint.pretrained or {}).items():
            setattr(self, name, value)
        self.classes_ = data.classes
        self._store(net, best_epoch)
        return self

    def _set_initial_weights(self, module: torch.nn.Module, classes: np.ndarray) -> None:
        """Replace random initial weights by better ones, where a subclass has any."""

    def _check_data(self, X, y, sample_weight, X_val, y_val, *, known_classes: bool) -> TrainingData:
        refuse_unusable_labels(y)
        flux, labels = self._check_flux(X, y, reset=not known_classes)
        check_classification_targets(labels)
        classes = self.classes_ if known_classes else np.unique(labels)
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} requires at least two classes; y has one class: {classes.tolist()}."
            )
        validation = check_validation_data(self, X_val, y_val, classes)
        if self.patience is not None and validation is None and self.validation_fraction is None:
            raise ValueError(f"patience={self.patience} needs validation_fraction, or X_val and y_val.")
        codes = class_codes(labels, classes, "y")
        weights = check_weights(flux, labels, sample_weight, self.class_weight)
        return TrainingData(flux, codes, classes, *weights, validation)

    def _make_batches(self, data: TrainingData, sampler: RowSampler, device: torch.device) -> SpectrumBatches:
        return SpectrumBatches(
            data.flux,
            data.codes,
            sampler,
            data.loss_weights(sampler.rows.numpy()),
            batch_size=self.batch_size,
            device=device,
            # Drawn with this classifier's generator: the augmenter's own would repeat one pattern in every epoch.
            augmenter=self.augmenter,
        )

    def _store(self, net: SpectrumNet, best_epoch: BestEpoch | None) -> None:
        completed = [row for row in net.history if "dur" in row]  # the duration is recorded at the end of an epoch
        if net.stop_reason_ == "interrupt":
            kept = "those of its best epoch" if best_epoch is not None and best_epoch.epoch_ else "the last ones"
            resumes = "" if self.checkpoint_dir is None else " The same fit resumes from its checkpoint."
            warnings.warn(
                f"Training was interrupted after {len(completed)} of {self.max_epochs} epochs; its weights are {kept}."
                f"{resumes}",
                ConvergenceWarning,
                stacklevel=4,
            )
        net.optimizer_.state.clear()  # twice the size of the model, and no longer needed
        self.net_ = net
        columns = ("epoch", "train_loss", "valid_loss", "valid_score", "lr")
        self.history_ = [
            {**{name: row[name] for name in columns if name in row}, "seconds": row["dur"]} for row in completed
        ]
        self.best_epoch_ = len(completed) if best_epoch is None else best_epoch.epoch_
        self.stop_reason_ = net.stop_reason_
        self.n_layers_ = net.module_.n_layers
        self.n_parameters_ = sum(p.numel() for p in net.module_.parameters())


def _check_answer(net: SpectrumNet, flux: np.ndarray) -> None:
    """Raise DivergenceError if the last step made the output non-finite, which the loss of the epoch does not show."""
    with torch.inference_mode():
        if not net.module_(as_tensor(flux).to(net.device)).isfinite().all():
            raise DivergenceError(f"The trained network outputs NaN or infinity. {net.how_to_converge()}")


def _load_weights(module: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(
            "With warm_start=True the parameters of the architecture must be the same as in the last fit. Reset them, "
            "or set warm_start=False."
        ) from error
