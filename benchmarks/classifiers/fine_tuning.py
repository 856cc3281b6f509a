"""Compare fine-tuned networks with networks trained from scratch and with other classifiers on few labelled spectra.

    python -m benchmarks.classifiers.fine_tuning stellar-types [--data FOLDER] [--output FOLDER]
    python -m benchmarks.classifiers.fine_tuning sdss-classes

``stellar-types`` are the types A, F, G, K and M of the LAMOST stars in ``real_spectra.npz`` of FOLDER, by default the
environment variable SKSPECTRA_DATA; ``sdss-classes`` are the three classes of `load_sdss_sample`. Every spectrum is
predicted once, in five folds. No object is in two folds. Then three of the folds are predicted after training with few
labels of the other folds, which are drawn with at least one spectrum of each class.

The fine-tuned network and `PretrainedFeatures` use the preprocessing of the pretrained classifier. All other methods
use spectra with missing flux interpolated and each spectrum scaled by its percentiles .5 and 99.5. All methods balance
the classes of the SDSS sample. They balance the stellar types if there are up to 100 labels, and otherwise use their
shares in the training spectra. Networks from scratch have the same training time as the fine-tuning, and use batches of
32 with fresh noise. Confidence intervals and paired tests are by object. The p-values compare each method with the
fine-tuned network and are corrected by Holm's method.

The finished fits are kept in ``--output``, so that a run that was stopped continues where it ended.
"""

import re
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.stats import permutation_test
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.utils import Bunch
from threadpoolctl import threadpool_limits

from benchmarks._common.candidates import CANDIDATES, MiniRocketFeatures
from benchmarks._common.command import add_data, data_folder, parser_of, print_machine, save
from benchmarks._common.runs import code_version, read_or_run
from benchmarks._common.scores import differences, score, short, with_interval
from benchmarks._common.training import plan, preprocessing
from benchmarks.classifiers._real import folds_of
from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import load_sdss_sample
from skspectra.metrics._holm import holm
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.pretrained import PretrainedFeatures, load_classifier, onnx_path

QUANTILES = (0.5, 99.5)
FINE_TUNED = "fine-tuned network"
FROM_SCRATCH = {"DenseNet1D from scratch": "DenseNet1D g8 s8", "SE-ResNet from scratch": "SE-ResNet"}
OTHERS = (
    "logistic regression, principal components",
    "boosting, principal components",
    "MiniRocket and ridge",
    "logistic regression, pretrained features",
)
METHODS = (FINE_TUNED, *FROM_SCRATCH, *OTHERS)
IN_CURVE = (FINE_TUNED, "DenseNet1D from scratch", *OTHERS)
N_DRAWS = 3
MANY = 500  # labels


def stellar_types(args):
    with np.load(data_folder(args) / "real_spectra.npz") as file:
        rows = np.char.startswith(file["survey"], "LAMOST") & (file["target"] == "STAR")
        flux, subclass, objects = (file[name][rows] for name in ("flux", "subclass", "object"))
    kept = np.isin(subclass.astype("U1"), list("AFGKM"))
    return Bunch(
        flux=flux[kept],
        y=subclass[kept].astype("U1"),
        objects=objects[kept],
        subtype=np.array([position(name) for name in subclass[kept]]),
        balanced_up_to=100,
    )


def position(subclass):
    """Return the position of a subclass on the scale from A0 to M9, in subtypes, or NaN if it has no digit."""
    found = re.match(r"([AFGKM])(\d)", subclass)
    return 10.0 * "AFGKM".index(found[1]) + int(found[2]) if found else np.nan


def sdss_classes(args):
    sample = load_sdss_sample()
    return Bunch(flux=sample.data, y=sample.target, objects=sample.object_id, subtype=None, balanced_up_to=np.inf)


SETS = {"stellar-types": stellar_types, "sdss-classes": sdss_classes}


