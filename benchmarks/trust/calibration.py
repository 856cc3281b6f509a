"""Are the probabilities of a network trained on balanced classes right in a survey of 98.5 : 1.2 : 0.3?

The network is trained with ``sampling="balanced"``. Its probabilities are corrected to the class mix of the survey,
which is either stated or estimated from unlabelled spectra. Temperature scaling (scikit-learn 1.8) is applied before
the correction, at equal class shares, or after it, at the mix of the survey. Finally, a decision threshold is added:
the probabilities of the classes are multiplied by the factors with the best macro F1 in validation.

Test and validation spectra are simulated with many galaxies and quasars and weighted to the mix of the survey. Each
class thus has its share in the survey, and the scores of the rare classes are precise. ECE is the expected calibration
error of the predicted class in 15 bins of equal width. "of classes" is the mean of this error over the probabilities
of all classes.

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
    """Return the logits and classes of simulated spectra, with only a part of the spectra in memory at a time."""
    parts = []
    for start in range(0, n_samples, 4000):
        X, y = make_spectra(min(4000, n_samples - start), weights=weights, random_state=seed + start, return_X_y=True)
        parts.append((model.decision_function(X), y))
    values, labels = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(labels)


class Softmax(ClassifierMixin, BaseEstimator):
    """The network with its logits as input, so that they are computed only once."""

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
    """Return weights with mean 1 that give the classes the shares of `mix`."""
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
    # It is frozen, because a new fit would not use the weights of the temperature scaling.
    classifier = FrozenEstimator(classifier)
    return PriorCorrectedClassifier(classifier, class_priors=SURVEY, training_priors="balanced").fit(Z, y)


def scaled(classifier, Z, y, mix):
    """Return the classifier with the temperature that is best at a class mix."""
    scaling = CalibratedClassifierCV(FrozenEstimator(classifier), method="temperature")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Since FrozenEstimator does not appear to accept sample_weight")
        return scaling.fit(Z, y, sample_weight=to_mix(y, mix))


def calibrate(validation, test, Z_survey):
    """Report every variant, and return the results, successive predictions, estimates of the mix and the threshold."""
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
    """Print and return the difference in macro F1 between each variant and the previous one."""
    names, comparisons = list(predicted), {}
    for new, old in zip(names[1:], names, strict=False):
        difference = paired_bootstrap(
            y, predicted[new], predicted[old], class_priors=SURVEY, n_resamples=1000, random_state=0
        )
        comparisons[f"{new} - {old}"] = difference._asdict()
        interval = f"{difference.low:.4f} to {difference.high:.4f}"
        print(f"macro F1, {new} minus {old}: {difference.difference:.4f} ({interval})")
    return comparisons


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n-train", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--n-test", type=int, default=20_000)
    parser.add_argument("--cache", help="folder for the network and its logits")
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
        print(f"mix estimated from {len(Z_survey)} unlabelled spectra, {name}: {shares}")
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
