"""Train the classifier that comes with the package, and write its files.

It simulates spectra with missing samples and trains a network on them. Two networks continue from its weights with
spectra that are degraded further: one with the same three classes, and one with their subclasses, so that its features
also tell stars of different types apart. The weights of these two are averaged, and the last layer is a logistic
regression of the three classes on the features. A temperature calibrates the probabilities, and the weights are rounded
to half precision. All of that uses simulated spectra only. The SDSS sample is scored once, at the end, for the model
card. If the training is interrupted, the same command resumes it.

    python benchmarks/pretrain.py [--output FOLDER] [--n-spectra N N N] [--epochs N N N] [--version N]
    python benchmarks/pretrain.py --score star-galaxy-qso

The defaults are those of the shipped weights, whose parts earlier versions of this program trained (see
docs/benchmark_methods.md). They take about two and a half hours on two cores.
"""

import argparse
import datetime
import os
import re
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.polynomial import legendre
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skspectra
from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import LAMOST_WAVELENGTH, load_sdss_sample, make_spectra
from skspectra.export import to_onnx
from skspectra.metrics import classification_table
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator
from skspectra.pretrained import load_classifier
from skspectra.pretrained._weights import half_precision, read_classifier, write_classifier

STAGES = ("first", "classes", "subclasses")
TRAINING_SEEDS, VALIDATION_SEED, TEST_SEED = (0, 3, 3), 1, 2
N_VALIDATION, N_TEST, N_STATISTICS = 6000, 12_000, 4096
SNR = (1, 100)
NEARBY = 0.4  # redshift
N_NEIGHBORS = 20  # on each side of a gap
QUANTILES = (0.5, 99.5)
CALIBRATION_ERROR = 0.15  # of each order, in the natural logarithm of the flux
WIDEST_BLUR = 2.0  # samples, standard deviation
BRIGHT_SKY_LINES = (5578.9, 6302.0, 6365.5)  # of oxygen, angstrom in vacuum (Osterbrock et al. 1996)
LONGEST_ZEROS = 100  # samples
LONGEST_GAP = 350  # samples


def simulate(n_samples, seed, **params):
    return make_spectra(n_samples, weights=(1, 1, 1), random_state=seed, **params)


def training_spectra(n_samples, seed):
    """Return flux and subclasses of spectra that vary more than those of one survey.

    The S/N is low more often. One quasar in seven is nearby, where quasars look most like galaxies. Half of the spectra
    have a worse flux calibration, and a third have a lower resolution.
    """
    n_nearby = n_samples // 21
    spectra = simulate(n_samples - n_nearby, seed, missing="survey", snr=SNR)
    quasars = make_spectra(20 * n_nearby, weights=(0, 0, 1), missing="survey", snr=SNR, random_state=seed + 100)
    nearby = np.flatnonzero(quasars.redshift < NEARBY)[:n_nearby]
    flux = np.concatenate([spectra.data, quasars.data[nearby]])
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, flux.shape[1])
    shapes = np.stack([legendre.legval(x, np.eye(5)[k]) for k in range(1, 5)])
    for row in flux:
        if rng.random() < 0.5:
            row *= np.exp(rng.normal(0, CALIBRATION_ERROR, len(shapes)) @ shapes)
        if rng.random() < 1 / 3:
            row[:] = gaussian_filter1d(row, rng.uniform(0.3, WIDEST_BLUR))  # samples next to a gap become NaN
    subclass = np.char.add(np.char.add(spectra.target, " "), spectra.subclass)
    return flux, np.concatenate([subclass, np.full(n_nearby, "QSO BROADLINE")])


def class_of(subclass):
    """Return the classes "STAR", "GALAXY" and "QSO" of subclasses such as "STAR M"."""
    return np.char.partition(subclass, " ")[:, 0]


