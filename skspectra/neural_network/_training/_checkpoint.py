"""Checkpoints: the state of a training in a file, from which a later fit resumes and gives the same model."""

from __future__ import annotations

import io
import itertools
import os
import pickle
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import joblib
import numpy as np
import torch
from filelock import FileLock, Timeout
from sklearn.utils import check_random_state
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer

from ... import __version__
from ..._atomic_file import replace_file, unfinished
from .._device import compute_dtype
from ._batches import SpectrumBatches
from ._data import TrainingData
from ._net import DivergenceError


def open_checkpoint(
    estimator: Any, data: TrainingData, device: torch.device, initial_weights: dict[str, torch.Tensor] | None
) -> Checkpoint:
    """Return the checkpoint of a training, identified by everything on which its model depends."""
    if estimator.checkpoint_dir is None:
        return Checkpoint(None)
    run: dict[str, Any] = {
        **estimator.get_params(deep=False),
        "augmenter": _settings(estimator.augmenter),
        "module": estimator.module_class.__qualname__,
        "device": device.type,
        "precision": str(compute_dtype(estimator.precision, device)),
        "versions": (__version__, torch.__version__),
        "data": (data.flux, data.codes, data.classes, data.weights, data.validation),
    }
    if initial_weights is not None:
        run["initial_weights"] = {name: tensor.cpu().numpy() for name, tensor in initial_weights.items()}
    for name in ("checkpoint_dir", "verbose", "warm_start"):
        del run[name]
    return Checkpoint(CheckpointFile(estimator.checkpoint_dir, type(estimator).__name__, fingerprint(run)))


def fingerprint(run: Any) -> str:
    """Return a hash of everything that a training depends on, equal in every process.

    All of the flux is read, as in each epoch, because a part of it might not distinguish two sets of spectra.
    """
    try:
        return joblib.hash(run, hash_name="sha1", coerce_mmap=True)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"With checkpoint_dir every parameter must be picklable: {error}") from error


def _settings(augmenter: Any) -> Any:
    """Return the settings of the noise, without the random state of an augmenter, which is not used in training."""
    if not hasattr(augmenter, "get_params"):
        return augmenter
    settings = {name: value for name, value in augmenter.get_params().items() if name != "random_state"}
    return type(augmenter).__qualname__, settings


class CheckpointFile:
    """File of one training, locked as long as the context lasts.

    Its name contains the fingerprint, so that trainings that differ in anything never share a file; equal trainings
    that run at the same time have separate files. The operating system releases the lock of a process that is killed.

    Parameters
    ----------
    directory : str or path-like
        Folder of the file, created if it is missing.
    name : str
        Beginning of the file's name.
    fingerprint : str

    Attributes
    ----------
    state : dict or None
        The state that was saved last; None if there is none.
    seed : int or None
        The seed of a training without a given seed. Set it before the first save.
    """

    def __init__(self, directory: str | os.PathLike, name: str, fingerprint: str):
        self.directory = Path(directory)
        self.stem = f"{name}-{fingerprint}"
        self.fingerprint = fingerprint

    def __enter__(self) -> Self:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._lock_first_free()
        except OSError as error:
            raise ValueError(
                f"checkpoint_dir={str(self.directory)!r} cannot be used: it must be a folder in which files can be "
                f"written and locked ({error})."
            ) from error
        try:
            self.state = self._load() if self.path.exists() else None
        except BaseException:
            self._lock.release()
            raise
        self.seed = None if self.state is None else self.state["seed"]
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            unfinished(self.path).unlink(missing_ok=True)  # of a process that was killed
            if not self.path.exists():
                os.unlink(self._lock.lock_file)
        self._lock.release()

    def save(self, state: dict[str, Any]) -> None:
        """Replace the saved state in one step; issue a warning if this fails."""
        buffer = io.BytesIO()
        torch.save(_plain({**state, "fingerprint": self.fingerprint, "seed": self.seed}), buffer)
        try:
            replace_file(self.path, buffer.getbuffer())
        except OSError as error:
            warnings.warn(
                f"No checkpoint could be saved in checkpoint_dir={str(self.directory)!r}: {error}. The training "
                "continues, and the last complete checkpoint is kept.",
                RuntimeWarning,
                stacklevel=2,
            )

    def remove(self) -> None:
        """Delete the checkpoint of a finished training."""
        # A checkpoint that remains does no harm: a training that resumes from its end gives the same model.
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _lock_first_free(self) -> None:
        for path in self._paths():
            lock = FileLock(path.with_suffix(".lock"))
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            self.path, self._lock = path, lock
            return

    def _paths(self) -> Iterator[Path]:
        """Yield the files of this training, existing ones first."""
        yield from sorted(self.directory.glob(f"{self.stem}*.pt"))
        for number in itertools.count(1):
            yield self.directory / f"{self.stem}-{number}.pt"

    def _load(self) -> dict[str, Any]:
        try:
            with zipfile.ZipFile(self.path) as file:
                damaged = file.testzip()  # PyTorch does not compare the checksums
            if damaged is not None:
                raise ValueError(f"{damaged} is damaged")
            # With weights_only, no code in the file is run.
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            same = state["fingerprint"] == self.fingerprint
        except Exception as error:
            raise ValueError(
                f"The checkpoint {str(self.path)!r} cannot be read; delete it to train from the beginning "
                f"({type(error).__name__}: {error})."
            ) from error
        if not same:
            raise ValueError(f"The checkpoint {str(self.path)!r} belongs to another training; delete or rename it.")
        return state


