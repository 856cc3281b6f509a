"""How realistic are the spectra of make_spectra?

Classifiers are trained on simulated spectra at 1:1:1 and tested on

- other spectra of make_spectra, which show how hard the task is;
- the observed spectra of `load_sdss_sample`, with a 95 % confidence interval by object;
- spectra that another simulator made from empirical templates (``--templates FILE.npz`` with target and with flux on
  the wavelengths of make_spectra).

Then the script tests features that must not reveal the class: the S/N alone, and the texture of the noise alone. The
texture is the autocorrelation of clipped second differences. It is computed from spectra without noise, from the noise
alone and from their sum. The texture of a whole spectrum reveals lines that are deeper than the noise. Finally, the
script measures how fast spectra are simulated.

    python -m benchmarks.trust.simulator_realism [--templates FILE.npz] [--json PATH] [--figure PATH.png]
"""

from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from benchmarks._common.command import parser_of, print_machine, save
from benchmarks._common.timing import best_seconds
from skspectra.datasets import LAMOST_WAVELENGTH, load_sdss_sample, make_spectra
from skspectra.datasets._simulator._make_spectra import Models
from skspectra.datasets._simulator._spectrograph import Spectrograph
from skspectra.metrics import classification_table
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

CLASSES = ("STAR", "GALAXY", "QSO")
SNR_BINS = (1.0, 4.0, 8.0, 12.0, 20.0, 40.0, 200.0)


def classifier(n_components: int, last: ClassifierMixin) -> Pipeline:
    # Spectra are scaled by percentiles, so that a single spike does not flatten a spectrum.
    return make_pipeline(
        MissingFluxInterpolator(),
        MinMaxSpectrumScaler(quantile_range=(0.5, 99.5)),
        PCA(n_components, svd_solver="randomized", random_state=0),
        StandardScaler(),
        last,
    )


def texture(flux: np.ndarray, n_lags: int = 8) -> np.ndarray:
    """Return the autocorrelation of clipped second differences, which remove the shape and the strong lines."""
    difference = np.diff(flux, n=2, axis=1)
    difference -= np.median(difference, axis=1, keepdims=True)
    scale = 1.4826 * np.median(np.abs(difference), axis=1, keepdims=True)
    difference = np.clip(difference / np.maximum(scale, 1e-30), -3, 3)
    power = (difference**2).mean(axis=1)
    products = [(difference[:, k:] * difference[:, :-k]).mean(axis=1) for k in range(1, n_lags + 1)]
    return np.stack(products, axis=1) / power[:, None]


def alone(feature: np.ndarray, target: np.ndarray, group: np.ndarray | None = None) -> dict[str, object]:
    """Return the scores of gradient boosting on features that must not reveal the class.

    They are the balanced accuracy, its standard error and the recall of each class.
    """
    model = HistGradientBoostingClassifier(
        max_iter=30, max_leaf_nodes=7, learning_rate=0.1, class_weight="balanced", random_state=0
    )
    group = np.arange(len(target)) if group is None else group
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    predicted = cross_val_predict(model, feature, target, cv=folds, groups=group)
    recall = recall_score(target, predicted, labels=CLASSES, average=None)
    n_groups = [len(np.unique(group[target == label])) for label in CLASSES]
    error = np.sqrt((recall * (1 - recall) / n_groups).sum()) / len(CLASSES)
    return {"balanced_accuracy": float(recall.mean()), "standard_error": float(error), "recall": recall.tolist()}


def apart(target: np.ndarray, snr: np.ndarray) -> dict[str, np.ndarray]:
    """Return spectra of these classes without noise, the noise at these S/N, and the sum of both."""
    label = np.array([CLASSES.index(name) for name in target])
    rng = np.random.default_rng(3)
    noiseless, *_ = Models(LAMOST_WAVELENGTH).draw(label, rng)
    spectrograph = Spectrograph(LAMOST_WAVELENGTH)
    spectrograph.transmit(noiseless, rng)
    observed = noiseless.copy()
    spectrograph.disturb(observed, snr, rng)
    return {"noiseless flux": noiseless, "noise alone": observed - noiseless, "whole spectrum": observed}


def leaks(target: np.ndarray, snr: np.ndarray, sets: dict) -> tuple[dict, dict]:
    """Return the scores of S/N and texture alone, overall and for each interval of S/N."""
    features = {"S/N": np.log(snr)[:, None]}
    features |= {f"texture, {name}": texture(flux) for name, flux in apart(target, snr).items()}
    overall = {name: alone(feature, target) for name, feature in features.items()}
    for name, (flux, other_target, group) in sets.items():
        if name != "make_spectra":
            filled = MissingFluxInterpolator().fit_transform(flux)
            overall[f"texture, {name}"] = alone(texture(filled), other_target, group)
    interval = np.digitize(snr, SNR_BINS[1:-1])
    by_snr = {
        name: [alone(feature[interval == k], target[interval == k]) for k in range(len(SNR_BINS) - 1)]
        for name, feature in features.items()
    }
    return overall, by_snr