def degrade(flux, rng):
    """Add residuals of bright sky lines to most spectra, zeros at the blue end to some, and gaps to half, in place."""
    for row in flux:
        if rng.random() < 0.8:
            noise = np.nanmedian(np.abs(np.diff(row)))
            for line in BRIGHT_SKY_LINES:
                height = noise * rng.normal() * rng.lognormal(np.log(14), 0.7)
                centre, width = line + rng.normal(0, 1), rng.uniform(1, 3)
                row += height * np.exp(-0.5 * ((LAMOST_WAVELENGTH - centre) / width) ** 2)
        if rng.random() < 0.25:
            row[: rng.integers(0, LONGEST_ZEROS)] = 0
        if rng.random() < 0.5:
            centre = rng.integers(0, len(row))
            half = rng.integers(0, LONGEST_GAP // 2)
            row[max(centre - half, 0) : centre + half] = np.nan


def train(args, stage, **settings):
    """Return the pipeline of a stage. It is fitted unless its file exists."""
    path = args.output / f"{stage}.npz"
    if path.exists():
        return read_classifier(path, "cpu")
    k = STAGES.index(stage)
    X, subclass = training_part(args, stage)
    network = DenseNet1DClassifier(
        growth_rate=args.growth_rate,
        stem_stride=args.stem_stride,
        lr_schedule="one-cycle",
        max_epochs=args.epochs[k],
        augmenter=CCDNoiseAugmenter(),
        precision="float32",  # the weights are the same on every processor except for rounding
        checkpoint_dir=args.output / "checkpoint",
        verbose=1,
        random_state=TRAINING_SEEDS[k],
        **settings,
    )
    if stage == "subclasses":
        network.fit(X, subclass)
    else:
        X_val, y_val = validation_part(stage)
        network.fit(X, class_of(subclass), X_val=X_val, y_val=y_val)
    write_classifier(path, in_pipeline(network, X))
    return read_classifier(path, "cpu")


def training_part(args, stage):
    """Return the prepared spectra and the subclasses of a stage."""
    k = STAGES.index(stage)
    flux, subclass = training_spectra(args.n_spectra[k], TRAINING_SEEDS[k])
    return prepare(flux, stage, TRAINING_SEEDS[k]), subclass


def validation_part(stage):
    """Return the prepared validation spectra and the classes of a stage."""
    spectra = simulate(N_VALIDATION, VALIDATION_SEED, missing="survey")
    return prepare(spectra.data, stage, VALIDATION_SEED), spectra.target


def prepare(flux, stage, seed):
    """Return the spectra as the network takes them. They are changed in place, since they fill most of the memory."""
    if stage != "first":
        degrade(flux, np.random.default_rng(seed))
    return make_pipeline(*preprocessing(copy=False)).fit_transform(flux)


def in_pipeline(network, X):
    steps = (step.fit(X[:1]) for step in preprocessing(copy=True))  # they only learn the number of samples
    return make_pipeline(*steps, network)


def preprocessing(*, copy):
    return (
        MissingFluxInterpolator(n_neighbors=N_NEIGHBORS, copy=copy),
        MinMaxSpectrumScaler(quantile_range=QUANTILES, copy=copy),
    )


def combine(networks, X, target):
    """Return a network with the mean weights of some networks, and a new last layer.

    Networks that were trained from the same weights may be averaged (Wortsman et al. 2022, arXiv:2203.05482).
    """
    X = CCDNoiseAugmenter(random_state=0).transform(X)
    network = networks[0]
    module = network.net_.module_
    weights = [other.net_.module_.state_dict() for other in networks]
    body = [name for name in weights[0] if not name.startswith("classifier.")]
    module.load_state_dict({name: sum(w[name] for w in weights) / len(weights) for name in body}, strict=False)
    module.train()
    with torch.no_grad():  # updates the statistics of batch normalisation
        for batch in torch.from_numpy(X[:N_STATISTICS]).split(64):
            module(batch)
    module.eval()
    features = network.embed(X)
    scaler = StandardScaler().fit(features)
    linear = LogisticRegression(max_iter=1000).fit(scaler.transform(features), target)
    weight = linear.coef_ / scaler.scale_
    state = network.__getstate__()
    state["classes_"] = linear.classes_
    state["_network"]["params"]["n_classes"] = len(linear.classes_)
    state["_network"]["weights"] |= {
        "classifier.weight": weight.astype(np.float32),
        "classifier.bias": (linear.intercept_ - weight @ scaler.mean_).astype(np.float32),
    }
    combined = DenseNet1DClassifier()
    combined.__setstate__(state)
    return combined


def calibrate(network, X, y):
    """Divide the logits by the temperature with the lowest log loss on these spectra, and round the weights."""
    logits = network.decision_function(X)

    def loss(log_temperature):
        return log_loss(y, softmax(logits / np.exp(log_temperature), axis=1))

    temperature = np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x)
    module = network.net_.module_
    with torch.no_grad():
        module.classifier.weight /= temperature
        module.classifier.bias /= temperature
        weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
        module.load_state_dict({name: torch.tensor(array) for name, array in half_precision(weights).items()})
    print(f"temperature {temperature:.3f}")


