"""How does the time of an epoch and of a prediction grow with the number of spectra, their length and the growth rate?

One of the three is varied at a time. The network is small, so that 10^5 spectra take seconds. The time of an epoch is
that of the second one. The exponent is the slope in logarithms between the last two points. An exponent of 1 is linear
growth.

    python -m benchmarks.speed.cost_growth [--json cost-growth.json] [--figure docs/cost-growth.png]
"""

import time

import numpy as np
import torch

from benchmarks._common.command import parser_of, save
from skspectra.neural_network import DenseNet1DClassifier

VARIED = {
    "n_samples": (1_000, 3_000, 10_000, 30_000, 100_000),
    "n_features": (325, 650, 1300, 2600, 5200, 10_400),
    "growth_rate": (4, 8, 16, 32, 64),
}
REFERENCE = {"n_samples": 2_000, "n_features": 1300, "growth_rate": 4}
NAMES = {"n_samples": "Number of spectra", "n_features": "Samples in a spectrum", "growth_rate": "Growth rate"}


def measure(n_samples, n_features, growth_rate):
    """Return the seconds of an epoch and of a prediction."""
    X = np.random.default_rng(0).random((n_samples, n_features), dtype=np.float32)
    classifier = DenseNet1DClassifier(
        n_dense_blocks=4,
        n_conv_blocks_per_dense_block=1,
        growth_rate=growth_rate,
        stem_channels=8,
        stem_stride=4,
        kernel_sizes=(1, 11, 25),
        max_epochs=2,
        random_state=0,
    )
    classifier.fit(X, np.arange(n_samples) % 3)
    classifier.predict_proba(X[:1000])
    start = time.perf_counter()
    classifier.predict_proba(X)
    return classifier.history_[-1]["seconds"], time.perf_counter() - start


def exponent(rows, key):
    """Return the slope of log(seconds) against log(value) between the last two points."""
    (x0, y0), (x1, y1) = ((row["value"], row[key]) for row in rows[-2:])
    return np.log(y1 / y0) / np.log(x1 / x0)


def draw(results, path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(results), sharey=True, figsize=(11, 4), layout="constrained")
    for (varied, rows), ax in zip(results.items(), axes, strict=True):
        x = np.array([row["value"] for row in rows])
        for key, label, style in (("epoch", "one epoch", "o-"), ("predict", "prediction", "s--")):
            ax.loglog(x, [row[key] for row in rows], style, label=label)
        ax.loglog(x, rows[-1]["epoch"] * x / x[-1], color="0.6", linewidth=1, label="linear")
        ax.set_xticks(x, [f"{value:g}" if value < 1000 else f"{value / 1000:g}k" for value in x], minor=False)
        ax.set_xticks([], minor=True)
        ax.set_xlabel(NAMES[varied])
    axes[0].set_ylabel("Time (s)")
    axes[0].legend()
    figure.savefig(path, dpi=150)


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--figure")
    args = parser.parse_args()

    results = {}
    for varied, values in VARIED.items():
        rows = results[varied] = []
        for value in values:
            epoch, predict = measure(**REFERENCE | {varied: value})
            rows.append({"value": value, "epoch": epoch, "predict": predict})
            print(f"{varied:12} {value:7} epoch {epoch:8.3f} s  prediction {predict:8.3f} s", flush=True)
        print(f"{varied:12} exponent {exponent(rows, 'epoch'):8.2f}    prediction {exponent(rows, 'predict'):8.2f}")
    save(args, threads=torch.get_num_threads(), reference=REFERENCE, results=results)
    if args.figure:
        draw(results, args.figure)


if __name__ == "__main__":
    main()
