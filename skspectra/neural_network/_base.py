"""What every network classifier of the package shares: parameters, fit and predict."""

from __future__ import annotations

import copy
import os
import warnings
from abc import ABCMeta, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback
from skorch.exceptions import DeviceWarning

from .. import __version__
from .._checks import class_codes
from .._validation import Interval, StrOptions, _fit_context, validate_data
from ..augmentation import CCDNoiseAugmenter
from ._batches import SpectrumBatches, as_tensor
from ._checkpoint import CheckpointFile, SaveState, fingerprint
from ._device import compute_dtype, prediction_batch_size, select_device
from ._inference import compute_logits
from ._net import HISTORY_COLUMNS, BestEpoch, Patience, Progress, SpectrumNet, learning_rate_schedule
from ._parameter_checks import check_callbacks, check_milestones
from ._training_data import check_validation_data, loss_weights, stratified_split


class BaseSpectrumClassifier(ClassifierMixin, BaseEstimator, metaclass=ABCMeta):
    """Base class of the networks: a subclass names its architecture's parameters and makes the module.

    The training parameters are documented where they are used, in each classifier.
    """

    _parameter_constraints: dict = {
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"step", "one-cycle"}), None],
        "lr_milestones": ["array-like"],
        "lr_factor": [Interval(Real, 0, 1, closed="right")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "sampling": [StrOptions({"balanced"}), None],
        "augmenter": [CCDNoiseAugmenter, None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "patience": [Interval(Integral, 1, None, closed="left"), None],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "compile": ["boolean"],
        "callbacks": [list, None],
        "checkpoint_dir": [str, os.PathLike, None],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    classes_: np.ndarray

    # The torch module of the network.
    _module_class: type[torch.nn.Module]

    @abstractmethod
    def _module_params(self, n_features: int, n_classes: int) -> dict[str, Any]:
        """Return the keyword arguments of the module, `compute_dtype` apart: plain values."""

    def _pretrain(self, module: torch.nn.Module, batches: SpectrumBatches) -> list[np.ndarray] | None:
        """Find better initial weights than random ones, without labels, and return `reconstruction_errors_`."""
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
            Non-negative weights that multiply the loss.
        X_val, y_val : array-like, default=None
            Spectra and labels for validation, instead of `validation_fraction`. Use it where several spectra of one
            object exist, so that no object is in both.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ValueError
            If a parameter, a label or a spectrum is not valid, if the loss stops being a number, or if a checkpoint
            cannot be read.
        """
        continued = self.net_.module_ if self.warm_start and hasattr(self, "net_") else None
        flux, labels = self._check_flux(X, y, reset=continued is None)
        check_classification_targets(labels)
        classes = np.unique(labels) if continued is None else self.classes_
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs two classes at least, but y has one class: {classes.tolist()}."
            )
        codes = class_codes(labels, classes, "y")
        module_params = self._module_params(flux.shape[1], len(classes))
        validation_data = check_validation_data(X_val, y_val, flux.shape[1], classes)
        if self.patience is not None and validation_data is None and self.validation_fraction is None:
            raise ValueError(f"patience={self.patience} needs validation_fraction, or X_val and y_val.")
        device = select_device(self.device)
        weights = None if continued is None else continued.state_dict()
        with self._open_checkpoint(device, flux, codes, classes, sample_weight, validation_data, weights) as checkpoint:
            random_state = self._generator(checkpoint)
            train, validation = self._make_batches(
                flux, labels, codes, classes, sample_weight, validation_data, device, random_state
            )
            best_epoch = BestEpoch() if validation is not None else None
            net = self._make_net(module_params, classes, device, self._make_callbacks(train.n_batches, best_epoch))
            with torch.random.fork_rng(devices=[]):
                # Not torch.manual_seed, which would seed the GPUs too.
                torch.random.default_generator.manual_seed(random_state.randint(2**31 - 1))
                net.initialize()
            self._start(net, train, continued, checkpoint)
            if self.compile:
                # In place: names of weights and the pickled model are those of a module that is not compiled.
                net.module_.compile()
            n_done = 0 if checkpoint is None or checkpoint.state is None else len(checkpoint.state["history"])
            net.partial_fit((train, validation), None, epochs=self.max_epochs - n_done)
            net.module_.eval()
            _check_answer(net, flux[:1])
            self.classes_ = classes
            self._store(net, best_epoch, checkpoint)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the class of each spectrum.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra on the wavelength grid of `fit`, scaled alike, without NaN.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Labels of `classes_`.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra on the wavelength grid of `fit`, scaled alike, without NaN.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float32
            In the order of `classes_`.
        """
        return torch.from_numpy(self._logits(X)).softmax(1).numpy()

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the logits.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra on the wavelength grid of `fit`, scaled alike, without NaN.

        Returns
        -------
        logits : ndarray of shape (n_samples, n_classes), or (n_samples,) for two classes, float32
            For two classes the logit of ``classes_[1]`` less that of ``classes_[0]``.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def _logits(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self)
        flux = self._check_flux(X, reset=False)
        device = torch.device(self.net_.device)
        return compute_logits(
            self.net_.module_,
            flux,
            len(self.classes_),
            batch_size=prediction_batch_size(flux.shape[1], device),
            device=device,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Hold the fitted network as arrays and plain values: what reads them runs no code, and any device can."""
        state = dict(super().__getstate__())
        state["device"] = str(self.device)
        net = state.pop("net_", None)
        if net is not None:
            params = net.get_params_for("module")
            del params["compute_dtype"]
            weights = {name: tensor.cpu().numpy() for name, tensor in net.module_.state_dict().items()}
            state["_network"] = {"params": params, "weights": weights}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        network = state.pop("_network", None)
        super().__setstate__(state)
        if network is None:
            return
        try:
            device = select_device(self.device)
        except ValueError:
            warnings.warn(f"device={self.device!r} is not there: the CPU takes its place.", DeviceWarning, stacklevel=2)
            device = torch.device("cpu")
        net = self._make_net(network["params"], self.classes_, device, callbacks=[])
        with torch.random.fork_rng(devices=[]):
            net.initialize()
        weights = {name: torch.tensor(array) for name, array in network["weights"].items()}
        net.module_.load_state_dict(weights)
        net.module_.eval()
        self.net_ = net

    def _check_flux(self, X, y="no_validation", *, reset: bool):
        try:
            return validate_data(self, X, y, dtype=np.float32, reset=reset)
        except ValueError as error:
            if "contains NaN" not in str(error):
                raise
            # scikit-learn's further lines recommend other classifiers.
            raise ValueError(
                f"{str(error).splitlines()[0]} Fill missing flux with skspectra.preprocessing.MissingFluxInterpolator."
            ) from error

    def _open_checkpoint(
        self, device: torch.device, flux, codes, classes, sample_weight, validation_data, weights
    ) -> AbstractContextManager[CheckpointFile | None]:
        """Return the checkpoint of this training, recognised by everything that its model depends on."""
        if self.checkpoint_dir is None:
            return nullcontext()
        run = {
            **self.get_params(deep=False),
            "augmenter": None if self.augmenter is None else self.augmenter._strengths(),
            "device": device.type,
            "precision": str(compute_dtype(self.precision, device)),
            "versions": (__version__, torch.__version__),
            "data": (flux, codes, classes, validation_data),
            "sample_weight": None if sample_weight is None else np.asarray(sample_weight),
            "weights": None if weights is None else {name: tensor.cpu().numpy() for name, tensor in weights.items()},
        }
        for name in ("checkpoint_dir", "verbose", "warm_start"):
            del run[name]
        return CheckpointFile(self.checkpoint_dir, type(self).__name__, fingerprint(run))

    def _generator(self, checkpoint: CheckpointFile | None) -> np.random.RandomState:
        """Return the source of all randomness; a training without a seed gets one that its checkpoint keeps."""
        random_state = check_random_state(self.random_state)
        if checkpoint is None or self.random_state is not None:
            return random_state
        if checkpoint.seed is None:
            checkpoint.seed = random_state.randint(2**31 - 1)
        return check_random_state(checkpoint.seed)

    def _make_batches(
        self, flux, labels, codes, classes, sample_weight, validation_data, device, random_state
    ) -> tuple[SpectrumBatches, SpectrumBatches | None]:
        """Return the batches of the training and those of the validation."""
        train_rows = None
        validation = None
        evaluation_size = prediction_batch_size(flux.shape[1], device)
        if validation_data is not None:
            validation = SpectrumBatches(*validation_data, batch_size=evaluation_size, device=device)
        elif self.validation_fraction is not None:
            train_rows, validation_rows = stratified_split(codes, classes, self.validation_fraction, random_state)
            validation = SpectrumBatches(flux, codes, validation_rows, batch_size=evaluation_size, device=device)
        train = SpectrumBatches(
            flux,
            codes,
            train_rows,
            loss_weights(flux, labels, sample_weight, self.class_weight, train_rows),
            batch_size=self.batch_size,
            device=device,
            generator=torch.Generator().manual_seed(random_state.randint(2**31 - 1)),
            balanced=self.sampling == "balanced",
            # Drawn with this classifier's generator: the augmenter's own would repeat one pattern in every epoch.
            noise=None if self.augmenter is None else self.augmenter._strengths(),
        )
        return train, validation

    def _start(
        self,
        net: SpectrumNet,
        batches: SpectrumBatches,
        continued: torch.nn.Module | None,
        checkpoint: CheckpointFile | None,
    ) -> None:
        """Give the network the weights of the last fit or of the pre-training; those of a checkpoint come later."""
        errors = None
        if checkpoint is not None and checkpoint.state is not None:
            if checkpoint.state["reconstruction_errors"] is not None:
                errors = [layer.numpy() for layer in checkpoint.state["reconstruction_errors"]]
        elif continued is None:
            errors = self._pretrain(net.module_, batches)
        else:
            _copy_weights(continued, net.module_)
        if errors is not None:
            self.reconstruction_errors_ = errors
        if checkpoint is not None:
            net.callbacks_.append(("SaveState", SaveState(checkpoint, errors)))

    def _make_net(
        self,
        module_params: dict[str, Any],
        classes: np.ndarray,
        device: torch.device,
        callbacks: list[Callback],
    ) -> SpectrumNet:
        return SpectrumNet(
            self._module_class,
            **{f"module__{name}": value for name, value in module_params.items()},
            module__compute_dtype=compute_dtype(self.precision, device),
            criterion=torch.nn.CrossEntropyLoss,  # what tells skorch that the network returns logits
            optimizer=torch.optim.Adam,
            optimizer__weight_decay=self.weight_decay,
            optimizer__fused=device.type in ("cpu", "cuda"),
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            classes=classes,
            callbacks=callbacks,
            device=str(device),
            verbose=0,
        )

    def _make_callbacks(self, n_batches: int, best_epoch: BestEpoch | None) -> list[Callback]:
        schedule = learning_rate_schedule(
            self.lr_schedule,
            lr=self.lr,
            milestones=check_milestones(self.lr_milestones),
            factor=self.lr_factor,
            n_steps=self.max_epochs * n_batches,
        )
        # The best epoch is settled before, and the training ended after, any other callback sees the epoch's end.
        callbacks = [best_epoch, *copy.deepcopy(check_callbacks(self.callbacks)), schedule]
        if self.verbose:
            callbacks.append(Progress())
        if self.patience is not None and best_epoch is not None:
            callbacks.append(Patience(best_epoch, self.patience))
        return [callback for callback in callbacks if callback is not None]

    def _store(self, net: SpectrumNet, best_epoch: BestEpoch | None, checkpoint: CheckpointFile | None) -> None:
        # The duration is recorded at the end of an epoch, which is where callbacks end a training.
        completed = [row for row in net.history if "dur" in row]
        interrupted = len(completed) < len(net.history) or (checkpoint is not None and checkpoint.saving)
        if interrupted:
            kept = "those of its best epoch" if best_epoch is not None and best_epoch.epoch_ else "the last ones"
            goes_on = "" if checkpoint is None else " The same fit goes on from its checkpoint."
            warnings.warn(
                f"Training was interrupted after {len(completed)} of {self.max_epochs} epochs; its weights are {kept}."
                f"{goes_on}",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif checkpoint is not None:
            checkpoint.remove()
        net.optimizer_.state.clear()  # twice the size of the model, and of no more use
        self.net_ = net
        self.history_ = [
            {
                "epoch": row["epoch"],
                **{name: row[name] for name in HISTORY_COLUMNS if name in row},
                "seconds": row["dur"],
            }
            for row in completed
        ]
        self.best_epoch_ = len(completed) if best_epoch is None else best_epoch.epoch_
        self.n_layers_ = net.module_.n_layers
        self.n_parameters_ = sum(p.numel() for p in net.module_.parameters())


def _check_answer(net: SpectrumNet, flux: np.ndarray) -> None:
    """Raise ValueError where the network was spoilt by its last step, of which the loss of the epoch knows nothing."""
    with torch.inference_mode():
        if not net.module_(as_tensor(flux).to(net.device)).isfinite().all():
            raise ValueError(f"The trained network answers with no numbers. {net.how_to_converge()}")


def _copy_weights(source: torch.nn.Module, target: torch.nn.Module) -> None:
    try:
        target.load_state_dict(source.state_dict())
    except RuntimeError as error:
        raise ValueError(
            "With warm_start=True the parameters of the architecture must stay those of the last fit: set them back, "
            "or set warm_start=False."
        ) from error
