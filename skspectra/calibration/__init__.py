"""Probabilities at the class mix of the spectra to be classified."""

from ._class_priors import estimate_class_priors
from ._prior_corrected import PriorCorrectedClassifier

__all__ = ["PriorCorrectedClassifier", "estimate_class_priors"]
