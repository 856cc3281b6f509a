"""Training data of a network: checked data, the split and the weights of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import column_or_1d

from ..._checks import advice_on_flux, class_codes, masked_as_nan, refuse_missing_labels
from ..._validation import _check_feature_names, _check_sample_weight
from .._device import prediction_batch_size
from ._batches import SpectrumBatches
from ._samplers import RowSampler


@dataclass(frozen=True)
class TrainingData:
    """Spectra and labels that `fit` has checked.

    Attributes
    ----------
    flux : ndarray of shape (n_samples, n_features), float32
    codes : ndarray of shape (n_samples,), int64
        Position of each label in `classes`.
    classes : ndarray of shape (n_classes,)
    weights : ndarray of shape (n_samples,), float64, or None
        Weights of the loss, None if all are equal. Rows of weight 0 are not used.
    sample_weight : ndarray of shape (n_samples,), float64, or None
        Weights of the spectra without class weights, for the validation.
    validation : tuple of flux and codes, or None
        The validation data that were given.
    """

    flux: np.ndarray
    codes: np.ndarray
    classes: np.ndarray
    weights: np.ndarray | None
    sample_weight: np.ndarray | None
    validation: tuple[np.ndarray, np.ndarray] | None

    def split(
        self, validation_fraction: float | None, random_state: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the rows for training and those for validation, if there are any."""
        rows = self.used_rows()
        if self.validation is not None or validation_fraction is None:
            return rows, None
        parts = stratified_split(self.codes[rows], self.classes, validation_fraction, random_state)
        return rows[parts[0]], rows[parts[1]]

    def used_rows(self) -> np.ndarray:
        """Return the rows whose weight is not 0."""
        if self.weights is None:
            return np.arange(len(self.flux))
        rows = np.flatnonzero(self.weights)
        if len(rows) == 0:
            raise ValueError("sample_weight and class_weight give every training spectrum the weight 0.")
        return rows

    def validation_batches(self, rows: np.ndarray | None, device: torch.device) -> SpectrumBatches | None:
        """Return the batches of the given validation data or of the rows; None if there are neither."""
        if self.validation is None and rows is None:
            return None
        flux, codes = self.validation or (self.flux, self.codes)
        weights = None if rows is None else _scaled(self.sample_weight, rows)
        sampler = RowSampler(np.arange(len(flux)) if rows is None else rows)
        batch_size = prediction_batch_size(flux.shape[1], device)
        return SpectrumBatches(flux, codes, sampler, weights, batch_size=batch_size, device=device)

    def loss_weights(self, rows: np.ndarray) -> np.ndarray | None:
        """Return weights with a mean of 1 over the rows, None if all are equal."""
        return _scaled(self.weights, rows)


def _scaled(weights: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if weights is None else weights / weights[rows].mean()


def check_validation_data(
    estimator: Any, X_val: Any, y_val: Any, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return flux and codes of the validation data, None if none were given.

    They are checked like spectra that a fitted estimator predicts.
    """
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val must be given together: one of them is None.")
    if X_val is None:
        return None
    refuse_missing_labels(y_val, "y_val")
    X_val = masked_as_nan(X_val)
    _check_feature_names(estimator, X_val, reset=False)
    with advice_on_flux("X_val"):
        flux = check_array(X_val, dtype=np.float32, input_name="X_val")
    if flux.shape[1] != estimator.n_features_in_:
        raise ValueError(f"X_val has {flux.shape[1]} features, but X has {estimator.n_features_in_}.")
    labels = column_or_1d(y_val, warn=True)
    check_consistent_length(flux, labels)
    return flux, class_codes(labels, classes, "y_val")


def check_weights(
    X: np.ndarray, y: np.ndarray, sample_weight: Any, class_weight: dict | str | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the products of sample weights and class weights, and the sample weights; None if not given."""
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if class_weight is None:
        return sample_weight, sample_weight
    class_weights = compute_sample_weight(class_weight, y)
    if not (np.isfinite(class_weights).all() and (class_weights >= 0).all()):
        raise ValueError(f"class_weight={class_weight} is not allowed: weights are finite and not negative.")
    return (class_weights if sample_weight is None else sample_weight * class_weights), sample_weight


def stratified_split(
    codes: np.ndarray, classes: np.ndarray, validation_fraction: float, random_state: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the training part and those of the validation part."""
    train_rows, validation_rows = [], []
    for code, name in enumerate(classes.tolist()):
        rows = random_state.permutation(np.flatnonzero(codes == code))
        n_validation = round(validation_fraction * len(rows))
        if len(rows) and not 0 < n_validation < len(rows):
            raise ValueError(
                f"validation_fraction={validation_fraction} leaves class {name!r}, with {len(rows)} spectra, "
                f"empty in the {'training' if n_validation else 'validation'} part. Every class needs one spectrum "
                "in each part: choose another fraction, or give X_val and y_val."
            )
        validation_rows.append(rows[:n_validation])
        train_rows.append(rows[n_validation:])
    # In the order of the file, which a memory-mapped array reads fastest.
    return np.sort(np.concatenate(train_rows)), np.sort(np.concatenate(validation_rows))
