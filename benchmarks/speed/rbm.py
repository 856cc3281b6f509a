#!/usr/bin/env python3
"""Pre-training of a restricted Boltzmann machine: the package's own beside scikit-learn's BernoulliRBM.

    python benchmarks/rbm.py [--device cuda] [--json PATH]

Both train one layer on simulated spectra scaled to [0, 1], in single precision, with the same batches' size, rate and
number of epochs, in turn; the best time of each counts. scikit-learn's `partial_fit`, the only way to see the error of
an epoch, computes in double precision. The error is the mean squared difference between the spectra and their
reconstruction from the probabilities of the hidden units, computed alike for all after the training.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from _machine import describe
from scipy.special import expit
from sklearn.neural_network import BernoulliRBM
from torch import nn

from skspectra.datasets import make_spectra
from skspectra.neural_network._rbm import RestrictedBoltzmannMachine
from skspectra.preprocessing import MinMaxSpectrumScaler


def scikit_learn(X: np.ndarray, args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    machine = _bernoulli_rbm(args).fit(X)
    return machine.components_, machine.intercept_hidden_, machine.intercept_visible_


def scikit_learn_by_batches(X: np.ndarray, args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    machine = _bernoulli_rbm(args)
    rng = np.random.default_rng(0)
    for _ in range(args.epochs):
        for rows in np.array_split(rng.permutation(len(X)), -(-len(X) // args.batch_size)):
            machine.partial_fit(X[rows])
    return machine.components_, machine.intercept_hidden_, machine.intercept_visible_


def _bernoulli_rbm(args: argparse.Namespace) -> BernoulliRBM:
    return BernoulliRBM(
        args.units, learning_rate=args.lr, batch_size=args.batch_size, n_iter=args.epochs, random_state=0
    )


def skspectra(X: np.ndarray, args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    device = torch.device(args.device)
    flux = torch.from_numpy(X).to(device)
    layer = nn.Linear(X.shape[1], args.units, device=device)
    machine = RestrictedBoltzmannMachine(layer, flux.mean(0), args.lr, torch.Generator(device).manual_seed(0))
    order = torch.Generator().manual_seed(0)
    for _ in range(args.epochs):
        rows = torch.randperm(len(X), generator=order).to(device)
        machine.train_epoch(flux[part] for part in rows.tensor_split(-(-len(X) // args.batch_size)))
    tensors = (machine.weight.detach(), machine.hidden_bias.detach(), machine.visible_bias)
    return tuple(tensor.cpu().numpy() for tensor in tensors)


def reconstruction_error(X: np.ndarray, weight: np.ndarray, hidden: np.ndarray, visible: np.ndarray) -> float:
    return float(np.mean((X - expit(expit(X @ weight.T + hidden) @ weight + visible)) ** 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spectra", type=int, default=1500)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="where the package's own trains; scikit-learn's is on the CPU")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()

    X, _ = make_spectra(args.spectra, weights=(1, 1, 1), random_state=0, return_X_y=True)
    X = MinMaxSpectrumScaler().fit_transform(X).astype(np.float32)
    candidates = {
        "BernoulliRBM.fit": scikit_learn,
        "BernoulliRBM.partial_fit": scikit_learn_by_batches,
        f"skspectra, {args.device}": skspectra,
    }
    seconds = dict.fromkeys(candidates, float("inf"))
    errors = {}
    for _ in range(args.rounds):
        for name, train in candidates.items():
            start = time.perf_counter()
            result = train(X, args)
            seconds[name] = min(seconds[name], time.perf_counter() - start)
            errors[name] = reconstruction_error(X, *result)

    machine = describe()
    print(f"{machine['processor']}, {machine['cores']} cores, OMP_NUM_THREADS {machine['OMP_NUM_THREADS']}")
    print(f"{'':26} {'s/epoch':>8} {'spectra/s':>10} {'error':>8}   (of the mean spectrum: {X.var(axis=0).mean():.4f})")
    rows = []
    for name in candidates:
        each = seconds[name] / args.epochs
        print(f"{name:26} {each:8.3f} {len(X) / each:10.0f} {errors[name]:8.4f}")
        rows.append({"name": name, "seconds_per_epoch": each, "reconstruction_error": errors[name]})
    if args.json:
        settings = {name: value for name, value in vars(args).items() if name != "json"}
        args.json.write_text(json.dumps({"machine": machine, "settings": settings, "results": rows}, indent=2))


if __name__ == "__main__":
    main()
