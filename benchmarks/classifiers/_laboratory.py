"""Compare classifiers on the seven spectrographic sets of the UCR archive with published accuracies.

The sets are used with their default splits, and all of them with the same settings. ``--tune`` cross-validates every
candidate on the training parts and writes the accuracies. It uses four folds, twice for sets of at most 300 spectra and
once for larger ones, and does not read the test parts. The defaults of ``--settings`` are the best network and the best
classifier of this cross-validation. A network is trained with the same number of optimiser steps on every set.

The sets are not part of this repository. FOLDER/ucr contains NAME_TRAIN.tsv and NAME_TEST.tsv, with the label in the
first column, and published.csv with the column "dataset" and one column per method. Each run is written to the folder
of ``--runs`` when it ends, and is not repeated.

    python -m benchmarks.classifiers.compare laboratory --tune --json ucr-tuning.json
    python -m benchmarks.classifiers.compare laboratory --json ucr.json
"""

import csv
import functools
import re
import time
from pathlib import Path

import numpy as np
import torch
from scipy.signal import savgol_filter
from scipy.stats import wilcoxon
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from benchmarks._common.command import add_data, add_json, data_folder, save
from benchmarks._common.runs import code_version, fingerprint_of_files, read_or_run
from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.neural_network import DenseNet1DClassifier, SpectrumMLPClassifier

DATASETS = ("Beef", "Coffee", "Ham", "Meat", "OliveOil", "Strawberry", "Wine")
NOISE = CCDNoiseAugmenter(electronic_noise=(0.0, 0.05), cosmic_rays=0, bad_pixels=0.0)


def preprocessed(last: ClassifierMixin, features: str) -> Pipeline:
    """Return a classifier with the usual preprocessing of chemometrics.

    The spectra are smoothed, or replaced by their smoothed slopes, and each wavelength is scaled to mean 0 and standard
    deviation 1. With "components", the features are the principal components of the slopes that have 99 % of their
    variance, each scaled to standard deviation 1.
    """
    deriv = 0 if features == "spectra" else 1
    smooth = FunctionTransformer(savgol_filter, kw_args={"window_length": 15, "polyorder": 3, "deriv": deriv})
    steps = [smooth, StandardScaler()]
    if features == "components":
        steps.append(PCA(0.99, whiten=True, svd_solver="full"))
    return make_pipeline(*steps, last)


def mlp(n_train, seed, *, features="slopes", hidden_layer_sizes=(256,), **params):
    network = SpectrumMLPClassifier(
        hidden_layer_sizes=hidden_layer_sizes, **schedule(n_train, steps=500), random_state=seed, **params
    )
    return preprocessed(network, features)


def densenet(n_train, seed, *, features="slopes", **params):
    network = DenseNet1DClassifier(
        growth_rate=8, n_dense_blocks=4, stem_stride=2, **schedule(n_train, steps=300), random_state=seed, **params
    )
    return preprocessed(network, features)


