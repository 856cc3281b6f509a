"""Probabilities of a network that was trained on balanced classes, in a survey of 98.5 : 1.2 : 0.3.

The network, with ``sampling="balanced"``, is corrected to the survey's class mix: stated, or estimated from spectra
without labels. Temperature scaling (scikit-learn 1.8) goes under the correction, at equal shares, or on top of it, at
the survey's mix. Last, a threshold: factors on the probabilities of the rare classes, of best macro F1 in validation.

Test and validation spectra are simulated with many galaxies and quasars and weighed to the survey's mix, so that the
rare classes count as they should and are measured well. ECE is the expected calibration error of the predicted class
in 15 bins of equal width; "of classes" is its mean over the probabilities of each class.

    python -m benchmarks.trust.calibration [--cache DIR] [--json calibration.json]
"""

import time
import warnings

import joblib
import numpy as np
import sklearn
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score, log_loss
from sklearn.utils.fixes import parse_version

from benchmarks._common.command import parser_of, save
from benchmarks._common.simulated import trained_network
from skspectra.calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier
from skspectra.datasets import make_spectra
from skspectra.metrics import paired_bootstrap

SURVEY = {"STAR": 0.985, "GALAXY": 0.012, "QSO": 0.003}
CLASSES = np.array(sorted(SURVEY))


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


def corrected(classifier, Z, y):
    # Frozen, for temperature scaling was fitted with weights.
    classifier = FrozenEstimator(classifier)
    return PriorCorrectedClassifier(classifier, class_priors=SURVEY, training_priors="balanced").fit(Z, y)


def scaled(classifier, Z, y, mix):
    """Return the classifier with the temperature that is best at a mix of the classes."""
    scaling = CalibratedClassifierCV(FrozenEstimator(classifier), method="temperature")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Since FrozenEstimator does not appear to accept sample_weight")
        return scaling.fit(Z, y, sample_weight=to_mix(y, mix))


def calibrate(validation, test, Z_survey):
    """Report every way; return results, the predictions that build on each other, estimates and the threshold."""
    Z, y = test
    results, weights = [], to_mix(y, SURVEY)

    def tested(name, classifier):
        return report(name, classifier, Z, y, weights, results)

    network = Softmax().fit(*validation)
    predicted = {"network": tested("network, balanced training", network)}
    final = stated = corrected(network, *validation)
    predicted["corrected"] = tested("corrected to the stated mix", stated)
    estimates = {"network": corrected(network, *validation).adapt(Z_survey)}
    tested("corrected to the estimated mix", estimates["network"])
    if parse_version(sklearn.__version__) >= parse_version("1.8"):
        tested("corrected, temperature on top", scaled(stated, *validation, SURVEY))
        under = scaled(network, *validation, dict.fromkeys(SURVEY, 1 / 3))
        final = corrected(under, *validation)
        predicted["temperature"] = tested("temperature, then corrected", final)
        estimates["temperature"] = corrected(under, *validation).adapt(Z_survey)
        tested("temperature, then estimated mix", estimates["temperature"])
    threshold = MacroF1ThresholdClassifier(FrozenEstimator(final), class_priors=SURVEY).fit(*validation)
    predicted["threshold"] = tested("the last stated one, with a threshold", threshold)
    return results, predicted, estimates, threshold


def compare_in_turn(y, predicted):
    """Print and return the difference of each way from the one that it builds on."""
    names, comparisons = list(predicted), {}
    for new, old in zip(names[1:], names, strict=False):
        difference = paired_bootstrap(
            y, predicted[new], predicted[old], class_priors=SURVEY, n_resamples=1000, random_state=0
        )
        comparisons[f"{new} - {old}"] = difference._asdict()
        interval = f"{difference.low:.4f} to {difference.high:.4f}"
        print(f"macro F1, {new} less {old}: {difference.difference:.4f} ({interval})")
    return comparisons


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n-train", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--n-test", type=int, default=20_000)
    parser.add_argument("--cache", help="folder that keeps the network and its logits")
    args = parser.parse_args()

    memory = joblib.Memory(args.cache, verbose=0)
    start = time.perf_counter()
    network = {"growth_rate": 6, "stem_stride": 4, "max_epochs": args.epochs, "sampling": "balanced"}
    model = memory.cache(trained_network)(args.n_train, (0.6, 0.22, 0.18), **network)
    print(f"training or loading: {time.perf_counter() - start:.0f} s")
    logits_of = memory.cache(logits)
    mix = (0.8, 0.1, 0.1)
    validation = logits_of(model, args.n_test // 2, mix, 1_000_000)
    test = logits_of(model, args.n_test, mix, 2_000_000)
    Z_survey, _ = logits_of(model, args.n_test, tuple(SURVEY.values()), 3_000_000)

    print(f"{'':52} {'ECE':>10} {'of classes':>10} {'log loss':>10} {'macro F1':>10}")
    results, predicted, estimates, threshold = calibrate(validation, test, Z_survey)
    for name, classifier in estimates.items():
        shares = ", ".join(
            f"{label} {share:.4f}" for label, share in zip(CLASSES, classifier.class_priors_, strict=True)
        )
        print(f"mix estimated from {len(Z_survey)} spectra without labels, {name}: {shares}")
    print("factors of the threshold:", ", ".join(f"{factor:.2f}" for factor in threshold.class_factors_))
    save(
        args,
        results=results,
        estimated_mixes={name: classifier.class_priors_.tolist() for name, classifier in estimates.items()},
        factors=threshold.class_factors_.tolist(),
        comparisons=compare_in_turn(test[1], predicted),
    )


if __name__ == "__main__":
    main()
