"""From spectra to classes: with a pretrained classifier, and with one that is trained here.

Without arguments, the pretrained classifier first classifies a sample of observed SDSS spectra. Then a network is
trained on a simulated survey with the class shares of the paper, and evaluated on simulated spectra and on the same
observed spectra. ``--data FILE.npz`` trains on real spectra instead. The file contains ``flux`` (n_samples, n_features)
and ``target``. If there are several spectra of one object, it also contains ``object_id`` or ``object``. If it contains
``survey`` and some of the spectra are from SDSS, only those are used: if nearly all stars are from one survey and
nearly all quasars from another, a classifier only needs to tell the surveys apart.

    python examples/demo.py [--data FILE.npz] [--output DIRECTORY]
"""

import argparse
import time
from pathlib import Path

import joblib
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from imblearn.under_sampling import RandomUnderSampler
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import load_sdss_sample, make_spectra
from skspectra.inspection import ClassActivationDisplay, TrainingHistoryDisplay
from skspectra.metrics import classification_table
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator
from skspectra.pretrained import load_classifier

CLASSES = ["STAR", "GALAXY", "QSO"]
MIXES = {"1:1:1": (1, 1, 1), "98.5:1.2:0.3": (0.985, 0.012, 0.003)}
N_EXAMPLES = 3  # of each class in the figure


def simulated_survey():
    """Return flux, labels and objects to train on, the test sets by name, and the wavelength in angstrom."""
    print("\nSimulating a survey of 60000 spectra, STAR : GALAXY : QSO = 98.5 : 1.2 : 0.3 ...")
    survey = make_spectra(60_000, weights=MIXES["98.5:1.2:0.3"], missing="survey", random_state=0)
    # As in the paper, most stars are left out; drawing balanced epochs does the rest.
    X, y = RandomUnderSampler(sampling_strategy={"STAR": 5000}, random_state=0).fit_resample(survey.data, survey.target)
    tests = {}
    for seed, (name, weights) in enumerate(MIXES.items(), start=1):
        test = make_spectra(6000, weights=weights, random_state=seed)
        tests[name] = test.data, test.target, None
    sample = load_sdss_sample()
    tests["real"] = sample.data, sample.target, sample.object_id
    return X, y, np.arange(len(X)), tests, survey.wavelength


def real_spectra(path):
    """Return the same for an archive; a third of its objects are the test set."""
    with np.load(path) as archive:
        data = dict(archive)
    if missing := {"flux", "target"} - set(data):
        raise SystemExit(f"{path} lacks {sorted(missing)}; it has {sorted(data)}.")
    if unknown := set(data["target"]) - set(CLASSES):
        raise SystemExit(f"{path} has target {sorted(unknown)}; the allowed classes are {CLASSES}.")
    sdss = np.char.startswith(data.get("survey", np.full(len(data["target"]), "")), "SDSS")
    rows = sdss if sdss.any() else slice(None)
    X, y = data["flux"][rows], data["target"][rows]
    # A spectrum that begins late would need a long filled end, which tells of the instrument that took it.
    measured = np.isfinite(X)
    common = slice(measured.argmax(axis=1).max(), X.shape[1] - measured[:, ::-1].argmax(axis=1).max())
    wavelength = data.get("wavelength", np.arange(X.shape[1]))[common]
    objects = data.get("object_id", data.get("object", np.arange(len(data["target"]))))[rows]
    part = "SDSS " if sdss.any() else ""
    print(f"Read {len(X)} {part}spectra of {len(np.unique(objects))} objects from {path}.")
    print(f"Kept the {len(wavelength)} of {X.shape[1]} wavelengths that every spectrum covers.")
    X = X[:, common]
    if min(len(np.unique(objects[y == name])) for name in CLASSES) < 3:
        raise SystemExit(f"Every class of {CLASSES} needs three objects: for training, validation and test.")
    train, test = split(y, objects, 3)
    return X[train], y[train], objects[train], {"as observed": (X[test], y[test], objects[test])}, wavelength


def split(y, objects, n_parts):
    """Return the rows to keep and the rows to hold back: one of n_parts, with its share of each class, by object."""
    # Before scikit-learn 1.8 the shuffled folds do not keep the shares of the classes.
    folds = StratifiedGroupKFold(n_parts, shuffle=True, random_state=0)
    return next(folds.split(y, y, objects))


