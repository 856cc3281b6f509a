"""Classifiers that are trained already, and come with the package."""

from ._load import load_classifier, load_model_card, onnx_path

__all__ = ["load_classifier", "load_model_card", "onnx_path"]
