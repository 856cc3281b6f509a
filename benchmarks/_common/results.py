"""The results of a benchmark in one JSON file, with their predictions in a folder beside it."""

import hashlib
import json
from pathlib import Path

import numpy as np

from benchmarks._common.runs import write_json


class Results:
    """Results that are written as soon as they are available, so that a stopped run continues where it ended.

    A result has an identity, such as the method, the seed and the training file. If its settings have changed, it is
    fitted again and replaced.
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
        """Return the results whose classifier is still a candidate and whose settings are the current ones."""
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
