"""Attention of a classifier along the spectrum, its agreement with spectral lines, and displays."""

from ._class_activation_display import ClassActivationDisplay
from ._class_activation_map import class_activation_map
from ._line_attention import line_attention
from ._noise_display import NoiseDisplay
from ._occlusion_map import occlusion_map
from ._scaling_display import ScalingDisplay
from ._training_history import TrainingHistoryDisplay

__all__ = [
    "ClassActivationDisplay",
    "NoiseDisplay",
    "ScalingDisplay",
    "TrainingHistoryDisplay",
    "class_activation_map",
    "line_attention",
    "occlusion_map",
]
