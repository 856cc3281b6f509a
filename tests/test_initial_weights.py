"""`init`: a training that begins with the weights of another network."""

import pickle

import numpy as np
import pytest
import skops.io
import torch
from checkpoint_cases import assert_same_model, crash, trained_epochs
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from small_spectra import small_spectra

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.export import OnnxClassifier, to_onnx
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler
from skspectra.pretrained import load_classifier

SMALL = {
    "n_dense_blocks": 2,
    "growth_rate": 2,
    "stem_channels": 4,
    "stem_stride": 2,
    "kernel_sizes": (1, 5),
    "max_epochs": 1,
    "random_state": 0,
}
STILL = {"lr": 1e-12, "lr_schedule": None}  # a training that changes nothing but the running statistics


@pytest.fixture(scope="module")
def spectra():
    return small_spectra(60)


@pytest.fixture(scope="module")
def fitted(spectra):
    return DenseNet1DClassifier(**SMALL).fit(*spectra)


def weights(classifier):
    return {name: w.detach() for name, w in classifier.net_.module_.named_parameters()}


@pytest.mark.parametrize("wrap", [lambda e: e, FrozenEstimator, lambda e: make_pipeline(MinMaxSpectrumScaler(), e)])
def test_all_weights_are_taken_where_the_classes_agree(wrap, fitted, spectra):
    init = wrap(fitted)
    begun = DenseNet1DClassifier(**SMALL, **STILL, init=init).fit(*spectra)
    for name, weight in weights(begun).items():
        torch.testing.assert_close(weight, weights(fitted)[name], rtol=0, atol=1e-9)


def test_the_last_layer_is_new_for_new_classes(fitted, spectra):
    X, y = spectra
    y = np.where(y == "QSO", "AGN", y)
    begun = DenseNet1DClassifier(**SMALL, **STILL, init=fitted).fit(X, y)
    assert begun.classes_.tolist() == ["AGN", "GALAXY", "STAR"]
    own, theirs = weights(begun)["classifier.weight"], weights(fitted)["classifier.weight"]
    torch.testing.assert_close(own[[1, 2]], theirs[[0, 2]], rtol=0, atol=1e-9)
    random = DenseNet1DClassifier(**SMALL, **STILL).fit(X, y)
    torch.testing.assert_close(own[0], weights(random)["classifier.weight"][0], rtol=0, atol=1e-9)
    torch.testing.assert_close(weights(begun)["stem"], weights(fitted)["stem"], rtol=0, atol=1e-9)


def test_another_length_is_allowed(fitted, spectra):
    X, y = spectra
    begun = DenseNet1DClassifier(**SMALL, init=fitted).fit(X[:, :50], y)
    assert begun.predict(X[:, :50]).shape == y.shape


def test_a_pretrained_network_by_its_name(spectra):
    rng = np.random.default_rng(0)
    X, y = rng.random((12, 300), dtype=np.float32), np.array(["A", "STAR"] * 6)
    begun = DenseNet1DClassifier.from_pretrained(max_epochs=1, random_state=0, **STILL).fit(X, y)
    source = load_classifier()[-1]
    torch.testing.assert_close(weights(begun)["stem"], weights(source)["stem"], rtol=0, atol=1e-9)
    star = source.classes_.tolist().index("STAR")
    torch.testing.assert_close(
        weights(begun)["classifier.weight"][1], weights(source)["classifier.weight"][star], rtol=0, atol=1e-9
    )
    assert begun.growth_rate == source.growth_rate
    assert DenseNet1DClassifier.from_pretrained("star-galaxy-qso-4", lr=0.5).lr == 0.5
    with pytest.raises(ValueError, match="name='stars' is not a pretrained model"):
        DenseNet1DClassifier.from_pretrained("stars")


def test_defaults_for_fine_tuning():
    begun = DenseNet1DClassifier.from_pretrained()
    defaults = {"max_epochs": 20, "batch_size": 32, "lr": 0.01, "lr_schedule": "one-cycle", "sampling": None}
    assert {name: getattr(begun, name) for name in defaults} == defaults
    assert isinstance(begun.augmenter, CCDNoiseAugmenter)