def draw(by_snr: dict[str, list[dict]], path: Path) -> None:
    """Draw the balanced accuracy in each interval of S/N."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    middle = np.sqrt(np.multiply(SNR_BINS[1:], SNR_BINS[:-1]))
    for name, scores in by_snr.items():
        score = [s["balanced_accuracy"] for s in scores]
        axes.errorbar(middle, score, [s["standard_error"] for s in scores], marker="o", capsize=3, label=name)
    axes.axhline(1 / len(CLASSES), color="black", linestyle="--", label="chance")
    axes.set(xscale="log", xlabel="S/N", ylabel="balanced accuracy, classes 1:1:1", ylim=(0.25, 1))
    axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def test_sets(n_test: int, templates: Path | None) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return the flux, target and group of each test set by name."""
    own = make_spectra(n_test, weights=(1, 1, 1), random_state=2)
    sets = {"make_spectra": (own.data, own.target, np.arange(n_test))}
    if templates is not None:
        with np.load(templates) as other:
            sets["empirical templates"] = (other["flux"], other["target"], np.arange(len(other["target"])))
    real = load_sdss_sample()
    sets["real SDSS"] = (real.data, real.target, real.object_id)
    return sets


def score_models(n_train: int, train: Bunch, sets: dict) -> list[dict]:
    """Train classifiers on make_spectra, and print and return their scores on all test sets."""
    models = {
        "logistic regression, 30 components": classifier(30, LogisticRegression(max_iter=3000)),
        "gradient boosting, 100 components": classifier(100, HistGradientBoostingClassifier(random_state=0)),
    }
    print(f"\nmacro F1, trained on {n_train} spectra of make_spectra (1:1:1); confusion: rows true, star galaxy quasar")
    for model in models.values():
        model.fit(train.data, train.target)
    scores = []
    for where, (flux, target, group) in sets.items():
        for name, model in models.items():
            table = classification_table(target, model.predict(flux), labels=CLASSES, groups=group, random_state=0)
            score, (low, high) = table.mean["f1"], table.mean_confidence_intervals["f1"].tolist()
            confusion = table.confusion.tolist()
            scores.append({"test": where, "model": name, "macro_f1": score, "ci": [low, high], "confusion": confusion})
            print(f"{where:20} {name:36} {score:.3f} ({low:.3f}-{high:.3f})  {confusion}")
    return scores


def simulation_rates() -> dict[str, float]:
    """Print and return the rates of make_spectra in spectra per second at two class mixes."""
    rates = {}
    for name, weights in (("survey mix", (0.985, 0.012, 0.003)), ("1:1:1", (1, 1, 1))):
        simulate = partial(make_spectra, 4000, weights=weights, random_state=0)
        rates[name] = 4000 / best_seconds({name: simulate}, 3)[name]
    print("\nspectra/s, best of three: " + ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items()))
    return rates


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--n-train", type=int, default=6000)
    parser.add_argument("--n-test", type=int, default=3000)
    parser.add_argument("--templates", type=Path, help="npz file of another simulator")
    parser.add_argument("--figure", type=Path, help="figure of the scores of S/N and texture against S/N")
    args = parser.parse_args()

    print_machine()
    train = make_spectra(args.n_train, weights=(1, 1, 1), random_state=1)
    sets = test_sets(args.n_test, args.templates)
    scores = score_models(args.n_train, train, sets)
    overall, by_snr = leaks(train.target, train.snr, sets)
    print("\nbalanced accuracy of S/N and texture alone (5-fold, chance .333) and recall of star, galaxy, quasar")
    for name, leak in overall.items():
        recall = " ".join(f"{value:.2f}" for value in leak["recall"])
        print(f"{name:30} {leak['balanced_accuracy']:.3f} +- {leak['standard_error']:.3f}   {recall}")
    intervals = [f"{low:.0f}-{high:.0f}" for low, high in pairwise(SNR_BINS)]
    print(f"\n{'trained and tested at S/N':30} " + " ".join(f"{interval:>7}" for interval in intervals))
    for name, row in by_snr.items():
        print(f"{name:30} " + " ".join(f"{leak['balanced_accuracy']:7.3f}" for leak in row))
    if args.figure:
        draw(by_snr, args.figure)
    save(args, scores=scores, leaks=overall, leaks_by_snr=by_snr, rates=simulation_rates())


if __name__ == "__main__":
    main()
