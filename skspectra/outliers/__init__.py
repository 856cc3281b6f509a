"""Spectra that are none of the classes."""

from ._unknown_rejector import UnknownRejector

__all__ = ["UnknownRejector"]
