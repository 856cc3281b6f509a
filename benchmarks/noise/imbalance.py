"""Compare methods against the class imbalance of a survey of 98.5 : 1.2 : 0.3.

Every method trains the same network on the same simulated survey, with the same number of optimiser steps and a
one-cycle schedule, and keeps the weights of the last step. The samplers draw stars without replacement
until they have a third of the size of the survey, and oversample galaxies and quasars to the same number. The result is
as large as the survey, so an epoch has the same length for all methods. ``sampling="balanced"`` draws its epochs in the
same way, but with other stars in each epoch.

The test set is simulated at 1:1:1. The scores at the mix of the survey come from the same predictions with
class_priors. For "reweighted", the probabilities are multiplied by the class shares of the mix and divided by those of
the training. The leak is the share of the test stars that an artefact turns into galaxies or quasars, minus the share
that it turns into stars (leak_check.py). The spread is the standard deviation over seeds. Each seed has its own survey,
resampling and initial weights.

Each run is written to the folder of ``--runs`` when it ends, and is not repeated unless its settings change.

    python -m benchmarks.noise.imbalance [--jobs 2] [--seeds 3] [--json imbalance.json]
"""

import time
from pathlib import Path

import numpy as np
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from joblib import Parallel, delayed

from benchmarks._common.command import parser_of, save
from benchmarks._common.leak import ARTEFACTS, moved_stars
from benchmarks._common.runs import code_version, read_or_run
from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import make_spectra
from skspectra.metrics import classification_table
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler

CLASSES = ["STAR", "GALAXY", "QSO"]
MIXES = {"1:1:1": [1 / 3, 1 / 3, 1 / 3], "survey": [0.985, 0.012, 0.003]}

# The sampler and the parameters of the network for each method.
METHODS = {
    "no balancing": (None, {}),
    "RandomOverSampler": (RandomOverSampler, {}),
    "SMOTE": (SMOTE, {}),
    "PhysicsNoiseOverSampler": (PhysicsNoiseOverSampler, {}),
    'sampling="balanced"': (None, {"sampling": "balanced"}),
    'sampling="balanced", augmenter': (None, {"sampling": "balanced", "augmenter": CCDNoiseAugmenter()}),
    'class_weight="balanced"': (None, {"class_weight": "balanced"}),
}
COLUMNS = [
    *[f"macro F1 {mix}{how}" for mix in MIXES for how in ("", ", reweighted")],
    *[f"leak, {artefact}" for artefact in ARTEFACTS],
    "seconds",
]


def resample(sampler, X, y, seed):
    n_each = len(y) // len(CLASSES)
    X, y = RandomUnderSampler(sampling_strategy={"STAR": n_each}, random_state=seed).fit_resample(X, y)
    rarest = min(np.sum(y == name) for name in CLASSES)
    params = {"k_neighbors": min(5, rarest - 1)} if sampler is SMOTE else {}
    return sampler(random_state=seed, **params).fit_resample(X, y)


def scores(predicted_of_mix, y):
    """Return the macro F1 at each mix with the predictions for that mix."""
    return {
        mix: float(classification_table(y, predicted, labels=CLASSES, class_priors=priors, n_resamples=0).mean["f1"])
        for (mix, priors), predicted in zip(MIXES.items(), predicted_of_mix, strict=True)
    }


