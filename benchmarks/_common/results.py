"""Results of a benchmark in one JSON file, each with its predictions beside it."""

import hashlib
import json
from pathlib import Path

import numpy as np

from benchmarks._common.runs import write_json


class Results:
    """Results that are written as soon as they are there, so that a run that was stopped goes on where it was.

    A result has an identity, such as the method, the seed and the training file. It is fitted anew, and replaced, when
    other settings than these made it.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.predictions = self.path.with_suffix(".predictions")
        self.predictions.mkdir(parents=True, exist_ok=True)
        self.report = json.loads(self.path.read_text()) if self.path.exists() else {"results": []}

    def of(self, **identity):
        """Return the results that have these values."""
        return [r for r in self.report["results"] if all(r[key] == value for key, value in identity.items())]

    def current(self, candidates, settings_now, **identity):
        """Return those whose classifier is still among the candidates, with the settings that it would have now."""
        return [
            r
            for r in self.of(**identity)
            if r["method"] in candidates and r["settings"] == settings_now(candidates[r["method"]], r)
        ]

    def has(self, identity, settings):
        return any(r["settings"] == settings for r in self.of(**identity))

    def add(self, identity, settings, probabilities, facts):
        content = json.dumps([identity, settings]).encode()
        file = f"{hashlib.sha256(content).hexdigest()[:16]}.npz"
        np.savez_compressed(self.predictions / file, probabilities=probabilities.astype(np.float32))
        result = identity | facts | {"settings": settings, "predictions": file}
        old = self.of(**identity)
        self.report["results"] = [r for r in self.report["results"] if r not in old] + [result]
        self.write()

    def probabilities_of(self, result):
        return np.load(self.predictions / result["predictions"])["probabilities"]

    def write(self):
        write_json(self.path, self.report)
