"""Compare classifiers on simulated surveys with the same training time and threads for every network.

A short trial determines the number of epochs that fit into ``--budget`` seconds; it is at most ``--max-epochs``. If not
even one epoch fits, the network is trained on a part of the spectra. The learning rate follows a one-cycle schedule. A
seventh of the training objects is held out from all classifiers for validation, and a network keeps the weights of the
epoch with the best validation score. The other classifiers have no time limit.

The test file is scored once, with the predictions of the finished classifier: at 1:1:1, at 98.5:1.2:0.3 and by S/N. At
98.5:1.2:0.3 the same predictions are weighted, and the predictions of probabilities that are corrected for that mix are
scored too. Confidence intervals come from a bootstrap of objects. An object is the template of a simulated spectrum, or
the spectrum itself in files of ``simulate``.

A result and its predictions are written as soon as they are available. A run that was stopped therefore continues where
it ended, and runs with several budgets are collected in one file. A result whose settings have changed is fitted again.

    python -m benchmarks.classifiers.compare simulated --train A.npz --test B.npz [--budget 60 180 540]
        [--json F.json] [--figure F.png]

The files contain flux of shape (n, n_samples), and target, object and snr of shape (n,).
"""

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from benchmarks._common.candidates import CANDIDATES, OURS
from benchmarks._common.frontier import draw
from benchmarks._common.results import Results
from benchmarks._common.scores import differences, score, short, with_interval
from benchmarks._common.training import fingerprint, fit_once, load, mean_f1, predict, settings_of, split_training
from benchmarks.classifiers import _fitting
from skspectra.metrics import paired_bootstrap

EVEN = "1:1:1"
SURVEY = "98.5:1.2:0.3"
MIXES = {
    EVEN: {"STAR": 1 / 3, "GALAXY": 1 / 3, "QSO": 1 / 3},
    SURVEY: {"STAR": 0.985, "GALAXY": 0.012, "QSO": 0.003},
}
CORRECTED = f"{SURVEY}, corrected"
SNR_EDGES = (0, 5, 10, 20, 50, np.inf)


def scores(y, probabilities, objects, snr, shares):
    """Return the macro F1 with its confidence interval at each mix, and by S/N at 1:1:1.

    `shares` are the class shares in training. They are used to correct the probabilities for the mix of the survey, and
    are None if the classifier has no probabilities.
    """
    classes = np.unique(y)
    y_pred = classes[probabilities.argmax(1)]
    result = {mix: score(y, y_pred, objects, priors) for mix, priors in MIXES.items()}
    if shares is not None:
        weights = np.array([MIXES[SURVEY][label] / shares[label] for label in classes])
        result[CORRECTED] = score(y, classes[(probabilities * weights).argmax(1)], objects, MIXES[SURVEY])
    result["snr"] = []
    for low, high in pairwise(SNR_EDGES):
        rows = (snr >= low) & (snr < high)
        if len(np.unique(y[rows])) == len(classes):
            interval = {"from": low, "below": None if np.isinf(high) else high, "n_spectra": int(rows.sum())}
            result["snr"].append(interval | score(y[rows], y_pred[rows], objects[rows], MIXES[EVEN]))
    return result


def best_of_ours(results, budget):
    """Return the DenseNet1DClassifier of this budget with the best validation score, or None."""
    ours = [r for r in results if r["family"] == OURS and r["budget"] == budget]
    return max(ours, key=lambda r: r["validation_f1"], default=None)


def within(results, budget):
    """Return for each method the fit with the largest budget up to this one. A fast network needs no larger budget."""
    allowed = sorted((r for r in results if (r["budget"] or 0) <= budget), key=lambda r: r["budget"] or 0)
    return list({r["method"]: r for r in allowed}.values())


def print_table(results):
    columns = f"{'':32} {'budget':>6} {'fit s':>7} {'epochs':>6} {'spectra':>7} {'pred./s':>8} {'layers':>6}"
    print(f"{columns} {'values':>9} {'valid.':>6} {'F1 at ' + EVEN:>20} {'F1 at ' + SURVEY:>20} {'corrected':>20}")
    for r in sorted(results, key=lambda r: -r["scores"][EVEN]["f1"]):
        marks = [f"{r[name]:,}" if r.get(name) is not None else "-" for name in ("epochs", "n_spectra", "layers")]
        f1 = [with_interval(r["scores"][mix], 4) for mix in (EVEN, SURVEY, CORRECTED) if mix in r["scores"]]
        values = f"{r['parameters']:,}" if "parameters" in r else "-"
        print(
            f"{r['method']:32} {r['budget'] or '-':>6} {r['fit_s']:7.0f} {marks[0]:>6} {marks[1]:>7} "
            f"{r['predict_per_s']:8.0f} {marks[2]:>6} {values:>9} {r['validation_f1']:6.4f} "
            + " ".join(f"{cell:>20}" for cell in f1)
        )