def expected_calibration_error(y, probabilities, classes, n_bins=15):
    """Return the mean distance between confidence and accuracy in bins (Guo et al. 2017, arXiv:1706.04599)."""
    confidence, right = probabilities.max(axis=1), classes[probabilities.argmax(axis=1)] == y
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = [np.abs(np.sum(right[bins == k] - confidence[bins == k])) for k in range(n_bins)]
    return np.sum(gaps) / len(y)


def score(pipeline):
    """Return the rows of the table of scores: test spectra, number, macro F1 with its interval, calibration error."""
    rows = []

    def add(name, flux, target, groups=None):
        probabilities = pipeline.predict_proba(flux)
        predicted = pipeline.classes_[probabilities.argmax(axis=1)]
        table = classification_table(target, predicted, groups=groups, random_state=0)
        low, high = table.mean_confidence_intervals["f1"]
        error = expected_calibration_error(target, probabilities, pipeline.classes_)
        rows.append(f"| {name} | {len(target)} | {table.mean['f1']:.3f} ({low:.3f}-{high:.3f}) | {error:.3f} |")

    whole, parts = simulate(N_TEST, TEST_SEED), simulate(N_TEST, TEST_SEED, missing="survey")
    add("simulated", whole.data, whole.target)
    for low, high in (1, 3), (3, 5), (5, 10), (10, 30), (30, 200):
        rows_in = (low < whole.snr) & (whole.snr <= high)
        add(f"simulated, S/N {low} to {high}", whole.data[rows_in], whole.target[rows_in])
    add("simulated, samples missing as in surveys", parts.data, parts.target)
    real = load_sdss_sample()
    add("SDSS sample", real.data, real.target, real.object_id)
    bright = real.snr > 3
    add("SDSS sample, S/N > 3", real.data[bright], real.target[bright], real.object_id[bright])
    n_features = len(LAMOST_WAVELENGTH)
    for name, left_out in {
        "300 blue samples": slice(300),
        "200 red samples": slice(n_features - 200, n_features),
        "200 samples in the middle": slice(n_features // 2 - 100, n_features // 2 + 100),
    }.items():
        flux = real.data.copy()
        flux[:, left_out] = np.nan
        add(f"SDSS sample without {name}", flux, real.target, real.object_id)
    return rows


def share_of_lamost_stars(pipeline):
    """Return which share of the LAMOST stars in the folder of observed spectra is classified as stars."""
    with np.load(Path(os.environ["SKSPECTRA_DATA"], "real_spectra.npz")) as data:
        stars = np.char.startswith(data["survey"], "LAMOST") & (data["target"] == "STAR")
        return np.mean(pipeline.predict(data["flux"][stars]) == "STAR"), np.sum(stars)


def model_card(name, pipeline, args, scores):
    network = pipeline[-1]
    first, last = LAMOST_WAVELENGTH[[0, -1]]
    versions = ", ".join(f"{package} {version(package)}" for package in ("torch", "scikit-learn", "numpy"))
    table = "\n".join(scores)
    card = f"""# {name}

A classifier of optical spectra into {", ".join(network.classes_)}: `skspectra.pretrained.load_classifier("{name}")`.

## Input

Flux per wavelength in any unit on `LAMOST_WAVELENGTH`, {network.n_features_in_} samples from {first:.0f} to {last:.0f}
angstrom in vacuum and in the observed frame, NaN where nothing was measured. Missing flux is filled from the
means of up to {N_NEIGHBORS} measured samples on each side. Each spectrum is scaled by its own percentiles
{QUANTILES[0]} and {QUANTILES[1]}.

## Training

- Spectra: {args.n_spectra[0]} of `make_spectra(missing="survey")`, a third of each class, with an S/N from {SNR[0]} to
  {SNR[1]} that is uniform in its logarithm, some of them blurred or calibrated worse; then {args.n_spectra[1]} and
  {args.n_spectra[2]} others, which also have strong residuals of sky lines, zeros at the blue end or another gap. Every
  epoch adds fresh noise of `CCDNoiseAugmenter()`. No observed spectrum was used for training. The strengths of the
  residuals and zeros follow the spectra of the SDSS sample.
- Network: `DenseNet1DClassifier(growth_rate={args.growth_rate}, stem_stride={args.stem_stride})` with
  {network.n_parameters_} parameters, trained for {args.epochs[0]} epochs with `lr_schedule="one-cycle"`. From its
  weights, one network was trained for {args.epochs[1]} epochs with the classes, and one for {args.epochs[2]} epochs
  with their subclasses. The weights are the mean of these two, rounded to half precision. The last layer is a logistic
  regression of the three classes on the features.
- Probabilities: scaled by a temperature on {N_VALIDATION} simulated validation spectra. They are meant for equal shares
  of the classes; `PriorCorrectedClassifier` corrects them to the shares of a survey.
- Written on {datetime.date.today()} by `python benchmarks/pretrain.py` of skspectra {skspectra.__version__}, with
  {versions}.

## Scores

Macro F1 with a 95 % bootstrap confidence interval, resampled by object, and the expected calibration error in 15 bins.
The S/N of a spectrum is the median of its samples.

| test spectra | number | macro F1 | calibration error |
| --- | --- | --- | --- |
{table}

## Limits

- It knows three classes and puts everything else, such as sky, supernovae or two objects in one fibre, into one of
  them. `skspectra.outliers.UnknownRejector` can answer "UNKNOWN".
- The simulated spectra have a resolving power of 1800 or less. Other resolutions have not been tested.
- Spectra with an S/N below 3 are misclassified more often. So are galaxies, mostly as stars.
- Galaxies were simulated to a redshift of 0.8, quasars to 4.

## Licence

BSD 3-Clause, as the package.
"""
    return re.sub(r"(?<=\S)\n *(?=[^\s|#-])", " ", card)  # one line for each paragraph and each entry of a list


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("pretrained"), help="folder of the files and checkpoint")
    parser.add_argument("--n-spectra", type=int, nargs=3, default=[100_000, 60_000, 80_000], help="in each stage")
    parser.add_argument("--epochs", type=int, nargs=3, default=[8, 3, 4], help="in each stage")
    parser.add_argument("--growth-rate", type=int, default=8)
    parser.add_argument("--stem-stride", type=int, default=8)
    parser.add_argument("--version", type=int, default=4, help="number in the name of the model")
    parser.add_argument(
        "--score",
        metavar="NAME",
        help="only print the scores of a model that comes with the package. SKSPECTRA_DATA may name the folder of "
        "observed spectra that are not in the repository",
    )
    args = parser.parse_args()

    if args.score is not None:
        pipeline = load_classifier(args.score, device="cpu")
        print("\n".join(score(pipeline)))
        if "SKSPECTRA_DATA" in os.environ:
            print("LAMOST stars classified as stars: {:.3f} of {}".format(*share_of_lamost_stars(pipeline)))
        return

    args.output.mkdir(parents=True, exist_ok=True)
    name = f"star-galaxy-qso-{args.version}"
    first = train(args, "first")
    networks = [train(args, "classes", init=first, lr=0.003)[-1], train(args, "subclasses", init=first, lr=0.005)[-1]]
    X, subclass = training_part(args, "subclasses")
    network = combine(networks, X, class_of(subclass))
    calibrate(network, *validation_part("subclasses"))
    write_classifier(args.output / f"{name}.npz", in_pipeline(network, X))
    pipeline = read_classifier(args.output / f"{name}.npz", "cpu")  # the pipeline that users load
    to_onnx(pipeline, args.output / f"{name}.onnx", wavelength=LAMOST_WAVELENGTH)
    card = model_card(name, pipeline, args, score(pipeline))
    (args.output / f"{name}.md").write_text(card, encoding="utf-8")
    print(card)


if __name__ == "__main__":
    main()
