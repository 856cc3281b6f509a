"""Noise that makes new training spectra from old ones."""

from ._ccd_noise import CCDNoiseAugmenter

__all__ = ["CCDNoiseAugmenter"]