def print_snr(results):
    print(f"\nMacro F1, and recall of STAR/GALAXY/QSO, by S/N at {EVEN}")
    bins = [f"{b['from']}-{b['below'] or ''} (n {b['n_spectra']})" for b in results[0]["scores"]["snr"]]
    print(f"{'':32} {'budget':>6} " + " ".join(f"{name:>31}" for name in bins))
    for r in sorted(results, key=lambda r: -r["scores"][EVEN]["f1"]):
        cells = [
            f"{with_interval(b, 3)} " + "/".join(short(b["recall"][c]) for c in MIXES[EVEN]) for b in r["scores"]["snr"]
        ]
        print(f"{r['method']:32} {r['budget'] or '-':>6} " + " ".join(f"{cell:>31}" for cell in cells))


def compare_with_others(results, y, objects, probabilities):
    """Print and return the differences between the best DenseNet1DClassifier of each budget and every other method."""
    classes, pairs = np.unique(y), []
    for budget in sorted({r["budget"] for r in results if r["budget"]}):
        ours = best_of_ours(results, budget)
        if ours is None:
            continue
        others = {r["method"]: r for r in within(results, budget) if r["family"] != OURS}
        predicted = {name: classes[probabilities[id(r)].argmax(1)] for name, r in others.items()}
        own = classes[probabilities[id(ours)].argmax(1)]
        found = {
            mix: differences(y, own, predicted, groups=objects, class_priors=priors) for mix, priors in MIXES.items()
        }
        print(f"\nMacro F1 of {ours['method']} ({budget:g} s; best in validation) minus each other, paired by object")
        print("p: uncorrected, and corrected by Holm's method for the methods of this budget and mix")
        print(f"{'':32} " + " ".join(f"{'at ' + mix:>40}" for mix in MIXES))
        for name, other in others.items():
            pair = {"budget": budget, "ours": ours["method"], "other": name, "budget_of_other": other["budget"]}
            pairs.append(pair | {mix: found[mix][name] for mix in MIXES})
            cells = [
                f"{p['difference']:+.4f} ({p['low']:+.4f} {p['high']:+.4f}) p {p['p_value']:.4f}, {p['p_holm']:.4f}"
                for p in (found[mix][name] for mix in MIXES)
            ]
            print(f"{name:32} " + " ".join(f"{cell:>40}" for cell in cells))
    return pairs


def compare_over_seeds(results, y, objects, probabilities):
    """Print and return the differences in macro F1 between our networks and the other methods over several seeds.

    The bootstrap draws each object with its predictions of all seeds. With two seeds, an object that only one of the
    trainings misclassifies therefore has half the weight of an object that both misclassify.
    """
    runs = {}
    for r in results:
        runs.setdefault((r["method"], r["family"], r["budget"]), {})[r["seed"]] = r
    classes, compared = np.unique(y), []
    for (ours, family, budget), own in runs.items():
        if family != OURS or len(own) < 2:
            continue
        seeds = sorted(own)
        print(f"\nMacro F1 of {ours} ({budget:g} s) minus each other at {EVEN}, seeds {seeds} together")
        for (other, other_family, other_budget), theirs in runs.items():
            if other_family == OURS or other_budget not in (None, budget) or not set(seeds) <= set(theirs):
                continue
            predictions = [
                np.concatenate([classes[probabilities[id(by_seed[seed])].argmax(1)] for seed in seeds])
                for by_seed in (own, theirs)
            ]
            n = len(seeds)
            p = paired_bootstrap(
                np.tile(y, n), *predictions, class_priors=MIXES[EVEN], groups=np.tile(objects, n), random_state=0
            )
            f1 = [[round(by_seed[seed]["scores"][EVEN]["f1"], 4) for seed in seeds] for by_seed in (own, theirs)]
            print(f"{other:32} {p.difference:+.4f} ({p.low:+.4f} {p.high:+.4f}) p {p.p_value:.4f}  {f1[0]} {f1[1]}")
            compared.append({"budget": budget, "ours": ours, "other": other, "seeds": seeds, "f1": f1, **p._asdict()})
    return compared


