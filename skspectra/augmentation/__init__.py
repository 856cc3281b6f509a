"""Noise for the augmentation of training spectra."""

from ._ccd_noise import CCDNoiseAugmenter
from ._effects import BadPixels, CosmicRays, ElectronicNoise

__all__ = ["BadPixels", "CCDNoiseAugmenter", "CosmicRays", "ElectronicNoise"]
