"""DBNClassifier: pre-training layer by layer, checked against arithmetic done by hand and independent formulas."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import f1_score
from test_mlp_classifier import LENGTH, NAMES, X_NEW, Y_NEW, X, Y
from torch import nn

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.neural_network import DBNClassifier
from skspectra.neural_network._modules._rbm import RestrictedBoltzmannMachine
from skspectra.neural_network._training._data import stratified_split

SIZES = (16, 10, 6)
# A learning rate so small that training with labels moves nothing: the weights are those of the pre-training.
PRETRAINED_ALONE = {"lr": 1e-30, "max_epochs": 1}


def small(**params):
    defaults = {"hidden_layer_sizes": SIZES, "pretrain_epochs": 5, "max_epochs": 40, "batch_size": 15, "lr": 0.02}
    fixed = {"lr_schedule": None, "device": "cpu", "precision": "float32", "random_state": 0}
    return DBNClassifier(**{**defaults, **fixed, **params})


def layers(classifier):
    """Weights and biases as arrays of float64."""
    linear = [layer for layer in classifier.net_.module_.modules() if isinstance(layer, nn.Linear)]
    return [(layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()) for layer in linear]


# --- The whole network ---


@pytest.mark.parametrize("pretrain_epochs", [0, 5])
def test_learns(pretrain_epochs):
    classifier = small(pretrain_epochs=pretrain_epochs).fit(X, NAMES[Y])

    assert f1_score(NAMES[Y_NEW], classifier.predict(X_NEW), average="macro") > 0.95


def test_four_layers_by_default_counted_with_the_last():
    classifier = DBNClassifier(max_epochs=1, pretrain_epochs=1).fit(X, Y)

    assert classifier.n_layers_ == 4
    assert [weight.shape for weight, _ in layers(classifier)] == [(512, LENGTH), (256, 512), (128, 256), (3, 128)]


def test_hidden_units_are_sigmoids():
    classifier = small(max_epochs=2).fit(X, Y)

    units = X.astype(float)
    *hidden, (weight, bias) = layers(classifier)
    for hidden_weight, hidden_bias in hidden:
        units = expit(units @ hidden_weight.T + hidden_bias)

    np.testing.assert_allclose(classifier.decision_function(X), units @ weight.T + bias, rtol=1e-4, atol=1e-5)


def test_the_whole_network_learns_from_labels():
    before, after = layers(small(**PRETRAINED_ALONE).fit(X, Y)), layers(small(max_epochs=1).fit(X, Y))

    assert all((weight != start).any() for (weight, _), (start, _) in zip(after, before, strict=True))


# --- Pre-training ---


def test_reconstruction_error_falls_in_every_layer():
    classifier = small(pretrain_epochs=10, **PRETRAINED_ALONE).fit(X, Y)

    assert [errors.shape for errors in classifier.reconstruction_errors_] == [(10,)] * len(SIZES)
    for errors in classifier.reconstruction_errors_:
        assert errors[-1] < errors[0]


def test_layers_reconstruct_what_they_were_given():
    # An independent formula, with the biases of the visible units at their first values, the means.
    classifier = small(hidden_layer_sizes=(32,), pretrain_epochs=200, pretrain_lr=0.2, **PRETRAINED_ALONE).fit(X, Y)

    weight, bias = layers(classifier)[0]
    hidden = expit(X @ weight.T + bias)
    centred = (hidden - hidden.mean(axis=0)) @ weight
    # Spectra with a bump are reconstructed with one in the same place.
    np.testing.assert_array_equal(centred[:, [5, 12, 19]].argmax(axis=1)[Y == 0], 0)
    assert np.corrcoef(centred.ravel(), (X - X.mean(axis=0)).ravel())[0, 1] > 0.7
    assert classifier.reconstruction_errors_[0][-1] < 0.8 * X.var(axis=0).mean()


def test_every_layer_is_trained_on_the_output_of_those_before():
    params = {"hidden_layer_sizes": SIZES[:2], "pretrain_epochs": 100, "pretrain_lr": 0.5}
    classifier = small(**params, **PRETRAINED_ALONE).fit(X, Y)

    units = X.astype(float)
    for (weight, bias), errors in zip(layers(classifier), classifier.reconstruction_errors_, strict=False):
        # Better than the mean of the layer's own input.
        assert errors[-1] < 0.9 * units.var(axis=0).mean()
        units = expit(units @ weight.T + bias)


def test_without_pre_training():
    classifier = small(pretrain_epochs=0, **PRETRAINED_ALONE).fit(X, Y)

    assert classifier.reconstruction_errors_ == []
    for weight, bias in layers(classifier):
        n_out, n_in = weight.shape
        bound = np.sqrt(6 / (n_in + n_out))  # Glorot's uniform weights; the last layer too
        assert 0.7 * bound < np.abs(weight).max() <= bound + 1e-7
        np.testing.assert_allclose(bias, 0, atol=1e-20)


def test_pre_training_needs_no_labels():
    first, second = (small(**PRETRAINED_ALONE).fit(X, labels) for labels in (Y, np.roll(Y, 1)))

    for errors, again in zip(first.reconstruction_errors_, second.reconstruction_errors_, strict=True):
        np.testing.assert_array_equal(errors, again)


def test_warm_start_pre_trains_nothing():
    classifier = small(warm_start=True).fit(X, Y)
    before, errors = layers(classifier), classifier.reconstruction_errors_

    classifier.set_params(**PRETRAINED_ALONE).fit(X, Y)

    assert classifier.reconstruction_errors_ is errors
    for (weight, bias), (old_weight, old_bias) in zip(layers(classifier), before, strict=True):
        np.testing.assert_allclose(weight, old_weight, atol=1e-20)
        np.testing.assert_allclose(bias, old_bias, atol=1e-20)


def test_validation_spectra_are_not_pre_trained_on():
    params = {"validation_fraction": 0.3, **PRETRAINED_ALONE}
    train_rows, validation_rows = stratified_split(Y, np.unique(Y), 0.3, np.random.RandomState(0))

    def reconstruction_errors(changed_rows):
        flux = X.copy()
        flux[changed_rows] = 0.5
        return np.array(small(**params).fit(flux, Y).reconstruction_errors_)

    np.testing.assert_array_equal(reconstruction_errors(validation_rows), reconstruction_errors([]))
    assert (reconstruction_errors(train_rows[:5]) != reconstruction_errors([])).all()


def test_the_same_seed_gives_the_same_model():
    params = {"augmenter": CCDNoiseAugmenter(), "sampling": "balanced", "max_epochs": 2}
    first, second, other = (small(**params, random_state=seed).fit(X, Y).predict_proba(X) for seed in (0, 0, 1))

    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_order_of_the_spectra_does_not_matter():
    """Up to the last digits: check_methods_sample_order_invariance, which allows 1e-9, may fail (test_common.py)."""
    classifier = small(max_epochs=2).fit(X, Y)
    order = np.random.default_rng(0).permutation(len(X))

    np.testing.assert_allclose(classifier.predict_proba(X[order]), classifier.predict_proba(X)[order], rtol=1e-5)


def test_progress_bar(capsys):
    small(verbose=1, max_epochs=1).fit(X, Y)

    assert "Pre-training: 100%" in capsys.readouterr().err


# --- Flux beyond [0, 1] ---


@pytest.mark.parametrize(("scale", "offset"), [(100.0, 0.0), (3.0, -7.0)])
def test_other_flux_is_pre_trained_as_its_range_mapped_to_one(scale, offset):
    unit = (X - X.min()) / (X.max() - X.min())
    plain, scaled = (small(**PRETRAINED_ALONE).fit(flux, Y) for flux in (unit, scale * unit + offset))

    for errors, expected in zip(scaled.reconstruction_errors_, plain.reconstruction_errors_, strict=True):
        np.testing.assert_allclose(errors, expected, rtol=1e-3)
    np.testing.assert_allclose(
        scaled.predict_proba(scale * unit + offset), plain.predict_proba(unit), rtol=1e-3, atol=1e-4
    )


def test_flux_within_the_range_is_taken_as_it_is():
    classifier = small(hidden_layer_sizes=(4,), pretrain_epochs=1, pretrain_lr=1e-12, **PRETRAINED_ALONE)

    # Before anything is learnt the mean is reconstructed; a range stretched to [0, 1] would have more variance.
    flux = 0.4 + 0.1 * X
    [[error]] = classifier.fit(flux, Y).reconstruction_errors_
    assert error == pytest.approx(flux.var(axis=0).mean(), rel=0.2)


def test_noise_beyond_the_range_is_clipped():
    augmenter = CCDNoiseAugmenter(electronic_noise=5.0)
    classifier = small(augmenter=augmenter, **PRETRAINED_ALONE).fit(X, Y)

    # Numbers in [0, 1] differ by 1 at most.
    assert all((errors <= 1).all() for errors in classifier.reconstruction_errors_)
    assert np.isfinite(classifier.predict_proba(X)).all()


@pytest.mark.filterwarnings("ignore:The median range")
@pytest.mark.parametrize("value", [0.0, 1.0, 7.0, -3.0])
def test_constant_spectra(value):
    classifier = small(max_epochs=1).fit(np.full((6, 5), value), [0, 1] * 3)

    assert np.isfinite(classifier.predict_proba(np.full((2, 5), value))).all()


# --- The restricted Boltzmann machine ---


def test_initial_biases_reconstruct_the_mean():
    mean = torch.tensor([0.5, 0.2, 0.9])
    layer = nn.Linear(3, 2)
    machine = RestrictedBoltzmannMachine(layer, mean, 0.1, torch.Generator().manual_seed(0))

    torch.testing.assert_close(machine.visible_bias.sigmoid(), mean)
    torch.testing.assert_close(layer(mean).sigmoid(), torch.full((2,), 0.5))
    assert 0 < layer.weight.abs().max() < 0.05


def test_a_step_of_contrastive_divergence_by_hand():
    # Hidden biases of 40 open both units for certain, so nothing is left to chance.
    layer = nn.Linear(2, 2)
    machine = RestrictedBoltzmannMachine(layer, torch.tensor([0.5, 0.5]), 0.3, torch.Generator())
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, -2.0], [0.5, 1.0]]))
        layer.bias.fill_(40.0)

    error = machine.train_epoch([torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])])

    # Both units on: the visible ones are sigmoid(1 + 0.5) and sigmoid(-2 + 1); the hidden ones are 1 before and after.
    again = np.array([1 / (1 + np.exp(-1.5)), 1 / (1 + np.exp(1.0))])
    gradient = np.array([0.5, 0.5]) - again  # mean of the data less mean of the reconstructions
    np.testing.assert_allclose(layer.weight.detach(), [[1, -2] + 0.3 * gradient, [0.5, 1] + 0.3 * gradient], rtol=1e-5)
    np.testing.assert_allclose(layer.bias.detach(), [40, 40])
    np.testing.assert_allclose(machine.visible_bias, 0.3 * gradient, rtol=1e-5)
    data = np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    assert error == pytest.approx(((data - again) ** 2).mean(), rel=1e-5)


def test_biases_of_hidden_units_follow_their_means():
    layer = nn.Linear(1, 1)
    machine = RestrictedBoltzmannMachine(layer, torch.tensor([0.5]), 0.2, torch.Generator())
    with torch.no_grad():
        layer.weight.fill_(100.0)
        layer.bias.fill_(-40.0)

    # The unit is on, the visible one reconstructed as sigmoid(100) = 1, and the unit on again; then off, and 1/2, and
    # on: it learns the difference, -1.
    machine.train_epoch([torch.tensor([[1.0]])])
    assert layer.bias.item() == -40.0
    machine.visible_bias.zero_()
    machine.train_epoch([torch.tensor([[0.0]])])
    assert layer.bias.item() == pytest.approx(-40.2)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pretrain_epochs": -1}, "The 'pretrain_epochs' parameter of DBNClassifier must be"),
        ({"pretrain_epochs": 1.5}, "The 'pretrain_epochs' parameter of DBNClassifier must be"),
        ({"pretrain_lr": 0.0}, "The 'pretrain_lr' parameter of DBNClassifier must be"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        small(**params).fit(X, Y)
