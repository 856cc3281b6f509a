"""The comparison of classifiers on real spectra: of SDSS, of few objects, of a laboratory."""

import json
from argparse import Namespace

import numpy as np
import pytest
import torch
from benchmark_data import (
    CLASSES,
    ONE_QUASAR_LOST,
    OURS,
    RIGHT,
    Candidate,
    linear,
    only_candidates,
    real_file,
    survey_file,
)
from sklearn.linear_model import LogisticRegression

from benchmarks.classifiers import _few_spectra, _laboratory, _real, compare
from skspectra.neural_network import SpectrumMLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore:Confidence intervals are too narrow:UserWarning")  # of few objects


def test_survey_alone_earns_a_score_on_the_mixture():
    y = np.array(["STAR"] * 4 + ["QSO"] * 2 + ["GALAXY"])
    sdss = np.array([False] * 4 + [True] * 3)
    # STAR and GALAXY right or absent: F1 of 1, 2 * 2 / (2 + 3) and 0.
    assert _real.survey_alone(y, sdss) == pytest.approx((1 + 0.8 + 0) / 3)


def test_each_real_spectrum_is_predicted_by_a_classifier_that_did_not_see_its_object():
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

    candidate = Candidate("watching", "other", lambda seed: Watching())
    simulated = {"X": np.full((3, 2), -1.0), "y": CLASSES}
    probabilities, _ = _real.out_of_fold(candidate, "tuned", X, y, objects, simulated, None, Namespace(seed=0))
    assert len(seen) == 5
    assert all(-1.0 in of_fold for of_fold in seen)  # simulated spectra are trained on in every fold
    assert probabilities.shape == (180, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


def test_tuning_goes_on_from_the_network_of_the_simulated_spectra_with_a_tenth_of_the_rate():
    rng = np.random.default_rng(0)
    objects = np.repeat(np.arange(30), 3)
    y = CLASSES[objects % 3]
    X = rng.normal(size=(90, 20)).astype(np.float32)
    X[np.arange(90), 5 * (objects % 3)] += 8
    candidate = Candidate(
        "MLP", OURS, lambda seed: SpectrumMLPClassifier(hidden_layer_sizes=(64,), lr=0.01, random_state=seed)
    )
    args = Namespace(seed=0, batch_size=16, fold_budget=30, fold_epochs=2)
    base = candidate.make(0).fit(X, y)
    weights = [value.clone() for value in base.net_.module_.parameters()]
    network = _real.network_to_train(candidate, base, args)
    assert (network.lr, network.warm_start, network.batch_size, network.sampling) == (0.001, True, 16, "balanced")
    probabilities, facts = _real.out_of_fold(candidate, "tuned", X, y, objects, None, base, args)
    assert facts["epochs"] == 2
    assert np.mean(CLASSES[probabilities.argmax(1)] == y) > 0.9
    for before, after in zip(weights, base.net_.module_.parameters(), strict=True):
        torch.testing.assert_close(before, after)  # each fold tunes a copy
    new = _real.network_to_train(candidate, None, args)
    assert (new.lr, new.warm_start) == (0.01, False)


def test_what_tuning_changes():
    results = [{"method": "MLP", "way": way} for way in ("simulated", "tuned")]
    results.append({"method": "boosting", "way": "tuned"})  # nothing to compare with
    loaded = {id(results[0]): np.eye(3)[np.searchsorted(CLASSES, ONE_QUASAR_LOST)]}
    loaded |= {id(r): np.eye(3)[np.searchsorted(CLASSES, RIGHT)] for r in results[1:]}
    (test,) = _real.print_tuning(results, RIGHT, np.arange(12), loaded)
    assert test["method"] == "MLP"
    assert test["difference"] == pytest.approx(1 - (1 + 6 / 7 + 8 / 9) / 3)


def test_our_network_is_tested_against_all_but_other_settings_of_it(capsys):
    score = {"f1": 0.9, "ci": [0.8, 1.0], "recall": dict.fromkeys(CLASSES, 0.9)}
    answers = {"DenseNet1D a": RIGHT, "DenseNet1D b": RIGHT, "MLP": ONE_QUASAR_LOST, "boosting": RIGHT}
    results = [
        {
            "method": method,
            "family": OURS if method.startswith("DenseNet1D") else method,
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
    pairs = _real.print_way("SDSS", results, "DenseNet1D a", y, sdss, np.arange(16), loaded)
    assert [(pair["ours"], pair["other"]) for pair in pairs] == [("DenseNet1D a", "MLP"), ("DenseNet1D a", "boosting")]
    mlp, boosting = pairs
    assert mlp["difference"] == pytest.approx(1 - (1 + 6 / 7 + 8 / 9) / 3)
    assert mlp["p_holm"] == pytest.approx(min(1, 2 * mlp["p_value"]))  # the smaller of two
    assert (boosting["difference"], boosting["p_holm"]) == (0, 1)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("MLP"))
    assert f"{mlp['difference']:+.3f}" in line


def test_the_network_that_is_compared_is_chosen_on_simulated_spectra_if_there_are_two():

    def result(method, way, validation_f1, family=OURS):
        return {"method": method, "way": way, "family": family, "validation_f1": validation_f1}

    other, a, b = result("boosting", "simulated", 0.9, "boosting"), "DenseNet1D a", "DenseNet1D b"
    assert _real.choose_ours([other]) is None
    assert _real.choose_ours([other, result(a, "SDSS", None)]) == a
    assert _real.choose_ours([result(a, "SDSS", None), result(b, "SDSS", None)]) is None  # nothing to choose by
    two = [result(a, "simulated", 0.7), result(b, "simulated", 0.8), result(a, "SDSS", None)]
    assert _real.choose_ours([other, *two]) == b


def test_real_spectra_from_reading_to_the_tables(tmp_path, monkeypatch, capsys):
    only_candidates(monkeypatch, linear())
    simulated = survey_file(tmp_path / "simulated.npz", 168, 0)
    real_file(tmp_path / "real_spectra.npz", late=0)
    arguments = ["--train", str(simulated), "--data", str(tmp_path), "--json", str(tmp_path / "r.json")]
    compare.main(["real", *arguments, "--methods", "linear", "--threads", "1"])
    report = json.loads((tmp_path / "r.json").read_text())
    scores = {r["way"]: r["scores"] for r in report["results"]}
    assert set(scores) == set(_real.WAYS)
    assert all(score["SDSS"]["f1"] > 0.9 for score in scores.values())
    assert {way for way in scores if "mixture" in scores[way]} == {"simulated", "mixture"}
    assert report["pairs"] == []  # no network of the package to compare with
    assert "90 spectra of 23 SDSS objects, 90 of LAMOST" in capsys.readouterr().out
    monkeypatch.delenv("SKSPECTRA_DATA", raising=False)
    with pytest.raises(SystemExit):
        compare.main(["real", "--train", str(simulated)])


def test_spectra_of_the_first_fold_hold_none_that_is_tested_there(tmp_path):
    content = real_file(tmp_path / "real_spectra.npz", late=100)
    flux, y, objects = _few_spectra.spectra_of_first_fold(tmp_path / "real_spectra.npz")
    _, test = _few_spectra.folds_of(content["target"][:90], content["object"][:90])[0]
    assert flux.shape == (90 - len(test), 38)
    assert not set(objects) & set(content["object"][:90][test])
    predicted = _few_spectra.cross_validate(linear(), flux, y, objects, 0)
    assert np.mean(predicted == y) > 0.9


@pytest.mark.parametrize("n_train", [16, 100, 613])
def test_networks_get_the_same_number_of_steps_on_every_ucr_set(n_train):
    schedule = _laboratory.schedule(n_train, steps=500)
    n_batches = -(-n_train // schedule["batch_size"])
    assert schedule["max_epochs"] * n_batches == pytest.approx(500, abs=n_batches / 2)


def test_ucr_files_are_read_and_the_test_part_is_tested(tmp_path):
    rng = np.random.default_rng(0)
    for part, labels in (("TRAIN", [1, 2] * 10), ("TEST", [2, 2, 1])):
        flux = rng.normal(size=(len(labels), 50)) + np.multiply.outer(labels, np.linspace(0, 10, 50))
        np.savetxt(tmp_path / f"Beef_{part}.tsv", np.column_stack([labels, flux]), delimiter="\t")
    X, y = _laboratory.read(tmp_path / "Beef_TEST.tsv")
    assert (X.shape, X.dtype, y.tolist()) == ((3, 50), np.float32, [2, 2, 1])
    assert _laboratory.test("linear discriminant, spectra", tmp_path, "Beef", 0)["accuracy"] == 1
    (tmp_path / "Beef_TEST.tsv").unlink()
    assert len(_laboratory.cross_validate("linear discriminant, spectra", tmp_path, "Beef")["folds"]) == 8
