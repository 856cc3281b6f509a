"""Does a classifier recognise spectra that belong to none of its classes?

Each method of `UnknownRejector` is tested with a network that knows stars, galaxies and quasars, or stars and galaxies
only. Known test spectra are compared with these unknown spectra:

- pure noise;
- sky, which is a smooth continuum with residuals of sky lines;
- the known test spectra shifted by 150 samples, as by a wrong wavelength calibration;
- if the environment variable SKSPECTRA_DATA is set, the real spectra that LAMOST calls "Unknown" according to
  MANIFEST.csv in its folder fits, also in comparison with the real LAMOST spectra that have a class there;
- quasars, for the network that was trained without them.

AUROC is the area under the ROC curve of the score for known against unknown spectra. "rejected" is the share that is
answered UNKNOWN if 5 % of the known spectra may be rejected. The last columns have the accuracy of the accepted spectra
at several coverages, which are shares of accepted spectra. There, known and unknown spectra have the same total weight,
and those with the highest scores are accepted.

    python -m benchmarks.trust.unknown [--cache DIR] [--json unknown.json]
"""

import csv
import os
import warnings
from pathlib import Path

import joblib
import numpy as np
from scipy.ndimage import gaussian_filter1d
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, roc_auc_score

from benchmarks._common.command import parser_of, save
from benchmarks._common.simulated import trained_network
from skspectra.datasets import load_spectra, make_spectra
from skspectra.outliers import UnknownRejector

METHODS = ("max_proba", "energy", "distance")
COVERAGES = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


def pure_noise(n_samples, n_features, rng):
    """Return white noise, and noise that is correlated over some samples as in resampled spectra."""
    noise = rng.standard_normal((n_samples, n_features), dtype=np.float32)
    noise[::2] = gaussian_filter1d(noise[::2], 1.5, axis=1)
    return noise


def sky(wavelength, n_samples, rng):
    """Return smooth light of the night sky with positive and negative residuals of its strongest lines."""
    lines = np.array([5577.3, 5890.0, 6300.3, 6363.8, 7276.4, 7341.0, 7750.6, 7821.5, 7913.7, 7993.3])
    lines = np.r_[lines, 8344.6, 8399.2, 8430.2, 8465.4, 8504.6, 8778.3, 8827.1, 8885.9, 8919.6, 8958.1]
    width = rng.uniform(2, 4, (n_samples, 1, 1))
    profile = np.exp(-0.5 * ((wavelength - lines[:, np.newaxis]) / width) ** 2)
    strength = rng.lognormal(0, 1, (n_samples, len(lines))) * rng.choice([-1, 1], (n_samples, len(lines)))
    x = (wavelength - wavelength[0]) / (wavelength[-1] - wavelength[0])
    slope = rng.uniform(-1, 1, (n_samples, 1))
    return 1 + slope * x + np.einsum("nl,nlw->nw", strength, profile) + 0.2 * rng.standard_normal((n_samples, len(x)))


def lamost(folder):
    """Return the real LAMOST spectra that the survey calls unknown, and those with a class."""
    with open(folder / "MANIFEST.csv", encoding="utf-8") as manifest:
        rows = [row for row in csv.DictReader(manifest) if "lamost" in row["survey"].lower()]
    parts = []
    for wanted in (True, False):
        paths = [folder / row["file"] for row in rows if row["class"] and (row["class"] == "Unknown") == wanted]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # files that cannot be read are left out
            parts.append(load_spectra([p for p in paths if p.is_file()], on_error="warn").data)
    # Spectra without any measured sample cannot be interpolated.
    return [X[np.isfinite(X).any(axis=1)] for X in parts]


def fit_rejectors(model, X, y, methods):
    return {
        method: UnknownRejector(FrozenEstimator(model), method=method, validation_fraction=0.5, random_state=0).fit(
            X, y
        )
        for method in methods
    }


