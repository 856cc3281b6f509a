"""How much do missing samples cost, and from how many measured ones should they be filled?

The pretrained network classifies simulated spectra of low S/N, in which samples are missing in several ways. They are
filled by `MissingFluxInterpolator` with several values of `n_neighbors`. The value of the pretrained classifier was
chosen with these spectra, before its last layer was fitted to spectra that are filled with it.

    python -m benchmarks.trust.missing_flux [--n 6000] [--json F.json]
"""

import numpy as np
from sklearn.metrics import f1_score, log_loss

from benchmarks._common.command import parser_of, print_machine, save
from skspectra.datasets import make_spectra
from skspectra.pretrained import load_classifier

SNR = (1, 6)
SEED = 1
N_NEIGHBORS = (1, 5, 20, 80)
N_BLUE, N_GAP = 300, 200


def spectra_with_missing_samples(n_samples):
    """Return flux and classes for each way in which samples are missing."""
    simulation = {"weights": (1, 1, 1), "snr": SNR, "random_state": SEED}
    whole = make_spectra(n_samples, **simulation)
    survey = make_spectra(n_samples, missing="survey", **simulation)
    gap = whole.data.copy()
    rng = np.random.default_rng(SEED)
    for row, start in zip(gap, rng.integers(0, gap.shape[1] - N_GAP, n_samples), strict=True):
        row[start : start + N_GAP] = np.nan
    return {
        "none": (whole.data, whole.target),
        "as in surveys": (survey.data, survey.target),
        f"{N_GAP} samples anywhere": (gap, whole.target),
        f"{N_BLUE} blue samples": (without_blue_end(whole.data), whole.target),
        f"as in surveys, and {N_BLUE} blue samples": (without_blue_end(survey.data), survey.target),
    }


def without_blue_end(flux):
    cut = flux.copy()
    cut[:, :N_BLUE] = np.nan
    return cut


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n", type=int, default=6000, help="number of spectra")
    args = parser.parse_args()
    print_machine()
    classifier = load_classifier()
    print("macro F1 and log loss with n_neighbors\n")
    print("| missing samples |" + "".join(f" {n} |" for n in N_NEIGHBORS))
    print("| --- " * (1 + len(N_NEIGHBORS)) + "|")
    results = []
    for name, (flux, target) in spectra_with_missing_samples(args.n).items():
        cells = []
        for n_neighbors in N_NEIGHBORS:
            classifier[0].set_params(n_neighbors=n_neighbors)
            probabilities = classifier.predict_proba(flux).astype(np.float64)
            probabilities /= probabilities.sum(axis=1, keepdims=True)
            f1 = f1_score(target, classifier.classes_[probabilities.argmax(axis=1)], average="macro")
            loss = log_loss(target, probabilities)
            cells.append(f"{f1:.4f}, {loss:.4f}")
            results.append({"missing": name, "n_neighbors": n_neighbors, "f1": f1, "log_loss": loss})
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    save(args, results=results)


if __name__ == "__main__":
    main()
