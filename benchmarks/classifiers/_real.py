"""Compare classifiers on real SDSS spectra after training on real spectra, on simulated spectra or on both.

All spectra, including the simulated ones, are cut to the wavelengths that every spectrum of ``real_spectra.npz`` has.
Otherwise a classifier could recognise galaxies by their filled blue ends, because 18 of the 51 SDSS galaxies begin at
longer wavelengths than the other spectra. Every classifier predicts each SDSS spectrum once, in five folds. No object
is in two folds. There are four ways of training:

- ``SDSS``: on the SDSS spectra of the other folds;
- ``simulated``: on simulated spectra, with a budget of ``--budget`` seconds for networks as in ``compare simulated``;
- ``tuned``: networks are trained on simulated spectra and then on the SDSS spectra of the other folds, the latter with
  `warm_start` and a tenth of the learning rate; other classifiers are trained on both kinds of spectra together;
- ``mixture``: on the LAMOST and SDSS spectra of the other folds.

In each fold, networks have a budget of ``--fold-budget`` seconds and at most ``--fold-epochs`` epochs. They use batches
of ``--batch-size`` and balanced sampling with noise, and keep the weights of the last epoch. Confidence intervals and
tests use a bootstrap of objects. F1 scores are those at the class mix of the data.

    python -m benchmarks.classifiers.compare real --train SIMULATED.npz [--data FOLDER] [--cache DIR] [--json F.json]

FOLDER, by default the environment variable SKSPECTRA_DATA, contains ``real_spectra.npz``.
"""

import copy

import numpy as np
import torch
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks._common.candidates import CANDIDATES, OURS
from benchmarks._common.command import add_data, data_folder
from benchmarks._common.results import Results
from benchmarks._common.scores import differences, score, with_interval
from benchmarks._common.training import (
    balance_in_training,
    fingerprint,
    fit_network,
    fit_once,
    fit_other,
    load,
    plan,
    predict,
    prepare,
    settings_of,
    split_training,
)
from benchmarks.classifiers import _fitting
from skspectra.metrics import classification_table, paired_bootstrap

WAYS = ("SDSS", "simulated", "tuned", "mixture")
CONFOUND = (
    "Class and survey are confounded in the mixture: nearly all stars are from LAMOST, and nearly all galaxies and\n"
    "quasars are from SDSS. A classifier that only tells the surveys apart has a high score there. The SDSS columns\n"
    "do not have this problem."
)


def folds_of(y, objects):
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    return list(folds.split(np.zeros(len(y)), y, objects))


def network_to_train(candidate, base, args):
    """Return the network that a fold trains.

    It is a new network, or a copy of `base`, the network trained on simulated spectra, which continues its training.
    """
    if base is None:
        network = candidate.make(args.seed)
    else:
        network = copy.deepcopy(base)
        network.set_params(warm_start=True, lr=network.lr / 10)
    return balance_in_training(network).set_params(batch_size=args.batch_size)


def out_of_fold(candidate, way, X, y, objects, simulated, base, args):
    """Return the out-of-fold probabilities of each spectrum, and the facts of the training."""
    folds = folds_of(y, objects)
    if candidate.is_network:
        train, _ = folds[0]
        network = network_to_train(candidate, base, args)
        n_epochs, n_spectra = plan(network, args.fold_budget, args.fold_epochs, X[train], y[train])
        share = n_spectra / len(train)
    probabilities = np.empty((len(y), len(np.unique(y))), np.float32)
    seconds = []
    for train, test in folds:
        if candidate.is_network:
            network = network_to_train(candidate, base, args)
            classifier, facts = fit_network(network, n_epochs, round(share * len(train)), X[train], y[train])
        elif way == "tuned":
            both = np.concatenate([simulated["X"], X[train]]), np.concatenate([simulated["y"], y[train]])
            # Nothing is balanced, because the simulated classes have equal shares.
            classifier, facts = fit_other(candidate, False, args.seed, *both)
        else:
            classifier, facts = fit_other(candidate, True, args.seed, X[train], y[train])
        seconds.append(facts["fit_s"])
        probabilities[test] = predict(classifier, X[test])
    return probabilities, {
        "fit_s_per_fold": float(np.mean(seconds)),
        "epochs": facts.get("epochs"),
        "n_spectra": facts["n_spectra"],
    }


def survey_alone(y, sdss):
    """Return the macro F1 of the rule that every SDSS spectrum is a quasar and every LAMOST spectrum is a star."""
    return classification_table(y, np.where(sdss, "QSO", "STAR"), labels=np.unique(y), n_resamples=0).mean["f1"]


