"""Load a pretrained classifier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ._files import model_file

if TYPE_CHECKING:
    import torch
    from sklearn.pipeline import Pipeline


def load_classifier(name: str = "star-galaxy-qso", *, device: str | torch.device = "auto") -> Pipeline:
    """Load a classifier of spectra that needs no training.

    It accepts flux in any unit on :data:`~skspectra.datasets.LAMOST_WAVELENGTH`, with NaN where nothing was measured,
    as :func:`~skspectra.datasets.load_spectra` returns it. :func:`load_model_card` returns a description of its
    training data, its accuracy and its limits.

    Parameters
    ----------
    name : str, default="star-galaxy-qso"
        The model. "star-galaxy-qso" distinguishes stars, galaxies and quasars. A name with a number, such as
        "star-galaxy-qso-4", is a version, which always has the same weights. The name alone loads the newest version.
    device : str or torch.device, default="auto"
        Where to predict. "auto" is CUDA if it is available, and the CPU otherwise.

    Returns
    -------
    classifier : :class:`~sklearn.pipeline.Pipeline`
        A fitted pipeline of :class:`~skspectra.preprocessing.MissingFluxInterpolator`,
        :class:`~skspectra.preprocessing.MinMaxSpectrumScaler` and
        :class:`~skspectra.neural_network.DenseNet1DClassifier`.

    Raises
    ------
    ValueError
        If there is no model of that name. The error lists the available models.

    See Also
    --------
    onnx_path : The same classifier for use without PyTorch.
    load_model_card : Training data, scores and limits of the classifier.
    skspectra.calibration.PriorCorrectedClassifier : Correct the probabilities to the class mix of a survey.

    Notes
    -----
    The probabilities are meant for equal shares of the classes. If a class is rare in your survey, correct them with
    ``PriorCorrectedClassifier(FrozenEstimator(classifier), class_priors={...}, training_priors="balanced")``.

    The weights are plain arrays. Loading them executes no code.

    Examples
    --------
    >>> from skspectra.datasets import load_sdss_sample
    >>> from skspectra.pretrained import load_classifier
    >>> spectra = load_sdss_sample()
    >>> classifier = load_classifier()
    >>> classifier.classes_.tolist()
    ['GALAXY', 'QSO', 'STAR']
    >>> classifier.predict(spectra.data[:3]).tolist(), spectra.target[:3].tolist()
    (['GALAXY', 'QSO', 'QSO'], ['GALAXY', 'QSO', 'QSO'])
    """
    from ._weights import read_classifier  # it imports PyTorch

    return read_classifier(model_file(name, ".npz"), device)


def load_model_card(name: str = "star-galaxy-qso") -> str:
    """Return the model card of a pretrained classifier.

    Parameters
    ----------
    name : str, default="star-galaxy-qso"
        The model, as in :func:`load_classifier`.

    Returns
    -------
    card : str
        The training data of the model, its scores with confidence intervals, its limits, versions and licence, in
        Markdown.

    Raises
    ------
    ValueError
        If there is no model of that name. The error lists the available models.

    References
    ----------
    .. [1] Mitchell M. et al., "Model Cards for Model Reporting", FAT* 2019, arXiv:1810.03993.

    Examples
    --------
    >>> from skspectra.pretrained import load_model_card
    >>> print(load_model_card().splitlines()[0])
    # star-galaxy-qso-4
    """
    return model_file(name, ".md").read_text(encoding="utf-8")


def onnx_path(name: str = "star-galaxy-qso") -> Path:
    """Return the ONNX file of a pretrained classifier, for :class:`~skspectra.export.OnnxClassifier`.

    Parameters
    ----------
    name : str, default="star-galaxy-qso"
        The model, as in :func:`load_classifier`.

    Returns
    -------
    path : pathlib.Path
        A file in the installed package, which should not be changed.

    Raises
    ------
    ValueError
        If there is no model of that name. The error lists the available models.

    See Also
    --------
    load_classifier : The same classifier as a pipeline.

    Examples
    --------
    Prediction without PyTorch requires onnxruntime:

    >>> from skspectra.datasets import load_sdss_sample
    >>> from skspectra.export import OnnxClassifier
    >>> from skspectra.pretrained import onnx_path
    >>> OnnxClassifier(onnx_path()).predict(load_sdss_sample().data[:3]).tolist()
    ['GALAXY', 'QSO', 'QSO']
    """
    return model_file(name, ".onnx")
