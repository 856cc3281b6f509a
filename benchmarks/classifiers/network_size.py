"""How small can the network be? Compare macro F1 and cost for several strides, growth rates and numbers of blocks.

Every setting is trained on the same simulated spectra at 1:1:1 with the same schedule. The scores are those of
validation spectra that are simulated with another seed. No test set is used. A result is written as soon as it is
available, so that a run that was stopped continues where it ended.

    python -m benchmarks.classifiers.network_size [--n 3000] [--epochs 6] [--seeds 2] [--runs DIR] [--figure F.png]
"""

from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import f1_score, log_loss
from torch.utils.flop_counter import FlopCounterMode

from benchmarks._common.command import parser_of, save
from benchmarks._common.runs import code_version, read_or_run
from benchmarks._common.simulated import scaled_spectra
from skspectra.neural_network import DenseNet1DClassifier

# Networks of different sizes.
SETTINGS = [
    *({"stem_stride": 4, "growth_rate": growth_rate} for growth_rate in (6, 8, 12, 16)),
    {"stem_stride": 4, "growth_rate": 8, "n_dense_blocks": 5},
    {"stem_stride": 4, "growth_rate": 8, "n_conv_blocks_per_dense_block": 1},
    *({"stem_stride": 2, "growth_rate": growth_rate} for growth_rate in (6, 8)),
    {"stem_stride": 1, "growth_rate": 8},
    # Variants that show what each part of the paper's network contributes.
    {"stem_stride": 4, "growth_rate": 8, "cross_transitions": False},
    {"stem_stride": 4, "growth_rate": 8, "se_reduction": None},
    {"stem_stride": 4, "growth_rate": 8, "kernel_sizes": (3,)},
]


def train(setting, seed, args):
    X, y = scaled_spectra(args.n, 0)
    X_val, y_val = scaled_spectra(args.n_validation, 1)
    classifier = DenseNet1DClassifier(
        **setting, lr_schedule="one-cycle", max_epochs=args.epochs, validation_fraction=None, random_state=seed
    ).fit(X, y)
    probabilities = classifier.predict_proba(X_val)
    return {
        "macro_f1": f1_score(y_val, classifier.classes_[probabilities.argmax(1)], average="macro"),
        "log_loss": log_loss(y_val, probabilities),
        "n_parameters": classifier.n_parameters_,
        "gflop": gflop(classifier.net_.module_, X.shape[1]),
    }


def gflop(module, length):
    """Return the floating-point operations of the network for one spectrum, in 10^9."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.zeros(1, length))
    return counter.get_total_flops() / 1e9


def name_of(setting):
    return ", ".join(f"{name}={value}" for name, value in setting.items())


def draw(rows, path):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(layout="constrained")
    for stride, marker in ((1, "o"), (2, "s"), (4, "^")):
        of_stride = [row for row in rows if row["setting"]["stem_stride"] == stride and len(row["setting"]) == 2]
        x, y, spread = ([row[key] for row in of_stride] for key in ("gflop", "macro_f1", "spread"))
        ax.errorbar(x, y, spread, marker=marker, capsize=3, label=f"stem_stride={stride}")
        for row in of_stride:
            ax.annotate(
                row["setting"]["growth_rate"], (row["gflop"], row["macro_f1"]), (4, 5), textcoords="offset points"
            )
    ax.set(
        xscale="log", xlabel="Work for one spectrum (10⁹ floating-point operations)", ylabel="Macro F1 of validation"
    )
    ax.legend(title="Figures: growth_rate")
    figure.savefig(path, dpi=150)


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n", type=int, default=3000, help="training spectra")
    parser.add_argument("--n-validation", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=Path("network-size-runs"), help="folder of the finished runs")
    parser.add_argument("--figure")
    args = parser.parse_args()

    rows = []
    for setting in SETTINGS:
        results = []
        for seed in range(args.seeds):
            key = {"setting": setting, "seed": seed, "n": [args.n, args.n_validation], "epochs": args.epochs}
            key["code"] = code_version(__file__)
            path = args.runs / f"{name_of(setting).replace(', ', '-')}-{seed}.json"
            results.append(read_or_run(path, key, lambda setting=setting, seed=seed: train(setting, seed, args)))
        f1 = [result["macro_f1"] for result in results]
        row = {"setting": setting, **results[0], "macro_f1": np.mean(f1), "spread": np.std(f1)}
        row["log_loss"] = np.mean([result["log_loss"] for result in results])
        rows.append(row)
        scores = f"macro F1 {row['macro_f1']:.4f} ± {row['spread']:.4f}  log loss {row['log_loss']:.4f}"
        cost = f"{row['n_parameters']:7} parameters  {row['gflop']:.3f} GFLOP"
        print(f"{name_of(setting):48} {scores}  {cost}", flush=True)
    save(args, results=rows)
    if args.figure:
        draw(rows, args.figure)


if __name__ == "__main__":
    main()
