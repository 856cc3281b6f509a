"""OnnxClassifier as a scikit-learn estimator, and files that are not to be trusted."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted
from test_export import LENGTH, X, Y, densenet, perceptron

import skspectra
from skspectra.export import OnnxClassifier, to_onnx
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.fixture
def exported(path):
    to_onnx(make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler(), perceptron()).fit(X, Y), path)
    return OnnxClassifier(path)


# --- OnnxClassifier as a scikit-learn estimator ---


def test_prediction_imports_no_torch(exported, path):
    np.save(path.with_suffix(".npy"), X)
    code = f"""
import sys, numpy
from skspectra.export import OnnxClassifier
OnnxClassifier({str(path)!r}).predict(numpy.load({str(path.with_suffix(".npy"))!r}))
assert not {{"torch", "skorch", "onnx", "imblearn"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_life_as_an_estimator(exported, path):
    check_is_fitted(exported)
    assert exported.get_params() == {"path": path}
    assert exported.n_features_in_ == LENGTH
    assert not hasattr(exported, "feature_names_in_")
    expected = exported.predict_proba(X)
    for copied in (clone(exported), pickle.loads(pickle.dumps(exported))):
        np.testing.assert_array_equal(copied.predict_proba(X), expected)
    assert len(pickle.dumps(exported)) < 1000
    assert exported.score(X, exported.predict(X)) == 1


def test_another_path_is_another_model(exported, tmp_path):
    assert exported.classes_.tolist() == ["GALAXY", "QSO", "STAR"]
    to_onnx(perceptron().fit(X / 1000, Y == "QSO"), tmp_path / "other.onnx")

    assert exported.set_params(path=tmp_path / "other.onnx").classes_.tolist() == [False, True]


def test_calibration_of_an_exported_classifier(exported):
    with pytest.raises(TypeError, match="already trained"):
        exported.fit(X, Y)
    calibrated = CalibratedClassifierCV(FrozenEstimator(exported), cv=3).fit(X, Y)

    assert calibrated.predict_proba(X).shape == (30, 3)


def test_input_of_every_kind(exported):
    expected = exported.predict_proba(X)
    read_only = X.copy()
    read_only.flags.writeable = False

    for flux in (X.astype(np.float64), X.tolist(), np.asfortranarray(X), X[::-1].copy()[::-1], read_only):
        np.testing.assert_allclose(exported.predict_proba(flux), expected, rtol=0, atol=1e-6)


def test_names_of_features(path):
    frame = pd.DataFrame(X, columns=[f"{w} Å" for w in range(LENGTH)])
    pipeline = make_pipeline(MinMaxSpectrumScaler(), perceptron()).fit(frame, Y)
    to_onnx(pipeline, path)
    exported = OnnxClassifier(path)

    np.testing.assert_array_equal(exported.predict(frame), pipeline.predict(frame))
    assert exported.feature_names_in_.tolist() == frame.columns.tolist()
    with pytest.raises(ValueError, match="feature names should match"):
        exported.predict(frame.rename(columns={"0 Å": "x"}))


@pytest.mark.parametrize(
    ("flux", "message"),
    [
        (X[:, 1:], "X has 44 features, but OnnxClassifier is expecting 45"),
        (np.full((2, LENGTH), np.inf), "contains infinity"),
        (np.where(np.arange(30)[:, None] == 7, np.nan, X), "Input X contains NaN .* row 7"),
        (X[0], "Expected 2D array"),
    ],
    ids=["width", "infinity", "empty", "1d"],
)
def test_bad_spectra(exported, flux, message):
    with pytest.raises(ValueError, match=message):
        exported.predict(flux)


@pytest.mark.parametrize(
    "steps", [[], [MinMaxSpectrumScaler()], [MinMaxSpectrumScaler((0, 2), quantile_range=(5, 95))]]
)
@pytest.mark.parametrize("network", [densenet(), perceptron()], ids=["densenet", "perceptron"])
def test_missing_flux_that_nothing_fills(network, steps, path):
    to_onnx(make_pipeline(*steps, network).fit(X / 1000, Y), path)
    flux = X.copy()
    flux[5, 3] = np.nan

    with pytest.raises(ValueError, match=r"contains NaN that no step of the exported pipeline fills, such as in row 5"):
        OnnxClassifier(path).predict_proba(flux)


# --- Files that are not to be trusted ---


def write_model(path, nodes, metadata, constants=()):
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("flux", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 4])],
        constants,
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("evil", 1)]
    model = helper.make_model(graph, ir_version=9, opset_imports=opsets)
    helper.set_model_props(model, metadata)
    path.write_bytes(model.SerializeToString())


IDENTITY = helper.make_node("Identity", ["flux"], ["probabilities"])
GOOD = {"classes": [0, 1, 2, 3], "dtype": "int64", "n_features": 4, "feature_names": None, "card": {}}


def test_a_hand_made_file_that_is_in_order(path):
    write_model(path, [IDENTITY], {"skspectra": json.dumps(GOOD)})

    assert OnnxClassifier(path).predict(np.eye(4)).tolist() == [0, 1, 2, 3]


def test_a_pickle_is_not_executed(path):
    class Evil:
        def __reduce__(self):
            return (open, (str(path.with_name("executed")), "w"))

    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match=r"was not written by skspectra.export.to_onnx"):
        OnnxClassifier(path).predict(X)
    assert not path.with_name("executed").exists()


def test_operators_from_elsewhere_are_refused(path):
    write_model(path, [helper.make_node("System", ["flux"], ["probabilities"], domain="evil")], {})

    with pytest.raises(ValueError, match=r"was not written by skspectra.export.to_onnx"):
        OnnxClassifier(path).predict(X)


def test_weights_are_not_read_from_elsewhere(path):
    secret = path.parent.parent / f"{path.parent.name}-secret.bin"
    secret.write_bytes(np.arange(4, dtype=np.float32).tobytes())
    outside = TensorProto(
        name="w",
        data_type=TensorProto.FLOAT,
        dims=[4],
        data_location=TensorProto.EXTERNAL,
        external_data=[{"key": "location", "value": f"../{secret.name}"}, {"key": "length", "value": "16"}],
    )
    node = helper.make_node("Add", ["flux", "w"], ["probabilities"])
    write_model(path, [node], {"skspectra": json.dumps(GOOD)}, [outside])

    with pytest.raises(ValueError, match=r"was not written by skspectra.export.to_onnx"):
        OnnxClassifier(path).predict(np.eye(4))


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"skspectra": "not JSON"},
        {"skspectra": "[]"},
        {"skspectra": json.dumps({**GOOD, "classes": [0, 1]})},
        {"skspectra": json.dumps({**GOOD, "n_features": 5})},
        {"skspectra": json.dumps({**GOOD, "dtype": "V8"})},
        {"skspectra": json.dumps({**GOOD, "classes": ["a", "b", "c", "d"]})},
    ],
    ids=str,
)
def test_metadata_that_do_not_fit(metadata, path):
    write_model(path, [IDENTITY], metadata)

    with pytest.raises(ValueError, match=r"was not written by skspectra.export.to_onnx"):
        OnnxClassifier(path).predict(np.eye(4))


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match=r"'skspectra\.export' has no attribute 'from_onnx'"):
        skspectra.export.from_onnx  # noqa: B018


def test_no_file(path):
    with pytest.raises(FileNotFoundError, match=r"model.onnx"):
        OnnxClassifier(path).predict(X)
