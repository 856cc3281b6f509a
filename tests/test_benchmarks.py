"""The scripts in benchmarks/ that compare classifiers: how they split, plan and score."""

import importlib.util
import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from imblearn.over_sampling import SMOTE, RandomOverSampler
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra.neural_network import SpectrumMLPClassifier
from skspectra.over_sampling import PhysicsNoiseOverSampler

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
CLASSES = np.array(["GALAXY", "QSO", "STAR"])
# The test files here have a few objects.
pytestmark = pytest.mark.filterwarnings("ignore:Confidence intervals are too narrow:UserWarning")


def script(name):
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def compare(monkeypatch):
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmarks are not part of an installed package")
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield script("compare")
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


@pytest.fixture
def training(compare):
    return sys.modules["_training"]


def survey_file(path, n_spectra, seed):
    """Three easy classes, four spectra of each object."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n_spectra) // 4 % 3
    flux = rng.normal(size=(n_spectra, 40)).astype(np.float32)
    flux[np.arange(n_spectra), 10 * codes + 5] += 40
    np.savez(
        path,
        flux=flux,
        target=CLASSES[codes],
        object=np.char.add("object-", (np.arange(n_spectra) // 4).astype(str)),
        snr=rng.uniform(1, 60, n_spectra),
    )
    return path


def real_file(path, late):
    """The same of two surveys, 90 spectra of each; the spectrum `late` lacks its first two samples."""
    with np.load(survey_file(path, 180, 1)) as file:
        content = dict(file)
    content["survey"] = np.repeat(["SDSS DR7", "LAMOST DR5"], 90)
    content["flux"][late, :2] = np.nan
    np.savez(path, **content)
    return content


def test_no_object_is_in_training_and_validation(training, tmp_path):
    data = training.load(survey_file(tmp_path / "a.npz", 168, 0))
    train, validation = training.split_by_object(data["target"], data["object"])
    assert not set(data["object"][train]) & set(data["object"][validation])
    assert sorted([*train, *validation]) == list(range(168))
    assert set(data["target"][validation]) == set(CLASSES)


def test_a_part_of_the_spectra_keeps_the_rare_ones(training):
    y = np.repeat(CLASSES, [5, 50, 500])
    rows = training.rows_of_all_classes(y, 105, np.random.default_rng(0))
    assert dict(zip(*np.unique(y[rows], return_counts=True), strict=True)) == {"GALAXY": 5, "QSO": 50, "STAR": 50}


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (100, (10, 1000)),  # ten epochs of 10 s
        (5, (1, 500)),  # half an epoch: half of the spectra
        (16, (2, 800)),  # 1.6 epochs, rounded: fewer spectra, so that the budget is kept
        (10_000, (60, 1000)),  # no more than the largest number of epochs
    ],
)
def test_epochs_and_spectra_fill_the_budget(training, monkeypatch, budget, expected):
    monkeypatch.setattr(training, "time_of_training", lambda *args: (0.0, 0.01))
    assert training.plan(None, budget, 60, np.zeros((1000, 2)), None) == expected


def test_pretraining_is_part_of_the_budget(training, monkeypatch):
    monkeypatch.setattr(training, "time_of_training", lambda *args: (0.02, 0.01))
    assert training.plan(None, 100, 60, np.zeros((1000, 2)), None) == (8, 1000)


def test_scores_at_both_mixes_and_by_snr(compare):
    y = np.repeat(CLASSES, 40)
    probabilities = np.eye(3)[np.repeat([0, 1, 2], 40)]
    probabilities[80:90] = [0.6, 0, 0.4]  # a quarter of the stars taken for galaxies
    snr = np.tile([2.0, 30.0], 60)
    result = compare.scores(y, probabilities, np.arange(120), snr, dict.fromkeys(CLASSES, 1 / 3))
    y_pred = CLASSES[probabilities.argmax(1)]
    assert result["1:1:1"]["f1"] == pytest.approx(f1_score(y, y_pred, average="macro"))
    weights = {"GALAXY": 0.012, "QSO": 0.003, "STAR": 0.985}
    at_survey = f1_score(y, y_pred, average="macro", sample_weight=[weights[label] for label in y])
    assert result["98.5:1.2:0.3"]["f1"] == pytest.approx(at_survey)
    assert result["98.5:1.2:0.3, corrected"]["f1"] == 1  # 0.4 * 0.985 is more than 0.6 * 0.012
    corrected = compare.scores(y, probabilities, np.arange(120), snr, weights)["98.5:1.2:0.3, corrected"]
    assert corrected["f1"] == pytest.approx(at_survey)  # trained at this mix, there is nothing to correct
    assert "98.5:1.2:0.3, corrected" not in compare.scores(y, probabilities, np.arange(120), snr, None)
    low, high = result["1:1:1"]["band"]
    assert low < result["1:1:1"]["f1"] < high
    assert [(b["from"], b["n_spectra"]) for b in result["snr"]] == [(0, 60), (20, 60)]
    first = result["snr"][0]
    assert first["recall"]["STAR"] == 0.75
    low, high = first["band"]
    assert low < first["f1"] < high
    assert compare.with_band({"f1": 0.9996, "band": [0.99949, 1.0]}, 4) == "0.9996 (.999-1.000)"


def linear(name="linear", last=LogisticRegression):
    return sys.modules["_classifiers"].Candidate(
        name, name, lambda seed: make_pipeline(StandardScaler(), last(random_state=seed))
    )


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_file_without_one_of_the_classes_is_refused_before_anything_is_fitted(compare, tmp_path, part):
    files = {name: survey_file(tmp_path / f"{name}.npz", 168, 0) for name in ("train", "test")}
    with np.load(files[part]) as file:
        content = dict(file)
    content["target"][content["target"] == "QSO"] = "STAR"
    np.savez(files[part], **content)
    with pytest.raises(SystemExit, match=rf"{part}.npz must hold spectra of each of .* got \['GALAXY', 'STAR'\]"):
        compare.main(["--train", str(files["train"]), "--test", str(files["test"]), "--json", str(tmp_path / "c.json")])


def test_every_class_needs_objects_to_validate_with(training, tmp_path):
    data = training.load(survey_file(tmp_path / "a.npz", 168, 0))
    data["object"] = np.where(data["target"] == "QSO", "the only quasar", data["object"])
    with pytest.raises(SystemExit, match="Too few objects of a class"):
        training.split_training(data)


def test_balanced_training_is_corrected_from_even_classes(compare, monkeypatch, tmp_path):
    both = linear("linear"), linear("ridge", RidgeClassifier)
    monkeypatch.setattr(compare, "CANDIDATES", {candidate.name: candidate for candidate in both})
    data = dict(np.load(survey_file(tmp_path / "a.npz", 168, 0)))
    some = np.flatnonzero((data["target"] != "QSO") | (np.arange(168) % 3 == 0))
    np.savez(tmp_path / "unequal.npz", **{name: values[some] for name, values in data.items()})
    files = ["--train", str(tmp_path / "unequal.npz"), "--test", str(survey_file(tmp_path / "b.npz", 168, 1))]
    arguments = [*files, "--json", str(tmp_path / "c.json"), "--threads", "1", "--methods", "linear", "ridge"]
    shares = {}
    for balance in ([], ["--balance"]):
        compare.main([*arguments, *balance])
        results = json.loads((tmp_path / "c.json").read_text())["results"]
        shares |= {(r["method"], r["balance"]): r["shares"] for r in results}
        assert all(("98.5:1.2:0.3, corrected" in r["scores"]) == (r["method"] == "linear") for r in results)
    assert shares["linear", False]["QSO"] < 0.2
    assert shares["linear", True] == pytest.approx(dict.fromkeys(CLASSES.tolist(), 1 / 3))
    assert shares["ridge", False] is shares["ridge", True] is None  # no probabilities to correct


def test_a_run_is_kept_as_long_as_settings_and_code_are_the_same(compare, tmp_path):
    runs = sys.modules["_runs"]
    scripts = [tmp_path / name for name in ("same.py", "copy.py", "other.py")]
    for path, text in zip(scripts, ("a = 1", "a = 1", "a = 2"), strict=True):
        path.write_text(text)
    versions = [runs.code_version(path) for path in scripts]
    assert versions[0] == versions[1] != versions[2]
    results = [
        runs.read_or_run(tmp_path / "run.json", {"code": version}, lambda i=i: {"run": i})["run"]
        for i, version in enumerate(versions)
    ]
    assert results == [0, 0, 2]


def test_results_of_other_settings_are_in_no_table(compare, monkeypatch, tmp_path, capsys):
    candidates = linear("one"), linear("two")
    monkeypatch.setattr(compare, "CANDIDATES", {candidate.name: candidate for candidate in candidates})
    files = [str(survey_file(tmp_path / f"{name}.npz", 168, seed)) for name, seed in (("a", 0), ("b", 1))]
    arguments = ["--train", files[0], "--test", files[1], "--json", str(tmp_path / "c.json"), "--threads", "1"]
    compare.main([*arguments, "--methods", "one"])
    monkeypatch.setattr(sys.modules["_training"], "code_version", lambda *scripts: "newer")
    capsys.readouterr()
    compare.main([*arguments, "--methods", "two"])
    printed = capsys.readouterr().out
    assert "two " in printed
    assert "one " not in printed
    # Nor are those of a classifier that was taken out of the candidates.
    monkeypatch.setattr(compare, "CANDIDATES", {"two": candidates[1]})
    compare.main([*arguments, "--methods", "two"])
    assert "one " not in capsys.readouterr().out


def test_a_second_run_fits_nothing_and_scores_the_same(compare, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(compare, "CANDIDATES", {"linear": linear()})
    files = [str(survey_file(tmp_path / f"{name}.npz", 168, seed)) for name, seed in (("a", 0), ("b", 1))]
    arguments = ["--train", files[0], "--test", files[1], "--json", str(tmp_path / "c.json"), "--threads", "1"]
    arguments += ["--methods", "linear"]
    compare.main(arguments)
    first = json.loads((tmp_path / "c.json").read_text())
    monkeypatch.setattr(compare, "fit_once", lambda *args, **kwargs: pytest.fail("fitted again"))
    compare.main(arguments)
    assert json.loads((tmp_path / "c.json").read_text()) == first
    assert first["results"][0]["scores"]["1:1:1"]["f1"] > 0.9
    assert "linear" in capsys.readouterr().out


def test_a_result_counts_as_long_as_the_same_settings_made_it(compare, tmp_path):
    path = tmp_path / "c.json"
    identity, settings = {"method": "linear", "seed": 0}, {"max_epochs": 60}
    store = compare.Results(path)
    assert not store.has(identity, settings)
    for seed in (0, 1):
        store.add(identity | {"seed": seed}, settings, np.full((2, 3), seed), {"fit_s": 1.5})
    read_again = compare.Results(path)
    assert read_again.has(identity, settings)
    assert not read_again.has(identity, {"max_epochs": 20})
    read_again.add(identity, {"max_epochs": 20}, np.full((2, 3), 7), {"fit_s": 0.5})
    assert not read_again.has(identity, settings)
    (of_seed_0,), (of_seed_1,) = (compare.Results(path).of(seed=seed) for seed in (0, 1))
    assert (of_seed_0["fit_s"], of_seed_1["fit_s"]) == (0.5, 1.5)
    np.testing.assert_array_equal(read_again.probabilities_of(of_seed_0), np.full((2, 3), 7))
    np.testing.assert_array_equal(read_again.probabilities_of(of_seed_1), np.ones((2, 3)))


def test_a_model_is_fitted_once_for_the_same_settings_and_spectra(training, tmp_path, monkeypatch):
    train = training.split_training(training.load(survey_file(tmp_path / "a.npz", 168, 0)))
    parameters = {"budget": None, "max_epochs": 60, "balance": False, "seed": 0}

    def fitted(train_name="a", settings=None, force=False):
        settings = settings or training.settings_of(linear(), threads=1, **parameters)
        return training.fit_once(linear(), train, train_name, tmp_path, settings, force=force, **parameters)

    model, facts = fitted()
    assert facts["n_spectra"] == len(train["y"])
    assert facts["validation_f1"] > 0.9
    monkeypatch.setattr(training, "fit", lambda *args, **kwargs: ("new", {}))
    kept, kept_facts = fitted()
    assert kept_facts == facts
    np.testing.assert_array_equal(kept.predict(train["X_val"]), model.predict(train["X_val"]))
    assert fitted(train_name="b") == fitted(settings={"seed": 1}) == fitted(force=True) == ("new", {})


def test_balance_gives_every_class_as_many_spectra_at_most_as_the_candidate_takes(training, tmp_path):
    candidate = sys.modules["_classifiers"].Candidate(
        "counting", "other", lambda seed: make_pipeline(CountingClassifier()), n_of_each_class=20
    )
    y = np.repeat(CLASSES, [5, 15, 50])
    X = np.random.default_rng(0).uniform(size=(70, 30)).astype(np.float32)
    for balance, expected in ((True, [20, 20, 20]), (False, [5, 15, 50])):
        classifier, facts = training.fit_other(candidate, balance, 0, X, y)
        np.testing.assert_array_equal(classifier[-1].counts_, expected)
        assert facts["n_spectra"] == 70


class CountingClassifier(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_, self.counts_ = np.unique(y, return_counts=True)
        return self


def test_a_file_of_other_spectra_or_objects_has_another_name(training, tmp_path):
    data = training.load(survey_file(tmp_path / "a.npz", 168, 0))
    assert training.fingerprint(data) == training.fingerprint(training.load(tmp_path / "a.npz"))
    for name, value in (("flux", 7), ("object", "object-7"), ("target", "STAR"), ("snr", 7)):
        changed = {key: array.copy() for key, array in data.items()}
        changed[name][1] = value
        assert training.fingerprint(changed) != training.fingerprint(data), name


def test_networks_train_within_their_budget_and_one_that_fails_does_not_lose_the_others(
    compare, monkeypatch, tmp_path, capsys
):
    Candidate = sys.modules["_classifiers"].Candidate
    candidates = [
        Candidate("failing", "other", lambda seed: FailingClassifier()),
        Candidate("MLP", compare.OURS, lambda seed: SpectrumMLPClassifier(hidden_layer_sizes=(8,), random_state=seed)),
    ]
    monkeypatch.setattr(compare, "CANDIDATES", {candidate.name: candidate for candidate in candidates})
    files = [str(survey_file(tmp_path / f"{name}.npz", 168, seed)) for name, seed in (("a", 0), ("b", 1))]
    arguments = ["--train", files[0], "--test", files[1], "--json", str(tmp_path / "c.json"), "--threads", "1"]
    compare.main([*arguments, "--methods", "MLP", "failing", "--budget", "30", "60", "--max-epochs", "3"])
    (result,) = json.loads((tmp_path / "c.json").read_text())["results"]
    assert (result["budget"], result["epochs"], result["layers"], result["n_spectra"]) == (30, 3, 2, 144)
    assert result["shares"] == pytest.approx(dict.fromkeys(CLASSES.tolist(), 1 / 3))
    printed = capsys.readouterr().out
    assert "failing, budget None: failed, the others go on." in printed
    assert "MLP, budget 60.0: a smaller budget held all 3 epochs." in printed


class FailingClassifier(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise ValueError("no")


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_the_networks_of_the_benchmarks_alone(compare):
    classifiers = sys.modules["_classifiers"]
    x = torch.rand(2, 640)
    network = classifiers.SEResNet(640, 3)
    assert network(x).shape == (2, 3)
    n_layers = sum(isinstance(module, torch.nn.Conv1d | torch.nn.Linear) for module in network.modules())
    assert network.n_layers == n_layers - 2 * network.n_stages  # but for those of the excitations
    maps = torch.rand(2, 64, 10)
    for module in classifiers.OpenSEResNet(640, 3).modules():
        if isinstance(module, classifiers.SEResidualPair):
            torch.testing.assert_close(module.excitation(maps.mean(2)), torch.full((2, 64), 2.0).sigmoid())
    pytest.importorskip("sktime")
    assert classifiers.InceptionTime(3)(x).shape == (2, 3)
    assert classifiers.MiniRocketFeatures(84, random_state=0).fit(x.numpy()).transform(x.numpy()).shape == (2, 84)


def test_the_frontier_holds_what_no_faster_fit_equals(compare):
    frontier = sys.modules["_frontier"].frontier
    fits = [(900, 0.99), (2, 0.97), (120, 0.93), (2, 0.96), (360, 0.97), (400, 0.985)]
    assert frontier(fits) == [(2, 0.97), (400, 0.985), (900, 0.99)]


def test_the_figure_of_a_comparison(compare, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")

    def result(family, method, seconds, f1):
        score = {"f1": f1, "band": [f1 - 0.02, f1 + 0.01]}
        return {"family": family, "method": method, "fit_s": seconds, "scores": {"1:1:1": score}}

    results = [
        result(compare.OURS, "DenseNet1D g8", 90.0, 0.98),
        result(compare.OURS, "DenseNet1D g8", 9.0, 0.9),
        result(compare.OURS, "DenseNet1D g12", 50.0, 0.95),
        result("boosting", "boosting, 30 PC", 2.0, 0.92),
    ]
    axes = plt.figure().subplots()
    sys.modules["_frontier"].plot(axes, results, "1:1:1")
    assert axes.get_legend_handles_labels()[1] == ["frontier", "boosting", "a: DenseNet1D g8", "b: DenseNet1D g12"]
    boosting, g8, _ = axes.containers
    np.testing.assert_array_equal(boosting[0].get_xydata(), [[2, 0.92]])
    np.testing.assert_array_equal(g8[0].get_xydata(), [[9, 0.9], [90, 0.98]])
    np.testing.assert_allclose(g8[2][0].get_segments()[0], [[9, 0.88], [9, 0.91]])  # the band
    assert [(text.get_text(), text.xy) for text in axes.texts] == [
        ("a", (90, 0.98)),
        ("a", (9, 0.9)),
        ("b", (50, 0.95)),
    ]
    lines = [line.get_xydata().tolist() for line in axes.get_lines()]
    assert lines.count([[9, 0.9], [90, 0.98]]) == 2  # marks, and the line through them
    assert [[2, 0.92], [50, 0.95], [90, 0.98], [90, 0.98]] in lines  # the frontier
    plt.close()

    compare.draw(results, "1:1:1", tmp_path / "compare.png", "Title")
    assert plt.imread(tmp_path / "compare.png").std() > 0


def run_of(compare, predicted, *, family="other", budget=None, seed=0, **facts):
    """A result and its probabilities, which are 1 for the class that is predicted."""
    method = "ours" if family == compare.OURS else "theirs"
    result = {"method": method, "family": family, "budget": budget, "seed": seed, "validation_f1": 0.5} | facts
    return result, np.eye(3)[np.searchsorted(CLASSES, predicted)]


def of_runs(compare, *runs):
    """Arguments of the comparisons: spectra of GALAXY, QSO and STAR, four of each, every one of its own object."""
    return [r for r, _ in runs], np.repeat(CLASSES, 4), np.arange(12), {id(r): p for r, p in runs}


RIGHT = np.repeat(CLASSES, 4)
ONE_QUASAR_LOST = np.where(np.arange(12) == 4, "STAR", RIGHT)


def test_pairs_are_the_best_in_validation_less_the_fit_within_the_budget(compare, capsys):
    pairs = compare.compare_with_others(
        *of_runs(
            compare,
            run_of(compare, np.full(12, "STAR"), family=compare.OURS, budget=60, validation_f1=0.8, method="worse"),
            run_of(compare, RIGHT, family=compare.OURS, budget=60, validation_f1=0.9),
            run_of(compare, np.full(12, "STAR"), budget=20),
            run_of(compare, ONE_QUASAR_LOST, budget=60),
            run_of(compare, np.full(12, "STAR"), budget=180),
            run_of(compare, RIGHT, method="equal"),
        )
    )
    of_60 = {pair["other"]: pair for pair in pairs}
    assert set(of_60) == {"theirs", "equal"}
    assert {(pair["budget"], pair["ours"]) for pair in pairs} == {(60, "ours")}
    assert of_60["theirs"]["budget_of_other"] == 60
    # One of four quasars is taken for a star. F1 = 2 true / (2 true + false + missed), in shares of all spectra.
    even = of_60["theirs"]["1:1:1"]
    assert even["difference"] == pytest.approx(1 - (1 + 6 / 7 + 8 / 9) / 3)
    survey = of_60["theirs"]["98.5:1.2:0.3"]
    assert survey["difference"] == pytest.approx(1 - (1 + 6 / 7 + 1.97 / (1.97 + 0.003 / 4)) / 3)
    assert even["low"] == 0 < even["difference"] < even["high"]  # a third of the replicates lack that quasar
    for mix in ("1:1:1", "98.5:1.2:0.3"):
        assert of_60["equal"][mix] == {"difference": 0, "low": 0, "high": 0, "p_value": 1, "p_holm": 1}
    assert ["theirs", f"{even['difference']:+.4f}"] in [
        line.split()[:2] for line in capsys.readouterr().out.splitlines()
    ]


def test_difference_over_two_seeds(compare):
    def f1(value):
        return {"scores": {"1:1:1": {"f1": value}}}

    compared = compare.compare_over_seeds(
        *of_runs(
            compare,
            run_of(compare, RIGHT, family=compare.OURS, budget=60, seed=0, **f1(1)),
            run_of(compare, ONE_QUASAR_LOST, family=compare.OURS, budget=60, seed=1, **f1(0.91534)),
            run_of(compare, np.full(12, "STAR"), seed=1, **f1(1 / 6)),  # the order of the seeds does not matter
            run_of(compare, np.full(12, "STAR"), seed=0, **f1(1 / 6)),
            run_of(compare, RIGHT, seed=0, method="of one seed", **f1(1)),
            *(run_of(compare, RIGHT, budget=20, seed=seed, method="of another budget", **f1(1)) for seed in (0, 1)),
        )
    )
    assert len(compared) == 1
    result = compared[0]
    assert {name: result[name] for name in ("budget", "ours", "other", "seeds", "f1")} == {
        "budget": 60,
        "ours": "ours",
        "other": "theirs",
        "seeds": [0, 1],
        "f1": [[1, 0.9153], [0.1667, 0.1667]],
    }
    # Of eight quasars one is taken for a star; the others find eight stars among 24.
    assert result["difference"] == pytest.approx((1 + 14 / 15 + 16 / 17) / 3 - 1 / 6)
    assert result["low"] < result["difference"] < result["high"]
    assert result["p_value"] == pytest.approx(2 / 10_001)


def test_two_seeds_with_the_same_predictions_tell_no_more_than_one(compare):
    scores = {"scores": {"1:1:1": {"f1": 1}}}
    runs = [
        run_of(compare, predicted, family=family, budget=60, seed=seed, **scores)
        for family, predicted in ((compare.OURS, RIGHT), ("other", ONE_QUASAR_LOST))
        for seed in (0, 1)
    ]
    results, *of_file = of_runs(compare, *runs)
    over_seeds = compare.compare_over_seeds(results, *of_file)[0]
    of_one = compare.compare_with_others(results[::2], *of_file)[0]["1:1:1"]
    assert of_one.pop("p_holm") == of_one["p_value"]  # of one test
    assert {name: over_seeds[name] for name in of_one} == pytest.approx(of_one)


def test_every_script_tells_its_options():
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmarks are not part of an installed package")
    # One process for all: each import of PyTorch takes seconds.
    program = """