def make(name, n_samples, seed, balanced_up_to):
    """Return a pipeline that accepts flux with NaN. It balances the classes with up to `balanced_up_to` labels."""
    balanced = "balanced" if n_samples <= balanced_up_to else None
    if name == FINE_TUNED:
        # The defaults are meant for some hundred labels. With more, half as many epochs have enough steps.
        epochs = {} if n_samples <= MANY else {"max_epochs": 10}
        network = DenseNet1DClassifier.from_pretrained(sampling=balanced, random_state=seed, **epochs)
        return make_pipeline(load_classifier()[:-1], network)
    scale = preprocessing(QUANTILES)
    if name in FROM_SCRATCH:
        network = CANDIDATES[FROM_SCRATCH[name]].make(seed)
        network.set_params(batch_size=32, sampling=balanced, augmenter=CCDNoiseAugmenter())
        return make_pipeline(scale, network)
    logistic_regression = StandardScaler(), LogisticRegression(max_iter=5000, class_weight=balanced)
    return make_pipeline(
        *{
            OTHERS[0]: (scale, components(n_samples, seed), *logistic_regression),
            OTHERS[1]: (
                scale,
                components(n_samples, seed),
                HistGradientBoostingClassifier(class_weight=balanced, random_state=seed),
            ),
            OTHERS[2]: (
                scale,
                MiniRocketFeatures(random_state=seed),
                StandardScaler(with_mean=False),
                RidgeClassifierCV(alphas=np.logspace(-3, 3, 10), class_weight=balanced),
            ),
            OTHERS[3]: (PretrainedFeatures(), *logistic_regression),
        }[name]
    )