def test_clones_keep_the_fit(fitted, spectra):
    classifier = DenseNet1DClassifier(**SMALL, init=fitted)
    assert clone(classifier).init is fitted
    expected = clone(classifier).fit(*spectra).predict_proba(spectra[0])
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(classifier)).fit(*spectra).predict_proba(spectra[0]), expected
    )


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: make_pipeline(MinMaxSpectrumScaler(), e)])
def test_it_is_saved_as_any_other(wrap, fitted, spectra, tmp_path):
    X, y = spectra
    init = wrap(fitted)
    begun = DenseNet1DClassifier(**SMALL, init=init).fit(X, y)
    expected = begun.predict_proba(X)

    np.testing.assert_array_equal(pickle.loads(pickle.dumps(begun)).predict_proba(X), expected)
    saved = skops.io.dumps(begun)
    trusted = skops.io.get_untrusted_types(data=saved)
    assert all(name.startswith("skspectra.") for name in trusted)
    np.testing.assert_array_equal(skops.io.loads(saved, trusted=trusted).predict_proba(X), expected)
    pipeline = make_pipeline(MinMaxSpectrumScaler(), DenseNet1DClassifier(**SMALL, init=init)).fit(X, y)
    to_onnx(pipeline, tmp_path / "begun.onnx")
    exported = OnnxClassifier(tmp_path / "begun.onnx").predict_proba(X)
    np.testing.assert_allclose(exported, pipeline.predict_proba(X), atol=1e-5)


def test_a_warm_start_continues_from_its_own_weights(fitted, spectra):
    begun = DenseNet1DClassifier(**SMALL, init=fitted, warm_start=True).fit(*spectra)
    first = {name: weight.clone() for name, weight in weights(begun).items()}
    begun.set_params(**STILL).fit(*spectra)
    for name, weight in weights(begun).items():
        torch.testing.assert_close(weight, first[name], rtol=0, atol=1e-9)


def test_a_training_that_was_stopped_resumes(fitted, spectra, tmp_path):
    params = {**SMALL, "max_epochs": 3, "init": fitted}
    begun = DenseNet1DClassifier(**params, checkpoint_dir=tmp_path)
    crash(begun, 2, *spectra)
    assert trained_epochs(begun, *spectra) == [2, 3]
    assert_same_model(begun, DenseNet1DClassifier(**params).fit(*spectra))


def test_a_search_over_beginnings(fitted, spectra):
    grid = {"init": [None, FrozenEstimator(fitted)], "lr": [0.01, 0.003]}
    search = GridSearchCV(DenseNet1DClassifier(**SMALL), grid, cv=2).fit(*spectra)
    assert len(search.cv_results_["params"]) == 4
    unfrozen = GridSearchCV(DenseNet1DClassifier(**SMALL), {"init": [fitted]}, cv=2, error_score="raise")
    with pytest.raises(ValueError, match=r"is not fitted\. A search makes unfitted copies .*FrozenEstimator"):
        unfrozen.fit(*spectra)


def test_checkpoints_tell_beginnings_apart(fitted, spectra, tmp_path):
    params = {**SMALL, "max_epochs": 2, "checkpoint_dir": tmp_path}
    begun = DenseNet1DClassifier(**params, init=fitted).fit(*spectra)
    plain = DenseNet1DClassifier(**params).fit(*spectra)
    assert not np.array_equal(begun.predict_proba(spectra[0]), plain.predict_proba(spectra[0]))


@pytest.mark.parametrize(
    ("init", "message"),
    [
        (DenseNet1DClassifier(), "is not fitted"),
        (7, "init"),
        ("stars", "is not a pretrained model"),
    ],
    ids=["unfitted", "number", "unknown name"],
)
def test_what_cannot_be_a_beginning(init, message, spectra):
    with pytest.raises(ValueError, match=message):
        DenseNet1DClassifier(**SMALL, init=init).fit(*spectra)


def test_other_networks_are_refused_by_name(spectra):
    for network in (SpectrumMLPClassifier, DBNClassifier):
        other = network(hidden_layer_sizes=(4,), max_epochs=1, random_state=0).fit(*spectra)
        with pytest.raises(ValueError, match=f"init={network.__name__} is not allowed"):
            DenseNet1DClassifier(**SMALL, init=other).fit(*spectra)
        with pytest.raises(TypeError, match="init"):
            network(init="star-galaxy-qso")


def test_parameters_that_differ_are_named(fitted, spectra):
    other = {**SMALL, "growth_rate": 3, "kernel_sizes": [1, 7], "init": fitted}
    message = r"init has growth_rate=2, kernel_sizes=\(1, 5\), but this .* has growth_rate=3, kernel_sizes=\[1, 7\]"
    with pytest.raises(ValueError, match=message):
        DenseNet1DClassifier(**other).fit(*spectra)
    same = {**SMALL, "kernel_sizes": [1, 5], "init": fitted}
    DenseNet1DClassifier(**same).fit(*spectra)
