"""What a fitted network can do: predict, embed, be saved and loaded."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from skorch.exceptions import DeviceWarning

from .._checks import advice_on_flux, masked_as_nan
from .._validation import validate_data
from ._device import prediction_batch_size, select_device
from ._evaluation_mode import evaluation_mode
from ._inference import compute_in_batches
from ._surroundings import own_surroundings
from ._training._net import SpectrumNet, make_net

# The layout of a saved network. Files of another one are refused.
_FORMAT = 2


class FittedNetwork(ClassifierMixin, BaseEstimator):
    """The methods of a network classifier that need a fitted network."""

    net_: SpectrumNet
    classes_: np.ndarray
    device: Any

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
            For two classes the logit of ``classes_[1]`` minus that of ``classes_[0]``.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def embed(self, X: ArrayLike) -> np.ndarray:
        """Return the embedding of each spectrum: the input of the last layer.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra on the wavelength grid of `fit`, scaled alike, without NaN.

        Returns
        -------
        embedding : ndarray of shape (n_samples, n_embedding), float32
            Features for any other estimator.
        """
        check_is_fitted(self)
        return self._embed(self._check_flux(X, reset=False))

    def _embed(self, flux: np.ndarray) -> np.ndarray:
        """Return the embedding of spectra that were checked."""
        module = self.net_.module_

        def embed(x: torch.Tensor) -> torch.Tensor:
            return module.forward_head(module.forward_features(x), pre_logits=True)

        return self._compute(embed, flux, module.classifier.in_features)

    def _logits(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self)
        return self._compute(self.net_.module_, self._check_flux(X, reset=False), len(self.classes_))

    def _compute(
        self, function: Callable[[torch.Tensor], torch.Tensor], flux: np.ndarray, n_outputs: int
    ) -> np.ndarray:
        """Return what a function of the fitted module computes for each spectrum."""
        device, module = torch.device(self.net_.device), self.net_.module_
        batch_size = prediction_batch_size(flux.shape[1], device)
        if device.type == "cpu":
            # A stride divides the size of the feature maps. On an Intel Xeon, networks with a stem stride of 4 or 8
            # predict 200 or 400 spectra at once 30 to 50 % faster than 50.
            spectra_per_thread = -(-len(flux) // torch.get_num_threads())
            batch_size = min(max(batch_size, spectra_per_thread), batch_size * module.stem_stride)
        with own_surroundings(), evaluation_mode(module):
            return compute_in_batches(function, flux, n_outputs, batch_size=batch_size, device=device)

    def __getstate__(self) -> dict[str, Any]:
        """Return the network as arrays and plain values, which any device can read without running code."""
        state = dict(super().__getstate__())
        state["device"] = str(self.device)
        net = state.pop("net_", None)
        if net is not None:
            params = net.get_params_for("module")
            del params["compute_dtype"]
            weights = {name: tensor.cpu().numpy() for name, tensor in net.module_.state_dict().items()}
            state["_network"] = {"format": _FORMAT, "params": params, "weights": weights}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        network = state.pop("_network", None)
        super().__setstate__(state)
        if network is None:
            return
        if network.get("format") != _FORMAT:
            raise ValueError(
                f"This {type(self).__name__} was saved by another version of skspectra, in which networks have other "
                "parameters. Load it with that version, or train it again."
            )
        try:
            device = select_device(self.device)
        except ValueError:
            warnings.warn(
                f"device={self.device!r} is not available; the CPU is used instead.", DeviceWarning, stacklevel=2
            )
            device = torch.device("cpu")
        with own_surroundings():
            net = make_net(self, network["params"], self.classes_, device, callbacks=[], trainable=False)
            net.initialize_seeded(0)  # the weights are replaced
            net.module_.load_state_dict({name: torch.tensor(array) for name, array in network["weights"].items()})
            net.module_.eval()
        self.net_ = net

    def _check_flux(self, X, y="no_validation", *, reset: bool):
        with advice_on_flux():
            return validate_data(self, masked_as_nan(X), y, dtype=np.float32, reset=reset)