def components(n_samples, seed):
    return PCA(min(50, n_samples // 2), random_state=seed)


def fit_and_predict(data, name, train, test, seed, budget):
    """Return the predictions for the test spectra, the seconds of the fit, and the predicted subtypes if there are any.

    `budget` is the training time of a network from scratch in seconds.
    """
    model = make(name, len(train), seed, data.balanced_up_to)
    if name in FROM_SCRATCH:
        X = model[0].fit_transform(data.flux[train])
        n_epochs, _ = plan(model[-1], budget, 1000, X, data.y[train])
        model[-1].set_params(max_epochs=n_epochs)
    start = time.perf_counter()
    model.fit(data.flux[train], data.y[train])
    seconds = time.perf_counter() - start
    result = {"predicted": model.predict(data.flux[test]).tolist(), "seconds": seconds}
    features = None if data.subtype is None else features_of(model, name)
    if features is not None:
        known = train[np.isfinite(data.subtype[train])]
        regressor = make_pipeline(StandardScaler(), SVR(C=30.0)).fit(features(data.flux[known]), data.subtype[known])
        result["subtype"] = regressor.predict(features(data.flux[test])).tolist()
    return result


def features_of(model, name):
    """Return a function that computes the features for a regression of the subtype, or None if there are none."""
    if name == FINE_TUNED:
        return lambda flux: model[-1].embed(model[:-1].transform(flux))
    if name in (OTHERS[0], OTHERS[3]):
        return model[:-2].transform
    return None


def draw(y, rows, n_samples, seed):
    """Draw training rows with about the class shares of `rows`, and at least one row of each class."""
    rng = np.random.default_rng(seed)
    first = np.array([rng.choice(rows[y[rows] == label]) for label in np.unique(y[rows])])
    rest = np.setdiff1d(rows, first)
    rest = rest[np.isin(y[rest], [label for label in np.unique(y[rest]) if np.sum(y[rest] == label) > 1])]
    more, _ = train_test_split(rest, train_size=n_samples - len(first), stratify=y[rest], random_state=seed)
    return np.concatenate([first, more])


def run_all(data, args):
    """Return the folds, the results of each method in them, and its results for each number of labels."""
    folds = folds_of(data.y, data.objects)
    scripts = Path(__file__), Path(__file__).parents[1] / "_common/candidates.py"
    settings = {"set": args.set, "code": code_version(*scripts), "threads": args.threads}
    settings["weights"] = onnx_path().name
    whole, curve = {}, {}

    def result(name, train, test, seed, label, budget):
        with threadpool_limits(args.threads):  # otherwise numba starts its own threads after MiniRocket has used it
            found = read_or_run(
                args.output / args.set / f"{name}, {label}.json",
                settings | {"budget": budget is not None, "n_train": len(train)},
                partial(fit_and_predict, data, name, train, test, seed, budget),
            )
        right = accuracy_score(data.y[test], found["predicted"])
        print(f"{name}, {label}: accuracy {right:.3f}, {found['seconds']:.0f} s", flush=True)
        return found

    for name in args.methods:
        whole[name] = [
            result(name, *fold, 0, f"fold {k}", whole[FINE_TUNED][k]["seconds"] if name in FROM_SCRATCH else None)
            for k, fold in enumerate(folds)
        ]
    for name in in_curve(args):
        for n_samples in args.sizes:
            curve[name, n_samples] = []
            for k, (rows, test) in enumerate(folds[:N_DRAWS]):
                budget = curve[FINE_TUNED, n_samples][k]["seconds"] if name in FROM_SCRATCH else None
                train = draw(data.y, rows, n_samples, k)
                curve[name, n_samples].append(result(name, train, test, k, f"{n_samples} labels, draw {k}", budget))
    return folds, whole, curve


def in_curve(args):
    return [name for name in args.methods if name in IN_CURVE]


def report(data, args, folds, whole, curve):
    predicted, subtype = {}, {}
    order = np.concatenate([test for _, test in folds])
    for name, results in whole.items():
        predicted[name] = np.empty_like(data.y)
        predicted[name][order] = [label for result in results for label in result["predicted"]]
        if "subtype" in results[0]:
            subtype[name] = np.empty(len(data.y))
            subtype[name][order] = [value for result in results for value in result["subtype"]]
    others = {name: labels for name, labels in predicted.items() if name != FINE_TUNED}
    of_f1 = differences(data.y, predicted[FINE_TUNED], others, groups=data.objects)
    of_accuracy = {name: p_of_accuracy(data, predicted[FINE_TUNED], labels) for name, labels in others.items()}
    corrected = dict(zip(of_accuracy, holm(np.array(list(of_accuracy.values()))), strict=True))

    print(f"\n{len(data.y)} spectra, {dict(zip(*np.unique(data.y, return_counts=True), strict=True))}\n")
    print("| classifier | fit, s a fold | macro F1 | p | accuracy | p | within two subtypes |")
    print("| --- " * 7 + "|")
    for name, labels in predicted.items():
        cells = [name, f"{np.mean([result['seconds'] for result in whole[name]]):.0f}"]
        cells.append(with_interval(score(data.y, labels, data.objects), 3).removeprefix("0"))
        cells.append(short(of_f1[name]["p_holm"]) if name in of_f1 else "-")
        cells.append(short(accuracy_score(data.y, labels)))
        cells.append(short(corrected[name]) if name in corrected else "-")
        cells.append("-")
        if name in subtype:
            known = np.isfinite(data.subtype)
            cells[-1] = short(np.mean(np.abs(subtype[name] - data.subtype)[known] <= 2))
        print("| " + " | ".join(cells) + " |")

    if args.sizes:
        report_curve(data, args, folds, curve)
    save(args, of_f1=of_f1, of_accuracy=corrected)


def report_curve(data, args, folds, curve):
    print(f"\nMacro F1 and accuracy with few labels, mean of {N_DRAWS} draws\n")
    print("| classifier |" + "".join(f" {n_samples} |" for n_samples in args.sizes))
    print("| --- " * (1 + len(args.sizes)) + "|")
    f1 = {}
    for name in in_curve(args):
        scores = [
            (f1_score(data.y[test], result["predicted"], average="macro"), np.mean(data.y[test] == result["predicted"]))
            for n_samples in args.sizes
            for (_, test), result in zip(folds, curve[name, n_samples], strict=False)
        ]
        means = np.reshape(scores, (len(args.sizes), N_DRAWS, 2)).mean(axis=1)
        f1[name] = means[:, 0]
        print(f"| {name} | " + " | ".join(", ".join(map(short, both)) for both in means) + " |")
    if args.figure:
        draw_curve(args.figure, args.sizes, f1)


def draw_curve(path, sizes, f1):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
    for name, scores in f1.items():
        ax.plot(sizes, scores, marker="o", label=name)
    ax.set(xscale="log", xlabel="labelled spectra", ylabel="macro F1")
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    ax.legend(fontsize="small")
    figure.savefig(path, dpi=110)


def p_of_accuracy(data, one, other):
    """Return the p-value of the difference in accuracy from a test that permutes the two classifiers by object."""
    _, of_object = np.unique(data.objects, return_inverse=True)
    difference = np.bincount(of_object, (one == data.y).astype(float) - (other == data.y))
    test = permutation_test((difference,), np.sum, permutation_type="samples", n_resamples=9999, rng=0)
    return float(test.pvalue)


def main():
    parser = parser_of(__doc__)
    parser.add_argument("set", choices=SETS)
    add_data(parser, "real_spectra.npz, which stellar-types needs")
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        default=METHODS,
        help="methods to compare with the fine-tuned network, in any order",
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=[50, 100, 200, 500, 1000], help="numbers of labels")
    parser.add_argument("--figure", type=Path, help="draw macro F1 against the number of labels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("fine_tuning"), help="folder of the finished fits")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print_machine()
    data = SETS[args.set](args)
    args.methods = [name for name in METHODS if name in (FINE_TUNED, *args.methods)]
    args.sizes = [n_samples for n_samples in args.sizes if n_samples < 0.8 * len(data.y)]  # four of five folds
    report(data, args, *run_all(data, args))


if __name__ == "__main__":
    main()
