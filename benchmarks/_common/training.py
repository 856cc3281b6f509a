"""Fit any of the classifiers within a given time, and keep the fitted models for later runs."""

import hashlib
import json
import time
from pathlib import Path

import joblib
import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from scipy.special import softmax
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline

from benchmarks._common.runs import code_version
from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.metrics import classification_table
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

CLASSES = ["GALAXY", "QSO", "STAR"]  # in the order of the columns of all probabilities
N_VALIDATION_FOLDS = 7


def load(path):
    """Return flux, target, object and S/N of a file."""
    with np.load(path) as file:
        data = {name: file[name] for name in ("flux", "target", "object", "snr")}
    found = np.unique(data["target"]).tolist()
    if found != CLASSES:
        raise SystemExit(f"{path} must hold spectra of each of {CLASSES} and of no other class, got {found}.")
    return data


def prepare(flux, quantile_range=(0, 100)):
    return preprocessing(quantile_range).fit_transform(flux)


def preprocessing(quantile_range=(0, 100)):
    return make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler(quantile_range=quantile_range))


def split_by_object(y, objects):
    """Return training rows and validation rows. No object is in both."""
    folds = StratifiedGroupKFold(N_VALIDATION_FOLDS, shuffle=True, random_state=0)
    return next(folds.split(np.zeros(len(y)), y, objects))


