"""Print the table of the README: train on simulated spectra, test on other simulated and on observed spectra.

    python -m benchmarks.classifiers.simulated_to_real [--n-spectra 24000] [--budget 180]

Every classifier is trained on the same spectra of ``make_spectra(weights=(1, 1, 1), missing="survey")``, with missing
flux interpolated and each spectrum scaled by its percentiles .5 and 99.5. Every network has the same training time, and
the other classifiers have no time limit. The test sets are 6000 spectra of another seed and the sample of
`load_sdss_sample`, each scored once. Confidence intervals come from a bootstrap of objects. The table also has the
pretrained classifier, which was trained for longer and on more spectra.
"""

import time

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks._common.candidates import CANDIDATES
from benchmarks._common.command import parser_of, print_machine, save
from benchmarks._common.scores import differences, score, short, with_interval
from benchmarks._common.training import fit, predict, preprocessing
from skspectra.datasets import load_sdss_sample, make_spectra
from skspectra.pretrained import load_classifier

METHODS = [
    "DenseNet1D g8 s8", "DenseNet1D g8 s4", "SE-ResNet", "plain DenseNet", "MLP", "DBN", "boosting, 30 PC",
    "logistic regression, 100 PC",
]  # fmt: skip
PRETRAINED = "pretrained"
QUANTILES = (0.5, 99.5)
TRAINING_SEED, VALIDATION_SEED, TEST_SEED = 20, 21, 22


def spectra(n_samples, seed):
    made = make_spectra(n_samples, weights=(1, 1, 1), missing="survey", random_state=seed)
    return made.data, made.target


def training_part(n_spectra):
    X, y = spectra(n_spectra, TRAINING_SEED)
    X_val, y_val = spectra(n_spectra // 6, VALIDATION_SEED)
    prepare = preprocessing(QUANTILES)
    return {"X": prepare.fit_transform(X), "y": y, "X_val": prepare.transform(X_val), "y_val": y_val}


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--methods", nargs="+", choices=list(CANDIDATES), default=METHODS, metavar="NAME")
    parser.add_argument("--n-spectra", type=int, default=24_000)
    parser.add_argument("--budget", type=float, default=180.0, help="training time of each network, s")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print_machine()

    sample = load_sdss_sample()
    X_test, y_test = spectra(6000, TEST_SEED)
    tests = {"simulated": (X_test, y_test, None), "SDSS sample": (sample.data, sample.target, sample.object_id)}
    train = training_part(args.n_spectra)
    prepare = preprocessing(QUANTILES).fit(X_test)
    predicted, facts = {}, {}
    for name in (*args.methods, PRETRAINED):
        with threadpool_limits(args.threads):
            if name == PRETRAINED:
                classifier, facts[name] = load_classifier(), {}
            else:
                model, facts[name] = fit(
                    CANDIDATES[name], train, budget=args.budget, max_epochs=60, balance=False, seed=0
                )
                classifier = model[-1]  # the other steps scale by minimum and maximum, not by percentiles
            start = time.perf_counter()
            predicted[name] = {
                test: np.unique(y)[predict(classifier, X if name == PRETRAINED else prepare.transform(X)).argmax(1)]
                for test, (X, y, _) in tests.items()
            }
            facts[name]["predict_per_s"] = sum(len(y) for _, y, _ in tests.values()) / (time.perf_counter() - start)
        print(
            name, {test: f"{np.mean(predicted[name][test] == y):.3f}" for test, (_, y, _) in tests.items()}, flush=True
        )
    report(args, tests, predicted, facts)


def report(args, tests, predicted, facts):
    scores = {
        name: {test: score(y, of_name[test], groups) for test, (_, y, groups) in tests.items()}
        for name, of_name in predicted.items()
    }
    compared = {}
    for test, (_, y, groups) in tests.items():
        others = {
            name: of_name[test] for name, of_name in predicted.items() if name not in (args.methods[0], PRETRAINED)
        }
        compared[test] = differences(y, predicted[args.methods[0]][test], others, groups=groups)
    print(f"\np: difference from {args.methods[0]}, paired and corrected by Holm's method\n")
    print("| classifier | fit, s | predict, spectra/s |" + "".join(f" {test} | p |" for test in tests))
    print("| --- " * (3 + 2 * len(tests)) + "|")
    for name, of_name in scores.items():
        seconds = f"{facts[name]['fit_s']:.0f}" if "fit_s" in facts[name] else "-"
        cells = [name, seconds, f"{facts[name]['predict_per_s']:.0f}"]
        for test, scored in of_name.items():
            other = compared[test].get(name)
            cells += [with_interval(scored, 3).removeprefix("0"), short(other["p_holm"]) if other else "-"]
        print("| " + " | ".join(cells) + " |")
    save(args, scores=scores, compared=compared, facts=facts)


if __name__ == "__main__":
    main()
