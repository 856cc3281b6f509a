"""Export of a trained classifier to an ONNX file with a model card."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._atomic_file import replace_file
from .._base import BaseMetaClassifier
from .._unwrap import innermost
from ..calibration import PriorCorrectedClassifier
from ..calibration._class_priors import _LOG_TINY
from ..metrics import ClassificationTable
from ._graph import INPUT, OUTPUT, Graph, ints, single
from ._metadata import Metadata
from ._model_card import as_markdown, make_model_card
from ._networks import add_network
from ._steps import add_step


def to_onnx(
    estimator: Any,
    path: str | os.PathLike,
    *,
    X_train: ArrayLike | None = None,
    y_train: ArrayLike | None = None,
    wavelength: ArrayLike | None = None,
    table: ClassificationTable | None = None,
) -> None:
    """Write a trained classifier as an ONNX file, with a model card beside it.

    The file contains everything between raw spectra and class probabilities: the steps of the pipeline and the network.
    :class:`OnnxClassifier` and every other ONNX runtime can predict with it without PyTorch. No code from the file is
    executed when it is read.

    The input of the graph, "flux", is float32 of shape (n_spectra, n_features), for any number of spectra; its output,
    "probabilities", is float32 of shape (n_spectra, n_classes). Networks that were trained in bfloat16 compute in
    float32.

    Parameters
    ----------
    estimator : classifier
        A fitted network of :mod:`skspectra.neural_network`; a :class:`~sklearn.pipeline.Pipeline` that ends in one,
        with `MinMaxSpectrumScaler` and `MissingFluxInterpolator` before it, and noise and samplers, which act only in
        training; or one of these within a fitted search such as GridSearchCV,
        :class:`~skspectra.calibration.PriorCorrectedClassifier` or :class:`~sklearn.frozen.FrozenEstimator`.
    path : str or path-like
        Path of the file; its name must end in ".onnx". The model card has the same name with ".md". Existing files are
        replaced, each in one step, so that a failed export leaves them unchanged.
    X_train : array-like of shape (n_samples, n_features), default=None
        The training spectra, of which the model card contains a hash.
    y_train : array-like of shape (n_samples,), default=None
        The labels of the training spectra. The model card contains the number of spectra of each class.
    wavelength : array-like of shape (n_features,), default=None
        The wavelength of each sample, for the model card, so that other spectra can be brought to the same grid.
    table : ClassificationTable, default=None
        Scores on spectra that were not used in training, from :func:`skspectra.metrics.classification_table`, for the
        model card.

    Raises
    ------
    TypeError
        If the classifier, or a step of the pipeline, cannot be exported to ONNX.
    ValueError
        If `path` or an argument for the model card is not valid.
    NotFittedError
        If the classifier is not fitted.

    See Also
    --------
    OnnxClassifier : Predicts from the file.

    Notes
    -----
    This function requires onnx: ``pip install onnx``.

    If a spectrum has no measured sample, or missing flux that no step of the pipeline fills, the estimator and
    `OnnxClassifier` raise an error. In other runtimes, the probabilities of such a spectrum are NaN.

    References
    ----------
    .. [1] Mitchell M. et al., "Model Cards for Model Reporting", FAT* 2019, arXiv:1810.03993.
    .. [2] The ONNX format, https://onnx.ai/onnx.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skspectra.datasets import make_spectra
    >>> from skspectra.export import OnnxClassifier, to_onnx
    >>> from skspectra.neural_network import SpectrumMLPClassifier
    >>> from skspectra.preprocessing import MinMaxSpectrumScaler
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = make_spectra(60, weights=(1, 1, 1), random_state=0, return_X_y=True)
    >>> network = SpectrumMLPClassifier(hidden_layer_sizes=(16,), max_epochs=2, random_state=0)
    >>> pipeline = make_pipeline(MinMaxSpectrumScaler(), network).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(pipeline, Path(folder) / "model.onnx", X_train=X, y_train=y)
    ...     classifier = OnnxClassifier(Path(folder) / "model.onnx")
    ...     bool((classifier.predict(X) == pipeline.predict(X)).all())
    True
    """
    from ..neural_network import BaseSpectrumClassifier

    path = Path(path)
    if path.suffix != ".onnx":
        raise ValueError(f"path must end in '.onnx', got {str(path)!r}.")
    network = innermost(estimator)
    if not isinstance(network, BaseSpectrumClassifier):
        raise _no_form(estimator)
    check_is_fitted(network)
    graph = Graph()
    graph.add("Identity", _add_classifier(graph, INPUT, estimator, network), output=OUTPUT)
    card = make_model_card(estimator, network, X_train=X_train, y_train=y_train, wavelength=wavelength, table=table)
    metadata = Metadata(
        classes=network.classes_,
        n_features=network.n_features_in_,
        feature_names=getattr(estimator, "feature_names_in_", None),
        card=card,
    )
    content = graph.serialize(network.n_features_in_, len(network.classes_), metadata.encode())
    replace_file(path.with_suffix(".md"), as_markdown(card, path.name).encode())
    replace_file(path, content)


def _no_form(estimator: Any) -> TypeError:
    inside = {BaseMetaClassifier: ".estimator_", CalibratedClassifierCV: ".calibrated_classifiers_[0].estimator"}
    advice = "".join(f" Export its {name} instead." for kind, name in inside.items() if isinstance(estimator, kind))
    return TypeError(
        f"estimator={type(estimator).__name__} cannot be exported to ONNX. It must be a network of "
        "skspectra.neural_network or a pipeline that ends in one, which may be within a search, "
        f"PriorCorrectedClassifier or FrozenEstimator.{advice}"
    )


def _add_classifier(graph: Graph, flux: str, estimator: Any, network: Any) -> str:
    """Add the nodes of a classifier in prediction and return the name of its probabilities."""
    if isinstance(estimator, Pipeline):
        for name, step in estimator.steps[:-1]:
            flux = add_step(graph, flux, network.n_features_in_, name, step)
        return _add_classifier(graph, flux, estimator.steps[-1][1], network)
    if hasattr(estimator, "best_estimator_"):  # a search
        return _add_classifier(graph, flux, estimator.best_estimator_, network)
    if isinstance(estimator, FrozenEstimator):
        return _add_classifier(graph, flux, estimator.estimator, network)
    if isinstance(estimator, PriorCorrectedClassifier):
        probabilities = _add_classifier(graph, flux, estimator.estimator_, network)
        return _correct_priors(graph, probabilities, estimator.training_priors_, estimator.class_priors_)
    if estimator is not network:
        raise _no_form(estimator)
    logits = add_network(graph, flux, network.n_features_in_, network.net_.module_)
    # Runtimes differ in their Relu of NaN, so NaN is added to spectra with any flux that is not a number.
    nothing = graph.add("ReduceSum", graph.add("Mul", flux, single(0)), ints(1))
    return graph.add("Add", graph.add("Softmax", logits, axis=1), nothing)


def _correct_priors(graph: Graph, probabilities: str, old: np.ndarray, new: np.ndarray) -> str:
    """Add the computation of `with_class_priors`, also in double precision."""
    with np.errstate(divide="ignore"):
        log_ratio = np.log(new) - np.log(old)
    log_probabilities = graph.add("Log", graph.cast(probabilities, np.float64))
    floored = graph.add("Max", log_probabilities, np.array(_LOG_TINY, dtype=np.float64))
    corrected = graph.add("Softmax", graph.add("Add", floored, log_ratio), axis=1)
    return graph.cast(corrected, np.float32)
