"""Rejection of spectra that belong to none of the classes."""

from ._unknown_rejector import UnknownRejector

__all__ = ["UnknownRejector"]
