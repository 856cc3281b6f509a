"""to_onnx and OnnxClassifier: the same answers as the estimator, without PyTorch."""

import hashlib
import importlib.metadata
import pickle

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.calibration import PriorCorrectedClassifier
from skspectra.export import OnnxClassifier, to_onnx
from skspectra.export._graph import INPUT, OUTPUT, Graph
from skspectra.export._steps import add_step
from skspectra.metrics import classification_table
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier, SpectrumModule
from skspectra.neural_network._modules._mlp import MultilayerPerceptron
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

LENGTH = 45
RNG = np.random.default_rng(0)
X = (np.cumsum(RNG.normal(size=(30, LENGTH)), axis=1) * 50 + 1000).astype(np.float32)
Y = np.array(["STAR", "GALAXY", "QSO"])[np.arange(30) % 3]
X[4] = 7  # a constant spectrum
WITH_GAPS = X.copy()
WITH_GAPS[RNG.random(X.shape) < 0.3] = np.nan
WITH_GAPS[1, :10] = WITH_GAPS[2, 30:] = np.nan
WITH_GAPS[3, np.arange(LENGTH) != 17] = np.nan
TRAINING = {"max_epochs": 2, "lr_schedule": None, "device": "cpu", "precision": "float32", "random_state": 0}


def densenet(**params):
    defaults = {"n_dense_blocks": 2, "growth_rate": 2, "stem_channels": 3, "kernel_sizes": (1, 5), **TRAINING}
    return DenseNet1DClassifier(**{**defaults, **params})


def perceptron(**params):
    return SpectrumMLPClassifier(hidden_layer_sizes=(6, 4), **{**TRAINING, **params})


NETWORKS = {
    "densenet": densenet(n_dense_blocks=4),
    "one block": densenet(n_dense_blocks=1),
    "stride": densenet(stem_stride=2),
    "length falls to one": densenet(n_dense_blocks=5, stem_stride=7),
    "no excitation": densenet(se_reduction=None),
    "no cross transitions": densenet(n_dense_blocks=3, cross_transitions=False),
    "plain": DenseNet1DClassifier.plain(n_dense_blocks=3, growth_rate=2, **TRAINING),
    "perceptron": perceptron(),
    "dbn": DBNClassifier(hidden_layer_sizes=(6, 4), pretrain_epochs=1, **TRAINING),
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.fixture(scope="module")
def fitted():
    return make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler(), perceptron()).fit(X, Y)


def assert_same_answers(estimator, path, flux):
    to_onnx(estimator, path)
    exported = OnnxClassifier(path)
    probabilities = exported.predict_proba(flux)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, estimator.predict_proba(flux), rtol=0, atol=1e-5)
    np.testing.assert_array_equal(exported.predict(flux), estimator.predict(flux))


# --- The same answers ---


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("length", [LENGTH, LENGTH - 1])
def test_every_network(network, length, path):
    flux = MinMaxSpectrumScaler().transform(X[:, :length])

    assert_same_answers(clone(network).fit(flux, Y), path, flux)


@pytest.mark.parametrize(
    "scaler",
    [
        MinMaxSpectrumScaler(),
        MinMaxSpectrumScaler((-1, 3)),
        MinMaxSpectrumScaler(quantile_range=(2, 97.5)),
        MinMaxSpectrumScaler((0.5, 0.75), quantile_range=(10, 90)),
    ],
    ids=str,
)
@pytest.mark.parametrize("first", ["filling", "scaling"])
def test_steps_before_the_network(scaler, first, path):
    steps = [MissingFluxInterpolator(), scaler] if first == "filling" else [scaler, MissingFluxInterpolator()]
    pipeline = make_pipeline(*steps, densenet()).fit(X, Y)

    assert_same_answers(pipeline, path, WITH_GAPS)


def test_a_pipeline_within_a_pipeline(path):
    before = make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler())

    assert_same_answers(make_pipeline(before, perceptron()).fit(X, Y), path, WITH_GAPS)


def test_filling_alone(path):
    assert_same_answers(make_pipeline(MissingFluxInterpolator(), perceptron()).fit(X / 1000, Y), path, WITH_GAPS / 1000)


@pytest.mark.parametrize("n_neighbors", [1, 2, 20])
def test_filled_flux(n_neighbors):
    flux = np.random.default_rng(0).normal(1, 1, (6, 120)).astype(np.float32)
    flux[0, :40] = flux[1, 70:] = flux[2, 30:60] = flux[2, 63:90] = np.nan
    flux[3, np.random.default_rng(1).random(120) < 0.5] = np.nan
    flux[4, 1:] = np.nan
    flux[5, 5:9], flux[5, 4] = np.nan, 1e6
    fill, graph = MissingFluxInterpolator(n_neighbors=n_neighbors), Graph()
    graph.add("Identity", add_step(graph, INPUT, 120, "fill", fill), output=OUTPUT)
    session = onnxruntime.InferenceSession(graph.serialize(120, 120, {}))

    (filled,) = session.run(None, {INPUT: flux})

    np.testing.assert_allclose(filled, fill.transform(flux), rtol=1e-5, atol=1e-5)


