"""How real are the spectra of make_spectra?

Classifiers are trained on simulated spectra alone (1:1:1) and tested on

- other simulated spectra of make_spectra: how hard the task is;
- the real SDSS spectra of ``$SKSPECTRA_DATA/real_spectra.npz`` (with a 95 % bootstrap band over objects). The LAMOST
  part of that file is left out: nearly all of its spectra are stars, so that a score over both parts can be earned by
  telling the surveys apart;
- spectra that another simulator made from empirical templates (``--templates FILE.npz`` with flux, wavelength and
  target).

Then, what must not give the class away: the S/N alone, and the texture of the noise alone. Last, the rate.

    python benchmarks/simulator_realism.py [--templates FILE.npz] [--json PATH]
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
from _machine import describe
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra.datasets import make_spectra
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

CLASSES = ("STAR", "GALAXY", "QSO")


def classifier(n_components: int, last: ClassifierMixin) -> Pipeline:
    # The ends of the scale are percentiles, so that one spike does not flatten a spectrum.
    return make_pipeline(
        MissingFluxInterpolator(),
        MinMaxSpectrumScaler(quantile_range=(0.5, 99.5)),
        PCA(n_components, svd_solver="randomized", random_state=0),
        StandardScaler(),
        last,
    )


def macro_f1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    return f1_score(y_true, y_pred, labels=CLASSES, average="macro")


def band(y_true: np.ndarray, y_pred: np.ndarray, group: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap band of the macro F1, drawing whole groups."""
    rng = np.random.default_rng(seed)
    names, inverse = np.unique(group, return_inverse=True)
    confusion = np.zeros((len(names), 3, 3))
    code = {label: k for k, label in enumerate(CLASSES)}
    np.add.at(confusion, (inverse, [code[y] for y in y_true], [code[y] for y in y_pred]), 1)
    scores = []
    for _ in range(2000):
        c = confusion[rng.integers(0, len(names), len(names))].sum(axis=0)
        scores.append(np.mean(2 * np.diag(c) / np.maximum(c.sum(axis=0) + c.sum(axis=1), 1)))
    low, high = np.percentile(scores, (2.5, 97.5))
    return float(low), float(high)


def texture(flux: np.ndarray, n_lags: int = 8) -> np.ndarray:
    """Autocorrelation of clipped second differences: what is left once the shape and the strong lines are gone."""
    difference = np.diff(flux, n=2, axis=1)
    difference -= np.median(difference, axis=1, keepdims=True)
    scale = 1.4826 * np.median(np.abs(difference), axis=1, keepdims=True)
    difference = np.clip(difference / np.maximum(scale, 1e-30), -3, 3)
    power = (difference**2).mean(axis=1)
    products = [(difference[:, k:] * difference[:, :-k]).mean(axis=1) for k in range(1, n_lags + 1)]
    return np.stack(products, axis=1) / power[:, None]


def alone(feature: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Cross-validated scores of gradient boosting on features that should say nothing."""
    model = HistGradientBoostingClassifier(max_iter=100, max_leaf_nodes=15, learning_rate=0.05, random_state=0)
    predicted = cross_val_predict(model, feature, target, cv=5)
    return {"balanced_accuracy": balanced_accuracy_score(target, predicted), "macro_f1": macro_f1(target, predicted)}


def test_sets(n_test: int, templates: Path | None) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Name -> flux, target, group."""
    own = make_spectra(n_test, weights=(1, 1, 1), random_state=2)
    sets = {"make_spectra": (own.data, own.target, np.arange(n_test))}
    if templates is not None:
        with np.load(templates) as other:
            sets["empirical templates"] = (other["flux"], other["target"], np.arange(len(other["target"])))
    folder = os.environ.get("SKSPECTRA_DATA")
    if folder:
        with np.load(Path(folder) / "real_spectra.npz") as real:
            sdss = np.char.startswith(real["survey"], "SDSS")
            sets["real SDSS"] = (real["flux"][sdss], real["target"][sdss], real["object"][sdss])
    else:
        print("SKSPECTRA_DATA is not set: no real spectra")
    return sets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-train", type=int, default=6000)
    parser.add_argument("--n-test", type=int, default=3000)
    parser.add_argument("--templates", type=Path, help="npz of another simulator")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    machine = describe()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    train = make_spectra(args.n_train, weights=(1, 1, 1), random_state=1)
    models = {
        "logistic regression, 30 components": classifier(30, LogisticRegression(max_iter=3000)),
        "gradient boosting, 100 components": classifier(100, HistGradientBoostingClassifier(random_state=0)),
    }
    scores = []
    print(f"\nmacro F1, trained on {args.n_train} of make_spectra (1:1:1); confusion: rows true, star galaxy quasar")
    for model in models.values():
        model.fit(train.data, train.target)
    for where, (flux, target, group) in test_sets(args.n_test, args.templates).items():
        for name, model in models.items():
            predicted = model.predict(flux)
            low, high = band(target, predicted, group)
            confusion = confusion_matrix(target, predicted, labels=CLASSES).tolist()
            score = macro_f1(target, predicted)
            scores.append(
                {"test": where, "model": name, "macro_f1": score, "band": [low, high], "confusion": confusion}
            )
            print(f"{where:20} {name:36} {score:.3f} ({low:.3f}-{high:.3f})  {confusion}")

    leaks = {
        "S/N": alone(np.log(train.snr)[:, None], train.target),
        "texture of the noise": alone(texture(train.data), train.target),
        # Where the noise hides the lines, which second differences see as well
        "the same, S/N < 8": alone(texture(train.data[train.snr < 8]), train.target[train.snr < 8]),
    }
    print("\nwhat should say nothing (5-fold, 1:1:1; chance: .333)")
    for name, leak in leaks.items():
        print(f"{name:20} balanced accuracy {leak['balanced_accuracy']:.3f}, macro F1 {leak['macro_f1']:.3f}")

    rates = {}
    for name, weights in (("survey mix", (0.985, 0.012, 0.003)), ("1:1:1", (1, 1, 1))):
        seconds = []
        for seed in range(3):
            begin = time.perf_counter()
            make_spectra(4000, weights=weights, random_state=seed)
            seconds.append(time.perf_counter() - begin)
        rates[name] = 4000 / min(seconds)
    print("\nspectra/s, best of three: " + ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items()))

    if args.json:
        results = {"machine": machine, "scores": scores, "leaks": leaks, "rates": rates}
        args.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
