"""Compare scaling by minimum and maximum with scaling by percentiles on a few hundred real spectra.

Four classifiers are cross-validated on the SDSS spectra on which ``compare real`` trains in its first fold. No object
is in two folds. The test spectra of that fold are not used, but the test spectra of the other folds are. The network is
small, with a stem stride of 8 and one convolution block in each dense block. It is trained for 60 epochs with batches
of 16. All classifiers are trained with balanced classes and with noise in every spectrum.

    python -m benchmarks.classifiers.compare few [--data FOLDER] [--quantile-ranges 0 100 0.5 99.5]

FOLDER, by default the environment variable SKSPECTRA_DATA, contains ``real_spectra.npz``.
"""

import time

import numpy as np
import torch
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold
from threadpoolctl import threadpool_limits

from benchmarks._common.candidates import CANDIDATES, Candidate, densenet
from benchmarks._common.command import add_data, add_json, data_folder, save
from benchmarks._common.training import balance_in_training, fit_other, predict, prepare
from benchmarks.classifiers._real import folds_of, read_real

NETWORK = Candidate(
    "DenseNet1D g8 s8, one block", "DenseNet1D", densenet(growth_rate=8, stem_stride=8, n_conv_blocks_per_dense_block=1)
)
CHOICE = [CANDIDATES[name] for name in ("MiniRocket, 10000 kernels", "boosting, 100 PC", "MLP")] + [NETWORK]


def spectra_of_first_fold(path):
    """Return the flux, the classes and the objects of the SDSS training spectra of the first fold.

    The flux is cut to the wavelengths that all real spectra have.
    """
    real, common = read_real(path)
    sdss = real["sdss"]
    flux, y, objects = real["flux"][sdss][:, common], real["target"][sdss], real["object"][sdss]
    train, _ = folds_of(y, objects)[0]
    return flux[train], y[train], objects[train]


def cross_validate(candidate, X, y, objects, seed):
    """Return the class predicted for each spectrum by a classifier that was not trained on its object."""
    predicted = np.empty_like(y)
    for train, test in StratifiedGroupKFold(4, shuffle=True, random_state=1).split(X, y, objects):
        if candidate.is_network:
            network = balance_in_training(candidate.make(seed)).set_params(max_epochs=60, batch_size=16)
            classifier = network.fit(X[train], y[train])
        else:
            classifier, _ = fit_other(candidate, True, seed, X[train], y[train])
        predicted[test] = classifier.classes_[predict(classifier, X[test]).argmax(1)]
    return predicted


def add_arguments(parser):
    add_json(parser)
    add_data(parser, "real_spectra.npz")
    parser.add_argument("--quantile-ranges", type=float, nargs="+", default=[0, 100, 0.5, 99.5], metavar="LOW HIGH")
    parser.add_argument("--seed", type=int, default=0)


def run(args):
    if len(args.quantile_ranges) % 2:
        raise SystemExit(f"--quantile-ranges takes pairs of percentiles, got {len(args.quantile_ranges)} numbers.")
    torch.set_num_threads(1)
    flux, y, objects = spectra_of_first_fold(data_folder(args) / "real_spectra.npz")
    results = []
    for quantile_range in zip(args.quantile_ranges[::2], args.quantile_ranges[1::2], strict=True):
        X = prepare(flux, quantile_range)
        for candidate in CHOICE:
            start = time.perf_counter()
            with threadpool_limits(1):  # otherwise numba starts its own threads after MiniRocket has used it
                predicted = cross_validate(candidate, X, y, objects, args.seed)
            seconds = time.perf_counter() - start
            f1 = dict(zip(np.unique(y).tolist(), f1_score(y, predicted, average=None).tolist(), strict=True))
            mean = float(np.mean(list(f1.values())))
            classes = ", ".join(f"{label} {score:.3f}" for label, score in f1.items())
            print(f"{quantile_range} {candidate.name}: macro F1 {mean:.3f} ({classes}), {seconds:.0f} s", flush=True)
            results.append({"quantile_range": quantile_range, "method": candidate.name, "f1": f1, "seconds": seconds})
    save(args, results=results)
