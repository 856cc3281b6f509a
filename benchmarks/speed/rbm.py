"""How fast is the package's restricted Boltzmann machine compared with scikit-learn's BernoulliRBM?

    python -m benchmarks.speed.rbm [--device cuda] [--json PATH]

Both train one layer in turn on simulated spectra scaled to [0, 1], in single precision and with the same batch size,
learning rate and number of epochs. The best time of each counts. scikit-learn's `partial_fit`, which is the only way to
see the error of an epoch, computes in double precision. The error is the mean squared difference between the spectra
and their reconstruction from the probabilities of the hidden units. It is computed in the same way for all machines
after the training.
"""

import argparse
from functools import partial

import numpy as np
import torch
from scipy.special import expit
from sklearn.neural_network import BernoulliRBM
from torch import nn

from benchmarks._common.command import parser_of, save
from benchmarks._common.timing import best_seconds
from skspectra.datasets import make_spectra
from skspectra.neural_network._modules._rbm import RestrictedBoltzmannMachine
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
    parser = parser_of(__doc__)
    parser.add_argument("--spectra", type=int, default=1500)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="device of the package's machine; scikit-learn uses the CPU")
    args = parser.parse_args()

    X, _ = make_spectra(args.spectra, weights=(1, 1, 1), random_state=0, return_X_y=True)
    X = MinMaxSpectrumScaler().fit_transform(X).astype(np.float32)
    candidates = {
        "BernoulliRBM.fit": scikit_learn,
        "BernoulliRBM.partial_fit": scikit_learn_by_batches,
        f"skspectra, {args.device}": skspectra,
    }
    results = {}

    def trained(name):
        results[name] = candidates[name](X, args)

    seconds = best_seconds({name: partial(trained, name) for name in candidates}, args.rounds)
    print(f"{'':26} {'s/epoch':>8} {'spectra/s':>10} {'error':>8}   (mean spectrum: {X.var(axis=0).mean():.4f})")
    rows = []
    for name in candidates:
        each, error = seconds[name] / args.epochs, reconstruction_error(X, *results[name])
        print(f"{name:26} {each:8.3f} {len(X) / each:10.0f} {error:8.4f}")
        rows.append({"name": name, "seconds_per_epoch": each, "reconstruction_error": error})
    save(args, results=rows)


if __name__ == "__main__":
    main()
