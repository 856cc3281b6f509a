"""Trained classifiers as ONNX files, and prediction from such files without PyTorch."""

from typing import TYPE_CHECKING

from ._onnx_classifier import OnnxClassifier

if TYPE_CHECKING:
    from ._to_onnx import to_onnx

__all__ = ["OnnxClassifier", "to_onnx"]


def __getattr__(name: str) -> object:
    # Modules that only an export needs take longer to import than all those that a prediction needs.
    if name == "to_onnx":
        from ._to_onnx import to_onnx

        return to_onnx
    raise AttributeError(f"module 'skspectra.export' has no attribute {name!r}")