def add_arguments(parser):
    _fitting.add_arguments(parser, json="compare.json")
    parser.add_argument("--test", required=True, help="npz file of other simulated spectra")
    parser.add_argument("--budget", type=float, nargs="+", default=[180.0], help="training time of each network, s")
    parser.add_argument("--figure", metavar="F.png")


def run(args):
    torch.set_num_threads(args.threads)
    train_data, test = load(args.train), load(args.test)
    training_file, test_file = Path(args.train).name, Path(args.test).name
    store, test_fingerprint = Results(args.json), fingerprint(test)
    if store.report.get("test_fingerprint", test_fingerprint) != test_fingerprint:
        raise SystemExit(f"{args.json} has scores of another test file, {store.report['test']}. Set another --json.")
    store.report |= {"test": test_file, "test_fingerprint": test_fingerprint}

    train = split_training(train_data)
    print(
        f"{len(train['y'])} training spectra, {len(train['y_val'])} validation spectra of other objects, "
        f"{len(test['target'])} test spectra; {args.threads} threads; balance {'on' if args.balance else 'off'}"
    )
    same_training = {"train": training_file, "train_fingerprint": fingerprint(train_data), "balance": args.balance}
    tasks = [(name, b) for name in args.methods for b in (args.budget if CANDIDATES[name].is_network else [None])]
    tasks.sort(key=lambda task: (task[1] or 0, list(CANDIDATES).index(task[0])))
    for name, budget in tasks:
        fit_and_predict(CANDIDATES[name], budget, args, store, same_training, train, test)

    results = store.current(
        CANDIDATES, lambda candidate, r: settings_now(candidate, r["budget"], r["seed"], args), **same_training
    )
    own = [r for r in results if r["seed"] == args.seed]
    if not own:
        raise SystemExit("No method came to an end.")
    loaded = {id(r): store.probabilities_of(r) for r in results}
    for r in results:
        r["scores"] = scores(test["target"], loaded[id(r)], test["object"], test["snr"], r["shares"])
    print_table(own)
    print_snr(own)
    key = f"{training_file}, balance {args.balance}"
    of_file = test["target"], test["object"], loaded
    store.report.setdefault("pairs", {})[f"{key}, seed {args.seed}"] = compare_with_others(own, *of_file)
    store.report.setdefault("pairs over seeds", {})[key] = compare_over_seeds(results, *of_file)
    store.write()
    if args.figure:
        draw(own, EVEN, args.figure, f"Trained on {len(train['y'])} simulated spectra; threads: {args.threads}")


def settings_now(candidate, budget, seed, args):
    return settings_of(candidate, threads=args.threads, **_fitting.training_parameters(args, budget, seed))


def fit_and_predict(candidate, budget, args, store, same_training, train, test):
    """Store the predictions of the candidate for the test file, unless they are stored already."""
    settings = settings_now(candidate, budget, args.seed, args)
    identity = {"method": candidate.name, "budget": budget, "seed": args.seed} | same_training
    of_other_budgets = store.of(method=candidate.name, seed=args.seed, **same_training)
    if budget and any(
        r["budget"] < budget
        and (r["epochs"], r["n_spectra"]) == (args.max_epochs, len(train["y"]))
        and r["settings"] == settings | {"budget": r["budget"]}
        for r in of_other_budgets
    ):
        print(f"{candidate.name}, budget {budget}: a smaller budget was enough for all {args.max_epochs} epochs.")
        return

    def fit():
        training_file = same_training["train_fingerprint"]
        parameters = _fitting.training_parameters(args, budget, args.seed)
        model, facts = fit_once(candidate, train, training_file, args.cache, settings, force=args.force, **parameters)
        start = time.perf_counter()
        probabilities = predict(model, test["flux"])
        facts |= {"family": candidate.family, "predict_per_s": len(probabilities) / (time.perf_counter() - start)}
        if args.balance:
            facts["shares"] = dict.fromkeys(facts["shares"], 1 / len(facts["shares"]))
        if not hasattr(model, "predict_proba"):
            facts["shares"] = None
        f1 = mean_f1(test["target"], probabilities)
        print(f"{candidate.name}, budget {budget}: macro F1 {f1:.4f}, fit {facts['fit_s']:.0f} s", flush=True)
        return probabilities, facts

    _fitting.store_result(store, f"{candidate.name}, budget {budget}", identity, settings, fit, args)