def read_real(path):
    """Return the real spectra with a mask of those from SDSS, and a mask of the samples that all spectra have."""
    real = load(path)
    with np.load(path) as file:
        real["sdss"] = np.char.startswith(file["survey"], "SDSS")
    return real, np.isfinite(real["flux"]).all(axis=0)


def read(real_path, simulated_path, quantile_range):
    """Return the scaled real and simulated spectra at the wavelengths that all real spectra have."""
    real, common = read_real(real_path)
    simulated = load(simulated_path)
    for data in (real, simulated):
        data["flux"] = prepare(data["flux"][:, common], quantile_range)
    return real, simulated


def choose_ours(results):
    """Return the name of the DenseNet1DClassifier with the best score on simulated validation objects.

    If there is only one, return its name. If there is none, or no score to choose by, return None.
    """
    ours = [r for r in results if r["family"] == OURS]
    if len({r["method"] for r in ours}) > 1:
        ours = [r for r in ours if r["way"] == "simulated"]
        ours.sort(key=lambda r: -r["validation_f1"])
    return ours[0]["method"] if ours else None


def cell(scored):
    return "-" if scored is None else with_interval(scored, 3)


def print_way(way, results, ours, y, sdss, objects, loaded):
    """Print the scores and the paired tests of one way of training, and return the tests."""
    print(f"\nTrained on: {way}")
    if ours is None:
        print(f"No paired tests: there is no {OURS}, or no score on simulated spectra to choose one of several.")
    print(
        f"{'':32} {'fit s':>6} {'epochs':>6} {'F1, SDSS':>20} {'recall STAR/GALAXY/QSO':>23} {'F1, mixture':>20}"
        f"  {ours or OURS} minus this one, SDSS"
    )
    predictions = {r["method"]: np.unique(y)[loaded[id(r)][sdss].argmax(1)] for r in results}
    pairs = {}
    if ours in predictions:
        # Only classifiers that a user could choose instead are tested, not other settings of our network.
        others = {r["method"]: predictions[r["method"]] for r in results if r["family"] != OURS}
        pairs = differences(y[sdss], predictions[ours], others, groups=objects[sdss])
    for r in sorted(results, key=lambda r: -r["scores"]["SDSS"]["f1"]):
        test = ""
        if pair := pairs.get(r["method"]):
            test = f"{pair['difference']:+.3f} ({pair['low']:+.3f} {pair['high']:+.3f}) p {pair['p_value']:.4f}"
            test += f", Holm-corrected {pair['p_holm']:.4f}"
        recall = "/".join(f"{r['scores']['SDSS']['recall'][c]:.3f}" for c in ("STAR", "GALAXY", "QSO"))
        print(
            f"{r['method']:32} {r['fit_s_per_fold']:6.0f} {r['epochs'] or '-':>6} {cell(r['scores']['SDSS']):>20} "
            f"{recall:>23} {cell(r['scores'].get('mixture')):>20}  {test}"
        )
    return [{"way": way, "ours": ours, "other": other, **pair} for other, pair in pairs.items()]


def print_tuning(results, y, objects, loaded):
    """Print and return how much tuning changes macro F1 compared with training on simulated spectra alone."""
    by_way = {way: {r["method"]: r for r in results if r["way"] == way} for way in ("simulated", "tuned")}
    tests = []
    for method, tuned in by_way["tuned"].items():
        if method in by_way["simulated"]:
            both = (np.unique(y)[loaded[id(r)].argmax(1)] for r in (tuned, by_way["simulated"][method]))
            test = paired_bootstrap(y, *both, groups=objects, random_state=0)
            interval = f"{test.low:+.3f} {test.high:+.3f}"
            print(f"{method:32} tuned minus simulated: {test.difference:+.3f} ({interval}) p {test.p_value:.4f}")
            tests.append({"method": method, **test._asdict()})
    return tests


def add_arguments(parser):
    _fitting.add_arguments(parser, json="real.json")
    add_data(parser, "real_spectra.npz")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument(
        "--budget", type=float, default=180.0, help="training time of a network on simulated spectra, s"
    )
    parser.add_argument("--fold-budget", type=float, default=30.0, help="training time of a network in each fold, s")
    parser.add_argument("--fold-epochs", type=int, default=40)
    parser.add_argument(
        "--quantile-range",
        type=float,
        nargs=2,
        default=(0, 100),
        metavar=("LOW", "HIGH"),
        help="percentiles of each spectrum that are scaled to 0 and 1; flux beyond them is clipped",
    )
    parser.add_argument("--batch-size", type=int, default=32, help="batch size of networks in each fold")