def compare(name, rejectors, known, unknown, results, y=None):
    for method, rejector in rejectors.items():
        known_scores, unknown_scores = rejector.score_samples(known), rejector.score_samples(unknown)
        is_known = np.repeat([True, False], [len(known), len(unknown)])
        scores = np.r_[known_scores, unknown_scores]
        rejected = [np.mean(rejector.predict(X) == rejector.unknown_label_) for X in (known, unknown)]
        row = {
            "unknown": name,
            "method": method,
            "n_known": len(known),
            "n_unknown": len(unknown),
            "auroc": roc_auc_score(is_known, scores),
            "rejected_known": rejected[0],
            "rejected_unknown": rejected[1],
        }
        if y is not None:
            # Known and unknown spectra have the same total weight. An accepted unknown spectrum counts as an error.
            weights = np.where(is_known, 1 / len(known), 1 / len(unknown)) / 2
            correct = np.r_[rejector.estimator_.predict(known) == y, np.zeros(len(unknown), bool)]
            order = np.argsort(-scores)
            covered = np.cumsum(weights[order])
            accuracy = np.cumsum((weights * correct)[order]) / covered
            row["accuracy_at_coverage"] = {c: float(np.interp(c, covered, accuracy)) for c in COVERAGES}
        results.append(row)
        print(
            f"{name:38} {method:10} {row['auroc']:7.3f} {rejected[0]:10.3f} {rejected[1]:10.3f}  ",
            *(f"{a:5.3f}" for a in row.get("accuracy_at_coverage", {}).values()),
            flush=True,
        )


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n-train", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--n-test", type=int, default=2000)
    parser.add_argument("--cache", help="folder for the networks")
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    trained = joblib.Memory(args.cache, verbose=0).cache(trained_network)
    network = {"growth_rate": 6, "stem_stride": 4, "max_epochs": args.epochs}
    held = make_spectra(args.n_test, weights=(1, 1, 1), random_state=1)
    test = make_spectra(args.n_test, weights=(1, 1, 1), random_state=2)
    results = []
    print(f"{'':49} {'':7} {'rejected':>10} {'rejected':>10}   accuracy of the accepted at coverage")
    print(
        f"{'unknown':38} {'method':10} {'AUROC':>7} {'known':>10} {'unknown':>10}  ", *(f"{c:5.1f}" for c in COVERAGES)
    )

    model = trained(args.n_train, (1, 1, 1), **network)
    rejectors = fit_rejectors(model, held.data, held.target, METHODS)
    known, y = test.data, test.target
    noise = pure_noise(args.n_test, known.shape[1], rng)
    compare("pure noise", rejectors, known, noise, results, y)
    compare("sky", rejectors, known, sky(test.wavelength, args.n_test // 4, rng), results, y)
    compare("shifted by 150 samples", rejectors, known, np.roll(known, 150, axis=1), results, y)
    if "SKSPECTRA_DATA" in os.environ:
        unknown, classified = lamost(Path(os.environ["SKSPECTRA_DATA"]) / "fits")
        compare("LAMOST Unknown, known simulated", rejectors, known, unknown, results)
        compare("LAMOST Unknown, known LAMOST", rejectors, classified, unknown, results)
    known_accuracy = accuracy_score(y, model.predict(known))

    # With two classes the network has a single logit, so there is no energy.
    model = trained(args.n_train, (1, 1, 0), **network)
    stars_and_galaxies = held.target != "QSO"
    two = ("max_proba", "distance")
    rejectors = fit_rejectors(model, held.data[stars_and_galaxies], held.target[stars_and_galaxies], two)
    is_known = y != "QSO"
    compare("quasars, left out of training", rejectors, known[is_known], known[~is_known], results, y[is_known])
    print(f"accuracy on known spectra without rejection: {known_accuracy:.3f} (three classes)")

    save(args, results=results)


if __name__ == "__main__":
    main()
