"""Class probabilities and decisions at the class mix of the spectra to be classified."""

from ._class_priors import estimate_class_priors
from ._macro_f1_threshold import MacroF1ThresholdClassifier
from ._prior_corrected import PriorCorrectedClassifier

__all__ = ["MacroF1ThresholdClassifier", "PriorCorrectedClassifier", "estimate_class_priors"]