import contextlib, importlib.util, io, pathlib, runpy, sys
folder = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(folder))
for path in sorted(folder.glob("[a-z]*.py")):
    sys.argv = [str(path), "--help"]
    text, end = io.StringIO(), None
    try:
        with contextlib.redirect_stdout(text):
            runpy.run_path(str(path), run_name="__main__")
    except SystemExit as error:
        end = error.code
    except ModuleNotFoundError as error:
        if error.name.startswith("skspectra") or (folder / f"{error.name}.py").exists():
            raise
        print(path.stem, "needs", error.name)
        continue
    print(path.stem, end, "usage:" in text.getvalue())
"""
    finished = subprocess.run(
        [sys.executable, "-c", program, str(BENCHMARKS)], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert len(lines) == len(list(BENCHMARKS.glob("[a-z]*.py"))) > 20
    assert not [line for line in lines if " needs " not in line and not line.endswith(" 0 True")]


@pytest.mark.parametrize("sampler", [RandomOverSampler, SMOTE, PhysicsNoiseOverSampler])
def test_every_sampler_makes_as_many_spectra_of_each_class(compare, sampler):
    imbalance = script("imbalance")
    y = np.repeat(["STAR", "GALAXY", "QSO"], [270, 27, 3])
    X = np.random.default_rng(0).uniform(size=(300, 60)).astype(np.float32)
    X_balanced, y_balanced = imbalance.resample(sampler, X, y, 0)
    assert dict(zip(*np.unique(y_balanced, return_counts=True), strict=True)) == dict.fromkeys(CLASSES, 100)
    stars = X_balanced[y_balanced == "STAR"]
    assert len(np.unique(stars, axis=0)) == 100  # drawn without replacement


class KnownProbabilities(ClassifierMixin, BaseEstimator):
    """Stands for a network: the first three values of a spectrum are its probabilities of GALAXY, QSO and STAR."""

    batch_size = 100

    def __init__(self, **params):
        pass

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return X[:, :3]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(1)]


# Three spectra that are all called stars: the F1 of stars is 1/2, of the others 0.
@pytest.mark.parametrize(("method", "f1"), [("no balancing", 1 / 6), ("RandomOverSampler", 1)])
def test_probabilities_of_a_method_are_reweighted_from_the_mix_it_was_trained_at(compare, monkeypatch, method, f1):
    imbalance = script("imbalance")
    monkeypatch.setattr(imbalance, "DenseNet1DClassifier", KnownProbabilities)
    of_true_class = np.array([0.4, 0.3, 0.3])
    even = np.stack([np.roll(of_true_class, i) for i in range(3)])
    # What a classifier says that has learnt the same at 98.5 : 1.2 : 0.3: everything is a star.
    at_survey = even * [0.012, 0.003, 0.985]
    X_test = even if method == "RandomOverSampler" else at_survey
    with_artefact = {"bad pixels": np.roll(X_test[2:], 1, axis=1)}  # from a star to a galaxy
    settings = {"n": 300, "epochs": 3, "threads": 1, "network": {}}

    result = imbalance.run(method, 0, settings, X_test, CLASSES, with_artefact)

    assert result["macro F1 1:1:1"] == pytest.approx(f1)
    assert result["macro F1 1:1:1, reweighted"] == pytest.approx(1)
    assert result["steps"] == 3 * 3
    assert result["leak, bad pixels"] == 1
    assert result["recall"]["STAR"] == 1


def test_the_weights_of_the_last_epoch_are_kept_beside_the_best(compare):
    recipe = script("paper_recipe")
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(60, 40)).astype(np.float32)
    y = CLASSES[np.arange(60) % 3]
    network = {"hidden_layer_sizes": (8,), "max_epochs": 4, "batch_size": 10, "random_state": 0}
    kept = recipe.LastWeights()
    # Labels of chance: validation does not get better with every epoch.
    both = SpectrumMLPClassifier(**network, callbacks=[kept]).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    last = SpectrumMLPClassifier(**network).fit(X[:40], y[:40])
    assert both.best_epoch_ < 4
    kept = next(c for c in both.net_.callbacks if isinstance(c, recipe.LastWeights)).weights_
    for name, weight in last.net_.module_.state_dict().items():
        torch.testing.assert_close(kept[name], weight)
    assert not torch.equal(kept[name], both.net_.module_.state_dict()[name])


@pytest.mark.parametrize("n_train", [16, 100, 613])
def test_networks_get_the_same_number_of_steps_on_every_ucr_set(compare, n_train):
    schedule = script("ucr").schedule(n_train, steps=500)
    n_batches = -(-n_train // schedule["batch_size"])
    assert schedule["max_epochs"] * n_batches == pytest.approx(500, abs=n_batches / 2)


def test_ucr_files_are_read_and_the_test_part_is_tested(compare, tmp_path):
    ucr = script("ucr")
    rng = np.random.default_rng(0)
    for part, labels in (("TRAIN", [1, 2] * 10), ("TEST", [2, 2, 1])):
        flux = rng.normal(size=(len(labels), 50)) + np.multiply.outer(labels, np.linspace(0, 10, 50))
        np.savetxt(tmp_path / f"Beef_{part}.tsv", np.column_stack([labels, flux]), delimiter="\t")
    X, y = ucr.read(tmp_path / "Beef_TEST.tsv")
    assert (X.shape, X.dtype, y.tolist()) == ((3, 50), np.float32, [2, 2, 1])
    assert ucr.test("linear discriminant, spectra", tmp_path, "Beef", 0)["accuracy"] == 1
    (tmp_path / "Beef_TEST.tsv").unlink()
    assert len(ucr.cross_validate("linear discriminant, spectra", tmp_path, "Beef")["folds"]) == 8


def test_survey_alone_earns_a_score_on_the_mixture(compare):
    real = script("real")
    y = np.array(["STAR"] * 4 + ["QSO"] * 2 + ["GALAXY"])
    sdss = np.array([False] * 4 + [True] * 3)
    # STAR and GALAXY right or absent: F1 of 1, 2 * 2 / (2 + 3) and 0.
    assert real.survey_alone(y, sdss) == pytest.approx((1 + 0.8 + 0) / 3)


def test_each_real_spectrum_is_predicted_by_a_classifier_that_did_not_see_its_object(compare):
    real = script("real")
    objects = np.repeat(np.arange(60), 3)
    y = CLASSES[objects % 3]
    X = np.column_stack([objects, np.zeros(180)])
    seen = []

    class Watching(LogisticRegression):
        def fit(self, X, y):
            seen.append(set(X[:, 0]))
            return super().fit(X, y)

        def predict_proba(self, X):
            assert not seen[-1] & set(X[:, 0])
            return super().predict_proba(X)

    candidate = sys.modules["_classifiers"].Candidate("watching", "other", lambda seed: Watching())
    simulated = {"X": np.full((3, 2), -1.0), "y": CLASSES}
    probabilities, _ = real.out_of_fold(candidate, "tuned", X, y, objects, simulated, None, Namespace(seed=0))
    assert len(seen) == 5
    assert all(-1.0 in of_fold for of_fold in seen)  # simulated spectra are trained on in every fold
    assert probabilities.shape == (180, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


def test_tuning_goes_on_from_the_network_of_the_simulated_spectra_with_a_tenth_of_the_rate(compare):
    real = script("real")
    rng = np.random.default_rng(0)
    objects = np.repeat(np.arange(30), 3)
    y = CLASSES[objects % 3]
    X = rng.normal(size=(90, 20)).astype(np.float32)
    X[np.arange(90), 5 * (objects % 3)] += 8
    candidate = sys.modules["_classifiers"].Candidate(
        "MLP", compare.OURS, lambda seed: SpectrumMLPClassifier(hidden_layer_sizes=(64,), lr=0.01, random_state=seed)
    )
    args = Namespace(seed=0, batch_size=16, fold_budget=30, fold_epochs=2)
    base = candidate.make(0).fit(X, y)
    weights = [value.clone() for value in base.net_.module_.parameters()]
    network = real.network_to_train(candidate, base, args)
    assert (network.lr, network.warm_start, network.batch_size, network.sampling) == (0.001, True, 16, "balanced")
    probabilities, facts = real.out_of_fold(candidate, "tuned", X, y, objects, None, base, args)
    assert facts["epochs"] == 2
    assert np.mean(CLASSES[probabilities.argmax(1)] == y) > 0.9
    for before, after in zip(weights, base.net_.module_.parameters(), strict=True):
        torch.testing.assert_close(before, after)  # each fold tunes a copy
    new = real.network_to_train(candidate, None, args)
    assert (new.lr, new.warm_start) == (0.01, False)


def test_what_tuning_changes(compare):
    real = script("real")
    results = [{"method": "MLP", "way": way} for way in ("simulated", "tuned")]
    results.append({"method": "boosting", "way": "tuned"})  # nothing to compare with
    loaded = {id(results[0]): np.eye(3)[np.searchsorted(CLASSES, ONE_QUASAR_LOST)]}
    loaded |= {id(r): np.eye(3)[np.searchsorted(CLASSES, RIGHT)] for r in results[1:]}
    (test,) = real.print_tuning(results, RIGHT, np.arange(12), loaded)
    assert test["method"] == "MLP"
    assert test["difference"] == pytest.approx(1 - (1 + 6 / 7 + 8 / 9) / 3)


def test_spectra_of_the_first_fold_hold_none_that_is_tested_there(compare, tmp_path):
    few_spectra = script("few_spectra")
    content = real_file(tmp_path / "real_spectra.npz", late=100)
    flux, y, objects = few_spectra.spectra_of_first_fold(tmp_path / "real_spectra.npz")
    _, test = few_spectra.folds_of(content["target"][:90], content["object"][:90])[0]
    assert flux.shape == (90 - len(test), 38)
    assert not set(objects) & set(content["object"][:90][test])
    predicted = few_spectra.cross_validate(linear(), flux, y, objects, 0)
    assert np.mean(predicted == y) > 0.9


def test_a_simulated_file_is_one_that_the_comparison_reads(compare, training, tmp_path):
    script("simulate").main([str(tmp_path / "a.npz"), "--n", "30", "--weights", "1", "1", "1", "--seed", "3"])
    data = training.load(tmp_path / "a.npz")
    assert data["flux"].shape == (30, 2600)
    assert set(data["target"]) == set(CLASSES)
    assert len(set(data["object"])) == 30


def test_our_network_is_tested_against_all_but_other_settings_of_it(compare, capsys):
    real = script("real")
    score = {"f1": 0.9, "band": [0.8, 1.0], "recall": dict.fromkeys(CLASSES, 0.9)}
    answers = {"DenseNet1D a": RIGHT, "DenseNet1D b": RIGHT, "MLP": ONE_QUASAR_LOST, "boosting": RIGHT}
    results = [
        {
            "method": method,
            "family": compare.OURS if method.startswith("DenseNet1D") else method,
            "fit_s_per_fold": 1.0,
            "epochs": None,
            "scores": {"SDSS": score},
        }
        for method in answers
    ]
    sdss = np.arange(16) < 12  # and four of LAMOST
    of_sdss = [np.eye(3)[np.searchsorted(CLASSES, predicted)] for predicted in answers.values()]
    loaded = {id(r): np.vstack([p, np.full((4, 3), np.nan)]) for r, p in zip(results, of_sdss, strict=True)}
    y = np.append(RIGHT, np.full(4, "STAR"))
    pairs = real.print_way("SDSS", results, "DenseNet1D a", y, sdss, np.arange(16), loaded)
    assert [(pair["ours"], pair["other"]) for pair in pairs] == [("DenseNet1D a", "MLP"), ("DenseNet1D a", "boosting")]
    mlp, boosting = pairs
    assert mlp["difference"] == pytest.approx(1 - (1 + 6 / 7 + 8 / 9) / 3)
    assert mlp["p_holm"] == pytest.approx(min(1, 2 * mlp["p_value"]))  # the smaller of two
    assert (boosting["difference"], boosting["p_holm"]) == (0, 1)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("MLP"))
    assert f"{mlp['difference']:+.3f}" in line


def test_the_network_that_is_compared_is_chosen_on_simulated_spectra_if_there_are_two(compare):
    real = script("real")

    def result(method, way, validation_f1, family=compare.OURS):
        return {"method": method, "way": way, "family": family, "validation_f1": validation_f1}

    other, a, b = result("boosting", "simulated", 0.9, "boosting"), "DenseNet1D a", "DenseNet1D b"
    assert real.choose_ours([other]) is None
    assert real.choose_ours([other, result(a, "SDSS", None)]) == a
    assert real.choose_ours([result(a, "SDSS", None), result(b, "SDSS", None)]) is None  # nothing to choose by
    two = [result(a, "simulated", 0.7), result(b, "simulated", 0.8), result(a, "SDSS", None)]
    assert real.choose_ours([other, *two]) == b


def test_real_spectra_from_reading_to_the_tables(compare, tmp_path, monkeypatch, capsys):
    real = script("real")
    monkeypatch.setattr(real, "CANDIDATES", {"linear": linear()})
    simulated = survey_file(tmp_path / "simulated.npz", 168, 0)
    real_file(tmp_path / "real_spectra.npz", late=0)
    arguments = ["--train", str(simulated), "--data", str(tmp_path), "--json", str(tmp_path / "r.json")]
    real.main([*arguments, "--methods", "linear", "--threads", "1"])
    report = json.loads((tmp_path / "r.json").read_text())
    scores = {r["way"]: r["scores"] for r in report["results"]}
    assert set(scores) == set(real.WAYS)
    assert all(score["SDSS"]["f1"] > 0.9 for score in scores.values())
    assert {way for way in scores if "mixture" in scores[way]} == {"simulated", "mixture"}
    assert report["pairs"] == []  # no network of the package to compare with
    assert "90 spectra of 23 SDSS objects, 90 of LAMOST" in capsys.readouterr().out
    monkeypatch.delenv("SKSPECTRA_DATA", raising=False)
    with pytest.raises(SystemExit):
        real.main(["--train", str(simulated)])
