"""Probabilities of a network that was trained on balanced classes, in a survey of 98.5 : 1.2 : 0.3.

The network, with ``sampling="balanced"``, is corrected to the survey's class mix: stated, or estimated from spectra
without labels. Temperature scaling (scikit-learn 1.8) goes under the correction, at equal shares, or on top of it, at
the survey's mix. Last, a threshold: factors on the probabilities of the rare classes, of best macro F1 in validation.

Test and validation spectra are simulated with many galaxies and quasars and weighed to the survey's mix, so that the
rare classes count as they should and are measured well. ECE is the expected calibration error of the predicted class
in 15 bins of equal width; "of classes" is its mean over the probabilities of each class.

    python benchmarks/calibration.py [--cache DIR] [--json calibration.json]
"""

import argparse
import json
import time
import warnings

import joblib
import numpy as np
import sklearn
from _machine import describe
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.utils.fixes import parse_version

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier
from skspectra.datasets import make_spectra
from skspectra.metrics import paired_bootstrap
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler

SURVEY = {"STAR": 0.985, "GALAXY": 0.012, "QSO": 0.003}
CLASSES = np.array(sorted(SURVEY))


def train(n_samples, epochs):
    X, y = make_spectra(n_samples, weights=(0.6, 0.22, 0.18), random_state=0, return_X_y=True)
    network = DenseNet1DClassifier(
        growth_rate=6,
        stem_stride=4,
        max_epochs=epochs,
        lr_schedule="one-cycle",
        sampling="balanced",
        augmenter=CCDNoiseAugmenter(),
        random_state=0,
    )
    return make_pipeline(MinMaxSpectrumScaler(), network).fit(X, y)


def logits(model, n_samples, weights, seed):
    """Return logits and classes of simulated spectra, of which a few at a time are in memory."""
    parts = []
    for start in range(0, n_samples, 4000):
        X, y = make_spectra(min(4000, n_samples - start), weights=weights, random_state=seed + start, return_X_y=True)
        parts.append((model.decision_function(X), y))
    values, labels = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(labels)


class Softmax(ClassifierMixin, BaseEstimator):
    """The network, given its logits: they are computed once."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X

    def predict_proba(self, X):
        return softmax(X, axis=1)

    def predict(self, X):
        return self.classes_[X.argmax(axis=1)]


def to_mix(y, mix):
    """Return weights of mean 1 that give the classes their shares."""
    weights = np.empty(len(y))
    for label, share in mix.items():
        rows = y == label
        weights[rows] = share * len(y) / rows.sum()
    return weights


def calibration_error(confidence, correct, weights, n_bins=15):
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gap = np.bincount(bins, weights * (confidence - correct), minlength=n_bins)
    return np.abs(gap).sum() / weights.sum()


def report(name, classifier, Z, y, weights, results):
    probabilities, predicted = classifier.predict_proba(Z), classifier.predict(Z)
    top = probabilities.argmax(axis=1)
    of_classes = [calibration_error(p, y == label, weights) for p, label in zip(probabilities.T, CLASSES, strict=True)]
    row = {
        "model": name,
        "ece": calibration_error(probabilities.max(axis=1), y == CLASSES[top], weights),
        "ece_of_classes": float(np.mean(of_classes)),
        "log_loss": log_loss(y, probabilities, sample_weight=weights, labels=CLASSES),
        "macro_f1": f1_score(y, predicted, average="macro", sample_weight=weights),
    }
    results.append(row)
    numbers = (row["ece"], row["ece_of_classes"], row["log_loss"], row["macro_f1"])
    print(f"{name:52}", *(f"{number:10.4f}" for number in numbers), flush=True)
    return predicted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-train", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--n-test", type=int, default=20_000)
    parser.add_argument("--cache", help="folder that keeps the network and its logits")
    parser.add_argument("--json")
    args = parser.parse_args()

    memory = joblib.Memory(args.cache, verbose=0)
    start = time.perf_counter()
    model = memory.cache(train)(args.n_train, args.epochs)
    seconds = time.perf_counter() - start
    logits_of = memory.cache(logits)
    mix = (0.8, 0.1, 0.1)
    Z_val, y_val = logits_of(model, args.n_test // 2, mix, 1_000_000)
    Z, y = logits_of(model, args.n_test, mix, 2_000_000)
    Z_survey, _ = logits_of(model, args.n_test, tuple(SURVEY.values()), 3_000_000)
    w_val, w = to_mix(y_val, SURVEY), to_mix(y, SURVEY)
    print(f"training or loading: {seconds:.0f} s")

    results = []
    print(f"{'':52} {'ECE':>10} {'of classes':>10} {'log loss':>10} {'macro F1':>10}")
    network = Softmax().fit(Z_val, y_val)

    def corrected(classifier):
        # Frozen, for temperature scaling was fitted with weights.
        classifier = FrozenEstimator(classifier)
        return PriorCorrectedClassifier(classifier, class_priors=SURVEY, training_priors="balanced").fit(Z_val, y_val)

    predicted = {"network": report("network, balanced training", network, Z, y, w, results)}
    stated = corrected(network)
    predicted["corrected"] = report("corrected to the stated mix", stated, Z, y, w, results)
    estimates = {"network": corrected(network).adapt(Z_survey)}
    report("corrected to the estimated mix", estimates["network"], Z, y, w, results)
    final = stated
    if parse_version(sklearn.__version__) >= parse_version("1.8"):
        equal = to_mix(y_val, dict.fromkeys(SURVEY, 1 / 3))

        def scaled(classifier, weights):
            scaling = CalibratedClassifierCV(FrozenEstimator(classifier), method="temperature")
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Since FrozenEstimator does not appear to accept sample_weight")
                return scaling.fit(Z_val, y_val, sample_weight=weights)

        report("corrected, temperature on top", scaled(stated, w_val), Z, y, w, results)
        under = scaled(network, equal)
        final = corrected(under)
        predicted["temperature"] = report("temperature, then corrected", final, Z, y, w, results)
        estimates["temperature"] = corrected(under).adapt(Z_survey)
        report("temperature, then estimated mix", estimates["temperature"], Z, y, w, results)
    threshold = MacroF1ThresholdClassifier(FrozenEstimator(final), class_priors=SURVEY).fit(Z_val, y_val)
    predicted["threshold"] = report("the last stated one, with a threshold", threshold, Z, y, w, results)

    for name, classifier in estimates.items():
        shares = ", ".join(
            f"{label} {share:.4f}" for label, share in zip(CLASSES, classifier.class_priors_, strict=True)
        )
        print(f"mix estimated from {len(Z_survey)} spectra without labels, {name}: {shares}")
    print("factors of the threshold:", ", ".join(f"{factor:.2f}" for factor in threshold.class_factors_))
    names = list(predicted)
    comparisons = {}
    for new, old in zip(names[1:], names, strict=False):
        difference = paired_bootstrap(
            y, predicted[new], predicted[old], class_priors=SURVEY, n_resamples=1000, random_state=0
        )
        comparisons[f"{new} - {old}"] = difference._asdict()
        print(
            f"macro F1, {new} less {old}: {difference.difference:.4f} ({difference.low:.4f} to {difference.high:.4f})"
        )
    if args.json:
        with open(args.json, "w") as file:
            json.dump(
                {
                    "machine": describe(),
                    "arguments": vars(args),
                    "results": results,
                    "estimated_mixes": {name: c.class_priors_.tolist() for name, c in estimates.items()},
                    "factors": threshold.class_factors_.tolist(),
                    "comparisons": comparisons,
                },
                file,
                indent=2,
            )


if __name__ == "__main__":
    main()
