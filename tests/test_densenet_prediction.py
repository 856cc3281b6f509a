# ruff: noqa: F811 - pytest takes fixtures by the names of arguments
"""DenseNet1DClassifier: prediction, precision and device."""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from densenet_cases import (
    LENGTH,
    X_VAL,
    Y_VAL,
    X,
    Y,
    assert_same_model,
    differ,
    fitted,  # noqa: F401
    small,
    state,
)

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.neural_network import _base, _fitted, _inference
from skspectra.neural_network._training import _data
from skspectra.neural_network._training._batches import SpectrumBatches

# --- Prediction ---


def test_probabilities(fitted):
    probabilities = fitted.predict_proba(X)

    assert probabilities.shape == (30, 3)
    assert probabilities.dtype == np.float32
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(fitted.predict(X), fitted.classes_[probabilities.argmax(axis=1)])


def test_decision_function_holds_the_logits(fitted):
    logits = fitted.decision_function(X)

    assert logits.shape == (30, 3)
    assert logits.dtype == np.float32
    exponentials = np.exp(logits)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict_proba(X), expected, rtol=1e-5)


def test_decision_function_of_two_classes_is_the_log_odds_of_the_second():
    classifier = small(lr=0.05).fit(X, Y == 0)
    odds = classifier.decision_function(X)

    assert odds.shape == (30,)
    np.testing.assert_allclose(classifier.predict_proba(X)[:, 1], 1 / (1 + np.exp(-odds)), rtol=1e-5)
    np.testing.assert_array_equal(classifier.predict(X), odds > 0)


@pytest.mark.parametrize("validation_fraction", [None, 0.3])
def test_a_spectrum_alone_is_predicted_as_among_others(validation_fraction, monkeypatch):
    classifier = small(validation_fraction=validation_fraction).fit(X, Y)
    before = state(classifier)
    together = classifier.predict_proba(X)

    alone = np.concatenate([classifier.predict_proba(X[i : i + 1]) for i in range(30)])
    np.testing.assert_allclose(alone, together, atol=1e-6)

    monkeypatch.setattr(_fitted, "prediction_batch_size", lambda length, device: 7)  # 30 = 4 x 7 + 2
    np.testing.assert_allclose(classifier.predict_proba(X), together, atol=1e-6)
    assert all(torch.equal(tensor, before[name]) for name, tensor in state(classifier).items())


def test_networks_with_a_stride_predict_more_spectra_at_once(monkeypatch):
    classifier = small(stem_stride=4).fit(X, Y)
    expected, sizes = classifier.predict_proba(X), []

    def compute(function, flux, n_outputs, *, batch_size, device):
        sizes.append(batch_size)
        return _inference.compute_in_batches(function, flux, n_outputs, batch_size=batch_size, device=device)

    monkeypatch.setattr(_fitted, "compute_in_batches", compute)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    for size in (3, 7, 20):
        monkeypatch.setattr(_fitted, "prediction_batch_size", lambda length, device, size=size: size)
        np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=1e-6)
    # Four times as many, but no fewer batches than threads: 30 spectra are 15 for each of two threads.
    assert sizes == [12, 15, 20]


