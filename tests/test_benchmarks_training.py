"""What the benchmarks that compare classifiers have in common: how they split, plan, fit once and keep results."""

import numpy as np
import pytest
import torch
from benchmark_data import CLASSES, Candidate, linear, survey_file
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import make_pipeline

from benchmarks._common import candidates, runs, training
from benchmarks._common.plain_network import PlainDenseNet, train_epoch
from benchmarks._common.plain_network import predict as plain_predict
from benchmarks._common.results import Results
from benchmarks.classifiers import simulate
from skspectra.neural_network import DenseNet1D


def test_no_object_is_in_training_and_validation(tmp_path):
    data = training.load(survey_file(tmp_path / "a.npz", 168, 0))
    train, validation = training.split_by_object(data["target"], data["object"])
    assert not set(data["object"][train]) & set(data["object"][validation])
    assert sorted([*train, *validation]) == list(range(168))
    assert set(data["target"][validation]) == set(CLASSES)


def test_a_part_of_the_spectra_keeps_the_rare_ones():
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
def test_epochs_and_spectra_fill_the_budget(monkeypatch, budget, expected):
    monkeypatch.setattr(training, "time_of_training", lambda *args: (0.0, 0.01))
    assert training.plan(None, budget, 60, np.zeros((1000, 2)), None) == expected


def test_pretraining_is_part_of_the_budget(monkeypatch):
    monkeypatch.setattr(training, "time_of_training", lambda *args: (0.02, 0.01))
    assert training.plan(None, 100, 60, np.zeros((1000, 2)), None) == (8, 1000)


def test_every_class_needs_objects_to_validate_with(tmp_path):
    data = training.load(survey_file(tmp_path / "a.npz", 168, 0))
    data["object"] = np.where(data["target"] == "QSO", "the only quasar", data["object"])
    with pytest.raises(SystemExit, match="Too few objects of a class"):
        training.split_training(data)


def test_a_run_is_kept_as_long_as_settings_and_code_are_the_same(tmp_path):
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


def test_a_result_counts_as_long_as_the_same_settings_made_it(tmp_path):
    path = tmp_path / "c.json"
    identity, settings = {"method": "linear", "seed": 0}, {"max_epochs": 60}
    store = Results(path)
    assert not store.has(identity, settings)
    for seed in (0, 1):
        store.add(identity | {"seed": seed}, settings, np.full((2, 3), seed), {"fit_s": 1.5})
    read_again = Results(path)
    assert read_again.has(identity, settings)
    assert not read_again.has(identity, {"max_epochs": 20})
    read_again.add(identity, {"max_epochs": 20}, np.full((2, 3), 7), {"fit_s": 0.5})
    assert not read_again.has(identity, settings)
    (of_seed_0,), (of_seed_1,) = (Results(path).of(seed=seed) for seed in (0, 1))
    assert (of_seed_0["fit_s"], of_seed_1["fit_s"]) == (0.5, 1.5)
    np.testing.assert_array_equal(read_again.probabilities_of(of_seed_0), np.full((2, 3), 7))
    np.testing.assert_array_equal(read_again.probabilities_of(of_seed_1), np.ones((2, 3)))


def test_a_model_is_fitted_once_for_the_same_settings_and_spectra(tmp_path, monkeypatch):
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


def test_balance_gives_every_class_as_many_spectra_at_most_as_the_candidate_takes(tmp_path):
    candidate = Candidate("counting", "other", lambda seed: make_pipeline(CountingClassifier()), n_of_each_class=20)
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


def test_a_file_of_other_spectra_or_objects_has_another_name(tmp_path):
    data = training.load(survey_file(tmp_path / "a.npz", 168, 0))
    assert training.fingerprint(data) == training.fingerprint(training.load(tmp_path / "a.npz"))
    for name, value in (("flux", 7), ("object", "object-7"), ("target", "STAR"), ("snr", 7)):
        changed = {key: array.copy() for key, array in data.items()}
        changed[name][1] = value
        assert training.fingerprint(changed) != training.fingerprint(data), name


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_the_networks_of_the_benchmarks_alone():
    x = torch.rand(2, 640)
    network = candidates.SEResNet(640, 3)
    assert network(x).shape == (2, 3)
    n_layers = sum(isinstance(module, torch.nn.Conv1d | torch.nn.Linear) for module in network.modules())
    assert network.n_layers == n_layers - 2 * network.n_stages  # but for those of the excitations
    maps = torch.rand(2, 64, 10)
    for module in candidates.OpenSEResNet(640, 3).modules():
        if isinstance(module, candidates.SEResidualPair):
            torch.testing.assert_close(module.excitation(maps.mean(2)), torch.full((2, 64), 2.0).sigmoid())
    pytest.importorskip("sktime")
    assert candidates.InceptionTime(3)(x).shape == (2, 3)
    inception_time = candidates.InceptionTimeClassifier(max_epochs=1, random_state=0)
    assert inception_time.fit(x.numpy(), ["a", "b"]).predict_proba(x.numpy()).shape == (2, 2)
    assert candidates.MiniRocketFeatures(84, random_state=0).fit(x.numpy()).transform(x.numpy()).shape == (2, 84)


def test_a_simulated_file_is_one_that_the_comparison_reads(tmp_path):
    simulate.main([str(tmp_path / "a.npz"), "--n", "30", "--weights", "1", "1", "1", "--seed", "3"])
    data = training.load(tmp_path / "a.npz")
    assert data["flux"].shape == (30, 2600)
    assert set(data["target"]) == set(CLASSES)
    assert len(set(data["object"])) == 30


@pytest.mark.parametrize(("growth_rate", "stem_stride"), [(12, 1), (8, 4)])
def test_the_plain_program_has_the_network_of_the_package(growth_rate, stem_stride):
    plain = PlainDenseNet(growth_rate=growth_rate, stem_stride=stem_stride)
    ours = DenseNet1D(3, growth_rate=growth_rate, stem_stride=stem_stride)
    assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in ours.parameters())
    flux = torch.rand(2, 520)
    optimizer = torch.optim.Adam(plain.parameters())
    train_epoch(plain, optimizer, flux, torch.tensor([0, 2]), 2, False)
    probabilities = plain_predict(plain, flux, 1, False)
    assert probabilities.shape == (2, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