def run(args):
    torch.set_num_threads(args.threads)
    real, simulated_data = read(data_folder(args) / "real_spectra.npz", args.train, args.quantile_range)
    simulated, simulated_name = split_training(simulated_data), fingerprint(simulated_data)
    of_folds = {
        "real": fingerprint(real),
        "fold_budget": args.fold_budget,
        "fold_epochs": args.fold_epochs,
        "batch_size": args.batch_size,
    }
    store = Results(args.json)
    this_run = {"seed": args.seed, "simulated": simulated_name}
    for name in args.methods:
        method = Method(CANDIDATES[name], real, simulated, simulated_name, args)
        for way in args.ways:
            identity = {"method": name, "way": way} | this_run
            _fitting.store_result(
                store, f"{name}, {way}", identity, method.settings | of_folds, lambda m=method, w=way: m.fit(w), args
            )
    results = store.current(CANDIDATES, lambda candidate, _: fit_settings(candidate, args) | of_folds, **this_run)
    if not results:
        raise SystemExit("No method finished.")
    report(store, results, real)
    store.write()


def fit_settings(candidate, args):
    parameters = _fitting.training_parameters(args, args.budget, args.seed)
    return settings_of(candidate, threads=args.threads, **parameters)


class Method:
    """One classifier and its ways of training. It is trained on simulated spectra only when a way needs it."""

    def __init__(self, candidate, real, simulated, simulated_name, args):
        self.candidate, self.real, self.simulated, self.args = candidate, real, simulated, args
        self.simulated_name = simulated_name
        self.settings = fit_settings(candidate, args)
        self._base = None

    def base(self):
        """Return the pipeline fitted on simulated spectra, and the facts of its training."""
        if self._base is None:
            parameters = _fitting.training_parameters(self.args, self.args.budget, self.args.seed)
            arguments = self.candidate, self.simulated, self.simulated_name, self.args.cache, self.settings
            self._base = fit_once(*arguments, force=False, **parameters)
        return self._base

    def fit(self, way):
        """Return the probabilities of all real spectra, NaN where none are predicted, and the facts of the training."""
        y, sdss = self.real["target"], self.real["sdss"]
        if way == "simulated":
            model, training = self.base()
            every = predict(model, self.real["flux"])
            facts = {name: training.get(name) for name in ("epochs", "n_spectra", "validation_f1")}
            facts["fit_s_per_fold"] = training["fit_s"]
        else:
            rows = np.ones(len(y), bool) if way == "mixture" else sdss
            network = self.base()[0][-1] if way == "tuned" and self.candidate.is_network else None
            of_rows = (self.real[name][rows] for name in ("flux", "target", "object"))
            probabilities, facts = out_of_fold(self.candidate, way, *of_rows, self.simulated, network, self.args)
            every = np.full((len(y), probabilities.shape[1]), np.nan, np.float32)
            every[rows] = probabilities
        scored = score_rows(y, every, self.real["object"], sdss)
        print(f"{self.candidate.name}, {way}: {cell(scored)}", flush=True)
        return every, facts | {"family": self.candidate.family}


def score_rows(y, probabilities, objects, rows):
    return score(y[rows], np.unique(y)[probabilities[rows].argmax(1)], objects[rows])


def report(store, results, real):
    """Print the scores and the tests of all ways of training, and add them to the report of the store."""
    y, objects, sdss = real["target"], real["object"], real["sdss"]
    loaded = {id(r): store.probabilities_of(r) for r in results}
    for r in results:
        r["scores"] = {"SDSS": score_rows(y, loaded[id(r)], objects, sdss)}
        if r["way"] in ("simulated", "mixture"):
            r["scores"]["mixture"] = score_rows(y, loaded[id(r)], objects, np.ones(len(y), bool))
    names, counts = np.unique(objects[sdss], return_counts=True)
    largest = names[counts.argmax()]
    fold = next(i for i, (_, test) in enumerate(folds_of(y[sdss], objects[sdss]), 1) if largest in objects[sdss][test])
    print(f"\n{sdss.sum()} spectra of {len(names)} SDSS objects, {(~sdss).sum()} of LAMOST.")
    print(f"One object has {counts.max()} spectra. They are all in test fold {fold}, and are resampled together.")
    print(CONFOUND)
    store.report["survey_alone_f1"] = survey_alone(y, sdss)
    print(f"Survey alone (SDSS: QSO, LAMOST: STAR): macro F1 {store.report['survey_alone_f1']:.3f} on the mixture.")
    ours = choose_ours(results)
    on_sdss = {key: probabilities[sdss] for key, probabilities in loaded.items()}
    store.report["tuned less simulated"] = print_tuning(results, y[sdss], objects[sdss], on_sdss)
    store.report["pairs"] = []
    for way in WAYS:
        of_way = [r for r in results if r["way"] == way]
        if of_way:
            store.report["pairs"] += print_way(way, of_way, ours, y, sdss, objects, loaded)
