"""Scores and comparisons of classifiers, with their uncertainties, at a stated class mix."""

from ._classification_table import ClassErrors, ClassificationTable, classification_table
from ._compare_classifiers import compare_classifiers
from ._comparison_result import ClassifierComparison
from ._holm import ComparedPair
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
