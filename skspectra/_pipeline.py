"""What a Pipeline does before its last step."""

from typing import Any

from sklearn.pipeline import Pipeline


def last_step(estimator: Any) -> Any:
    """Return the estimator at the end of a pipeline, pipelines inside it included, or the estimator itself."""
    return last_step(estimator.steps[-1][1]) if isinstance(estimator, Pipeline) else estimator


def apply_first_steps(estimator: Any, X: Any) -> Any:
    """Return what the last step of a fitted pipeline sees in prediction."""
    if not isinstance(estimator, Pipeline):
        return X
    for _, step in estimator.steps[:-1]:
        # imbalanced-learn's samplers act in fit alone.
        if step is not None and step != "passthrough" and not hasattr(step, "fit_resample"):
            X = step.transform(X)
    return apply_first_steps(estimator.steps[-1][1], X)
