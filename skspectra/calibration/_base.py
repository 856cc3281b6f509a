"""Base of the classifiers that need the probabilities of the one that they fit."""

from typing import Any

from .._meta_classifier import BaseMetaClassifier


class BaseProbabilityMetaClassifier(BaseMetaClassifier):
    """Classifier around `estimator`, another one with `predict_proba`."""

    def _fit_estimator(self, X: Any, y: Any, **fit_params: Any) -> None:
        if not hasattr(self.estimator, "predict_proba"):
            raise TypeError(
                f"estimator={self.estimator!r} has no predict_proba; allowed are classifiers that have. "
                "sklearn.calibration.CalibratedClassifierCV gives it to one with decision_function."
            )
        super()._fit_estimator(X, y, **fit_params)
