"""Effect of covering an interval of the spectrum on the probability of a class."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from .._validation import Interval, StrOptions, validate_params
from ._targets import encode_target

# Samples (spectra times their length) that go to the classifier at once.
_SAMPLES_PER_BATCH = 1 << 22
# The smallest probability that is used for log-odds.
_LEAST = 1e-12


@validate_params(
    {
        "width": [Interval(Integral, 1, None, closed="left")],
        "step": [Interval(Integral, 1, None, closed="left")],
        "fill": [StrOptions({"linear"}), Interval(Real, None, None, closed="neither")],
        "scale": [StrOptions({"probability", "log-odds"})],
    }
)
def occlusion_map(
    estimator: Any,
    X: ArrayLike,
    target: Any = "predicted",
    *,
    width: int,
    step: int,
    fill: str | float = "linear",
    scale: str = "probability",
) -> np.ndarray:
    """Measure how much the probability of a class falls when an interval of the spectrum is hidden.

    Only `predict_proba` is needed, so the maps of different classifiers can be compared [1]_.

    Parameters
    ----------
    estimator : object
        A fitted classifier or pipeline with `predict_proba` and `classes_`. Spectra are covered before the first step
        of a pipeline.
    X : array-like of shape (n_samples, n_features)
        Spectra, as `estimator` predicts them.
    target : "predicted", label, or array-like of shape (n_samples,), default="predicted"
        Class whose probability is measured: the predicted one, one label, or a label for each spectrum.
    width : int
        Number of neighbouring samples that are covered together, less than n_features.
    step : int
        Number of samples from one covered interval to the next, at most `width`. The last interval ends at the end of
        the spectrum. The computing time is proportional to n_features / step.
    fill : "linear" or float, default="linear"
        Flux of the covered samples. "linear" is the straight line between the samples on both sides, which hides a line
        and keeps the continuum. At an end of the spectrum, it is the value of the nearest sample. A number is used as
        it is.
    scale : {"probability", "log-odds"}, default="probability"
        Quantity whose fall is measured: the probability p of the class, or the log-odds ln(p / (1 - p)). The
        probability of a confident classifier hardly falls, whichever interval is covered, but the log-odds still show
        which interval matters. They suit classifiers whose probabilities are never exactly 0 or 1; probabilities of 0
        and 1 are changed by 1e-12.

    Returns
    -------
    maps : ndarray of shape (n_samples, n_features), float32
        For each sample, the mean fall over the intervals that cover it. For the probability it is in [-1, 1]. It is
        negative where covering makes the class more probable.

    Raises
    ------
    ValueError
        If `width`, `step`, `fill`, `scale`, `target` or X is not valid.
    TypeError
        If the estimator has no `predict_proba`.

    See Also
    --------
    class_activation_map : Far faster, for the networks of this package.
    line_attention : Compare maps with spectral lines.

    References
    ----------
    .. [1] Zeiler M. D., Fergus R., "Visualizing and Understanding Convolutional Networks", ECCV 2014,
       arXiv:1311.2901.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skspectra.inspection import occlusion_map
    >>> X = np.zeros((20, 8))
    >>> y = np.arange(20) % 2
    >>> X[y == 1, 5] = 1  # an emission line
    >>> classifier = LogisticRegression(C=100).fit(X, y)
    >>> occlusion_map(classifier, X[1:2], width=1, step=1).round(1)
    array([[0., 0., 0., 0., 0., 1., 0., 0.]], dtype=float32)
    """
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(f"estimator must have predict_proba, got {type(estimator).__name__}.")
    check_is_fitted(estimator)
    flux = check_array(X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan", input_name="X")
    n_samples, n_features = flux.shape
    if width >= n_features:
        raise ValueError(f"width must be less than the {n_features} samples of a spectrum, got {width}.")
    if step > width:
        raise ValueError(f"step must be at most width={width}, so that every sample is covered, got {step}.")
    codes = encode_target(target, estimator.classes_, n_samples)

    before = _predict_in_batches(estimator, X, flux)
    if codes is None:
        codes = before.argmax(axis=1)
    score = _probability if scale == "probability" else _log_odds
    uncovered = score(before, codes)
    starts = np.unique([*range(0, n_features - width, step), n_features - width])
    falls = np.empty((n_samples, len(starts)))
    batch_size = max(1, _SAMPLES_PER_BATCH // n_features)
    for first in range(0, falls.size, batch_size):
        rows, stretches = np.divmod(np.arange(first, min(first + batch_size, falls.size)), len(starts))
        covered = _cover(flux[rows], starts[stretches], width, fill)
        falls[rows, stretches] = uncovered[rows] - score(estimator.predict_proba(_like(X, covered)), codes[rows])

    # Each stretch adds its fall at its start and subtracts it after its end.
    total = np.zeros((n_samples, n_features + 1))
    total[:, starts] += falls
    total[:, starts + width] -= falls
    n_covers = np.zeros(n_features + 1)
    n_covers[starts] += 1
    n_covers[starts + width] -= 1
    return (total.cumsum(axis=1)[:, :-1] / n_covers.cumsum()[:-1]).astype(np.float32)


def _probability(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    return probabilities[np.arange(len(codes)), codes]


def _log_odds(probabilities: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return ln(p / (1 - p)) of each spectrum's class.

    1 - p is the sum of the other probabilities, which keeps its digits where p rounds to 1.
    """
    others = np.array(probabilities, dtype=np.float64)
    wanted = others[np.arange(len(codes)), codes]
    others[np.arange(len(codes)), codes] = 0
    return np.log(np.maximum(wanted, _LEAST)) - np.log(np.maximum(others.sum(axis=1), _LEAST))


def _predict_in_batches(estimator: Any, X: Any, flux: np.ndarray) -> np.ndarray:
    batch_size = max(1, _SAMPLES_PER_BATCH // flux.shape[1])
    batches = (flux[start : start + batch_size] for start in range(0, len(flux), batch_size))
    return np.concatenate([estimator.predict_proba(_like(X, batch)) for batch in batches])


def _cover(flux: np.ndarray, starts: np.ndarray, width: int, fill: str | float) -> np.ndarray:
    """Cover `width` samples of each spectrum in place, beginning at its own start."""
    rows = np.arange(len(flux))[:, np.newaxis]
    columns = starts[:, np.newaxis] + np.arange(width)
    if fill != "linear":
        flux[rows, columns] = fill
        return flux
    n_features = flux.shape[1]
    left, right = starts - 1, starts + width
    # At an end of the spectrum, the only neighbour is used for both.
    left_flux = flux[rows[:, 0], np.where(left < 0, right, left)][:, np.newaxis]
    right_flux = flux[rows[:, 0], np.where(right == n_features, left, right)][:, np.newaxis]
    flux[rows, columns] = left_flux + (right_flux - left_flux) * (np.arange(1, width + 1) / (width + 1))
    return flux


def _like(X: Any, flux: np.ndarray) -> Any:
    """Return flux with the column names of X, if it has any, for estimators that check them."""
    if not hasattr(X, "columns"):
        return flux
    is_pandas = hasattr(X, "iloc")
    return type(X)(flux, columns=X.columns) if is_pandas else type(X)(flux, schema=list(X.columns))
