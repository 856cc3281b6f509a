"""Samplers that add spectra of rarer classes."""

from ._physics_noise import PhysicsNoiseOverSampler

__all__ = ["PhysicsNoiseOverSampler"]
