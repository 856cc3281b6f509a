"""Does bfloat16 give the same predictions as float32 on simulated spectra?

One network is trained in each precision, with the same initial weights and batches. Each network predicts in both
precisions, and the differences between its probabilities come from rounding alone. The macro F1 also shows the
difference between the two trainings.

    python -m benchmarks.speed.precision [--n 2000] [--epochs 5] [--json precision.json]
"""

import numpy as np
import torch
from sklearn.base import clone
from sklearn.metrics import f1_score

from benchmarks._common.command import parser_of, save
from benchmarks._common.simulated import scaled_spectra
from skspectra.neural_network import DenseNet1DClassifier

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def probabilities_in(classifier, precision, X):
    module = classifier.net_.module_
    trained_in = module.compute_dtype
    module.compute_dtype = PRECISIONS[precision]
    probabilities = classifier.predict_proba(X)
    module.compute_dtype = trained_in
    return probabilities


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n", type=int, default=2000, help="training spectra; twice as many are predicted")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--growth-rate", type=int, default=8)
    parser.add_argument("--stem-stride", type=int, default=4)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()

    X, y = scaled_spectra(args.n, 0)
    X_test, y_test = scaled_spectra(2 * args.n, 1)
    classifier = DenseNet1DClassifier(
        growth_rate=args.growth_rate,
        stem_stride=args.stem_stride,
        lr_schedule="one-cycle",
        max_epochs=args.epochs,
        device=args.device,
        random_state=0,
    )
    results = []
    for trained_in in PRECISIONS:
        fitted = clone(classifier).set_params(precision=trained_in).fit(X, y)
        probabilities = {precision: probabilities_in(fitted, precision, X_test) for precision in PRECISIONS}
        difference = np.abs(probabilities["bfloat16"] - probabilities["float32"])
        predicted = {name: fitted.classes_[p.argmax(1)] for name, p in probabilities.items()}
        results.append(
            {"trained_in": trained_in}
            | {f"macro_f1_{name}": f1_score(y_test, labels, average="macro") for name, labels in predicted.items()}
            | {
                "same_class": np.mean(predicted["float32"] == predicted["bfloat16"]),
                "mean_difference": float(difference.mean()),
                "p99_difference": float(np.quantile(difference, 0.99)),
                "largest_difference": float(difference.max()),
            }
        )
        print(
            "  ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in results[-1].items()),
            flush=True,
        )
    save(args, results=results)


if __name__ == "__main__":
    main()
