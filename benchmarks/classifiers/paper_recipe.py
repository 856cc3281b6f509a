"""Follow the recipe of Wang, Zhao & Fan (2020) from end to end, and compare the best epoch with the last one.

A survey is simulated at 98.5 : 1.2 : 0.3, and each spectrum is scaled by its minimum and maximum. A fifth is held out
for validation at that mix. The rest is balanced to 1:1:1 with fewer stars, and with copies of galaxies and quasars that
have electronic noise, cosmic rays and bad pixels. The network is trained with Adam for 60 epochs. The learning rate is
0.01 and is divided by ten after epochs 10, 30 and 50. The weights of the epoch with the best validation score are kept.
The growth rate and the stem stride are chosen for two cores.

The weights of the best and of the last epoch are tested on spectra that are simulated at 1:1:1 with another seed. The
scores at 98.5 : 1.2 : 0.3 come from the same predictions with class_priors.

    python -m benchmarks.classifiers.paper_recipe [--json paper_recipe.json] [--figure loss.png]
"""

import copy
import time
from pathlib import Path

import numpy as np
from imblearn.under_sampling import RandomUnderSampler
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback

from benchmarks._common.command import parser_of, save
from skspectra.datasets import make_spectra
from skspectra.inspection import TrainingHistoryDisplay
from skspectra.metrics import classification_table, paired_bootstrap
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler

SURVEY = {"STAR": 0.985, "GALAXY": 0.012, "QSO": 0.003}
EVEN = dict.fromkeys(SURVEY, 1 / 3)
MIXES = {"1:1:1": EVEN, "98.5:1.2:0.3": SURVEY}


class LastWeights(Callback):
    """Keep the weights of the last epoch, because the best weights replace them at the end of the training."""

    def on_epoch_end(self, net, **kwargs):
        if net.history[-1, "epoch"] == net.max_epochs:
            self.weights_ = copy.deepcopy(net.module_.state_dict())


def balanced(X, y, n_each):
    X, y = RandomUnderSampler(sampling_strategy={"STAR": n_each}, random_state=0).fit_resample(X, y)
    return PhysicsNoiseOverSampler(random_state=0).fit_resample(X, y)


def test(name, predicted, y):
    """Print the scores at both mixes and return them."""
    result = {"predictions of": name}
    for mix, priors in MIXES.items():
        table = classification_table(y, predicted, labels=list(SURVEY), class_priors=priors, random_state=0)
        print(f"\n=== {name}, {mix} ===\n{table}")
        result[mix] = {
            **{score: dict(zip(SURVEY, values.tolist(), strict=True)) for score, values in table.scores.items()},
            "mean": {score: float(value) for score, value in table.mean.items()},
            "ci of the mean F1": table.mean_confidence_intervals["f1"].tolist(),
        }
    return result


def train(args):
    """Return the classifier fitted by the recipe, and the facts of its training."""
    survey = make_spectra(args.n, weights=list(SURVEY.values()), random_state=0)
    X, X_val, y, y_val = train_test_split(
        MinMaxSpectrumScaler().fit_transform(survey.data),
        survey.target,
        test_size=0.2,
        stratify=survey.target,
        random_state=0,
    )
    observed, validation = ({name: int(np.sum(labels == name)) for name in SURVEY} for labels in (y, y_val))
    X, y = balanced(X, y, args.n_each)
    print(f"Training part {observed}, balanced to {args.n_each} of each class; validation {validation}.", flush=True)
    classifier = DenseNet1DClassifier(
        growth_rate=args.growth_rate,
        stem_stride=args.stem_stride,
        max_epochs=args.epochs,
        callbacks=[LastWeights()],
        verbose=1,
        random_state=0,
    )
    start = time.perf_counter()
    classifier.fit(X, y, X_val=X_val, y_val=y_val)
    seconds = time.perf_counter() - start
    print(f"{classifier.n_layers_} layers, {classifier.n_parameters_} parameters, {seconds:.0f} s.\n")
    print("| epoch | rate | training loss | validation loss | validation macro F1 |\n| --- | --- | --- | --- | --- |")
    for row in classifier.history_:
        losses = f"{row['train_loss']:.4f} | {row['valid_loss']:.4f} | {row['valid_score']:.4f}"
        print(f"| {row['epoch']} | {row['lr']:.3g} | {losses} |")
    return classifier, {
        "observed training part": observed,
        "validation": validation,
        "seconds": seconds,
        "layers": classifier.n_layers_,
        "parameters": classifier.n_parameters_,
        "history": classifier.history_,
    }


def predictions(classifier, X):
    """Return the predictions of the best and of the last epoch by name."""
    predicted = {f"best epoch, {classifier.best_epoch_}": classifier.predict(X)}
    last = next(callback for callback in classifier.net_.callbacks if isinstance(callback, LastWeights))
    classifier.net_.module_.load_state_dict(last.weights_)
    predicted[f"last epoch, {len(classifier.history_)}"] = classifier.predict(X)
    return predicted


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n", type=int, default=30_000, help="spectra of the survey, including the validation part")
    parser.add_argument("--n-each", type=int, default=1500, help="spectra of each class in training")
    parser.add_argument("--n-test", type=int, default=9000)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--growth-rate", type=int, default=8)
    parser.add_argument("--stem-stride", type=int, default=4)
    parser.add_argument("--figure", type=Path)
    args = parser.parse_args()

    classifier, facts = train(args)
    if args.figure:
        TrainingHistoryDisplay.from_estimator(classifier).figure_.savefig(args.figure, dpi=150)
    test_set = make_spectra(args.n_test, weights=list(EVEN.values()), random_state=1)
    predicted = predictions(classifier, MinMaxSpectrumScaler().fit_transform(test_set.data))
    results = [test(name, labels, test_set.target) for name, labels in predicted.items()]

    print("\n| weights | macro F1 1:1:1 | macro F1 98.5:1.2:0.3 |\n| --- | --- | --- |")
    for result in results:
        cells = []
        for mix in MIXES:
            low, high = result[mix]["ci of the mean F1"]
            cells.append(f"{result[mix]['mean']['f1']:.4f} ({low:.4f}-{high:.4f})")
        print(f"| {result['predictions of']} | {' | '.join(cells)} |")
    differences = {}
    for mix, priors in MIXES.items():
        difference = paired_bootstrap(test_set.target, *predicted.values(), class_priors=priors, random_state=0)
        differences[mix] = difference._asdict()
        interval = f"{difference.low:+.4f} to {difference.high:+.4f}, p = {difference.p_value:.4f}"
        print(f"Best minus last at {mix}: {difference.difference:+.4f} ({interval})")
    save(args, **facts, results=results, best_less_last=differences)


if __name__ == "__main__":
    main()
