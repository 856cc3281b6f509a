"""Noise that makes new training spectra from old ones."""

from ._ccd_noise import CCDNoiseAugmenter
from ._effects import BadPixels, CosmicRays, ElectronicNoise

__all__ = ["BadPixels", "CCDNoiseAugmenter", "CosmicRays", "ElectronicNoise"]
