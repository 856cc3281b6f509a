"""Prediction from an exported classifier, without PyTorch."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin

from .._validation import Tags, _openmp_effective_n_threads, validate_data
from ._graph import INPUT, OUTPUT
from ._metadata import Metadata

# Samples (spectra times their length) that go through the network at once: the fastest of those measured.
_SAMPLES_PER_BATCH = 1 << 15


class OnnxClassifier(ClassifierMixin, BaseEstimator):
    """Classifier that predicts from a file of :func:`to_onnx`, with onnxruntime and without PyTorch.

    It is already trained: `predict` works immediately, and `fit` raises an error. If scikit-learn would fit a copy, as
    in CalibratedClassifierCV or VotingClassifier, wrap it in :class:`~sklearn.frozen.FrozenEstimator`.

    Parameters
    ----------
    path : str or path-like
        Path of the file. It is read on first use, and again in every process to which the classifier is sent.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    n_features_in_ : int
        Number of samples in a spectrum.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if the exported classifier had them.
    model_card_ : dict
        The model card that was written with the file.

    See Also
    --------
    to_onnx : Writes the file.

    Notes
    -----
    The classifier requires onnxruntime: ``pip install onnxruntime``. It runs in as many threads as ``OMP_NUM_THREADS``
    and the processor allow when the file is read.

    No code from the file is executed. Operators that are not built into onnxruntime raise an error, and so do files
    that `to_onnx` did not write.

    Examples
    --------
    See :func:`to_onnx`.

    >>> from skspectra.export import OnnxClassifier
    >>> OnnxClassifier("model.onnx")
    OnnxClassifier(path='model.onnx')
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = path

    @property
    def classes_(self) -> np.ndarray:
        return self._model.metadata.classes

    @property
    def n_features_in_(self) -> int:
        return self._model.metadata.n_features

    @property
    def feature_names_in_(self) -> np.ndarray:
        names = self._model.metadata.feature_names
        if names is None:
            raise AttributeError("The exported classifier was trained without feature names.")
        return names

    @property
    def model_card_(self) -> dict[str, Any]:
        return self._model.metadata.card

    def fit(self, X: Any = None, y: Any = None) -> NoReturn:
        """Raise an error, because the classifier is already trained.

        Parameters
        ----------
        X, y : object, default=None
            Ignored.

        Returns
        -------
        NoReturn
            It never returns.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(
            "OnnxClassifier is already trained and cannot be fitted. If scikit-learn would fit it, wrap it in "
            "sklearn.frozen.FrozenEstimator."
        )

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the class of each spectrum.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, as the exported classifier takes them.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            Labels of `classes_`.
        """
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Spectra, as the exported classifier takes them; used in single precision.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float32
            In the order of `classes_`.

        Raises
        ------
        ValueError
            If X has another width, contains infinity, or contains NaN that the exported pipeline does not fill.
        FileNotFoundError
            If there is no file at `path`.
        """
        model = self._model
        flux = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        probabilities = np.empty((len(flux), len(self.classes_)), dtype=np.float32)
        n_rows = max(1, _SAMPLES_PER_BATCH // flux.shape[1])
        for start in range(0, len(flux), n_rows):
            rows = slice(start, start + n_rows)
            [probabilities[rows]] = model.session.run([OUTPUT], {INPUT: flux[rows]})
        missing = np.flatnonzero(np.isnan(probabilities).any(axis=1))
        if missing.size:
            raise ValueError(
                f"Input X contains NaN that no step of the exported pipeline fills, such as in row {missing[0]}. "
                "MissingFluxInterpolator in the pipeline fills missing flux, except in spectra that are entirely NaN."
            )
        return probabilities

    @cached_property
    def _model(self) -> _Model:
        return _Model(os.fspath(self.path))

    def set_params(self, **params: Any) -> OnnxClassifier:
        """Set parameters; the file at `path` is read again when it is next needed.

        Parameters
        ----------
        **params : dict
            `path`.

        Returns
        -------
        self : OnnxClassifier
            The classifier itself.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        self.__dict__.pop("_model", None)
        return super().set_params(**params)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_model", None)
        return state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        return tags


class _Model:
    """Session of onnxruntime, and the metadata of the file."""

    def __init__(self, path: str):
        import onnxruntime

        with open(path, "rb"):
            pass  # raises FileNotFoundError if there is no such file
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _openmp_effective_n_threads()
        options.log_severity_level = 4  # errors are raised instead
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            self.metadata = Metadata.decode(self.session.get_modelmeta().custom_metadata_map)
            self._check_shapes()
        except Exception as error:  # onnxruntime has an exception for every status, without a common base
            raise ValueError(f"path={path!r} was not written by skspectra.export.to_onnx: {error}") from error

    def _check_shapes(self) -> None:
        for values, name, width in (
            (self.session.get_inputs(), INPUT, self.metadata.n_features),
            (self.session.get_outputs(), OUTPUT, len(self.metadata.classes)),
        ):
            if [(v.name, v.type, v.shape[1:]) for v in values] != [(name, "tensor(float)", [width])]:
                raise ValueError(f"{name} and the metadata do not agree")
