"""Networks and files among other libraries: frames, searches, hooks, ONNX runtimes, processes, streams."""

import multiprocessing

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Checkpoint
from small_spectra import small_spectra

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier
from skspectra.datasets import write_spectra_store
from skspectra.export import OnnxClassifier, to_onnx
from skspectra.inspection import class_activation_map
from skspectra.neural_network import DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.outliers import UnknownRejector
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

MLP = SpectrumMLPClassifier(hidden_layer_sizes=(8,), max_epochs=3, precision="float32", random_state=0)
DENSE = DenseNet1DClassifier(
    n_dense_blocks=2, growth_rate=2, stem_channels=4, stem_stride=2, kernel_sizes=(1, 5), max_epochs=1, random_state=0
)


@pytest.fixture(scope="module")
def spectra():
    return small_spectra(90)


# Frames


def test_validation_data_are_checked_as_those_to_predict(spectra):
    X, y = spectra
    frame = pd.DataFrame(X, columns=[f"{w:.1f}" for w in np.linspace(3700, 9000, 64)])
    network = clone(MLP).fit(frame[:60], y[:60], X_val=frame[60:], y_val=y[60:])
    assert len(network.history_) == 3
    for other in (frame[frame.columns[::-1]], frame.add_prefix("other ")):
        with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
            clone(MLP).fit(frame[:60], y[:60], X_val=other[60:], y_val=y[60:])


ESTIMATORS = {
    "scaler": MinMaxSpectrumScaler(),
    "interpolator": MissingFluxInterpolator(),
    "augmenter": CCDNoiseAugmenter(),
    "network": MLP,
}


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("kind", ["lists", "column", "series"])
def test_spectra_of_different_lengths_are_sent_to_resample_spectra(name, kind, spectra):
    ragged = [np.ones(60 + i % 2) for i in range(6)]
    X = {"lists": ragged, "column": pd.DataFrame({"flux": ragged}), "series": pd.Series(ragged)}[kind]
    if kind == "series":
        X = X.to_frame().to_numpy()
    with pytest.raises(ValueError, match=r"different lengths or are in one column.*resample_spectra"):
        clone(ESTIMATORS[name]).fit(X, spectra[1][:6])


def test_columns_that_are_no_flux_are_not_given_noise(spectra):
    X, y = spectra
    frame = pd.DataFrame(X).add_prefix("w").assign(ra=180.0, id=7)
    with pytest.raises(
        ValueError, match=r"X has columns \['ra', 'id'\] that do not look like flux .*X\.drop\(columns=\['ra', 'id'\]\)"
    ):
        PhysicsNoiseOverSampler().fit_resample(frame[1:], y[1:])
    X_resampled, _ = PhysicsNoiseOverSampler().fit_resample(frame.drop(columns=["ra", "id"])[1:], y[1:])
    assert X_resampled.shape == (90, 64)
    words = pd.DataFrame(X[:, :3], columns=["blue", "green", "red"])  # all alike: they may be flux
    assert len(PhysicsNoiseOverSampler().fit_resample(words[1:], y[1:])[0]) == 90


def test_labels_in_a_frame_of_polars(spectra):
    polars = pytest.importorskip("polars")
    X, y = spectra
    labels = polars.DataFrame({"class": y[1:]})
    _, y_resampled = PhysicsNoiseOverSampler().fit_resample(polars.DataFrame(X[1:]), labels)
    assert y_resampled.columns == ["class"]
    assert y_resampled.height == 90
    with pytest.raises(ValueError, match=r"y must have one column of labels; it has the columns \['class', 'more'\]"):
        PhysicsNoiseOverSampler().fit_resample(polars.DataFrame(X[1:]), labels.with_columns(more="class"))


def test_a_store_is_written_while_frames_are_wanted(tmp_path):
    np.savez(tmp_path / "a.npz", flux=np.random.default_rng(0).random((3, 50)), wavelength=np.linspace(4000, 5000, 50))
    with sklearn.config_context(transform_output="pandas"):
        store = write_spectra_store(
            tmp_path / "a.npz", tmp_path / "store", wavelength=None, transformer=MinMaxSpectrumScaler()
        )
    np.testing.assert_allclose(store.data.max(axis=1), 1)


# skorch


def test_a_checkpoint_of_skorch_follows_the_best_score(spectra, tmp_path):
    callback = Checkpoint(monitor="valid_score_best", dirname=str(tmp_path), f_params="best.pt")
    network = clone(MLP).set_params(callbacks=[callback], validation_fraction=0.3, max_epochs=5).fit(*spectra)
    scores = [row["valid_score"] for row in network.history_]
    assert network.net_.history[:, "valid_score_best"] == [
        score > max(scores[:i], default=-1) for i, score in enumerate(scores)
    ]
    assert (tmp_path / "best.pt").exists()


