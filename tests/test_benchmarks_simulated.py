"""The comparison of classifiers on simulated surveys: scores, resumed runs, tests, the figure."""

import json

import numpy as np
import pytest
from benchmark_data import (
    CLASSES,
    ONE_QUASAR_LOST,
    OURS,
    RIGHT,
    Candidate,
    linear,
    of_runs,
    only_candidates,
    run_of,
    survey_file,
)
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import f1_score

from benchmarks._common import frontier, training
from benchmarks._common.scores import with_interval
from benchmarks.classifiers import _simulated, compare
from skspectra.neural_network import SpectrumMLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore:Confidence intervals are too narrow:UserWarning")  # of few objects


def test_scores_at_both_mixes_and_by_snr():
    y = np.repeat(CLASSES, 40)
    probabilities = np.eye(3)[np.repeat([0, 1, 2], 40)]
    probabilities[80:90] = [0.6, 0, 0.4]  # a quarter of the stars taken for galaxies
    snr = np.tile([2.0, 30.0], 60)
    result = _simulated.scores(y, probabilities, np.arange(120), snr, dict.fromkeys(CLASSES, 1 / 3))
    y_pred = CLASSES[probabilities.argmax(1)]
    assert result["1:1:1"]["f1"] == pytest.approx(f1_score(y, y_pred, average="macro"))
    weights = {"GALAXY": 0.012, "QSO": 0.003, "STAR": 0.985}
    at_survey = f1_score(y, y_pred, average="macro", sample_weight=[weights[label] for label in y])
    assert result["98.5:1.2:0.3"]["f1"] == pytest.approx(at_survey)
    assert result["98.5:1.2:0.3, corrected"]["f1"] == 1  # 0.4 * 0.985 is more than 0.6 * 0.012
    corrected = _simulated.scores(y, probabilities, np.arange(120), snr, weights)["98.5:1.2:0.3, corrected"]
    assert corrected["f1"] == pytest.approx(at_survey)  # trained at this mix, there is nothing to correct
    assert "98.5:1.2:0.3, corrected" not in _simulated.scores(y, probabilities, np.arange(120), snr, None)
    low, high = result["1:1:1"]["ci"]
    assert low < result["1:1:1"]["f1"] < high
    assert [(b["from"], b["n_spectra"]) for b in result["snr"]] == [(0, 60), (20, 60)]
    first = result["snr"][0]
    assert first["recall"]["STAR"] == 0.75
    low, high = first["ci"]
    assert low < first["f1"] < high
    assert with_interval({"f1": 0.9996, "ci": [0.99949, 1.0]}, 4) == "0.9996 (.999-1.000)"


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_file_without_one_of_the_classes_is_refused_before_anything_is_fitted(tmp_path, part):
    files = {name: survey_file(tmp_path / f"{name}.npz", 168, 0) for name in ("train", "test")}
    with np.load(files[part]) as file:
        content = dict(file)
    content["target"][content["target"] == "QSO"] = "STAR"
    np.savez(files[part], **content)
    with pytest.raises(SystemExit, match=rf"{part}.npz must hold spectra of each of .* got \['GALAXY', 'STAR'\]"):
        compare.main(["simulated", "--train", str(files["train"]), "--test", str(files["test"])])


def test_balanced_training_is_corrected_from_even_classes(monkeypatch, tmp_path):
    both = linear("linear"), linear("ridge", RidgeClassifier)
    only_candidates(monkeypatch, *both)
    data = dict(np.load(survey_file(tmp_path / "a.npz", 168, 0)))
    some = np.flatnonzero((data["target"] != "QSO") | (np.arange(168) % 3 == 0))
    np.savez(tmp_path / "unequal.npz", **{name: values[some] for name, values in data.items()})
    files = ["--train", str(tmp_path / "unequal.npz"), "--test", str(survey_file(tmp_path / "b.npz", 168, 1))]
    arguments = [*files, "--json", str(tmp_path / "c.json"), "--threads", "1", "--methods", "linear", "ridge"]
    shares = {}
    for balance in ([], ["--balance"]):
        compare.main(["simulated", *arguments, *balance])
        results = json.loads((tmp_path / "c.json").read_text())["results"]
        shares |= {(r["method"], r["balance"]): r["shares"] for r in results}
        assert all(("98.5:1.2:0.3, corrected" in r["scores"]) == (r["method"] == "linear") for r in results)
    assert shares["linear", False]["QSO"] < 0.2
    assert shares["linear", True] == pytest.approx(dict.fromkeys(CLASSES.tolist(), 1 / 3))
    assert shares["ridge", False] is shares["ridge", True] is None  # no probabilities to correct


def test_results_of_other_settings_are_in_no_table(monkeypatch, tmp_path, capsys):
    candidates = linear("one"), linear("two")
    only_candidates(monkeypatch, *candidates)
    files = [str(survey_file(tmp_path / f"{name}.npz", 168, seed)) for name, seed in (("a", 0), ("b", 1))]
    arguments = ["--train", files[0], "--test", files[1], "--json", str(tmp_path / "c.json"), "--threads", "1"]
    compare.main(["simulated", *arguments, "--methods", "one"])
    monkeypatch.setattr(training, "code_version", lambda *scripts: "newer")
    capsys.readouterr()
    compare.main(["simulated", *arguments, "--methods", "two"])
    printed = capsys.readouterr().out
    assert "two " in printed
    assert "one " not in printed
    # Nor are those of a classifier that was taken out of the candidates.
    only_candidates(monkeypatch, candidates[1])
    compare.main(["simulated", *arguments, "--methods", "two"])
    assert "one " not in capsys.readouterr().out