def test_flux_near_the_ends_of_single_precision(fitted, path):
    flux = X[:4] / 1000
    flux[0, :2] = -3e38, 3e38  # further apart than the largest float
    flux[1] *= 1e-36

    assert_same_answers(fitted, path, flux)


def test_what_acts_in_training_alone_is_left_out(path):
    from imblearn.pipeline import make_pipeline as make_sampling_pipeline

    pipeline = make_sampling_pipeline(
        "passthrough",
        PhysicsNoiseOverSampler(random_state=0),
        MinMaxSpectrumScaler(),
        CCDNoiseAugmenter(random_state=0),
        perceptron(),
    )

    assert_same_answers(pipeline.fit(X, Y), path, X)


def test_pipeline_within_a_pipeline(path):
    inner = make_pipeline(MinMaxSpectrumScaler(), perceptron())

    assert_same_answers(make_pipeline(MissingFluxInterpolator(), inner).fit(X, Y), path, WITH_GAPS)


@pytest.mark.parametrize("priors", [{"STAR": 0.985, "GALAXY": 0.012, "QSO": 0.003}, {"STAR": 0.4, "GALAXY": 0.6}])
def test_prior_correction(fitted, priors, path):
    corrected = PriorCorrectedClassifier(FrozenEstimator(fitted), class_priors=priors, training_priors="balanced")

    assert_same_answers(corrected.fit(X, Y), path, X)
    assert OnnxClassifier(path).model_card_["Class priors"] == {"QSO": 0.0, **priors}


def test_a_network_in_bfloat16_is_exported_in_float32(path):
    network = densenet(precision="bfloat16").fit(X / 1000, Y)
    to_onnx(network, path)
    exact = pickle.loads(pickle.dumps(network.set_params(precision="float32")))

    np.testing.assert_allclose(
        OnnxClassifier(path).predict_proba(X / 1000), exact.predict_proba(X / 1000), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("n_spectra", [1, 2, 7, 2000])
def test_any_number_of_spectra(fitted, n_spectra, path):
    assert_same_answers(fitted, path, np.resize(X, (n_spectra, LENGTH)))


@pytest.mark.parametrize(
    "labels",
    [np.array([3, 5, 9]), np.array([False, True]), np.array([1.0, 2.0]), np.array(["α", "b"], dtype=object)],
    ids=lambda labels: labels.dtype.name,
)
def test_labels_of_every_kind(labels, path):
    y = labels[np.arange(30) % len(labels)]
    network = perceptron().fit(X / 1000, y)
    to_onnx(network, path)
    exported = OnnxClassifier(path)

    assert exported.classes_.dtype == network.classes_.dtype
    np.testing.assert_array_equal(exported.classes_, network.classes_)
    np.testing.assert_array_equal(exported.predict(X / 1000), network.predict(X / 1000))


def test_the_graph_is_of_the_standard_and_names_its_input_and_output(fitted, path):
    to_onnx(fitted, path)
    model = onnx.load(path)

    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["flux", "probabilities"]


# --- What is refused ---


def test_an_unknown_step_is_named(path):
    pipeline = make_pipeline(MinMaxSpectrumScaler(), StandardScaler(), perceptron()).fit(X, Y)

    with pytest.raises(TypeError, match="The step 'standardscaler', a StandardScaler, cannot be exported to ONNX"):
        to_onnx(pipeline, path)


@pytest.mark.parametrize("estimator", [LogisticRegression(), make_pipeline(LogisticRegression()), "network"])
def test_other_classifiers_are_refused(estimator, path):
    with pytest.raises(TypeError, match=r"cannot be exported to ONNX. It must be a network of skspectra"):
        to_onnx(estimator, path)


class Linear(SpectrumModule):
    n_layers = 1

    def __init__(self, n_features, n_classes, compute_dtype, **params):
        super().__init__()
        self.classifier = torch.nn.Linear(n_features, n_classes)

    def forward_features(self, x):
        return x


class OwnNetwork(SpectrumMLPClassifier):
    module_class = Linear


class ScaledPerceptron(MultilayerPerceptron):
    def forward(self, x):
        return 2 * super().forward(x)


class OwnPerceptron(SpectrumMLPClassifier):
    module_class = ScaledPerceptron


@pytest.mark.parametrize("network", [OwnNetwork, OwnPerceptron])
def test_a_network_of_the_users_own_is_refused(network, path):
    with pytest.raises(TypeError, match=f"The network, a {network.module_class.__name__}, cannot be exported to ONNX"):
        to_onnx(network(**TRAINING).fit(X / 1000, Y), path)


def test_classes_that_json_does_not_take_are_refused(path):
    days = np.array(["2026-01-01", "2026-01-02"], "datetime64[D]")[np.arange(30) % 2]
    with pytest.raises(TypeError, match=r"Classes of dtype datetime64\[D\] cannot be exported"):
        to_onnx(perceptron().fit(X / 1000, days), path)


@pytest.mark.parametrize("estimator", [perceptron(), make_pipeline(MinMaxSpectrumScaler(), perceptron())])
def test_unfitted(estimator, path):
    with pytest.raises(NotFittedError):
        to_onnx(estimator, path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X_train": X[:, 1:]}, "X_train has 44 features, but the classifier was trained on 45"),
        ({"X_train": X, "y_train": Y[1:]}, "inconsistent numbers of samples"),
        ({"wavelength": np.arange(4)}, "wavelength must hold a value for each of 45 samples"),
        ({"wavelength": np.arange(LENGTH, 0, -1)}, "increasing"),
        ({"table": "good"}, "table must be a ClassificationTable, as .*classification_table returns, got 'good'"),
    ],
    ids=str,
)
def test_bad_content_of_the_model_card(fitted, arguments, message, path):
    with pytest.raises(ValueError, match=message):
        to_onnx(fitted, path, **arguments)
    assert not list(path.parent.iterdir())