def test_order_of_the_spectra_does_not_matter(fitted, monkeypatch):
    """Up to the last digits: check_methods_sample_order_invariance, which allows 1e-9, may fail (test_common.py)."""
    monkeypatch.setattr(_fitted, "prediction_batch_size", lambda length, device: 7)  # other neighbours, other places
    order = np.random.default_rng(0).permutation(30)

    np.testing.assert_allclose(fitted.predict_proba(X[order]), fitted.predict_proba(X)[order], rtol=1e-5)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.astype(np.float64),
        lambda X: X.tolist(),
        np.asfortranarray,
        lambda X: X.astype(">f4"),
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        torch.from_numpy,
        pd.DataFrame,
        lambda X: pl.DataFrame(X, schema=[f"flux{i}" for i in range(LENGTH)]),
    ],
    ids=["float64", "list", "fortran", "big-endian", "strided", "tensor", "pandas", "polars"],
)
def test_spectra_of_any_type(convert):
    classifier, plain = small(validation_fraction=0.3).fit(convert(X), Y), small(validation_fraction=0.3).fit(X, Y)

    assert_same_model(classifier, plain)
    np.testing.assert_allclose(classifier.predict_proba(convert(X)), plain.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("reverse", [np.s_[::-1], np.s_[:, ::-1]], ids=["spectra", "wavelengths"])
def test_reversed_spectra(reverse):
    classifier = small().fit(X[reverse], Y)

    np.testing.assert_array_equal(classifier.predict_proba(X[reverse]), classifier.predict_proba(X[reverse].copy()))


def test_whole_numbers():
    counts = np.random.default_rng(0).integers(0, 50, (30, LENGTH))

    assert_same_model(small().fit(counts, Y), small().fit(counts.astype(np.float32), Y))


def test_feature_names():
    frame = pd.DataFrame(X, columns=[f"{369 + i} nm" for i in range(LENGTH)])
    classifier = small().fit(frame, Y)

    assert classifier.feature_names_in_.tolist() == list(frame.columns)
    assert classifier.predict(frame).shape == (30,)
    with pytest.raises(ValueError, match="feature names"):
        classifier.predict(frame.rename(columns={"369 nm": "400 nm"}))


@pytest.fixture
def memory_map(tmp_path):
    X.tofile(tmp_path / "spectra.f4")
    return np.memmap(tmp_path / "spectra.f4", dtype=np.float32, mode="r", shape=X.shape)


def test_memory_mapped_spectra(memory_map):
    params = {"validation_fraction": 0.3, "augmenter": CCDNoiseAugmenter()}
    classifier = small(**params).fit(memory_map, Y)

    assert_same_model(classifier, small(**params).fit(X, Y))
    np.testing.assert_array_equal(classifier.predict_proba(memory_map), classifier.predict_proba(X))


def test_single_precision_is_not_copied(memory_map, monkeypatch):
    seen = []

    class Spy(SpectrumBatches):
        def __init__(self, X, *args, **kwargs):
            seen.append(X)
            super().__init__(X, *args, **kwargs)

    for module in (_base, _data):
        monkeypatch.setattr(module, "SpectrumBatches", Spy)

    small().fit(memory_map, Y, X_val=X_VAL, y_val=Y_VAL)

    assert [np.shares_memory(a, b) for a, b in zip(seen, [memory_map, X_VAL], strict=True)] == [True, True]


# --- Precision and device ---


def test_bfloat16_agrees_with_float32_to_its_precision():
    params = {"max_epochs": 3, "lr": 0.02}
    rounded, exact = (small(precision=precision, **params).fit(X, Y) for precision in ("bfloat16", "float32"))

    assert rounded.net_.module_.compute_dtype == torch.bfloat16
    assert all(parameter.dtype == torch.float32 for parameter in rounded.net_.module_.parameters())
    assert rounded.predict_proba(X).dtype == np.float32
    for row, expected in zip(rounded.history_, exact.history_, strict=True):
        assert row["train_loss"] == pytest.approx(expected["train_loss"], rel=0.02)
    assert differ(rounded, exact)
    # The same weights, in both precisions.
    twin = copy.deepcopy(exact)
    twin.net_.module_.compute_dtype = torch.bfloat16
    np.testing.assert_allclose(twin.predict_proba(X), exact.predict_proba(X), atol=0.02)


def test_automatic_precision_and_device():
    classifier = small(precision="auto", device="auto").fit(X, Y)

    assert classifier.net_.module_.compute_dtype in (torch.float32, torch.bfloat16)
    assert torch.device(classifier.net_.device).type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_device_as_an_object():
    assert_same_model(small(device=torch.device("cpu")).fit(X, Y), small(device="cpu").fit(X, Y))
