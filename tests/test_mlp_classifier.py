"""SpectrumMLPClassifier and what it shares with the other networks; how they train is tested with the DenseNet."""

import inspect
import pickle
import re
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import f1_score
from torch import nn

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.neural_network._base import BaseSpectrumClassifier

LENGTH = 24
NAMES = np.array(["STAR", "GALAXY", "QSO"])


def make_bumps(n=90, seed=0):
    """Spectra with a bump in one of three places."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    bump = np.exp(-0.5 * ((np.arange(LENGTH) - np.array([5, 12, 19])[y][:, None]) / 2) ** 2)
    return (0.2 + 0.6 * bump + rng.uniform(-0.2, 0.2, (n, LENGTH))).astype(np.float32), y


X, Y = make_bumps()
X_NEW, Y_NEW = make_bumps(seed=1)


def small(**params):
    defaults = {"hidden_layer_sizes": (12, 8), "max_epochs": 20, "batch_size": 15, "lr": 0.01, "lr_schedule": None}
    fixed = {"device": "cpu", "precision": "float32", "random_state": 0}
    return SpectrumMLPClassifier(**{**defaults, **fixed, **params})


def test_learns():
    classifier = small().fit(X, NAMES[Y])

    assert f1_score(NAMES[Y_NEW], classifier.predict(X_NEW), average="macro") > 0.95


def test_learns_with_everything_that_the_networks_share():
    params = {"sampling": "balanced", "augmenter": CCDNoiseAugmenter(), "validation_fraction": 0.2, "patience": 15}
    classifier = small(**params, precision="bfloat16").fit(X, Y)

    assert f1_score(Y_NEW, classifier.predict(X_NEW), average="macro") > 0.9
    assert classifier.best_epoch_ <= len(classifier.history_)
    assert {"train_loss", "valid_loss", "valid_score"} < classifier.history_[0].keys()


def test_four_layers_by_default_counted_with_the_last():
    classifier = SpectrumMLPClassifier(max_epochs=1).fit(X, Y)

    assert classifier.n_layers_ == 4
    assert [tuple(p.shape) for p in classifier.net_.module_.parameters() if p.ndim == 2] == [
        (512, LENGTH),
        (256, 512),
        (128, 256),
        (3, 128),
    ]


@pytest.mark.parametrize("sizes", [(7,), [7, 5], np.array([7, 5, 3])], ids=str)
def test_sizes_of_the_hidden_layers(sizes):
    classifier = small(hidden_layer_sizes=sizes, max_epochs=1).fit(X, Y)

    widths = [LENGTH, *sizes, 3]
    assert classifier.n_layers_ == len(sizes) + 1
    assert classifier.n_parameters_ == sum((a + 1) * b for a, b in pairwise(widths))


def test_probabilities_are_those_of_a_plain_network():
    classifier = small(max_epochs=2).fit(X, Y)
    layers = [layer for layer in classifier.net_.module_.modules() if isinstance(layer, nn.Linear)]

    units = X.astype(float)
    for i, layer in enumerate(layers):
        units = units @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        if i < len(layers) - 1:
            units = np.maximum(units, 0)

    np.testing.assert_allclose(classifier.decision_function(X), units, rtol=1e-4, atol=1e-5)


def test_the_same_seed_gives_the_same_model():
    first, second, other = (small(max_epochs=2, random_state=seed).fit(X, Y).predict_proba(X) for seed in (0, 0, 1))

    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_where_the_spectra_lie_in_memory_does_not_matter():
    def at(offset):
        memory = np.empty(X.size + 32, np.float32)
        start = -(memory.ctypes.data // 4) % 16 + offset
        flux = memory[start : start + X.size].reshape(X.shape)
        flux[:] = X
        return flux

    # Products of these sizes differ in the last digit where the alignment does.
    first, *others = (small(hidden_layer_sizes=(8,), batch_size=10, max_epochs=2) for _ in range(16))
    expected = first.fit(at(0), Y).predict_proba(at(0))
    for offset, classifier in enumerate(others, start=1):
        np.testing.assert_array_equal(classifier.fit(at(offset), Y).predict_proba(at(offset)), expected)
        np.testing.assert_array_equal(first.predict_proba(at(offset)), expected)


def test_order_of_the_spectra_does_not_matter():
    """Up to the last digits: check_methods_sample_order_invariance, which allows 1e-9, may fail (test_common.py)."""
    classifier = small(max_epochs=2).fit(X, Y)
    order = np.random.default_rng(0).permutation(len(X))

    np.testing.assert_allclose(classifier.predict_proba(X[order]), classifier.predict_proba(X)[order], rtol=1e-5)


def test_pickle():
    classifier = small(max_epochs=2).fit(X, Y)

    np.testing.assert_array_equal(pickle.loads(pickle.dumps(classifier)).predict_proba(X), classifier.predict_proba(X))


def test_warm_start_goes_on():
    classifier = small(warm_start=True).fit(X, Y)
    loss = classifier.history_[-1]["train_loss"]

    assert classifier.fit(X, Y).history_[0]["train_loss"] < 2 * loss


@pytest.mark.parametrize("classifier", [SpectrumMLPClassifier, DBNClassifier])
@pytest.mark.parametrize("sizes", [(), (0,), (3, -1), (2.5,), (True,), ("a",)], ids=str)
def test_sizes_that_are_not_allowed(classifier, sizes):
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=.* is not allowed; it must have at least one"):
        classifier(hidden_layer_sizes=sizes).fit(X, Y)


def test_sizes_must_be_a_sequence():
    with pytest.raises(ValueError, match="The 'hidden_layer_sizes' parameter of SpectrumMLPClassifier must be"):
        small(hidden_layer_sizes=5).fit(X, Y)


# --- Shared by the three networks ---

CLASSIFIERS = [DenseNet1DClassifier, SpectrumMLPClassifier, DBNClassifier]


def documented(classifier, parameter):
    """The text of a parameter in the docstring, numbers of references apart."""
    text = re.search(rf"\n{parameter} : .*?(?=\n\S|\n\n)", inspect.getdoc(classifier), re.DOTALL).group()
    return re.sub(r" \[\d\]_", "", text)


@pytest.mark.parametrize("parameter", sorted(BaseSpectrumClassifier._parameter_constraints))
def test_training_parameters_are_the_same_everywhere(parameter):
    reference = DenseNet1DClassifier().get_params()[parameter]
    for classifier in CLASSIFIERS[1:]:
        text = documented(classifier, parameter)
        if parameter == "lr":  # each architecture has its own
            assert f"default={classifier().lr}" in text
            continue
        assert classifier().get_params()[parameter] == reference
        assert text.startswith(documented(DenseNet1DClassifier, parameter))


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_every_parameter_is_documented(classifier):
    assert all(documented(classifier, parameter) for parameter in classifier().get_params(deep=False))
