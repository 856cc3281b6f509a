"""Real SDSS spectra: trained on them, on simulated ones, and on simulated ones first.

All spectra, the simulated ones too, are cut to the wavelengths that every spectrum of ``real_spectra.npz`` has: 18 of
the 51 SDSS galaxies begin redder than the others, and a filled edge would tell of that. Every classifier predicts each
of the SDSS spectra once, in five folds with no object in two:

- ``SDSS``: trained on the SDSS spectra of the other folds alone;
- ``simulated``: trained on simulated spectra alone, within ``--budget`` seconds as ``compare simulated`` does;
- ``tuned``: networks go on from there (`warm_start`, a tenth of the learning rate) on the SDSS spectra of the other
  folds; the others are trained on simulated and SDSS spectra together;
- ``mixture``: trained on LAMOST and SDSS spectra of the other folds together.

Networks get ``--fold-budget`` seconds a fold, ``--fold-epochs`` epochs at most, batches of ``--batch-size`` and
balanced draws with noise; the last epoch counts. Confidence intervals and tests are of a bootstrap of objects, F1 at
the mix of the data.

    python -m benchmarks.classifiers.compare real --train SIMULATED.npz [--data FOLDER] [--cache DIR] [--json F.json]

FOLDER, by default the environment variable SKSPECTRA_DATA, holds ``real_spectra.npz``.
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
    "Class and survey are confounded in the mixture: nearly every star is of LAMOST, nearly every galaxy and quasar\n"
    "of SDSS, so that telling the surveys apart earns a score there. The SDSS columns are the clean test."
)


def folds_of(y, objects):
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    return list(folds.split(np.zeros(len(y)), y, objects))


def network_to_train(candidate, base, args):
    """Return the network that a fold trains: a new one, or a copy of that of the simulated spectra, to go on with."""
    if base is None:
        network = candidate.make(args.seed)
    else:
        network = copy.deepcopy(base)
        network.set_params(warm_start=True, lr=network.lr / 10)
    return balance_in_training(network).set_params(batch_size=args.batch_size)


def out_of_fold(candidate, way, X, y, objects, simulated, base, args):
    """Return the probabilities of each spectrum by the classifier that was not trained on its object, and seconds."""
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
            # The simulated classes are even.
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
    """Macro F1 of the rule that an SDSS spectrum is a quasar and a LAMOST spectrum a star."""
    return classification_table(y, np.where(sdss, "QSO", "STAR"), labels=np.unique(y), n_resamples=0).mean["f1"]


def read_real(path):
    """Return the real spectra, which of them are of SDSS, and the samples that all of them have."""
    real = load(path)
    with np.load(path) as file:
        real["sdss"] = np.char.startswith(file["survey"], "SDSS")
    return real, np.isfinite(real["flux"]).all(axis=0)


def read(real_path, simulated_path, quantile_range):
    """Return the real and the simulated spectra, at the wavelengths that all real spectra have, scaled."""
    real, common = read_real(real_path)
    simulated = load(simulated_path)
    for data in (real, simulated):
        data["flux"] = prepare(data["flux"][:, common], quantile_range)
    return real, simulated


def choose_ours(results):
    """Return the name of the DenseNet1DClassifier that did best on simulated validation objects, or the only one."""
    ours = [r for r in results if r["family"] == OURS]
    if len({r["method"] for r in ours}) > 1:
        ours = [r for r in ours if r["way"] == "simulated"]
        ours.sort(key=lambda r: -r["validation_f1"])
    return ours[0]["method"] if ours else None


def cell(scored):
    return "-" if scored is None else with_interval(scored, 3)


def print_way(way, results, ours, y, sdss, objects, loaded):
    """Print the scores of one way of training and the paired tests; return the tests."""
    print(f"\nTrained on: {way}")
    if ours is None:
        print(f"No paired tests: of several {OURS} one is chosen by simulated spectra, or there is none.")
    print(
        f"{'':32} {'fit s':>6} {'epochs':>6} {'F1, SDSS':>20} {'recall STAR/GALAXY/QSO':>23} {'F1, mixture':>20}"
        f"  {ours or OURS} less this one, SDSS"
    )
    predictions = {r["method"]: np.unique(y)[loaded[id(r)][sdss].argmax(1)] for r in results}
    pairs = {}
    if ours in predictions:
        # Tested are the classifiers that a user would pick instead, not other settings of ours.
        others = {r["method"]: predictions[r["method"]] for r in results if r["family"] != OURS}
        pairs = differences(y[sdss], predictions[ours], others, groups=objects[sdss])
    for r in sorted(results, key=lambda r: -r["scores"]["SDSS"]["f1"]):
        test = ""
        if pair := pairs.get(r["method"]):
            test = f"{pair['difference']:+.3f} ({pair['low']:+.3f} {pair['high']:+.3f}) p {pair['p_value']:.4f}"
            test += f", by Holm {pair['p_holm']:.4f}"
        recall = "/".join(f"{r['scores']['SDSS']['recall'][c]:.3f}" for c in ("STAR", "GALAXY", "QSO"))
        print(
            f"{r['method']:32} {r['fit_s_per_fold']:6.0f} {r['epochs'] or '-':>6} {cell(r['scores']['SDSS']):>20} "
            f"{recall:>23} {cell(r['scores'].get('mixture')):>20}  {test}"
        )
    return [{"way": way, "ours": ours, "other": other, **pair} for other, pair in pairs.items()]


def print_tuning(results, y, objects, loaded):
    """Print and return what tuning changes: F1 of each method tuned less that of the same from simulation alone."""
    by_way = {way: {r["method"]: r for r in results if r["way"] == way} for way in ("simulated", "tuned")}
    tests = []
    for method, tuned in by_way["tuned"].items():
        if method in by_way["simulated"]:
            both = (np.unique(y)[loaded[id(r)].argmax(1)] for r in (tuned, by_way["simulated"][method]))
            test = paired_bootstrap(y, *both, groups=objects, random_state=0)
            interval = f"{test.low:+.3f} {test.high:+.3f}"
            print(f"{method:32} tuned less simulated: {test.difference:+.3f} ({interval}) p {test.p_value:.4f}")
            tests.append({"method": method, **test._asdict()})
    return tests


def add_arguments(parser):
    _fitting.add_arguments(parser, json="real.json")
    add_data(parser, "real_spectra.npz")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument(
        "--budget", type=float, default=180.0, help="training seconds of a network on simulated spectra"
    )
    parser.add_argument("--fold-budget", type=float, default=30.0, help="training seconds of a network in each fold")
    parser.add_argument("--fold-epochs", type=int, default=40)
    parser.add_argument(
        "--quantile-range",
        type=float,
        nargs=2,
        default=(0, 100),
        metavar=("LOW", "HIGH"),
        help="percentiles of each spectrum that are scaled to 0 and 1, and beyond which flux is clipped",
    )
    parser.add_argument("--batch-size", type=int, default=32, help="of networks in each fold")


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
        raise SystemExit("No method came to an end.")
    report(store, results, real)
    store.write()


def fit_settings(candidate, args):
    parameters = _fitting.training_parameters(args, args.budget, args.seed)
    return settings_of(candidate, threads=args.threads, **parameters)


class Method:
    """One classifier trained in all ways; what it learnt from simulated spectra is fitted when a way needs it."""

    def __init__(self, candidate, real, simulated, simulated_name, args):
        self.candidate, self.real, self.simulated, self.args = candidate, real, simulated, args
        self.simulated_name = simulated_name
        self.settings = fit_settings(candidate, args)
        self._base = None

    def base(self):
        """Return the pipeline fitted on simulated spectra, and what its training was."""
        if self._base is None:
            parameters = _fitting.training_parameters(self.args, self.args.budget, self.args.seed)
            arguments = self.candidate, self.simulated, self.simulated_name, self.args.cache, self.settings
            self._base = fit_once(*arguments, force=False, **parameters)
        return self._base

    def fit(self, way):
        """Return the probabilities of all real spectra, NaN for those that are not predicted, and the training."""
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
    """Print the scores and the tests of all ways, and put them into the store's report."""
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
    print(f"One object has {counts.max()} spectra: all of them are tested in fold {fold}, and drawn together.")
    print(CONFOUND)
    store.report["survey_alone_f1"] = survey_alone(y, sdss)
    print(f"Survey alone (SDSS is QSO, LAMOST is STAR) scores {store.report['survey_alone_f1']:.3f} on the mixture.")
    ours = choose_ours(results)
    on_sdss = {key: probabilities[sdss] for key, probabilities in loaded.items()}
    store.report["tuned less simulated"] = print_tuning(results, y[sdss], objects[sdss], on_sdss)
    store.report["pairs"] = []
    for way in WAYS:
        of_way = [r for r in results if r["way"] == way]
        if of_way:
            store.report["pairs"] += print_way(way, of_way, ours, y, sdss, objects, loaded)
