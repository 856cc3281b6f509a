"""Saved pipelines: the same classifier after pickle, joblib and skops, on any device, and nothing to trust."""

import io
import pickle
import zipfile

import joblib
import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from skops.io.exceptions import UntrustedTypesFoundException
from skorch.exceptions import DeviceWarning

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.inspection import class_activation_map
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier, _fitted
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

LENGTH = 30
RNG = np.random.default_rng(0)
X = np.cumsum(RNG.normal(size=(30, LENGTH)), axis=1).astype(np.float32)
Y = np.array(["STAR", "GALAXY", "QSO"])[np.arange(30) % 3]
TRAINING = {
    "max_epochs": 2,
    "augmenter": CCDNoiseAugmenter(),
    "class_weight": {"QSO": 2.0, "STAR": 1.0, "GALAXY": 1.0},
    "validation_fraction": 0.3,
    "warm_start": True,
    "device": "cpu",
    "random_state": 0,
}
DENSENET = DenseNet1DClassifier(
    n_dense_blocks=2, growth_rate=np.int64(2), stem_channels=3, kernel_sizes=np.array([1, 5]), **TRAINING
)
CLASSIFIERS = {
    "densenet": DENSENET,
    "plain": DenseNet1DClassifier.plain(n_dense_blocks=2, growth_rate=2, **TRAINING),
    "perceptron": SpectrumMLPClassifier(hidden_layer_sizes=(4,), **TRAINING),
    "dbn": DBNClassifier(hidden_layer_sizes=(4,), pretrain_epochs=1, **TRAINING),
}


def with_pickle(estimator):
    return pickle.loads(pickle.dumps(estimator))


def with_joblib(estimator):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer, compress=1)
    buffer.seek(0)
    return joblib.load(buffer)


def with_skops(estimator):
    saved = skops.io.dumps(estimator)
    return skops.io.loads(saved, trusted=skops.io.get_untrusted_types(data=saved))


@pytest.fixture(scope="module", params=CLASSIFIERS.values(), ids=CLASSIFIERS)
def pipeline(request):
    return make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler(), clone(request.param)).fit(X, Y)


@pytest.mark.parametrize("round_trip", [with_pickle, with_joblib, with_skops])
def test_round_trips_of_pipelines(pipeline, round_trip):
    loaded = round_trip(pipeline)

    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), pipeline.predict(X))
    assert repr(loaded) == repr(pipeline)
    for name in ("history_", "best_epoch_", "n_layers_", "n_parameters_", "n_features_in_"):
        assert getattr(loaded[-1], name) == getattr(pipeline[-1], name)


@pytest.mark.parametrize("round_trip", [with_pickle, with_joblib, with_skops])
def test_a_loaded_pipeline_trains_on(pipeline, round_trip):
    original = with_pickle(pipeline)
    loaded = round_trip(pipeline)

    np.testing.assert_array_equal(loaded.fit(X, Y).predict_proba(X), original.fit(X, Y).predict_proba(X))
    assert (loaded.predict_proba(X) != pipeline.predict_proba(X)).any()


@pytest.mark.parametrize("round_trip", [with_pickle, with_joblib, with_skops])
@pytest.mark.parametrize("layer", [None, 0])
def test_activation_maps_of_a_loaded_pipeline(round_trip, layer):
    pipeline = make_pipeline(MinMaxSpectrumScaler(), clone(DENSENET)).fit(X, Y)

    np.testing.assert_array_equal(
        class_activation_map(round_trip(pipeline), X, layer=layer), class_activation_map(pipeline, X, layer=layer)
    )


def test_the_state_is_arrays_and_plain_values(pipeline):
    def check(value):
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value)
            check(list(value.values()))
        elif isinstance(value, list | tuple):
            for item in value:
                check(item)
        elif isinstance(value, np.ndarray):
            assert value.dtype != object
        else:
            assert value is None or isinstance(value, bool | int | float | str | np.generic | CCDNoiseAugmenter)

    check(with_pickle(pipeline)[-1].set_params(device=torch.device("cpu")).__getstate__())