def test_a_second_run_fits_nothing_and_scores_the_same(monkeypatch, tmp_path, capsys):
    only_candidates(monkeypatch, linear())
    files = [str(survey_file(tmp_path / f"{name}.npz", 168, seed)) for name, seed in (("a", 0), ("b", 1))]
    arguments = ["--train", files[0], "--test", files[1], "--json", str(tmp_path / "c.json"), "--threads", "1"]
    arguments += ["--methods", "linear"]
    compare.main(["simulated", *arguments])
    first = json.loads((tmp_path / "c.json").read_text())
    monkeypatch.setattr(_simulated, "fit_once", lambda *args, **kwargs: pytest.fail("fitted again"))
    compare.main(["simulated", *arguments])
    assert json.loads((tmp_path / "c.json").read_text()) == first
    assert first["results"][0]["scores"]["1:1:1"]["f1"] > 0.9
    assert "linear" in capsys.readouterr().out


def test_networks_train_within_their_budget_and_one_that_fails_does_not_lose_the_others(monkeypatch, tmp_path, capsys):
    candidates = [
        Candidate("failing", "other", lambda seed: FailingClassifier()),
        Candidate("MLP", OURS, lambda seed: SpectrumMLPClassifier(hidden_layer_sizes=(8,), random_state=seed)),
    ]
    only_candidates(monkeypatch, *candidates)
    files = [str(survey_file(tmp_path / f"{name}.npz", 168, seed)) for name, seed in (("a", 0), ("b", 1))]
    arguments = ["--train", files[0], "--test", files[1], "--json", str(tmp_path / "c.json"), "--threads", "1"]
    compare.main(["simulated", *arguments, "--methods", "MLP", "failing", "--budget", "30", "60", "--max-epochs", "3"])
    (result,) = json.loads((tmp_path / "c.json").read_text())["results"]
    assert (result["budget"], result["epochs"], result["layers"], result["n_spectra"]) == (30, 3, 2, 144)
    assert result["shares"] == pytest.approx(dict.fromkeys(CLASSES.tolist(), 1 / 3))
    printed = capsys.readouterr().out
    assert "failing, budget None: failed; the other methods continue." in printed
    assert "MLP, budget 60.0: a smaller budget was enough for all 3 epochs." in printed


class FailingClassifier(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise ValueError("no")


def test_the_frontier_holds_what_no_faster_fit_equals():
    fits = [(900, 0.99), (2, 0.97), (120, 0.93), (2, 0.96), (360, 0.97), (400, 0.985)]
    assert frontier.frontier(fits) == [(2, 0.97), (400, 0.985), (900, 0.99)]


def test_the_figure_of_a_comparison(tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")

    def result(family, method, seconds, f1):
        score = {"f1": f1, "ci": [f1 - 0.02, f1 + 0.01]}
        return {"family": family, "method": method, "fit_s": seconds, "scores": {"1:1:1": score}}

    results = [
        result(OURS, "DenseNet1D g8", 90.0, 0.98),
        result(OURS, "DenseNet1D g8", 9.0, 0.9),
        result(OURS, "DenseNet1D g12", 50.0, 0.95),
        result("boosting", "boosting, 30 PC", 2.0, 0.92),
    ]
    axes = plt.figure().subplots()
    frontier.plot(axes, results, "1:1:1")
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

    frontier.draw(results, "1:1:1", tmp_path / "compare.png", "Title")
    assert plt.imread(tmp_path / "compare.png").std() > 0


def test_pairs_are_the_best_in_validation_less_the_fit_within_the_budget(capsys):
    pairs = _simulated.compare_with_others(
        *of_runs(
            run_of(np.full(12, "STAR"), family=OURS, budget=60, validation_f1=0.8, method="worse"),
            run_of(RIGHT, family=OURS, budget=60, validation_f1=0.9),
            run_of(np.full(12, "STAR"), budget=20),
            run_of(ONE_QUASAR_LOST, budget=60),
            run_of(np.full(12, "STAR"), budget=180),
            run_of(RIGHT, method="equal"),
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


def test_difference_over_two_seeds():
    def f1(value):
        return {"scores": {"1:1:1": {"f1": value}}}

    compared = _simulated.compare_over_seeds(
        *of_runs(
            run_of(RIGHT, family=OURS, budget=60, seed=0, **f1(1)),
            run_of(ONE_QUASAR_LOST, family=OURS, budget=60, seed=1, **f1(0.91534)),
            run_of(np.full(12, "STAR"), seed=1, **f1(1 / 6)),  # the order of the seeds does not matter
            run_of(np.full(12, "STAR"), seed=0, **f1(1 / 6)),
            run_of(RIGHT, seed=0, method="of one seed", **f1(1)),
            *(run_of(RIGHT, budget=20, seed=seed, method="of another budget", **f1(1)) for seed in (0, 1)),
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


def test_two_seeds_with_the_same_predictions_tell_no_more_than_one():
    scores = {"scores": {"1:1:1": {"f1": 1}}}
    runs = [
        run_of(predicted, family=family, budget=60, seed=seed, **scores)
        for family, predicted in ((OURS, RIGHT), ("other", ONE_QUASAR_LOST))
        for seed in (0, 1)
    ]
    results, *of_file = of_runs(*runs)
    over_seeds = _simulated.compare_over_seeds(results, *of_file)[0]
    of_one = _simulated.compare_with_others(results[::2], *of_file)[0]["1:1:1"]
    assert of_one.pop("p_holm") == of_one["p_value"]  # of one test
    assert {name: over_seeds[name] for name in of_one} == pytest.approx(of_one)