def run(method, seed, settings, X_test, y_test, stars_with):
    torch.set_num_threads(settings["threads"])
    survey = make_spectra(settings["n"], weights=MIXES["survey"], random_state=seed)
    X, y = MinMaxSpectrumScaler().fit_transform(survey.data), survey.target
    sampler, params = METHODS[method]
    network = DenseNet1DClassifier(
        **settings["network"], max_epochs=settings["epochs"], lr_schedule="one-cycle", random_state=seed, **params
    )
    start = time.perf_counter()
    if sampler is not None:
        X, y = resample(sampler, X, y, seed)
    network.fit(X, y)
    seconds = time.perf_counter() - start

    order = [list(network.classes_).index(name) for name in CLASSES]
    probabilities = network.predict_proba(X_test)[:, order]
    trained_at = MIXES["survey" if method == "no balancing" else "1:1:1"]
    names = np.array(CLASSES)
    predicted = names[probabilities.argmax(axis=1)]
    reweighted = [names[(probabilities * np.divide(mix, trained_at)).argmax(axis=1)] for mix in MIXES.values()]
    result = {"steps": settings["epochs"] * -(-len(X) // network.batch_size), "spectra": len(X), "seconds": seconds}
    for how, predictions in (("", [predicted] * len(MIXES)), (", reweighted", reweighted)):
        result |= {f"macro F1 {mix}{how}": score for mix, score in scores(predictions, y_test).items()}
    clean = predicted[y_test == "STAR"]
    every = np.full(len(clean), True)
    for artefact, X_stars in stars_with.items():
        moved = moved_stars(clean, network.predict(X_stars), every)
        result[f"leak, {artefact}"] = moved["leak"]
        result[f"stars to rare, {artefact}"] = moved["stars_to_rare"]
    result["recall"] = {name: float(np.mean(predicted[y_test == name] == name)) for name in CLASSES}
    print(f"{method}, seed {seed}: macro F1 {result['macro F1 1:1:1']:.3f}, {seconds:.0f} s", flush=True)
    return result


def print_table(rows):
    print("| method | " + " | ".join(COLUMNS) + " |")
    print("| --- " * (len(COLUMNS) + 1) + "|")
    for row in rows:
        cells = []
        for column in COLUMNS:
            digits = 0 if column == "seconds" else 4 if column.startswith("leak") else 3
            cells.append(f"{row['mean'][column]:.{digits}f} ± {row['spread'][column]:.{digits}f}")
        print(f"| {row['method']} | " + " | ".join(cells) + " |")


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n", type=int, default=9000, help="spectra of the survey, and of an epoch")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--n-test", type=int, default=6000)
    parser.add_argument("--growth-rate", type=int, default=6)
    parser.add_argument("--stem-stride", type=int, default=8)
    parser.add_argument("--n-dense-blocks", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--jobs", type=int, default=1, help="number of runs at the same time")
    parser.add_argument("--threads", type=int, default=1, help="threads of a run")
    parser.add_argument("--runs", type=Path, default=Path("imbalance-runs"), help="folder of the finished runs")
    args = parser.parse_args()

    settings = {
        "n": args.n - args.n % len(CLASSES),
        "epochs": args.epochs,
        "n_test": args.n_test,
        "threads": args.threads,
        "network": {
            name: getattr(args, name) for name in ("growth_rate", "stem_stride", "n_dense_blocks", "batch_size")
        },
    }
    scale = MinMaxSpectrumScaler().fit_transform
    test = make_spectra(args.n_test, weights=MIXES["1:1:1"], random_state=1000)
    y_test = test.target
    stars = test.data[y_test == "STAR"]
    stars_with = {name: scale(artefact.augment(stars)) for name, artefact in ARTEFACTS.items()}
    X_test = scale(test.data)

    def one(method, seed):
        name = "".join(letter if letter.isalnum() else "-" for letter in method)
        return read_or_run(
            args.runs / f"{name}-{seed}.json",
            {"method": method, "seed": seed, **settings, "code": code_version(__file__)},
            lambda: run(method, seed, settings, X_test, y_test, stars_with),
        )

    # One seed after another, so that a stopped run has compared all methods on the first seeds.
    tasks = [(method, seed) for seed in range(args.seeds) for method in args.methods]
    results = Parallel(n_jobs=args.jobs)(delayed(one)(*task) for task in tasks)

    rows = []
    for method in args.methods:
        runs = [result for (name, _), result in zip(tasks, results, strict=True) if name == method]
        values = {column: [result[column] for result in runs] for column in COLUMNS}
        mean = {column: float(np.mean(value)) for column, value in values.items()}
        spread = {column: float(np.std(value, ddof=1)) if len(value) > 1 else 0.0 for column, value in values.items()}
        rows.append({"method": method, "mean": mean, "spread": spread, "runs": runs})
    steps = {result["steps"] for result in results}
    print(f"\n{settings}\n{steps} optimiser steps, {args.seeds} seeds")
    print_table(rows)
    save(args, settings=settings, results=rows)


if __name__ == "__main__":
    main()
