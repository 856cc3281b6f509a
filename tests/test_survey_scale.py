"""More spectra than memory, and more than one machine: memory-mapped arrays, files that change, workers that die."""

import os
import runpy
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from cluster_work import DiesOnce, predict_and_count_threads, predict_block, read_rows
from sklearn.model_selection import GridSearchCV, ShuffleSplit
from sklearn.naive_bayes import GaussianNB

from skspectra.datasets import open_spectra_store, write_spectra_store
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.neural_network._training._batches import SpectrumBatches
from skspectra.neural_network._training._mapped_file import MappedFile
from skspectra.neural_network._training._samplers import RowSampler

TRAINING = {"max_epochs": 2, "batch_size": 16, "random_state": 0}
CLASSIFIERS = [
    DenseNet1DClassifier(n_dense_blocks=2, growth_rate=2, stem_channels=4, kernel_sizes=(1, 5), **TRAINING),
    SpectrumMLPClassifier(hidden_layer_sizes=(8,), **TRAINING),
    DBNClassifier(hidden_layer_sizes=(8,), pretrain_epochs=1, **TRAINING),
]
each_classifier = pytest.mark.parametrize("classifier", CLASSIFIERS, ids=lambda classifier: type(classifier).__name__)


@pytest.fixture
def y():
    return np.array(["GALAXY", "QSO", "STAR"])[np.arange(60) % 3]


@pytest.fixture
def path(tmp_path):
    """A file of 60 spectra with a line for each class."""
    flux = np.random.default_rng(0).random((60, 40), dtype=np.float32)
    flux[np.arange(60), 10 * (np.arange(60) % 3 + 1)] = 3.0
    np.save(tmp_path / "flux.npy", flux)
    return tmp_path / "flux.npy"


# Memory-mapped arrays


@each_classifier
@pytest.mark.parametrize("params", [{}, {"validation_fraction": 0.2}, {"sampling": "balanced"}])
def test_memory_mapped_spectra_give_the_same_model_as_spectra_in_memory(classifier, params, path, y):
    classifier.set_params(**{"validation_fraction": None, "sampling": None} | params)
    mapped, in_memory = np.load(path, mmap_mode="r"), np.load(path)

    from_disk = classifier.fit(mapped, y).predict_proba(mapped)

    np.testing.assert_array_equal(from_disk, classifier.fit(in_memory, y).predict_proba(in_memory))


@each_classifier
def test_no_more_than_a_batch_is_copied(classifier, path, y, monkeypatch):
    """Neither checks nor the validation split nor pre-training copy the spectra; batches do."""
    copied = []
    mapped = np.load(path, mmap_mode="r")
    read = SpectrumBatches._read

    def record(batches, rows):
        copied.append(len(rows))
        assert np.shares_memory(batches.X, mapped)
        return read(batches, rows)

    monkeypatch.setattr(SpectrumBatches, "_read", record)
    monkeypatch.setattr("skspectra.neural_network._training._data.prediction_batch_size", lambda *args: 10)
    classifier.set_params(validation_fraction=0.2, sampling=None).fit(mapped, y)

    assert 12 * TRAINING["max_epochs"] < sum(copied)
    assert max(copied) <= 16


def test_a_copy_to_a_device_is_made_in_parts(path, monkeypatch):
    monkeypatch.setattr("skspectra.neural_network._training._batches._COPIED_AT_ONCE", 7 * 40)
    monkeypatch.setattr("skspectra.neural_network._training._batches._fits_on", lambda device, n_bytes: True)
    mapped = np.load(path, mmap_mode="r")

    batches = SpectrumBatches(
        mapped, np.arange(60), RowSampler(np.arange(60)), batch_size=16, device=torch.device("cpu")
    )

    assert isinstance(batches.X, torch.Tensor)
    np.testing.assert_array_equal(batches.X.numpy(), mapped)


# Files that change


