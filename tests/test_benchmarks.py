"""The scripts in benchmarks/ that compare classifiers: how they split, plan and score."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
CLASSES = np.array(["GALAXY", "QSO", "STAR"])


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


def test_no_object_is_in_training_and_validation(compare, tmp_path):
    data = compare.load(survey_file(tmp_path / "a.npz", 168, 0))
    train, validation = compare.split_by_object(data["target"], data["object"])
    assert not set(data["object"][train]) & set(data["object"][validation])
    assert sorted([*train, *validation]) == list(range(168))
    assert set(data["target"][validation]) == set(CLASSES)


def test_a_part_of_the_spectra_keeps_the_rare_ones(compare):
    y = np.repeat(CLASSES, [5, 50, 500])
    rows = compare.rows_of_all_classes(y, 105, np.random.default_rng(0))
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
def test_epochs_and_spectra_fill_the_budget(compare, monkeypatch, budget, expected):
    monkeypatch.setattr(compare, "time_of_training", lambda *args: (0.0, 0.01))
    assert compare.plan(None, budget, 60, np.zeros((1000, 2)), None) == expected


def test_pretraining_is_part_of_the_budget(compare, monkeypatch):
    monkeypatch.setattr(compare, "time_of_training", lambda *args: (0.02, 0.01))
    assert compare.plan(None, 100, 60, np.zeros((1000, 2)), None) == (8, 1000)


def test_scores_at_both_mixes_and_by_snr(compare):
    y = np.repeat(CLASSES, 40)
    probabilities = np.eye(3)[np.repeat([0, 1, 2], 40)]
    probabilities[80:90] = [1, 0, 0]  # a quarter of the stars taken for galaxies
    snr = np.tile([2.0, 30.0], 60)
    result = compare.scores(y, probabilities, np.arange(120), snr)
    y_pred = CLASSES[probabilities.argmax(1)]
    assert result["1:1:1"]["f1"] == pytest.approx(f1_score(y, y_pred, average="macro"))
    weights = {"GALAXY": 0.012, "QSO": 0.003, "STAR": 0.985}
    at_survey = f1_score(y, y_pred, average="macro", sample_weight=[weights[label] for label in y])
    assert result["98.5:1.2:0.3"]["f1"] == pytest.approx(at_survey)
    low, high = result["1:1:1"]["band"]
    assert low < result["1:1:1"]["f1"] < high
    assert [(b["from"], b["n_spectra"]) for b in result["snr"]] == [(0, 60), (20, 60)]
    assert result["snr"][0]["recall"]["STAR"] == 0.75


def test_a_second_run_fits_nothing_and_scores_the_same(compare, monkeypatch, tmp_path, capsys):
    def candidate(family):
        return compare.CANDIDATES["boosting, 30 PC"].__class__(
            "linear", family, lambda seed: make_pipeline(StandardScaler(), LogisticRegression(random_state=seed))
        )

    monkeypatch.setattr(compare, "CANDIDATES", {"linear": candidate("linear")})
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


def test_survey_alone_earns_a_score_on_the_mixture(compare):
    real = script("real")
    y = np.array(["STAR"] * 4 + ["QSO"] * 2 + ["GALAXY"])
    sdss = np.array([False] * 4 + [True] * 3)
    # STAR and GALAXY right or absent: F1 of 1, 2 * 2 / (2 + 3) and 0.
    assert real.survey_alone(y, sdss) == pytest.approx((1 + 0.8 + 0) / 3)
