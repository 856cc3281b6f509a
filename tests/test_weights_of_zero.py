"""Spectra of weight 0 take part in nothing, and the validation counts by the weights."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import f1_score, log_loss

from skspectra.calibration import MacroF1ThresholdClassifier
from skspectra.neural_network import DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.outliers import UnknownRejector

MLP = SpectrumMLPClassifier(hidden_layer_sizes=(8,), max_epochs=4, lr=0.02, random_state=0)
DENSE = DenseNet1DClassifier(
    n_dense_blocks=2, growth_rate=2, stem_channels=4, stem_stride=2, kernel_sizes=(1, 5), max_epochs=2, random_state=0
)


@pytest.fixture
def spectra():
    """Half of the rows are spoilt: other labels, and flux that no batch statistics would survive."""
    rng = np.random.default_rng(0)
    codes = np.arange(240) % 3
    X = rng.normal(size=(240, 40)).astype(np.float32)
    X[np.arange(240), 10 * codes] += 3
    bad = rng.random(240) < 0.5
    X[bad] = 200 + 50 * rng.normal(size=(bad.sum(), 40))
    y = np.array(["GALAXY", "QSO", "STAR"])[np.where(bad, rng.permutation(codes), codes)]
    return X, y, ~bad


@pytest.mark.parametrize("network", [MLP, DENSE], ids=lambda network: type(network).__name__)
@pytest.mark.parametrize(
    "params",
    [{}, {"validation_fraction": 0.3}, {"sampling": "balanced"}, {"class_weight": "balanced"}],
    ids=["plain", "validation", "balanced", "class weights"],
)
def test_a_network_learns_as_if_they_were_not_there(network, params, spectra):
    X, y, good = spectra
    network = clone(network).set_params(**params)
    with_all = clone(network).fit(X, y, sample_weight=good.astype(float))
    without = network.fit(X[good], y[good], sample_weight=np.ones(good.sum()))
    if "class_weight" not in params:  # those count the labels of all rows, which only scales the loss here
        np.testing.assert_array_equal(with_all.predict_proba(X), without.predict_proba(X))
    for row, other in zip(with_all.history_, without.history_, strict=True):
        assert row.get("valid_score") == other.get("valid_score")


def test_nothing_is_left(spectra):
    X, y, _ = spectra
    for classifier in (MLP, UnknownRejector(MLP), MacroF1ThresholdClassifier(MLP)):
        with pytest.raises(ValueError, match=r"weight 0|non-zero"):
            clone(classifier).fit(X, y, sample_weight=np.zeros(len(X)))


def test_validation_counts_by_the_weights(spectra):
    X, y, good = spectra
    X, y = X[good], y[good]
    weights = np.random.default_rng(1).uniform(0.1, 5, len(X))
    # All rows are held back once, those in the other part have next to no weight.
    network = clone(MLP).set_params(max_epochs=1, validation_fraction=0.5)
    fitted = network.fit(X, y, sample_weight=weights)
    rows = np.flatnonzero(~np.isin(np.arange(len(X)), _rows_of_training(network, X, y)))
    probabilities = fitted.predict_proba(X[rows])
    predicted = fitted.classes_[probabilities.argmax(axis=1)]
    expected = f1_score(y[rows], predicted, average="macro", sample_weight=weights[rows])
    assert fitted.history_[0]["valid_score"] == pytest.approx(expected, abs=1e-6)
    loss = log_loss(y[rows], probabilities, sample_weight=weights[rows])
    assert fitted.history_[0]["valid_loss"] == pytest.approx(loss, rel=1e-4)


def _rows_of_training(network, X, y):
    """Return the rows that a fit of the network trains with."""
    from sklearn.utils import check_random_state

    from skspectra.neural_network._training._data import stratified_split

    classes, codes = np.unique(y, return_inverse=True)
    return stratified_split(codes, classes, network.validation_fraction, check_random_state(network.random_state))[0]


@pytest.mark.parametrize("wrapper", [UnknownRejector, MacroF1ThresholdClassifier])
def test_wrappers_leave_them_out(wrapper, spectra):
    X, y, good = spectra
    weights = good.astype(float)
    with_all = wrapper(MLP, random_state=0).fit(X, y, sample_weight=weights)
    without = wrapper(MLP, random_state=0).fit(X[good], y[good], sample_weight=weights[good])
    np.testing.assert_array_equal(with_all.predict(X), without.predict(X))


def test_weights_move_the_factors(spectra):
    X, y, good = spectra
    X, y = X[good], y[good]
    weights = np.where(y == "QSO", 0.02, 1.0)
    plain = MacroF1ThresholdClassifier(MLP, random_state=0).fit(X, y)
    weighted = MacroF1ThresholdClassifier(MLP, random_state=0).fit(X, y, sample_weight=weights)
    assert plain.best_score_ != weighted.best_score_
