"""Bayes' rule for another class mix, and the class mix of unlabelled spectra (Saerens et al. 2002)."""

import warnings
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from .._checks import check_class_priors
from .._validation import Interval, validate_params

_LOG_TINY = np.log(np.finfo(np.float64).tiny)


def with_class_priors(probabilities: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return class probabilities, (n_samples, n_classes), for the class priors ``new`` instead of ``old``."""
    with np.errstate(divide="ignore", under="ignore"):
        # A probability of 0 is a very small one that was rounded. Without the floor, a spectrum with probability 1 for
        # a class whose new prior is 0 would have no class at all.
        log_likelihood = np.maximum(np.log(probabilities, dtype=np.float64), _LOG_TINY) - np.log(old)
        return softmax(log_likelihood + np.log(new), axis=1)


@validate_params(
    {"max_iter": [Interval(Integral, 1, None, closed="left")], "tol": [Interval(Real, 0, None, closed="left")]}
)
def estimate_class_priors(
    probabilities: ArrayLike, training_priors: ArrayLike, *, max_iter: int = 1000, tol: float = 1e-6
) -> np.ndarray:
    """Estimate the class mix of unlabelled spectra from their class probabilities.

    The class mix of maximum likelihood is found by expectation maximisation [1]_: the probabilities are corrected to
    the current mix, and their mean is the next mix. The estimate is valid if spectra of a class look the same in
    training and in the survey, and if the probabilities are calibrated at the training mix. Overconfident probabilities
    should be calibrated first [2]_.

    Parameters
    ----------
    probabilities : array-like of shape (n_samples, n_classes)
        Class probabilities of a classifier for the unlabelled spectra, each row summing to 1.
    training_priors : array-like of shape (n_classes,)
        The class mix at which the classifier was trained. The shares must be above 0 and sum to 1.
    max_iter : int, default=1000
        Largest number of iterations.
    tol : float, default=1e-6
        The iteration ends when no share changes by more than this fraction of itself or of 1 / n_samples, whichever is
        larger.

    Returns
    -------
    class_priors : ndarray of shape (n_classes,), float64
        The estimated share of each class.

    Raises
    ------
    ValueError
        If the probabilities or priors are not valid.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` iterations were not enough.

    See Also
    --------
    PriorCorrectedClassifier.adapt : Estimates the mix of a survey and corrects to it.

    References
    ----------
    .. [1] Saerens M., Latinne P., Decaestecker C., "Adjusting the outputs of a classifier to new a priori
       probabilities", Neural Computation 14(1), 21-41, 2002.
    .. [2] Alexandari A., Kundaje A., Shrikumar A., "Maximum likelihood with bias-corrected calibration is hard-to-beat
       at label shift adaptation", ICML 2020, arXiv:1901.06852.

    Examples
    --------
    >>> from skspectra.calibration import estimate_class_priors
    >>> probabilities = [[0.99, 0.01]] * 9 + [[0.01, 0.99]]
    >>> estimate_class_priors(probabilities, [0.5, 0.5]).round(3)
    array([0.908, 0.092])
    """
    proba = check_array(probabilities, dtype=np.float64, input_name="probabilities")
    if (proba < 0).any() or not np.allclose(proba.sum(axis=1), 1, atol=1e-3):
        raise ValueError("probabilities must be 0 or more and sum to 1 in each row.")
    old = check_class_priors(training_priors, np.arange(proba.shape[1]), "training_priors", positive=True)
    smallest = 1 / len(proba)
    priors = old
    for _ in range(max_iter):
        previous, priors = priors, with_class_priors(proba, old, priors).mean(axis=0)
        if np.all(np.abs(priors - previous) <= tol * np.maximum(priors, smallest)):
            return priors
    warnings.warn(
        f"Class priors still changed after max_iter={max_iter} iterations. Increase max_iter or tol.",
        ConvergenceWarning,
        stacklevel=3,  # past validate_params
    )
    return priors
