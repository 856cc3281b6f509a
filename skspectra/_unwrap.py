"""Access to the classifier inside a pipeline or another estimator, and to its input."""

from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._base import BaseMetaClassifier


def flat_steps(estimator: Any) -> list[tuple[str, Any]]:
    """Return names and steps of a pipeline, with those of a pipeline at its end; any other estimator is one step."""
    if not isinstance(estimator, Pipeline):
        return [("", estimator)]
    *first, (name, last) = estimator.steps
    return [*first, *(flat_steps(last) if isinstance(last, Pipeline) else [(name, last)])]


def last_step(estimator: Any) -> Any:
    """Return the estimator at the end of a pipeline, or the estimator itself."""
    return flat_steps(estimator)[-1][1]


def innermost(estimator: Any) -> Any:
    """Return the fitted classifier inside any number of others: pipelines, searches, calibrations."""
    inner = _inner(estimator)
    return estimator if inner is None else innermost(inner)


def innermost_input(estimator: Any, X: Any) -> Any:
    """Return the input of the innermost classifier when the estimator predicts X."""
    if isinstance(estimator, Pipeline):
        for _, step in estimator.steps[:-1]:
            # imbalanced-learn's samplers act only in fit.
            if step is not None and step != "passthrough" and not hasattr(step, "fit_resample"):
                X = step.transform(X)
    inner = _inner(estimator)
    return X if inner is None else innermost_input(inner, X)


def _inner(estimator: Any) -> Any:
    """Return the classifier to which another one passes spectra; None if there is none or there are several."""
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1][1]
    if isinstance(estimator, FrozenEstimator):
        return estimator.estimator
    if isinstance(estimator, BaseMetaClassifier):
        check_is_fitted(estimator)
        return estimator.estimator_
    if isinstance(estimator, CalibratedClassifierCV):
        check_is_fitted(estimator)
        calibrated = estimator.calibrated_classifiers_
        return calibrated[0].estimator if len(calibrated) == 1 else None
    return getattr(estimator, "best_estimator_", None)  # of a search