def truncate(path):
    os.truncate(path, os.path.getsize(path) // 2)


def overwrite(path):
    with open(path, "r+b") as file:
        file.seek(200)
        file.write(b"\x00" * 400)
    later = os.stat(path).st_mtime_ns + 10**9  # the clock of a file system may be slow
    os.utime(path, ns=(later, later))


class AtBatch:
    """Does something to a file when the network is about to read its n-th batch."""

    def __init__(self, monkeypatch, action, path, n):
        self.left = n
        check = MappedFile.check

        def check_after_action(file):
            self.left -= 1
            if self.left == 0:
                action(path)
            check(file)

        monkeypatch.setattr(MappedFile, "check", check_after_action)


@pytest.mark.parametrize("action", [truncate, overwrite])
@each_classifier
def test_a_file_that_changes_during_a_fit_is_an_error_and_leaves_no_model(classifier, action, path, y, monkeypatch):
    mapped = np.load(path, mmap_mode="r")
    classifier = classifier.__class__(**classifier.get_params())
    AtBatch(monkeypatch, action, path, 5)

    with pytest.raises(OSError, match=r"flux\.npy was changed while spectra were read from it: it had 9728 bytes"):
        classifier.fit(mapped, y)
    assert not hasattr(classifier, "net_")


@pytest.mark.parametrize("action", [truncate, overwrite])
def test_a_file_that_changes_during_a_prediction_is_an_error(action, path, y, monkeypatch):
    mapped = np.load(path, mmap_mode="r")
    classifier = CLASSIFIERS[1].fit(mapped, y)
    AtBatch(monkeypatch, action, path, 1)

    with pytest.raises(OSError, match=r"flux\.npy was changed while spectra were read from it"):
        classifier.predict_proba(mapped)


@pytest.mark.parametrize("view", [lambda X: X, lambda X: X[5:40, ::2], np.asarray, lambda X: np.asarray(X)[1:]])
def test_the_file_behind_a_view_is_found(view, path):
    file = MappedFile(view(np.load(path, mmap_mode="r")))
    file.check()
    truncate(path)
    with pytest.raises(OSError, match=r"it had 9728 bytes and has 4864\. Results that were computed"):
        file.check()


def test_a_file_that_is_deleted_or_replaced_does_not_reach_the_map(path):
    mapped = np.load(path, mmap_mode="r")
    before = np.array(mapped)
    file = MappedFile(mapped)
    path.unlink()
    file.check()
    np.save(path, np.zeros(3))
    file.check()
    np.testing.assert_array_equal(mapped, before)


def test_writing_through_a_map_is_no_change_and_truncating_it_is(path):
    mapped = np.load(path, mmap_mode="r+")
    file = MappedFile(mapped)
    mapped[0] = 1.0
    mapped.flush()
    file.check()
    truncate(path)
    with pytest.raises(OSError, match="was changed"):
        file.check()


def test_arrays_in_memory_have_no_file(path):
    for X in (np.zeros((2, 2)), np.load(path, mmap_mode="r").copy(), np.load(path, mmap_mode="r") + 1):
        MappedFile(X).check()


# Spectra in a store, as in the examples


def run_example(name, monkeypatch, *arguments):
    script = Path(__file__).parents[1] / "examples" / name
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(script), run_name="__main__")


def survey_file(path, y, **columns):
    flux = np.random.default_rng(0).random((len(y), 200), dtype=np.float32)
    np.savez(path, flux=flux, wavelength=np.linspace(3700, 9100, 200), target=y, **columns)
    return path


