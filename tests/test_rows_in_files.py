"""Spectra in files of HDF5 and zarr, and in memory-mapped arrays, in everything that draws rows of them."""

import h5py
import numpy as np
import pytest

from skspectra._rows import take_rows
from skspectra.calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier
from skspectra.metrics import compare_classifiers
from skspectra.neural_network import SpectrumMLPClassifier
from skspectra.outliers import UnknownRejector
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler

Y = np.array(["STAR", "GALAXY", "QSO"] * 30)
UNEVEN = np.where(np.arange(90) < 70, "STAR", "QSO")
X = np.random.default_rng(0).random((90, 20), np.float32)


@pytest.fixture(params=["h5py", "memmap", "zarr"])
def on_disk(request, tmp_path):
    if request.param == "h5py":
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file["flux"] = X
        with h5py.File(tmp_path / "x.h5") as file:
            yield file["flux"]
    elif request.param == "memmap":
        np.save(tmp_path / "x.npy", X)
        yield np.load(tmp_path / "x.npy", mmap_mode="r")
    else:
        yield pytest.importorskip("zarr").array(X, chunks=(7, 20))


def test_rows_come_in_the_order_wanted(on_disk):
    rows = np.array([5, 2, 2, 89, 0])
    np.testing.assert_array_equal(take_rows(on_disk, rows), X[rows])


def network():
    return SpectrumMLPClassifier(hidden_layer_sizes=(4,), max_epochs=2, random_state=0)


USERS = {
    "network": lambda X: network().set_params(validation_fraction=0.2, sampling="balanced").fit(X, Y).predict_proba(X),
    "X_val": lambda X: network().fit(X, Y, X_val=X, y_val=Y).history_[-1]["valid_loss"],
    "scaler": lambda X: MinMaxSpectrumScaler().fit_transform(X),
    "sampler": lambda X: PhysicsNoiseOverSampler(random_state=0).fit_resample(X, UNEVEN)[0],
    "rejector": lambda X: UnknownRejector(network(), random_state=0).fit(X, Y).score_samples(X),
    "macro F1": lambda X: MacroF1ThresholdClassifier(network(), random_state=0).fit(X, Y).class_factors_,
    "priors": lambda X: PriorCorrectedClassifier(network()).fit(X, Y).adapt(X).predict_proba(X),
    "comparison": lambda X: compare_classifiers(
        {"a": network()}, X, Y, cv=[(np.arange(89, 29, -1), np.arange(29, -1, -1))], n_resamples=9, verbose=False
    ).predictions["a"],
}  # fmt: skip


@pytest.mark.parametrize("name", USERS)
def test_spectra_on_disk_give_what_those_in_memory_give(on_disk, name):
    np.testing.assert_array_equal(USERS[name](on_disk), USERS[name](X))