# Wrapped classifiers


def wrapped(pipeline, X, y):
    frozen = FrozenEstimator(pipeline)
    return {
        "frozen": frozen,
        "prior": PriorCorrectedClassifier(frozen, training_priors="balanced").fit(X, y),
        "macro": MacroF1ThresholdClassifier(frozen).fit(X, y),
        "reject": UnknownRejector(frozen).fit(X, y),
        "calibrated": CalibratedClassifierCV(frozen).fit(X, y),
        "search": GridSearchCV(pipeline, {"densenet1dclassifier__lr": [0.01]}, cv=2).fit(X, y),
    }


@pytest.fixture(scope="module")
def pipeline(spectra):
    return make_pipeline(MinMaxSpectrumScaler(), clone(DENSE)).fit(*spectra)


def test_maps_of_wrapped_networks(spectra, pipeline):
    X, y = spectra
    for name, classifier in wrapped(pipeline, X, y).items():
        inner = classifier.best_estimator_ if name == "search" else pipeline
        np.testing.assert_array_equal(
            class_activation_map(classifier, X[:2], "QSO"), class_activation_map(inner, X[:2], "QSO")
        )


def test_export_of_wrapped_networks(spectra, pipeline, tmp_path):
    X, y = spectra
    for name, classifier in wrapped(pipeline, X, y).items():
        path = tmp_path / f"{name}.onnx"
        if name in ("frozen", "prior", "search"):
            to_onnx(classifier, path)
            np.testing.assert_allclose(
                OnnxClassifier(path).predict_proba(X), classifier.predict_proba(X), atol=5e-3
            )  # bfloat16 on a GPU
            continue
        inside = r"\.calibrated_classifiers_\[0\]\.estimator" if name == "calibrated" else r"\.estimator_"
        with pytest.raises(TypeError, match=f"Export its {inside} instead"):
            to_onnx(classifier, path)


def test_a_hook_may_replace_feature_maps_by_a_plain_tuple(spectra, pipeline):
    """As captum's layer attributions do."""
    module = pipeline[-1].net_.module_
    x = torch.from_numpy(spectra[0][:3])
    expected = module(x)
    for layer in (*module.dense_blocks, *module.transitions):
        hook = layer.register_forward_hook(lambda _, inputs, output: tuple(output))
        torch.testing.assert_close(module(x), expected, rtol=0, atol=0)
        hook.remove()


# ONNX


@pytest.mark.parametrize(
    "steps", [(), (MissingFluxInterpolator(), MinMaxSpectrumScaler((-1, 1), quantile_range=(1, 99)))]
)
def test_other_implementations_of_onnx_read_the_files(steps, spectra, tmp_path):
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    X, y = spectra[0].repeat(2, axis=1), spectra[1]  # wider than the evaluator's shortcuts
    if steps:
        X = X.copy()
        X[::2, 3:6] = np.nan
    estimator = make_pipeline(*steps, clone(MLP)).fit(X, y)
    to_onnx(estimator, tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    sizes = {constant.name: list(constant.dims) for constant in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in ("CumSum", "Clip", "Range"):
            assert all(sizes[name] == [] for name in node.input if name in sizes)
    for n in (1, 90):
        [probabilities] = ReferenceEvaluator(model).run(None, {"flux": X[:n]})
        np.testing.assert_allclose(probabilities, estimator.predict_proba(X[:n]), atol=1e-5)


# Streams and processes


def test_a_stream_is_learnt_chunk_by_chunk(spectra):
    """The recipe of the guide; the first chunk must hold every class."""
    X, y = spectra
    network = clone(MLP).set_params(warm_start=True, max_epochs=1, lr_schedule=None, lr=0.02)
    scores = []
    for _ in range(8):
        for start in range(0, 90, 30):
            network.fit(X[start : start + 30], y[start : start + 30])
        scores.append(network.score(X, y))
    assert scores[-1] > scores[0]
    rows = y != "QSO"
    network.fit(X[rows], y[rows])  # a later chunk may lack one
    assert network.classes_.tolist() == ["GALAXY", "QSO", "STAR"]


def _predict(network, X):
    return network.predict_proba(X)


def test_a_spawned_process_answers_the_same(spectra):
    network = clone(MLP).fit(*spectra)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(_predict, (network, spectra[0])), network.predict_proba(spectra[0]))