class Checkpoint(Callback):
    """Callback that saves the state of a training to a file after every epoch, and resumes from it.

    It is also the context manager of the file, and the last callback of the net. The state includes those of other
    callbacks that have `state_dict` and `load_state_dict`. If `file` is None, nothing is saved.

    Parameters
    ----------
    file : CheckpointFile or None

    Attributes
    ----------
    n_epochs : int
        Number of epochs in the file.
    pretrained : dict of lists of ndarray, or None
        Attributes of the estimator from pre-training, read from the file or set before the training begins. None
        without pre-training.
    """

    def __init__(self, file: CheckpointFile | None):
        self.file = file
        self.n_epochs = 0
        self.pretrained: dict[str, list[np.ndarray]] | None = None

    def __enter__(self) -> Self:
        if self.file is not None:
            self.file.__enter__()
            if self.file.state is not None:
                self.n_epochs = len(self.file.state["history"])
                pretrained = self.file.state["pretrained"]
                if pretrained is not None:
                    self.pretrained = {name: [np.asarray(a) for a in arrays] for name, arrays in pretrained.items()}
        return self

    def __exit__(self, *exception: object) -> None:
        if self.file is not None:
            if isinstance(exception[1], DivergenceError):
                self.file.remove()  # the same training would diverge again
            self.file.__exit__(*exception)

    @property
    def is_resumed(self) -> bool:
        """Whether the file has a state from which to resume."""
        return self.file is not None and self.file.state is not None

    def seed(self, random_state: Any) -> np.random.RandomState:
        """Return the random state of the training; without a given seed, one is drawn and saved in the file."""
        generator = check_random_state(random_state)
        if self.file is None or random_state is not None:
            return generator
        if self.file.seed is None:
            self.file.seed = generator.randint(2**31 - 1)
        return check_random_state(self.file.seed)

    def on_train_begin(self, net, X=None, **kwargs):
        if self.file is not None and self.file.state is not None:
            state, self.file.state = self.file.state, None  # several times the size of the model
            self.resume(net, X[0], state)
        elif self.pretrained is not None:
            self.save(net, X[0])

    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        reason, net.stop_reason_ = net.stop_reason_, "interrupt"  # the reason if Ctrl-C interrupts the writing
        self.save(net, dataset_train)
        net.stop_reason_ = reason

    def on_train_end(self, net, **kwargs):
        net.callbacks_ = [(name, callback) for name, callback in net.callbacks_ if callback is not self]

    def finish(self, net: NeuralNet) -> None:
        """Delete the file of a training that was not interrupted."""
        if self.file is not None and net.stop_reason_ != "interrupt":
            self.file.remove()

    def save(self, net: NeuralNet, batches: SpectrumBatches) -> None:
        """Write the state of the training."""
        if self.file is None:
            return
        self.file.save(
            {
                "pretrained": self.pretrained,
                "module": net.module_.state_dict(),
                "optimizer": net.optimizer_.state_dict(),
                "history": list(net.history),
                "generators": [generator.get_state() for generator in batches.generators],
                "callbacks": {
                    name: callback.state_dict() for name, callback in net.callbacks_ if _keeps_its_state(callback)
                },
            }
        )

    def resume(self, net: NeuralNet, batches: SpectrumBatches, state: dict[str, Any]) -> None:
        """Restore a saved state in a training that has just begun."""
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        net.history.extend(state["history"])
        for generator, generator_state in zip(batches.generators, state["generators"], strict=True):
            generator.set_state(generator_state)
        for name, callback in net.callbacks_:
            if callback is not self and name in state["callbacks"]:
                callback.load_state_dict(state["callbacks"][name])
            elif _begins_anew(callback):
                warnings.warn(
                    f"The training resumes from its checkpoint, but the callback {name} starts again, because it has "
                    "no state_dict and load_state_dict.",
                    RuntimeWarning,
                    stacklevel=2,
                )


def _keeps_its_state(callback: Callback) -> bool:
    return hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict")


def _begins_anew(callback: Callback) -> bool:
    """Return whether a callback loses learnt attributes, whose names end in an underscore by convention."""
    learns = any(name.endswith("_") for name in vars(callback)) and not isinstance(callback, EpochTimer)
    return learns and not _keeps_its_state(callback)


def _plain(value: Any) -> Any:
    """Return a value converted to plain values and tensors, which torch.load accepts with weights_only."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str | torch.Tensor):
        return value
    if isinstance(value, np.ndarray):
        return torch.tensor(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value)) if isinstance(value, tuple) else list(map(_plain, value))
    raise TypeError(
        f"{value!r} cannot be part of a checkpoint: a callback may record, and return from state_dict, numbers, "
        "texts, arrays, tensors, lists and dicts."
    )
