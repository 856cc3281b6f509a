"""Tables that say which classifier is better, at which class mix, and how sure that is."""

from ._classification_table import ClassificationTable, classification_table

__all__ = ["ClassificationTable", "classification_table"]
