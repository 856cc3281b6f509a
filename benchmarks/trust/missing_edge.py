"""How much does macro F1 fall if spectra begin later than the wavelength grid?

The bluest samples of simulated spectra are replaced by the nearest measured flux, as `MissingFluxInterpolator` does, by
the median of the nearest ten samples, or by the spectrum mirrored at its first sample. The model of ``make demo`` was
trained on spectra with missing samples. A model that was trained only on complete spectra loses more.

    make demo
    python -m benchmarks.trust.missing_edge --model demo-output/model.joblib [--n 3000] [--json F.json]
"""

import joblib
import numpy as np

from benchmarks._common.command import parser_of, save
from skspectra.datasets import make_spectra
from skspectra.metrics import classification_table, paired_bootstrap

N_MISSING = (20, 70, 150)
FILLS = {
    "nearest": lambda flux, n: flux[:, [n]],
    "median of ten": lambda flux, n: np.median(flux[:, n : n + 10], axis=1, keepdims=True),
    "mirrored": lambda flux, n: flux[:, 2 * n - 1 : n - 1 : -1],
}


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--model", required=True, help="saved pipeline that accepts flux on the grid of make_spectra")
    parser.add_argument("--n", type=int, default=3000)
    args = parser.parse_args()

    model = joblib.load(args.model)
    test = make_spectra(args.n, weights=(1, 1, 1), random_state=3)
    whole = model.predict(test.data)
    f1 = classification_table(test.target, whole, n_resamples=0).mean["f1"]
    print(f"whole spectra: macro F1 {f1:.4f}")
    results = [{"n_missing": 0, "f1": f1}]
    for n_missing in N_MISSING:
        for name, fill in FILLS.items():
            flux = test.data.copy()
            flux[:, :n_missing] = fill(test.data, n_missing)
            predicted = model.predict(flux)
            table = classification_table(test.target, predicted, n_resamples=0)
            lost = paired_bootstrap(test.target, predicted, whole, random_state=0)
            results.append({"n_missing": n_missing, "fill": name, "f1": table.mean["f1"], **lost._asdict()})
            recall = ", ".join(f"{c} {r:.3f}" for c, r in zip(table.labels, table.scores["recall"], strict=True))
            print(
                f"{n_missing:4} samples, {name:14} {table.mean['f1']:.4f}  "
                f"{lost.difference:+.4f} ({lost.low:+.4f} {lost.high:+.4f})  recall {recall}"
            )
    save(args, results=results)


if __name__ == "__main__":
    main()