def schedule(n_train: int, steps: int, batch_size: int = 16) -> dict:
    return {
        "max_epochs": round(steps / -(-n_train // batch_size)),
        "batch_size": batch_size,
        "lr_schedule": "one-cycle",
    }


def linear_discriminant(n_train, seed, *, features="slopes"):
    return preprocessed(LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"), features)


def vote(members, n_train, seed):
    """Return a classifier whose probabilities are the mean of those of several classifiers."""
    return VotingClassifier(
        [(str(i), member(n_train, 100 * seed + i)) for i, member in enumerate(members)], voting="soft"
    )


SETTINGS = {
    "linear discriminant, spectra": functools.partial(linear_discriminant, features="spectra"),
    "linear discriminant, slopes": linear_discriminant,
    "MLP, spectra": functools.partial(mlp, features="spectra"),
    "MLP, slopes": mlp,
    "MLP, slopes, weight decay": functools.partial(mlp, weight_decay=0.01),
    "MLP, slopes, noise": functools.partial(mlp, augmenter=NOISE),
    "MLP of four layers, slopes": functools.partial(mlp, hidden_layer_sizes=(512, 256, 128)),
    "MLP, components": functools.partial(mlp, features="components"),
    "MLP and linear discriminant, slopes": functools.partial(vote, [mlp, linear_discriminant]),
    "5 MLP, slopes": functools.partial(vote, [mlp] * 5),
    "5 MLP and linear discriminant, slopes": functools.partial(vote, [*[mlp] * 5, linear_discriminant]),
    "DenseNet, spectra": functools.partial(densenet, features="spectra"),
    "DenseNet, slopes": densenet,
    "DenseNet and linear discriminant, slopes": functools.partial(vote, [densenet, linear_discriminant]),
}
# The best network and the best classifier of --tune.
CHOSEN = ["MLP, slopes", "linear discriminant, slopes"]


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    table = np.loadtxt(path, delimiter="\t")
    return table[:, 1:].astype(np.float32), table[:, 0].astype(int)


def accuracy(setting, X, y, X_test, y_test, seed=0) -> float:
    model = SETTINGS[setting](len(y), seed).fit(X, y)
    return float(np.mean(model.predict(X_test) == y_test))


def cross_validate(setting, folder, dataset) -> dict:
    X, y = read(folder / f"{dataset}_TRAIN.tsv")
    start = time.perf_counter()
    # One round is precise enough for a set of 600 spectra.
    folds = RepeatedStratifiedKFold(n_splits=4, n_repeats=1 if len(y) > 300 else 2, random_state=0)
    scores = [
        accuracy(setting, X[train], y[train], X[held_back], y[held_back]) for train, held_back in folds.split(X, y)
    ]
    return {"accuracy": float(np.mean(scores)), "folds": scores, "seconds": time.perf_counter() - start}


def test(setting, folder, dataset, seed) -> dict:
    start = time.perf_counter()
    score = accuracy(setting, *read(folder / f"{dataset}_TRAIN.tsv"), *read(folder / f"{dataset}_TEST.tsv"), seed)
    return {"accuracy": score, "seconds": time.perf_counter() - start}


def published(folder: Path) -> dict[str, list[float]]:
    with open(folder / "published.csv", newline="") as file:
        rows = {row["dataset"]: row for row in csv.DictReader(file)}
    methods = [name for name in rows[DATASETS[0]] if name != "dataset"]
    return {name: [float(rows[dataset][name]) for dataset in DATASETS] for name in methods}


def describe_estimator(estimator: BaseEstimator) -> str:
    """Return all parameters that are not defaults, without memory addresses, which differ between processes."""
    return re.sub(r" at 0x\w+", "", estimator.__repr__(N_CHAR_MAX=10**6))


def print_row(name: str, accuracies: list[float], more: str = "") -> None:
    cells = " | ".join(f"{value:.3f}" for value in accuracies)
    print(f"| {name} | {cells} | {np.mean(accuracies):.4f}{more} |", flush=True)


def add_arguments(parser):
    add_json(parser)
    add_data(parser, "ucr/")
    parser.add_argument("--tune", action="store_true", help="cross-validate on the training parts only")
    parser.add_argument(
        "--settings", nargs="+", choices=list(SETTINGS), help="default: the two that were chosen, or all with --tune"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=Path, default=Path("ucr-runs"), help="folder of the finished runs")


def run(args):
    folder = data_folder(args) / "ucr"
    torch.set_num_threads(args.threads)
    print("| method | " + " | ".join(DATASETS) + " | mean |")
    print("| --- " * (len(DATASETS) + 2) + "|")
    others = {} if args.tune else published(folder)
    for method, accuracies in others.items():
        print_row(f"{method}, published", accuracies)
    settings = args.settings or (list(SETTINGS) if args.tune else CHOSEN)
    results = [summary(setting, folder, others, args) for setting in settings]
    for result in results:
        for method, p_value in result["signed-rank test over the sets, p"].items():
            print(f"{result['setting']} and {method}, published: signed-rank test over the sets, p {p_value:.2f}")
    save(args, tuning=args.tune, results=results)


def summary(setting, folder, others, args) -> dict:
    """Print and return the accuracies of a setting on all sets."""
    described = describe_estimator(SETTINGS[setting](n_train=100, seed=0))
    runs = {dataset: runs_on(dataset, setting, described, folder, args) for dataset in DATASETS}
    by_run = np.array([[run["accuracy"] for run in runs[dataset]] for dataset in DATASETS])
    means = by_run.mean(axis=1).tolist()
    spread = float(by_run.mean(axis=0).std(ddof=1)) if by_run.shape[1] > 1 else 0.0
    print_row(setting, means, "" if args.tune else f" ± {spread:.4f}")
    return {
        "setting": setting,
        "estimator for 100 spectra": described,
        "accuracy": dict(zip(DATASETS, means, strict=True)),
        "mean": float(np.mean(means)),
        "spread of the mean": spread,
        "signed-rank test over the sets, p": {
            method: float(wilcoxon(means, accuracies).pvalue) for method, accuracies in others.items()
        },
        "seconds": sum(run["seconds"] for of_dataset in runs.values() for run in of_dataset),
        "runs": runs,
    }


def runs_on(dataset, setting, described, folder, args) -> list[dict]:
    """Return the runs of a setting on one set: a single run with ``--tune``, otherwise one for each seed."""
    parts = [folder / f"{dataset}_{part}.tsv" for part in (["TRAIN"] if args.tune else ["TRAIN", "TEST"])]
    made_by = {
        "setting": described,
        "threads": args.threads,
        "data": fingerprint_of_files(*parts),
        "code": code_version(__file__),
    }
    if args.tune:
        tasks = {"tune": functools.partial(cross_validate, setting, folder, dataset)}
    else:
        tasks = {seed: functools.partial(test, setting, folder, dataset, seed) for seed in range(args.seeds)}
    name = f"{setting.replace(' ', '-')}-{dataset}"
    return [read_or_run(args.runs / f"{name}-{label}.json", made_by, task) for label, task in tasks.items()]