def draw_examples(model, X, y, wavelength, path):
    """Draw the first spectra of each class, coloured by what the network looks at."""
    rows = np.concatenate([np.flatnonzero(y == name)[:N_EXAMPLES] for name in CLASSES])
    figure, axes = plt.subplots(-(-len(rows) // N_EXAMPLES), N_EXAMPLES, figsize=(15, 8), layout="constrained")
    for unused in axes.ravel()[len(rows) :]:
        unused.set_axis_off()
    display = ClassActivationDisplay.from_estimator(
        model, X[rows], layer=1, wavelength=wavelength, y_true=y[rows], ax=axes.ravel()[: len(rows)]
    )
    display.figure_.savefig(path, dpi=120)
    plt.close(figure)


def judge(model, name, X, y, objects):
    """Print the scores on a test set and return the macro F1."""
    table = classification_table(y, model.predict(X), labels=CLASSES, groups=objects, random_state=0)
    print(f"\n=== Test set, {name} ===\n{table}")
    low, high = table.mean_confidence_intervals["f1"]
    counts = ", ".join(f"{np.sum(y == label)} {label}" for label in CLASSES)
    print(f"\nmacro F1 {table.mean['f1']:.3f} ({low:.3f} to {high:.3f}) from {counts}")
    return table.mean["f1"]


def classify_observed_spectra(output):
    """Classify the SDSS sample with the pretrained classifier, draw some spectra, and return the macro F1."""
    print("Classifying observed spectra with the pretrained classifier ...")
    start = time.perf_counter()
    sample, model = load_sdss_sample(), load_classifier()
    f1 = judge(model, "observed SDSS spectra, pretrained classifier", sample.data, sample.target, sample.object_id)
    draw_examples(model, sample.data, sample.target, sample.wavelength, output / "pretrained.png")
    print(f"Took {time.perf_counter() - start:.0f} s and wrote {output / 'pretrained.png'}.")
    return f1


def train_network(X, y, objects, epochs):
    """Return a fitted pipeline; a fifth of the objects is for validation."""
    train, validation = split(y, objects, 5)
    # The same steps for training, validation and every later spectrum; they learn nothing from the data.
    scale = make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler())
    classifier = DenseNet1DClassifier(
        growth_rate=8,
        stem_stride=4,
        lr_schedule="one-cycle",
        max_epochs=epochs,
        sampling="balanced",
        augmenter=CCDNoiseAugmenter(),
        verbose=1,
        random_state=0,
    )
    counts = ", ".join(f"{name} {np.sum(y[train] == name)}" for name in CLASSES)
    print(f"Training on {counts}; {len(validation)} spectra for validation.")
    start = time.perf_counter()
    classifier.fit(scale.fit_transform(X[train]), y[train], X_val=scale.transform(X[validation]), y_val=y[validation])
    print(f"Trained {classifier.n_layers_} layers, {classifier.n_parameters_} parameters in", end=" ")
    print(f"{time.perf_counter() - start:.0f} s; kept epoch {classifier.best_epoch_}.")
    return make_pipeline(*(step for _, step in scale.steps), classifier)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="npz file of real spectra (default: simulated spectra)")
    parser.add_argument("--epochs", type=int, help="default: 7 for simulated spectra, 60 for real ones")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for the model and the figures")
    args = parser.parse_args(arguments)

    args.output.mkdir(parents=True, exist_ok=True)
    pretrained = None if args.data else classify_observed_spectra(args.output)
    X, y, objects, tests, wavelength = real_spectra(args.data) if args.data else simulated_survey()
    model = train_network(X, y, objects, args.epochs or (60 if args.data else 7))
    joblib.dump(model, args.output / "model.joblib")
    model = joblib.load(args.output / "model.joblib")
    scores = {name: judge(model, name, *test) for name, test in tests.items()}

    X_test, y_test, _ = list(tests.values())[-1]
    draw_examples(model, X_test, y_test, wavelength, args.output / "examples.png")
    TrainingHistoryDisplay.from_estimator(model[-1]).figure_.savefig(args.output / "loss.png", dpi=150)
    for name in ("model.joblib", "loss.png", "examples.png"):
        print(f"Wrote {args.output / name}")
    if pretrained is not None:
        print(f"Observed SDSS spectra, macro F1: pretrained {pretrained:.3f}, trained here {scores['real']:.3f}")
    print("macro F1", *(f"{f1:.3f} ({name})" for name, f1 in scores.items()))


if __name__ == "__main__":
    main()