def test_skops_asks_for_trust_in_the_estimators_alone(pipeline):
    untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(pipeline))

    assert set(untrusted) == {
        f"{type(part).__module__}.{type(part).__name__}" for part in (*pipeline, pipeline[-1].augmenter)
    }


def test_skops_refuses_what_is_not_trusted(pipeline):
    saved = skops.io.dumps(with_pickle(pipeline)[-1].set_params(callbacks=[print]))
    ours = [name for name in skops.io.get_untrusted_types(data=saved) if name.startswith("skspectra.")]

    with pytest.raises(UntrustedTypesFoundException, match="print"):
        skops.io.loads(saved, trusted=ours)


def test_a_skops_file_holds_no_pickle(pipeline):
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(pipeline))) as file:
        assert {name.rpartition(".")[2] for name in file.namelist()} == {"json", "npy"}


def test_changed_parameters_do_not_change_the_saved_network(pipeline):
    changed = with_pickle(pipeline)
    name = (
        "n_conv_blocks_per_dense_block"
        if hasattr(changed[-1], "n_conv_blocks_per_dense_block")
        else "hidden_layer_sizes"
    )
    changed[-1].set_params(**{name: 3 if name == "n_conv_blocks_per_dense_block" else (9, 9)})

    np.testing.assert_array_equal(with_pickle(changed).predict_proba(X), pipeline.predict_proba(X))


def test_loading_leaves_the_random_state_alone(pipeline):
    saved = pickle.dumps(pipeline)
    before = torch.get_rng_state()
    pickle.loads(saved)

    assert torch.equal(torch.get_rng_state(), before)


def test_a_classifier_from_a_machine_with_a_device_that_is_not_here(pipeline):
    state = with_pickle(pipeline[-1]).__getstate__()
    loaded = type(pipeline[-1]).__new__(type(pipeline[-1]))

    with pytest.warns(DeviceWarning, match=r"device='cuda:99' is not available; the CPU is used instead"):
        loaded.__setstate__({**state, "device": "cuda:99"})
    flux = pipeline[:-1].transform(X)
    np.testing.assert_array_equal(loaded.predict_proba(flux), pipeline[-1].predict_proba(flux))
    assert loaded.device == "cuda:99"


def test_auto_is_the_device_of_the_machine_that_loads(pipeline, monkeypatch):
    saved = pickle.dumps(with_pickle(pipeline[-1]).set_params(device="auto"))
    asked = []
    monkeypatch.setattr(_fitted, "select_device", lambda device: asked.append(device) or torch.device("cpu"))

    assert pickle.loads(saved).net_.device == "cpu"
    assert asked == ["auto"]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA device")
@pytest.mark.parametrize("round_trip", [with_pickle, with_joblib, with_skops])
def test_from_cuda_to_the_cpu(round_trip, monkeypatch):
    network = DenseNet1DClassifier(**{**DENSENET.get_params(deep=False), "device": "cuda", "precision": "float32"})
    pipeline = make_pipeline(MinMaxSpectrumScaler(), network).fit(X, Y)
    expected = pipeline.predict_proba(X)
    monkeypatch.setattr(_fitted, "select_device", lambda device: torch.device("cpu"))
    loaded = round_trip(pipeline)

    assert not any(parameter.is_cuda for parameter in loaded[-1].net_.module_.parameters())
    np.testing.assert_allclose(loaded.predict_proba(X), expected, atol=1e-5)


def test_an_unfitted_classifier():
    loaded = with_skops(DENSENET)

    assert not hasattr(loaded, "net_")
    np.testing.assert_array_equal(loaded.fit(X, Y).predict_proba(X), DENSENET.fit(X, Y).predict_proba(X))


def test_a_memory_mapped_file(pipeline, tmp_path):
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    loaded = joblib.load(tmp_path / "pipeline.joblib", mmap_mode="r")

    np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))