def rows_of_all_classes(y, n_rows, rng):
    """Draw n_rows rows with equal numbers of all classes, as far as the rare classes have enough rows."""
    classes, counts = np.unique(y, return_counts=True)
    rows = []
    for n_classes_left, label in zip(range(len(classes), 0, -1), classes[np.argsort(counts)], strict=True):
        n_left = n_rows - sum(map(len, rows))
        of_class = rng.permutation(np.flatnonzero(y == label))
        rows.append(of_class[: max(1, n_left // n_classes_left)])
    return np.sort(np.concatenate(rows))


def time_of_training(network, budget, X, y, X_val=None, y_val=None):
    """Return the seconds of pre-training and of one epoch per training spectrum, measured in the second epoch of a fit.

    The number of spectra is increased until this epoch takes more than a second and a hundredth of the budget. With 64
    spectra, the fixed costs of an epoch made a network look slower by a third than it was.
    """
    n_rows, rng = 64, np.random.default_rng(0)
    while True:
        n_rows = min(n_rows, len(X))
        rows = rows_of_all_classes(y, n_rows, rng)
        validation = {}
        if X_val is not None:
            some = rng.permutation(len(X_val))[: max(1, len(X_val) * len(rows) // len(X))]
            validation = {"X_val": X_val[some], "y_val": y_val[some]}
        trial = clone(network).set_params(max_epochs=2)
        start = time.perf_counter()
        trial.fit(X[rows], y[rows], **validation)
        epochs = [epoch["seconds"] for epoch in trial.history_]
        pretrains = getattr(network, "pretrain_epochs", 0) and not network.warm_start
        before = time.perf_counter() - start - sum(epochs) if pretrains else 0.0
        if epochs[-1] > max(1, budget / 100) or n_rows == len(X):
            return before / len(rows), epochs[-1] / len(rows)
        n_rows *= 4


def plan(network, budget, max_epochs, X, y, X_val=None, y_val=None):
    """Return the number of epochs and the number of spectra that fit into the budget."""
    before, epoch = time_of_training(network, budget, X, y, X_val, y_val)
    n_epochs = round(np.clip((budget / len(X) - before) / epoch, 1, max_epochs))
    return n_epochs, round(np.clip(budget / (before + n_epochs * epoch), 64, len(X)))


def fit_network(network, n_epochs, n_spectra, X, y, X_val=None, y_val=None):
    """Return the network, fitted for `n_epochs` on `n_spectra` spectra, and the facts of its training."""
    if n_spectra < len(X):
        rows = rows_of_all_classes(y, n_spectra, np.random.default_rng(0))
        X, y = X[rows], y[rows]
    start = time.perf_counter()
    network.set_params(max_epochs=n_epochs).fit(X, y, X_val=X_val, y_val=y_val)
    return network, {
        "fit_s": time.perf_counter() - start,
        "n_spectra": len(X),
        "shares": class_shares(y),
        "epochs": n_epochs,
        "best_epoch": network.best_epoch_,
        "layers": network.n_layers_,
        "parameters": network.n_parameters_,
    }


def balance_in_training(network):
    return network.set_params(sampling="balanced", augmenter=CCDNoiseAugmenter())


def fit_other(candidate, balance, seed, X, y):
    """Return a fitted classifier that is not a network, and the facts of its training.

    With `balance` the classes are balanced and every spectrum receives noise, as in the training of the networks.
    """
    classifier = candidate.make(seed)
    if balance:
        n_spectra = dict(zip(*np.unique(y, return_counts=True), strict=True))
        fewer = {label: min(n, candidate.n_of_each_class) for label, n in n_spectra.items()}
        classifier = make_sampling_pipeline(
            RandomUnderSampler(sampling_strategy=fewer, random_state=seed),
            RandomOverSampler(random_state=seed),
            CCDNoiseAugmenter(random_state=seed),
            *(step for _, step in classifier.steps),
        )
    start = time.perf_counter()
    classifier.fit(X, y)
    return classifier, {"fit_s": time.perf_counter() - start, "n_spectra": len(X), "shares": class_shares(y)}


def class_shares(y):
    classes, counts = np.unique(y, return_counts=True)
    return dict(zip(classes.tolist(), (counts / len(y)).tolist(), strict=True))


def fit(candidate, train, *, budget, max_epochs, balance, seed):
    """Fit on the training part of a file, and return a pipeline that accepts flux and the facts of the training.

    `train` is what `split_training` returns.
    """
    if candidate.is_network:
        classifier = candidate.make(seed)
        if balance:
            balance_in_training(classifier)
        n_epochs, n_spectra = plan(classifier, budget, max_epochs, **train)
        classifier, facts = fit_network(classifier, n_epochs, n_spectra, **train)
    else:
        some = rows_of_all_classes(train["y"], 700, np.random.default_rng(0))
        fit_other(candidate, balance, seed, train["X"][some], train["y"][some])  # compiles MiniRocket before the timing
        classifier, facts = fit_other(candidate, balance, seed, train["X"], train["y"])
    facts["validation_f1"] = mean_f1(train["y_val"], predict(classifier, train["X_val"]))
    return make_pipeline(preprocessing(), classifier), facts


def split_training(data):
    flux, y = prepare(data["flux"]), data["target"]
    train, validation = split_by_object(y, data["object"])
    found = np.unique(y[validation]).tolist()
    if found != CLASSES:
        raise SystemExit(f"Too few objects of a class: those held out for validation are of {found}.")
    return {"X": flux[train], "y": y[train], "X_val": flux[validation], "y_val": y[validation]}


def mean_f1(y, probabilities):
    """Return the macro F1 at equal class shares, whatever the mix of the data is."""
    classes = np.unique(y)
    even = dict.fromkeys(classes.tolist(), 1 / len(classes))
    return classification_table(y, classes[probabilities.argmax(1)], class_priors=even, n_resamples=0).mean["f1"]


def predict(model, flux):
    """Return the probabilities, or the softmax of the decision function if there are none."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(flux)
    return softmax(model.decision_function(flux), axis=1)


def settings_of(candidate, *, budget, max_epochs, balance, seed, threads):
    """Return everything that a fitted model depends on, except for its data."""
    settings = {"classifier": candidate.make(seed).__repr__(N_CHAR_MAX=100_000), "balance": balance, "seed": seed}
    if candidate.is_network:
        settings |= {"budget": budget, "max_epochs": max_epochs, "threads": threads}
    return settings | {"code": code_version(Path(__file__).parent / "candidates.py", __file__)}


def fingerprint(data):
    """Return a short hash of the content of a file."""
    digest = hashlib.sha256()
    for name in ("flux", "target", "object", "snr"):
        digest.update(np.ascontiguousarray(data[name]))
    return digest.hexdigest()[:12]


def fit_once(candidate, train, train_name, cache, settings, *, force, **parameters):
    """Return a fitted model and the facts of its training.

    They come from the cache if they were made with the same settings and training file, unless `force` is true.
    """
    path = None
    if cache is not None:
        content = json.dumps([settings, train_name], sort_keys=True)
        path = Path(cache) / f"{candidate.name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}.joblib"
        if path.exists() and not force:
            return joblib.load(path)
    fitted = fit(candidate, train, **parameters)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        joblib.dump(fitted, part)
        part.replace(path)
    return fitted
