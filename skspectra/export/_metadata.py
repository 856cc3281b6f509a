"""Metadata of an exported file: classes, features and the model card, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

# Key of this JSON document in the metadata of ONNX.
_KEY = "skspectra"


@dataclass(frozen=True)
class Metadata:
    """Classes, features and model card of an exported classifier."""

    classes: np.ndarray
    n_features: int
    feature_names: np.ndarray | None
    card: dict[str, Any]

    def encode(self) -> dict[str, str]:
        """Return the entries for the metadata of an ONNX file."""
        kind = self.classes.dtype.kind
        if kind not in "biufUO":
            raise TypeError(f"Classes of dtype {self.classes.dtype} cannot be exported; they must be numbers or text.")
        document = {
            "classes": self.classes.tolist(),
            "dtype": "str" if kind == "U" else self.classes.dtype.name,
            "n_features": self.n_features,
            "feature_names": None if self.feature_names is None else self.feature_names.tolist(),
            "card": self.card,
        }
        return {_KEY: json.dumps(document)}

    @classmethod
    def decode(cls, entries: dict[str, str]) -> Metadata:
        """Read the metadata of an ONNX file; nothing in it is trusted.

        Raises
        ------
        ValueError
            If they were not written by `to_onnx`.
        """
        try:
            document = json.loads(entries[_KEY])
            names = document["feature_names"]
            dtype = np.dtype(document["dtype"])
            if dtype.kind not in "biufUO":
                raise ValueError(f"classes of dtype {dtype}")
            return cls(
                classes=np.array(document["classes"], dtype=dtype),
                n_features=int(document["n_features"]),
                feature_names=None if names is None else np.array(names, dtype=object),
                card=dict(document["card"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"its metadata are not those of to_onnx ({type(error).__name__}: {error})") from error