@pytest.mark.parametrize(
    ("objects", "n_test"),
    [
        (np.repeat([f"object {i}" for i in range(15)], 4), 12),  # 3 of 15 objects
        (np.full(60, ""), 12),  # 12 of 60 spectra
        (np.repeat(["quasar", ""], 30), None),  # 31 objects
    ],
    ids=["named", "nameless", "both"],
)
def test_the_example_of_a_store_holds_back_whole_objects_or_single_spectra(
    objects, n_test, y, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    file = survey_file(tmp_path / "survey.npz", y, object_id=objects, spectrum_id=np.arange(60).astype(str))
    store, model = tmp_path / "store", tmp_path / "model.joblib"

    run_example("survey_store.py", monkeypatch, file, store, "--model", model, "--max-epochs", 1)

    spectra = open_spectra_store(store)
    test = np.load(f"{store}-test.npy")
    held_back = np.array([(spectrum == test).all(axis=1).any() for spectrum in spectra.data])
    assert held_back.sum() == len(test) == 60 - len(np.load(f"{store}-train.npy"))
    if n_test:
        assert len(test) == n_test
    else:
        assert 0 < held_back[30:].sum() < 30
    named = objects != ""
    assert not set(objects[named & held_back]) & set(objects[named & ~held_back])
    assert set(joblib.load(model).predict(test)) <= {"GALAXY", "QSO", "STAR"}
    assert "Confusion matrix" in capsys.readouterr().out


# More than one machine


@pytest.fixture(scope="module")
def client():
    """A cluster of two worker processes, each started anew when it dies."""
    pytest.importorskip("dask.array")
    distributed = pytest.importorskip("distributed")
    import dask

    with (
        # By default Dask takes back every 2 s the copies that no task waits for, and a worker that dies takes the last.
        dask.config.set({"distributed.scheduler.active-memory-manager.start": False}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        yield client


def mapped_array(path, n_rows):
    """A Dask array of the spectra in a file, so many rows a block."""
    import dask.array as da

    chunks = da.core.normalize_chunks((n_rows, 40), (60, 40))
    return da.map_blocks(read_rows, str(path), chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))


def test_every_spectrum_of_a_dask_array_is_classified_once_though_a_worker_dies(client, path, y, tmp_path):
    in_memory = np.load(path)
    classifier = GaussianNB(var_smoothing=10.0).fit(in_memory, y)
    expected = classifier.predict_proba(in_memory)
    assert len(np.unique(expected, axis=0)) == 60  # no spectrum can be taken for another
    before = set(client.run(os.getpid).values())
    X = mapped_array(path, 7)

    probabilities = X.map_blocks(
        predict_block,
        classifier,
        str(tmp_path / "died"),
        chunks=(X.chunks[0], (3,)),
        dtype=float,
        meta=np.empty((0, 0)),
    ).compute()

    np.testing.assert_allclose(probabilities, expected, rtol=1e-6)
    assert (tmp_path / "died").exists()
    client.wait_for_workers(2)
    assert len(before & set(client.run(os.getpid).values())) == 1


def test_the_example_on_a_cluster_writes_the_probabilities_of_every_spectrum(client, y, tmp_path, monkeypatch):
    spectra = write_spectra_store(survey_file(tmp_path / "survey.npz", y), tmp_path / "store", wavelength=None)
    model = GaussianNB().fit(spectra.data, y)
    joblib.dump(model, tmp_path / "model.joblib")

    arguments = tmp_path / "store", tmp_path / "model.joblib", tmp_path / "probabilities.npy"
    run_example(
        "survey_dask.py", monkeypatch, *arguments, "--scheduler", client.scheduler.address, "--rows", 25
    )  # 25, 25 and 10

    np.testing.assert_allclose(np.load(tmp_path / "probabilities.npy"), model.predict_proba(spectra.data), rtol=1e-6)


def test_a_network_predicts_in_a_dask_worker_with_the_one_thread_it_was_given(client, path, y):
    in_memory = np.load(path)
    classifier = CLASSIFIERS[0].set_params(validation_fraction=None, sampling=None).fit(in_memory, y)
    X = mapped_array(path, 60)

    results = X.map_blocks(
        predict_and_count_threads, classifier, chunks=(X.chunks[0], (4,)), dtype=np.float32, meta=X._meta
    ).compute()

    np.testing.assert_allclose(results[:, :3], classifier.predict_proba(in_memory), atol=1e-6)
    assert set(results[:, 3]) == {1}


def test_a_grid_search_on_dask_workers_has_the_same_scores_though_one_dies(client, path, y, tmp_path):
    client.wait_for_workers(2)
    X = np.load(path)
    cv = ShuffleSplit(2, random_state=0)

    def search(flag, **params):
        grid = {"shrink_threshold": [None, 0.5, 5.0]}
        return GridSearchCV(DiesOnce(flag), grid, cv=cv, refit=False, **params).fit(X, y)

    # A copy on every worker: by itself joblib leaves one copy on one worker, and it dies with it.
    with joblib.parallel_config(backend="dask", scatter=[X, y]):
        found = search(str(tmp_path / "died"), error_score="raise")

    assert (tmp_path / "died").exists()
    np.testing.assert_array_equal(found.cv_results_["mean_test_score"], search(None).cv_results_["mean_test_score"])
