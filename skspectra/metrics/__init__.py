"""Tables that say which classifier is better, at which class mix, and how sure that is."""

from ._classification_table import ClassErrors, ClassificationTable, classification_table
from ._classifier_comparison import ClassifierComparison
from ._compare_classifiers import compare_classifiers
from ._compare_pairs import ComparedPair
from ._paired_bootstrap import PairedDifference, paired_bootstrap

__all__ = [
    "ClassErrors",
    "ClassificationTable",
    "ClassifierComparison",
    "ComparedPair",
    "PairedDifference",
    "classification_table",
    "compare_classifiers",
    "paired_bootstrap",
]
