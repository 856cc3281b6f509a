"""The scripts in benchmarks/: all of them tell their options, and what the single ones compute."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from benchmark_data import CLASSES, ROOT
from imblearn.over_sampling import SMOTE, RandomOverSampler
from sklearn.base import BaseEstimator, ClassifierMixin

from benchmarks._common.timing import best_seconds
from benchmarks.classifiers import paper_recipe
from benchmarks.noise import imbalance
from skspectra.neural_network import SpectrumMLPClassifier
from skspectra.over_sampling import PhysicsNoiseOverSampler

SCRIPTS = sorted((ROOT / "benchmarks").glob("[a-z]*/[a-z]*.py"))
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SCRIPTS]


def test_every_script_tells_its_options():
    # One process for all: each import of PyTorch takes seconds.
    program = """
import contextlib, io, runpy, sys
root, *modules = sys.argv[1:]
sys.path.append(root)
for module in modules:
    sys.argv = [module, "--help"]
    text, end = io.StringIO(), None
    try:
        with contextlib.redirect_stdout(text):
            runpy.run_module(module, run_name="__main__")
    except SystemExit as error:
        end = error.code
    except ModuleNotFoundError as error:
        if error.name.startswith(("skspectra", "benchmarks", "tests")):
            raise
        print(module, "needs", error.name)
        continue
    print(module, end, "usage:" in text.getvalue())
"""
    finished = subprocess.run(
        [sys.executable, "-c", program, str(ROOT), *MODULES], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert len(lines) == len(MODULES) > 20
    assert not [line for line in lines if " needs " not in line and not line.endswith(" 0 True")]


def test_the_readme_names_every_script():
    readme = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"benchmarks\.\w+\.[a-z]\w*", readme))) == MODULES


def test_alternatives_are_timed_in_turn():
    calls = []
    seconds = best_seconds({name: lambda name=name: calls.append(name) for name in "ab"}, rounds=2)
    assert calls == ["a", "b", "a", "b"]
    assert all(0 < value < 1 for value in seconds.values())


@pytest.mark.parametrize("sampler", [RandomOverSampler, SMOTE, PhysicsNoiseOverSampler])
def test_every_sampler_makes_as_many_spectra_of_each_class(sampler):
    y = np.repeat(["STAR", "GALAXY", "QSO"], [270, 27, 3])
    X = np.random.default_rng(0).uniform(size=(300, 60)).astype(np.float32)
    X_balanced, y_balanced = imbalance.resample(sampler, X, y, 0)
    assert dict(zip(*np.unique(y_balanced, return_counts=True), strict=True)) == dict.fromkeys(CLASSES, 100)
    stars = X_balanced[y_balanced == "STAR"]
    assert len(np.unique(stars, axis=0)) == 100  # drawn without replacement


class KnownProbabilities(ClassifierMixin, BaseEstimator):
    """Stands for a network: the first three values of a spectrum are its probabilities of GALAXY, QSO and STAR."""

    batch_size = 100

    def __init__(self, **params):
        pass

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return X[:, :3]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(1)]


# Three spectra that are all called stars: the F1 of stars is 1/2, of the others 0.
@pytest.mark.parametrize(("method", "f1"), [("no balancing", 1 / 6), ("RandomOverSampler", 1)])
def test_probabilities_of_a_method_are_reweighted_from_the_mix_it_was_trained_at(monkeypatch, method, f1):
    monkeypatch.setattr(imbalance, "DenseNet1DClassifier", KnownProbabilities)
    of_true_class = np.array([0.4, 0.3, 0.3])
    even = np.stack([np.roll(of_true_class, i) for i in range(3)])
    # What a classifier says that has learnt the same at 98.5 : 1.2 : 0.3: everything is a star.
    at_survey = even * [0.012, 0.003, 0.985]
    X_test = even if method == "RandomOverSampler" else at_survey
    with_artefact = {"bad pixels": np.roll(X_test[2:], 1, axis=1)}  # from a star to a galaxy
    settings = {"n": 300, "epochs": 3, "threads": 1, "network": {}}

    result = imbalance.run(method, 0, settings, X_test, CLASSES, with_artefact)

    assert result["macro F1 1:1:1"] == pytest.approx(f1)
    assert result["macro F1 1:1:1, reweighted"] == pytest.approx(1)
    assert result["steps"] == 3 * 3
    assert result["leak, bad pixels"] == 1
    assert result["recall"]["STAR"] == 1


def test_the_weights_of_the_last_epoch_are_kept_beside_the_best():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(60, 40)).astype(np.float32)
    y = CLASSES[np.arange(60) % 3]
    network = {"hidden_layer_sizes": (8,), "max_epochs": 4, "batch_size": 10, "random_state": 0}
    kept = paper_recipe.LastWeights()
    # Labels of chance: validation does not get better with every epoch.
    both = SpectrumMLPClassifier(**network, callbacks=[kept]).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    last = SpectrumMLPClassifier(**network).fit(X[:40], y[:40])
    assert both.best_epoch_ < 4
    kept = next(c for c in both.net_.callbacks if isinstance(c, paper_recipe.LastWeights)).weights_
    for name, weight in last.net_.module_.state_dict().items():
        torch.testing.assert_close(kept[name], weight)
    assert not torch.equal(kept[name], both.net_.module_.state_dict()[name])