def test_name_without_the_ending(fitted, tmp_path):
    with pytest.raises(ValueError, match=r"path must end in '\.onnx', got '.*model\.md'"):
        to_onnx(fitted, tmp_path / "model.md")


def test_a_failed_write_leaves_the_files_that_were_there(fitted, path, monkeypatch):
    to_onnx(fitted, path)
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    def full_disk(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        to_onnx(perceptron().fit(X / 1000, Y), path)
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


# --- The model card ---


def test_model_card(fitted, path):
    wavelength = np.linspace(3900, 9000, LENGTH)
    table = classification_table(Y, fitted.predict(X), n_resamples=0)
    to_onnx(fitted, path, X_train=X.astype(np.float64), y_train=Y, wavelength=wavelength, table=table)

    card = OnnxClassifier(path).model_card_
    assert card["Model"]["estimator"] == "SpectrumMLPClassifier"
    assert card["Wavelength"] == wavelength.tolist()
    assert card["Training data"] == {
        "n_spectra": 30,
        "SHA-256 of the flux, float32, row by row": hashlib.sha256(X.tobytes()).hexdigest(),
        "n_spectra of each class": {"GALAXY": 10, "QSO": 10, "STAR": 10},
    }
    assert card["Training"]["epochs"] == 2
    assert card["Parameters"]["spectrummlpclassifier__hidden_layer_sizes"] == "(6, 4)"
    assert card["Scores"] == str(table)
    assert {"skspectra", "torch", "python"} <= set(card["Versions"])
    text = path.with_suffix(".md").read_text()
    assert text.startswith("# model.onnx\n")
    assert "45 samples from 3900 to 9000" in text
    assert str(table) in text


def test_the_card_has_the_flux_or_the_labels_where_one_is_given(fitted, path):
    digest = hashlib.sha256(X.tobytes()).hexdigest()
    to_onnx(fitted, path, X_train=X)
    assert OnnxClassifier(path).model_card_["Training data"] == {
        "n_spectra": 30,
        "SHA-256 of the flux, float32, row by row": digest,
    }
    to_onnx(fitted, path, y_train=Y)
    assert OnnxClassifier(path).model_card_["Training data"] == {
        "n_spectra": 30,
        "n_spectra of each class": {"GALAXY": 10, "QSO": 10, "STAR": 10},
    }


def test_the_card_leaves_out_a_package_that_was_not_installed_by_pip(fitted, path, monkeypatch):
    distribution = importlib.metadata.distribution

    def without_skspectra(name):
        if name == "skspectra":
            raise importlib.metadata.PackageNotFoundError(name)
        return distribution(name)

    monkeypatch.setattr(importlib.metadata, "distribution", without_skspectra)
    to_onnx(fitted, path)

    assert set(OnnxClassifier(path).model_card_["Versions"]) == {"python", "torch", "scikit-learn", "numpy", "onnx"}


def test_the_card_says_what_is_not_known(fitted, path):
    to_onnx(fitted, path)

    assert path.with_suffix(".md").read_text().count("Not stated.") == 4
