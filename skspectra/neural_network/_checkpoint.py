"""Checkpoints: the state of a training in a file, from which a later fit goes on to the same model."""

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
from skorch.callbacks import Callback, EpochTimer


def fingerprint(run: Any) -> str:
    """Return a hash of everything that a training depends on, equal in every process.

    All of the flux is read, as it is in each epoch: a sample would take another survey's spectra for the same.
    """
    try:
        return joblib.hash(run, hash_name="sha1", coerce_mmap=True)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"With checkpoint_dir every parameter must be one that pickle takes: {error}") from error


class CheckpointFile:
    """The file of one training, held by a lock for as long as the context lasts.

    Its name carries the fingerprint, so that trainings that differ in anything never share a file; of equal ones at the
    same time each has a file of its own. The system takes the lock from a process that is killed.

    Parameters
    ----------
    directory : str or path-like
        Made where it is missing.
    name : str
        Beginning of the file's name.
    fingerprint : str

    Attributes
    ----------
    state : dict or None
        What was saved last, None if nothing was.
    seed : int or None
        The seed of a training that was given none. Set it before the first save.
    saving : bool
        Whether a save was begun and neither finished nor failed, which is what Ctrl-C leaves.
    """

    def __init__(self, directory: str | os.PathLike, name: str, fingerprint: str):
        self.directory = Path(directory)
        self.stem = f"{name}-{fingerprint}"
        self.fingerprint = fingerprint
        self.saving = False

    def __enter__(self) -> Self:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._lock_first_free()
        except OSError as error:
            raise ValueError(
                f"checkpoint_dir={str(self.directory)!r} is not allowed: a folder is needed in which files can be "
                f"written and locked ({error})."
            ) from error
        self._unfinished = self.path.with_suffix(".tmp")
        try:
            self.state = self._load() if self.path.exists() else None
        except BaseException:
            self._lock.release()
            raise
        self.seed = None if self.state is None else self.state["seed"]
        return self

    def __exit__(self, *exception: object) -> None:
        with suppress(OSError):
            self._unfinished.unlink(missing_ok=True)
            if not self.path.exists():
                os.unlink(self._lock.lock_file)
        self._lock.release()

    def save(self, state: dict[str, Any]) -> None:
        """Write the state beside the last one and put it in its place at once; a failure is a warning."""
        self.saving = True
        buffer = io.BytesIO()
        torch.save(_plain({**state, "fingerprint": self.fingerprint, "seed": self.seed}), buffer)
        try:
            with open(self._unfinished, "wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            os.replace(self._unfinished, self.path)
        except OSError as error:
            with suppress(OSError):  # part of a file on a full disk
                self._unfinished.unlink(missing_ok=True)
            warnings.warn(
                f"No checkpoint could be saved in checkpoint_dir={str(self.directory)!r}: {error}. The training goes "
                "on; the last good checkpoint stays.",
                RuntimeWarning,
                stacklevel=2,
            )
        self.saving = False

    def remove(self) -> None:
        """Delete the checkpoint: the training is finished."""
        # One that stays does no harm: a training that goes on from its end gives the same model.
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
        """Yield the files of this training, first those that have something to go on from."""
        yield from sorted(self.directory.glob(f"{self.stem}*.pt"))
        for number in itertools.count(1):
            yield self.directory / f"{self.stem}-{number}.pt"

    def _load(self) -> dict[str, Any]:
        try:
            with zipfile.ZipFile(self.path) as file:
                damaged = file.testzip()  # PyTorch does not compare the checksums
            if damaged is not None:
                raise ValueError(f"{damaged} is damaged")
            # weights_only: whatever is in the file, no code of it runs.
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            same = state["fingerprint"] == self.fingerprint
        except Exception as error:
            raise ValueError(
                f"The checkpoint {str(self.path)!r} cannot be read; delete it to train from the beginning "
                f"({type(error).__name__}: {error})."
            ) from error
        if not same:
            raise ValueError(f"The checkpoint {str(self.path)!r} is that of another training; delete or rename it.")
        return state


class SaveState(Callback):
    """Save the state of the training after every epoch, or go on from the one that was saved.

    It stands behind all other callbacks. Of these, those that have `state_dict` and `load_state_dict` are part of the
    state.

    Parameters
    ----------
    file : CheckpointFile
    reconstruction_errors : list of ndarray or None
        Those of the pre-training, None where there was none.
    """

    def __init__(self, file: CheckpointFile, reconstruction_errors: list[np.ndarray] | None):
        self.file = file
        self.reconstruction_errors = reconstruction_errors

    def on_train_begin(self, net, X=None, **kwargs):
        batches, _ = X
        if self.file.state is not None:
            self._restore(net, batches, self.file.state)
            self.file.state = None  # several times the size of the model
        elif self.reconstruction_errors is not None:
            self._save(net, batches)

    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        self._save(net, dataset_train)

    def on_train_end(self, net, **kwargs):
        net.callbacks_ = [(name, callback) for name, callback in net.callbacks_ if callback is not self]

    def _save(self, net, batches):
        self.file.save(
            {
                "reconstruction_errors": self.reconstruction_errors,
                "module": net.module_.state_dict(),
                "optimizer": net.optimizer_.state_dict(),
                "history": list(net.history),
                "generators": [generator.get_state() for generator in batches.generators],
                "callbacks": {
                    name: callback.state_dict() for name, callback in net.callbacks_ if _keeps_its_state(callback)
                },
            }
        )

    def _restore(self, net, batches, state):
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        net.history.extend(state["history"])
        for generator, generator_state in zip(batches.generators, state["generators"], strict=True):
            generator.set_state(generator_state)
        for name, callback in net.callbacks_:
            if name in state["callbacks"]:
                callback.load_state_dict(state["callbacks"][name])
            elif _begins_anew(callback):
                warnings.warn(
                    f"The training goes on from its checkpoint, but the callback {name} begins anew: it has no "
                    "state_dict and load_state_dict.",
                    RuntimeWarning,
                    stacklevel=2,
                )


def _keeps_its_state(callback: Callback) -> bool:
    return hasattr(callback, "state_dict") and hasattr(callback, "load_state_dict")


def _begins_anew(callback: Callback) -> bool:
    """Whether the callback loses what it learnt: with scikit-learn and skorch such attributes end in an underscore."""
    learns = any(name.endswith("_") for name in vars(callback)) and not isinstance(callback, EpochTimer)
    return learns and not _keeps_its_state(callback)


def _plain(value: Any) -> Any:
    """Return the value made of what torch.load takes with weights_only: plain values and tensors."""
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
