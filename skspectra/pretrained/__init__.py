"""Pretrained classifiers that come with the package, and features from them."""

from ._features import PretrainedFeatures
from ._load import load_classifier, load_model_card, onnx_path

__all__ = ["PretrainedFeatures", "load_classifier", "load_model_card", "onnx_path"]
