"""Does pre-training improve the deep belief network?

Networks with and without pre-training are trained on the same simulated spectra at 1:1:1 with a one-cycle schedule, and
tested on other spectra. The reconstruction errors are those of each restricted Boltzmann machine in its first and last
epoch, with the first seed. The spread is the standard deviation over seeds. Each seed has its own training spectra and
initial weights.

    python -m benchmarks.classifiers.pretraining [--json pretraining.json]
"""

import time
from itertools import product

import numpy as np
import torch
from sklearn.metrics import f1_score

from benchmarks._common.command import parser_of, save
from benchmarks._common.simulated import scaled_spectra
from skspectra.neural_network import DBNClassifier


def run(n, pretrain_epochs, seed, max_epochs, X_test, y_test):
    X, y = scaled_spectra(n, seed)
    network = DBNClassifier(
        pretrain_epochs=pretrain_epochs, max_epochs=max_epochs, lr_schedule="one-cycle", random_state=seed
    )
    start = time.perf_counter()
    network.fit(X, y)
    return {
        "seconds": time.perf_counter() - start,
        "f1": f1_score(y_test, network.predict(X_test), average="macro"),
        "reconstruction": [[errors[0], errors[-1]] for errors in network.reconstruction_errors_],
    }


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n-spectra", type=int, nargs="+", default=[150, 600, 2400])
    parser.add_argument("--pretrain-epochs", type=int, nargs="+", default=[0, 10, 50])
    parser.add_argument("--max-epochs", type=int, nargs="+", default=[5, 60])
    parser.add_argument("--n-test", type=int, default=6000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    X_test, y_test = scaled_spectra(args.n_test, seed=1000)
    results = []
    print("| spectra | epochs | pre-training epochs | macro F1 | seconds | reconstruction error, layer by layer |")
    print("| --- " * 6 + "|")
    for n, max_epochs, pretrain_epochs in product(args.n_spectra, args.max_epochs, args.pretrain_epochs):
        runs = [run(n, pretrain_epochs, seed, max_epochs, X_test, y_test) for seed in range(args.seeds)]
        f1 = [result["f1"] for result in runs]
        seconds = np.mean([result["seconds"] for result in runs])
        errors = ", ".join(f"{first:.4f} to {last:.4f}" for first, last in runs[0]["reconstruction"])
        spread = np.std(f1, ddof=1) if len(f1) > 1 else 0.0
        print(
            f"| {n} | {max_epochs} | {pretrain_epochs} | {np.mean(f1):.3f} ± {spread:.3f} | {seconds:.1f} | {errors} |",
            flush=True,
        )
        results.append({"n": n, "max_epochs": max_epochs, "pretrain_epochs": pretrain_epochs, "runs": runs})
    save(args, results=results)


if __name__ == "__main__":
    main()
