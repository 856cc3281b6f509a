"""Many threads, many processes, many fits: the same answers, no more threads than allowed, no growing memory."""

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skspectra.export import OnnxClassifier, to_onnx
from skspectra.neural_network import DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

N_THREADS = 8
RNG = np.random.default_rng(0)
X = np.cumsum(RNG.normal(size=(64, 200)), axis=1).astype(np.float32)
Y = np.arange(64) % 3
TRAINING = {"max_epochs": 1, "device": "cpu", "precision": "float32", "random_state": 0}
NETWORKS = {
    "densenet": DenseNet1DClassifier(n_dense_blocks=2, growth_rate=2, stem_channels=3, kernel_sizes=(1, 5), **TRAINING),
    "perceptron": SpectrumMLPClassifier(hidden_layer_sizes=(8,), **TRAINING),
}


@pytest.fixture(scope="module", params=NETWORKS.values(), ids=NETWORKS)
def pipeline(request):
    return make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler(), clone(request.param)).fit(X, Y)


def assert_same_answers_in_threads(classifier):
    parts = [X[i:] for i in range(N_THREADS)]
    expected = [classifier.predict_proba(part) for part in parts]
    start = Barrier(N_THREADS)

    def predict(i):
        start.wait()
        return [classifier.predict_proba(parts[i]) for _ in range(5)]

    with ThreadPoolExecutor(N_THREADS) as pool:
        for answers, right in zip(pool.map(predict, range(N_THREADS)), expected, strict=True):
            for answer in answers:
                np.testing.assert_array_equal(answer, right)


def test_one_pipeline_in_eight_threads(pipeline):
    assert_same_answers_in_threads(pipeline)


def test_one_exported_classifier_in_eight_threads(pipeline, tmp_path):
    to_onnx(pipeline, tmp_path / "model.onnx")

    assert_same_answers_in_threads(OnnxClassifier(tmp_path / "model.onnx"))


def test_an_exported_classifier_that_eight_threads_read_first(pipeline, tmp_path):
    to_onnx(pipeline, tmp_path / "model.onnx")
    classifier = OnnxClassifier(tmp_path / "model.onnx")
    start = Barrier(N_THREADS)

    def predict(_):
        start.wait()
        return classifier.predict(X)

    with ThreadPoolExecutor(N_THREADS) as pool:
        for answer in pool.map(predict, range(N_THREADS)):
            np.testing.assert_array_equal(answer, pipeline.predict(X))


def predict_and_count_threads(pipeline, exported, flux):
    answers = pipeline.predict_proba(flux), exported.predict_proba(flux)
    options = exported._model.session.get_session_options()
    return (*answers, torch.get_num_threads(), options.intra_op_num_threads, os.getpid())


def test_processes_share_the_cores(tmp_path, monkeypatch):
    # What loky sets itself it leaves alone where the user has set it, as the tests' own settings do.
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    pipeline = make_pipeline(MinMaxSpectrumScaler(), clone(NETWORKS["densenet"])).fit(X, Y)
    to_onnx(pipeline, tmp_path / "model.onnx")
    exported = OnnxClassifier(tmp_path / "model.onnx")
    with joblib.parallel_config("loky", n_jobs=2):
        results = joblib.Parallel()(
            joblib.delayed(predict_and_count_threads)(pipeline, exported, X[i::4]) for i in range(4)
        )

    allowed = max(joblib.cpu_count() // 2, 1)
    for i, (answer, exported_answer, n_torch, n_onnx, process) in enumerate(results):
        assert process != os.getpid()
        assert (n_torch, n_onnx) == (allowed, allowed)
        np.testing.assert_allclose(answer, pipeline.predict_proba(X[i::4]), rtol=0, atol=1e-6)
        np.testing.assert_allclose(exported_answer, answer, rtol=0, atol=1e-5)


def resident_memory():
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the system does not tell the memory in use")
def test_cycles_of_fit_and_predict_leave_memory_flat():
    # The allocator settles within the first cycles; benchmarks/speed/cycles.py runs a thousand of them.
    flux = np.tile(X, (4, 5))  # 1 MB, so that one copy kept in each cycle would show

    def cycle():
        SpectrumMLPClassifier(hidden_layer_sizes=(8,), **TRAINING).fit(flux, np.tile(Y, 4)).predict(flux)

    for _ in range(10):
        cycle()
    gc.collect()
    before = resident_memory()
    for _ in range(40):
        cycle()
    gc.collect()
    assert resident_memory() - before < 10 * flux.nbytes
