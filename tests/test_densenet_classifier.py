"""DenseNet1DClassifier: training, prediction, and everything scikit-learn expects of a classifier."""

import copy
import io
import pickle
import random

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, GradientNormClipping
from torch.nn import functional as F

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.neural_network import DenseNet1DClassifier, _base, _fitted
from skspectra.neural_network._training import _data
from skspectra.neural_network._training._batches import SpectrumBatches
from skspectra.preprocessing import MinMaxSpectrumScaler

LENGTH = 24


def make_lines(n=30, length=LENGTH, n_classes=3, seed=0):
    """Spectra with one line at a random place: emission, none or absorption (or steps between them)."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    centre = rng.uniform(0.3 * length, 0.7 * length, (n, 1))
    line = np.exp(-0.5 * ((np.arange(length) - centre) / 1.5) ** 2)
    X = 0.5 + np.linspace(0.5, -0.5, n_classes)[y][:, None] * line + rng.normal(0, 0.05, (n, length))
    return X.astype(np.float32), y


X, Y = make_lines()
X_VAL, Y_VAL = make_lines(n=21, seed=1)
BARE = DenseNet1DClassifier()
NAMES = np.array(["STAR", "GALAXY", "QSO"])


def small(**params):
    """A network that trains in a moment, on the device and in the precision that give the same numbers everywhere."""
    defaults = {
        "n_dense_blocks": 2,
        "n_conv_blocks": 1,
        "growth_rate": 2,
        "stem_channels": 3,
        "stem_kernel_size": 3,
        "kernel_sizes": (1, 5),
        "max_epochs": 2,
        "batch_size": 10,
        "lr_schedule": None,
        "device": "cpu",
        "precision": "float32",
        "random_state": 0,
    }
    return DenseNet1DClassifier(**{**defaults, **params})


def state(classifier):
    return {name: tensor.clone() for name, tensor in classifier.net_.module_.state_dict().items()}


def assert_same_model(first, second):
    """The same weights and statistics to the last bit."""
    first, second = state(first), state(second)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def differ(first, second):
    first, second = state(first), state(second)
    return any(not torch.equal(first[name], second[name]) for name in first)


# A learning rate so small that nothing moves, and one batch: the loss can be computed afterwards.
FROZEN = {"lr": 1e-30, "max_epochs": 1, "batch_size": 64}


def cross_entropies(classifier, codes):
    """The loss of each spectrum in training mode, nothing having moved."""
    logits = classifier.net_.module_.train()(torch.from_numpy(X))
    return F.cross_entropy(logits, torch.from_numpy(codes), reduction="none").detach().double().numpy()


class Recorder(Callback):
    """Remembers every batch: its epoch, whether it trains, spectra, labels, weights and the learning rate."""

    def __init__(self):
        self.batches = []

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        flux, (labels, weights) = batch
        rate = net.optimizer_.param_groups[0]["lr"]
        self.batches.append((len(net.history), training, flux.numpy().copy(), labels.numpy().copy(), weights, rate))


def recorded(classifier, training=True):
    """What the recorder among the callbacks saw, as a list for each epoch."""
    [recorder] = [callback for _, callback in classifier.net_.callbacks_ if isinstance(callback, Recorder)]
    epochs = sorted({batch[0] for batch in recorder.batches})
    return [[batch[2:] for batch in recorder.batches if batch[:2] == (epoch, training)] for epoch in epochs]


class InterruptAt(Callback):
    """Press Ctrl-C at the given batch of training."""

    def __init__(self, n_batches):
        self.n_batches = n_batches

    def on_batch_begin(self, net, training=False, **kwargs):
        if training:
            self.n_batches -= 1
            if self.n_batches < 0:
                raise KeyboardInterrupt


class StopAfter(Callback):
    """End the training after an epoch, in skorch's way."""

    def __init__(self, n_epochs):
        self.n_epochs = n_epochs

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.n_epochs:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def fitted():
    """A classifier that has learnt its task; tests read it and leave it as it is."""
    X, y = make_lines(n=90)
    classifier = small(growth_rate=3, max_epochs=14, lr=0.03, lr_schedule="one-cycle", validation_fraction=0.2)
    return classifier.fit(X, NAMES[y])


# --- Training ---


def test_learns(fitted):
    X_new, y_new = make_lines(n=150, seed=2)

    assert f1_score(NAMES[y_new], fitted.predict(X_new), average="macro") > 0.9
    assert fitted.history_[-1]["train_loss"] < 0.5 * fitted.history_[0]["train_loss"]


def test_fit_returns_self_and_leaves_data_and_parameters_as_they_are():
    X_before, y_before = X.copy(), Y.copy()
    augmenter, kernel_sizes = CCDNoiseAugmenter(), [1, 5]
    classifier = small(augmenter=augmenter, kernel_sizes=kernel_sizes, validation_fraction=0.3)
    params = classifier.get_params()

    assert classifier.fit(X, Y) is classifier

    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(Y, y_before)
    assert classifier.get_params() == params
    assert classifier.augmenter is augmenter
    assert classifier.kernel_sizes is kernel_sizes
    assert kernel_sizes == [1, 5]
    assert vars(augmenter) == vars(CCDNoiseAugmenter())


def test_fitted_attributes(fitted):
    assert fitted.n_features_in_ == LENGTH
    assert fitted.classes_.tolist() == ["GALAXY", "QSO", "STAR"]
    assert fitted.n_layers_ == 1 + 4 + 1 + 1
    assert fitted.n_parameters_ == sum(parameter.numel() for parameter in fitted.net_.module_.parameters())
    assert not fitted.net_.module_.training
    assert not hasattr(fitted, "feature_names_in_")


def test_history_has_a_row_for_each_epoch(fitted):
    columns = {"epoch", "train_loss", "valid_loss", "valid_score", "lr", "seconds"}

    assert [row["epoch"] for row in fitted.history_] == list(range(1, 15))
    assert all(row.keys() == columns for row in fitted.history_)
    assert all(type(value) in (int, float) for row in fitted.history_ for value in row.values())


def test_without_validation_the_last_epoch_is_kept():
    classifier = small(max_epochs=3).fit(X, Y)

    assert classifier.best_epoch_ == 3
    assert all(row.keys() == {"epoch", "train_loss", "lr", "seconds"} for row in classifier.history_)


def test_refitting_starts_anew():
    classifier = small().fit(X_VAL, Y_VAL)
    classifier.fit(X, Y)

    assert_same_model(classifier, small().fit(X, Y))
    assert len(classifier.history_) == 2


def test_training_loss_is_the_mean_cross_entropy():
    classifier = small(**FROZEN).fit(X, Y)

    assert classifier.history_[0]["train_loss"] == pytest.approx(cross_entropies(classifier, Y).mean())


def test_training_loss_of_an_epoch_counts_each_spectrum_once():
    # Batches of three and two spectra: their means count by their length.
    classifier = small(**{**FROZEN, "batch_size": 3}, callbacks=[Recorder()]).fit(X[:5], Y[:5])

    module = classifier.net_.module_.train()
    losses = [
        F.cross_entropy(module(torch.from_numpy(batch)), torch.from_numpy(codes), reduction="sum").item()
        for batch, codes, *_ in recorded(classifier)[0]
    ]

    assert len(losses) == 2
    assert classifier.history_[0]["train_loss"] == pytest.approx(sum(losses) / 5)


@pytest.mark.parametrize("n", [11, 21])
def test_a_last_spectrum_too_many_for_a_batch(n):
    classifier = small(callbacks=[Recorder()], max_epochs=1).fit(X[:n], Y[:n])

    sizes = [len(flux) for flux, *_ in recorded(classifier)[0]]
    assert sum(sizes) == n
    assert min(sizes) > 1


def test_batches_of_one():
    assert np.isfinite(small(batch_size=1, max_epochs=1).fit(X[:6], Y[:6]).predict_proba(X)).all()


@pytest.mark.parametrize("length", [1, 2, 3, 7, 10_000])
def test_any_length(length):
    flux = np.random.default_rng(0).random((4, length), dtype=np.float32)
    classifier = small(max_epochs=1).fit(flux, [0, 1, 0, 1])

    assert np.isfinite(classifier.predict_proba(flux)).all()


def test_spectra_shorter_than_the_stride_of_the_stem():
    classifier = small(stem_stride=100).fit(X, Y)

    assert classifier.predict_proba(X).shape == (30, 3)


@pytest.mark.parametrize("n_classes", [2, 20])
def test_number_of_classes(n_classes):
    flux, y = make_lines(n=2 * n_classes, n_classes=n_classes)
    classifier = small(max_epochs=1).fit(flux, y)

    assert classifier.predict_proba(flux).shape == (2 * n_classes, n_classes)
    assert classifier.decision_function(flux).shape == ((4,) if n_classes == 2 else (40, 20))


@pytest.mark.parametrize(
    "labels",
    [
        NAMES[Y],
        NAMES[Y].astype(object),
        NAMES[Y].tolist(),
        Y == 1,
        np.array([-7, 40, 1000])[Y],
        np.array([0.0, 2.0, 5.0])[Y],
        pd.Series(NAMES[Y]),
    ],
    ids=["str", "object", "list", "bool", "int", "float", "pandas"],
)
def test_labels_of_any_type(labels):
    # The labels only name the classes: the model is that of their codes.
    codes = np.unique(labels, return_inverse=True)[1]
    classifier = small(validation_fraction=0.3).fit(X, labels)

    assert classifier.classes_.tolist() == sorted(set(np.asarray(labels).tolist()))
    assert_same_model(classifier, small(validation_fraction=0.3).fit(X, codes))
    predicted = classifier.predict(X)
    assert predicted.dtype == np.asarray(labels).dtype
    assert set(predicted.tolist()) <= set(np.asarray(labels).tolist())


# --- Validation ---


def test_validation_figures_are_loss_and_macro_f1():
    classifier = small(max_epochs=1, lr=0.05).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    [row] = classifier.history_

    assert row["valid_loss"] == pytest.approx(log_loss(Y_VAL, classifier.predict_proba(X_VAL)), rel=1e-5)
    assert row["valid_score"] == f1_score(Y_VAL, classifier.predict(X_VAL), average="macro", zero_division=0)


def fit_with_a_best_epoch_before_the_last(**params):
    """With labels that say nothing, the best epoch is any: take the first seed whose best one is in the middle."""
    for random_state in range(20):
        params = {"max_epochs": 6, "lr": 0.1, **params, "random_state": random_state}
        classifier = small(**params).fit(X, Y, X_val=X_VAL, y_val=np.roll(Y_VAL, 1))
        if 1 < classifier.best_epoch_ < len(classifier.history_):
            return classifier, params
    raise AssertionError("no seed has its best epoch in the middle")


def test_best_epoch_has_the_highest_score_and_of_equal_ones_the_lowest_loss():
    classifier, _ = fit_with_a_best_epoch_before_the_last()

    best = max(classifier.history_, key=lambda row: (row["valid_score"], -row["valid_loss"]))
    assert classifier.best_epoch_ == best["epoch"]


def test_weights_of_the_best_epoch_are_kept():
    classifier, params = fit_with_a_best_epoch_before_the_last()

    assert_same_model(classifier, small(**{**params, "max_epochs": classifier.best_epoch_}).fit(X, Y))
    assert len(classifier.history_) == 6


def test_validation_changes_nothing_in_training():
    validated = small(max_epochs=3).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    plain = small(max_epochs=3).fit(X, Y)

    assert [row["train_loss"] for row in validated.history_] == [row["train_loss"] for row in plain.history_]


@pytest.mark.parametrize("patience", [1, 2])
def test_patience_ends_the_training(patience):
    classifier, params = fit_with_a_best_epoch_before_the_last(patience=patience, max_epochs=50)

    assert len(classifier.history_) == classifier.best_epoch_ + patience < 50
    assert_same_model(classifier, small(**{**params, "patience": None, "max_epochs": classifier.best_epoch_}).fit(X, Y))


def test_the_reason_for_stopping_is_stored():
    class StopAtOnce(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    class PressCtrlC(Callback):
        def on_batch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    assert small().fit(X, Y).stop_reason_ == "max_epochs"
    assert small(callbacks=[StopAtOnce()]).fit(X, Y).stop_reason_ == "callback"
    classifier, _ = fit_with_a_best_epoch_before_the_last(patience=2, max_epochs=50)
    assert classifier.stop_reason_ == "patience"
    with pytest.warns(ConvergenceWarning, match="interrupted after 0 of 2 epochs"):
        assert small(callbacks=[PressCtrlC()]).fit(X, Y).stop_reason_ == "interrupt"


def test_patience_with_a_part_split_off():
    classifier = small(patience=1, max_epochs=50, lr=0.1, validation_fraction=0.3).fit(X, Y)

    assert len(classifier.history_) < 50


def test_validation_fraction_splits_each_class():
    y = np.repeat([0, 1, 2], [10, 14, 6])
    classifier = small(validation_fraction=0.3, callbacks=[Recorder()]).fit(X, y)

    [*trained], [*validated] = recorded(classifier)[0], recorded(classifier, training=False)[0]
    train_flux, validation_flux = (np.concatenate([flux for flux, *_ in part]) for part in (trained, validated))
    assert np.bincount(np.concatenate([labels for _, labels, *_ in validated])).tolist() == [3, 4, 2]
    together = np.concatenate([train_flux, validation_flux])
    np.testing.assert_array_equal(np.unique(together, axis=0), np.unique(X, axis=0))
    assert len(together) == 30


def test_the_part_split_off_is_drawn_anew_for_another_seed():
    def validation_part(seed):
        classifier = small(validation_fraction=0.3, random_state=seed, callbacks=[Recorder()], max_epochs=1).fit(X, Y)
        return {tuple(row) for flux, *_ in recorded(classifier, training=False)[0] for row in flux.tolist()}

    assert validation_part(0) == validation_part(0) != validation_part(1)


def test_given_validation_data_stand_before_a_fraction():
    classifier = small(validation_fraction=0.3, callbacks=[Recorder()]).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)

    assert sum(len(flux) for flux, *_ in recorded(classifier)[0]) == 30
    np.testing.assert_array_equal(recorded(classifier, training=False)[0][0][0], X_VAL)


def test_validation_data_of_other_types():
    frames = {"X_val": pd.DataFrame(X_VAL.astype(float)), "y_val": pd.Series(NAMES[Y_VAL])}
    classifier = small().fit(pd.DataFrame(X), NAMES[Y], **frames)

    assert_same_model(classifier, small().fit(X, NAMES[Y], X_val=X_VAL, y_val=NAMES[Y_VAL].tolist()))


def test_validation_data_may_lack_a_class():
    classifier = small().fit(X, Y, X_val=X_VAL[Y_VAL > 0], y_val=Y_VAL[Y_VAL > 0])

    assert np.isfinite(classifier.history_[0]["valid_score"])


# --- Learning rate ---


def test_steps_of_the_learning_rate():
    classifier = small(lr=0.02, lr_schedule="step", lr_milestones=(1, 3), max_epochs=5).fit(X, Y)

    assert [row["lr"] for row in classifier.history_] == pytest.approx([0.02, 0.002, 0.002, 0.0002, 0.0002])


def test_default_schedule_is_the_paper_s():
    default = DenseNet1DClassifier()
    assert (default.lr, default.lr_schedule, default.lr_milestones, default.max_epochs) == (
        0.01,
        "step",
        (10, 30, 50),
        60,
    )

    tiny = {
        "n_dense_blocks": 1,
        "growth_rate": 1,
        "stem_channels": 1,
        "kernel_sizes": (1,),
        "se_reduction": None,
    }
    schedule = {"lr": 0.01, "lr_schedule": "step", "max_epochs": 60, "batch_size": 64}
    rates = [row["lr"] for row in small(**tiny, **schedule).fit(X[:6], Y[:6]).history_]

    assert rates == pytest.approx([1e-2] * 10 + [1e-3] * 20 + [1e-4] * 20 + [1e-5] * 10)


def test_one_cycle_rises_and_falls_once():
    classifier = small(lr=0.02, lr_schedule="one-cycle", max_epochs=10, callbacks=[Recorder()]).fit(X, Y)
    rates = np.array([rate for epoch in recorded(classifier) for *_, rate in epoch])

    peak = rates.argmax()
    assert len(rates) == 30
    assert rates[peak] == pytest.approx(0.02, rel=0.02)
    assert (np.diff(rates[: peak + 1]) > 0).all()
    assert (np.diff(rates[peak:]) < 0).all()
    assert rates[0] <= 0.02 / 20
    assert rates[-1] <= 0.02 / 50


def test_one_cycle_of_a_single_step():
    assert np.isfinite(small(lr_schedule="one-cycle", max_epochs=1, batch_size=64).fit(X, Y).predict_proba(X)).all()


def test_without_a_schedule_the_rate_stays():
    assert [row["lr"] for row in small(lr=0.02, max_epochs=3).fit(X, Y).history_] == [0.02] * 3


def test_weight_decay_shrinks_the_weights():
    def norm(weight_decay):
        classifier = small(weight_decay=weight_decay, max_epochs=8).fit(X, Y)
        return sum(parameter.detach().square().sum() for parameter in classifier.net_.module_.parameters())

    assert norm(1.0) < 0.9 * norm(0.0)


# --- Weights of spectra and classes ---


def test_sample_weight_multiplies_the_loss():
    weights = np.linspace(0, 2, 30)
    classifier = small(**FROZEN).fit(X, Y, sample_weight=weights)

    expected = np.average(cross_entropies(classifier, Y), weights=weights)
    assert classifier.history_[0]["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_balanced_class_weight_is_inverse_to_the_frequency():
    y = np.repeat([0, 1, 2], [20, 8, 2])
    classifier = small(**FROZEN, class_weight="balanced").fit(X, y)

    losses = cross_entropies(classifier, y)
    expected = np.mean([losses[y == label].mean() for label in range(3)])
    assert classifier.history_[0]["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_class_weights_by_name_multiply_sample_weights():
    weights = np.linspace(1, 2, 30)
    class_weight = {"STAR": 1.0, "GALAXY": 5.0, "QSO": 0.0}
    classifier = small(**FROZEN, class_weight=class_weight).fit(X, NAMES[Y], sample_weight=weights)

    losses = cross_entropies(classifier, np.searchsorted(classifier.classes_, NAMES[Y]))
    expected = np.average(losses, weights=weights * [class_weight[name] for name in NAMES[Y]])
    assert classifier.history_[0]["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_only_the_ratio_of_weights_counts():
    plain, weighted = small().fit(X, Y), small().fit(X, Y, sample_weight=np.full(30, 7.0))

    np.testing.assert_allclose(weighted.predict_proba(X), plain.predict_proba(X), atol=1e-4)


def test_labels_of_spectra_without_weight_do_not_matter():
    # Their flux does, through the statistics of the batch.
    weights = np.ones(30)
    weights[:12] = 0.0
    y = Y.copy()
    y[:12] = np.roll(Y[:12], 1)

    classifier = small().fit(X, Y, sample_weight=weights)

    assert_same_model(classifier, small().fit(X, y, sample_weight=weights))
    weights[0] = 1e-3
    assert differ(small().fit(X, Y, sample_weight=weights), small().fit(X, y, sample_weight=weights))


# --- Balanced draws and noise ---


def test_balanced_sampling_draws_equally_many_of_each_class():
    y = np.repeat([0, 1, 2], [24, 4, 2])
    classifier = small(sampling="balanced", callbacks=[Recorder()]).fit(X, y)

    for epoch in recorded(classifier):
        labels = np.concatenate([labels for _, labels, *_ in epoch])
        assert np.bincount(labels).tolist() == [10, 10, 10]
        # No spectrum is made up, and each of the two of the rarest class is drawn five times.
        flux = np.concatenate([flux for flux, *_ in epoch])
        drawn, counts = np.unique(flux[labels == 2], axis=0, return_counts=True)
        np.testing.assert_array_equal(drawn, np.unique(X[y == 2], axis=0))
        assert counts.tolist() == [5, 5]


def test_balanced_sampling_keeps_sample_weights():
    y = np.repeat([0, 1], [25, 5])
    weights = np.linspace(1, 2, 30)
    classifier = small(sampling="balanced", callbacks=[Recorder()]).fit(X, y, sample_weight=weights)

    for flux, _, batch_weights, _ in recorded(classifier)[0]:
        rows = [int(np.flatnonzero((spectrum == X).all(axis=1))[0]) for spectrum in flux]
        ratio = batch_weights.numpy() / weights[rows]
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)


def test_balanced_sampling_leaves_validation_as_it_is():
    y = np.repeat([0, 1], [20, 10])
    classifier = small(sampling="balanced", validation_fraction=0.5, callbacks=[Recorder()]).fit(X, y)

    for epoch in recorded(classifier, training=False):
        assert np.bincount(np.concatenate([labels for _, labels, *_ in epoch])).tolist() == [10, 5]


STRONG_NOISE = {"electronic_noise": 0.1, "cosmic_rays": 1, "bad_pixels": 0.1}


def test_every_epoch_trains_on_fresh_noise():
    augmenter = CCDNoiseAugmenter(**STRONG_NOISE)
    codes = np.arange(6)  # every spectrum a class of its own, so that the label tells which it is
    classifier = small(augmenter=augmenter, callbacks=[Recorder()], batch_size=6).fit(X[:6], codes)

    [[(first, first_labels, *_)], [(second, second_labels, *_)]] = recorded(classifier)
    first, second = first[np.argsort(first_labels)], second[np.argsort(second_labels)]
    for epoch in (first, second):
        assert ((epoch != X[:6]).mean(axis=1) > 0.5).all()
    assert ((first != second).mean(axis=1) > 0.5).all()


def test_noise_is_drawn_by_the_classifier_and_not_by_the_augmenter():
    def fit(random_state, noise_state):
        augmenter = CCDNoiseAugmenter(**STRONG_NOISE, random_state=noise_state)
        return small(augmenter=augmenter, random_state=random_state).fit(X, Y)

    assert_same_model(fit(0, 1), fit(0, 2))
    assert_same_model(fit(0, 1), fit(0, None))
    assert differ(fit(0, 1), small().fit(X, Y))


@pytest.mark.parametrize("off", ["electronic_noise", "cosmic_rays", "bad_pixels"])
def test_every_strength_of_the_augmenter_counts(off):
    augmenter = CCDNoiseAugmenter(**STRONG_NOISE)

    assert differ(
        small(augmenter=augmenter, max_epochs=1).fit(X, Y),
        small(augmenter=clone(augmenter).set_params(**{off: 0}), max_epochs=1).fit(X, Y),
    )


def test_validation_sees_no_noise():
    augmenter = CCDNoiseAugmenter(**STRONG_NOISE)
    split = small(augmenter=augmenter, validation_fraction=0.3, callbacks=[Recorder()]).fit(X, Y)
    given = small(augmenter=augmenter, callbacks=[Recorder()]).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)

    clean = {tuple(row) for row in X.tolist()}
    for epoch in recorded(split, training=False):
        assert {tuple(row) for flux, *_ in epoch for row in flux.tolist()} < clean
    for epoch in recorded(given, training=False):
        np.testing.assert_array_equal(np.concatenate([flux for flux, *_ in epoch]), X_VAL)


def test_prediction_sees_no_noise():
    classifier = small(augmenter=CCDNoiseAugmenter(**STRONG_NOISE)).fit(X, Y)

    probabilities = classifier.predict_proba(X)

    np.testing.assert_array_equal(classifier.predict_proba(X), probabilities)
    with torch.inference_mode():
        expected = classifier.net_.module_(torch.from_numpy(X)).softmax(1).numpy()
    np.testing.assert_allclose(probabilities, expected, rtol=1e-6)


# --- Going on from the last fit ---


def test_warm_start_goes_on_from_the_weights():
    classifier = small(warm_start=True, max_epochs=4).fit(X, Y)
    before = state(classifier)

    classifier.set_params(lr=1e-30, max_epochs=1).fit(X, Y)

    parameters = dict(classifier.net_.module_.named_parameters())
    for name, parameter in parameters.items():
        torch.testing.assert_close(parameter.detach(), before[name], rtol=0, atol=1e-20)


def test_warm_start_needs_fewer_epochs_for_the_same_loss():
    cold = small(max_epochs=6, lr=0.02).fit(X, Y)
    warm = small(max_epochs=5, lr=0.02, warm_start=True).fit(X, Y)

    warm.set_params(max_epochs=3).fit(X, Y)

    target = cold.history_[-1]["train_loss"]
    assert min(row["train_loss"] for row in warm.history_) <= target
    assert warm.history_[0]["train_loss"] < cold.history_[0]["train_loss"]
    assert [row["epoch"] for row in warm.history_] == [1, 2, 3]


def test_warm_start_with_some_of_the_classes():
    classifier = small(warm_start=True).fit(X, NAMES[Y])

    classifier.fit(X[Y < 2], NAMES[Y[Y < 2]])

    assert classifier.classes_.tolist() == sorted(NAMES)
    assert classifier.predict_proba(X).shape == (30, 3)


def test_warm_start_of_a_loaded_classifier():
    classifier = small(warm_start=True).fit(X, Y)
    loaded = pickle.loads(pickle.dumps(classifier))

    assert_same_model(loaded.fit(X, Y), classifier.fit(X, Y))


def test_warm_start_with_other_classes_is_an_error():
    classifier = small(warm_start=True).fit(X, Y)

    with pytest.raises(ValueError, match=r"y has labels \[3\]; allowed are the classes \[0, 1, 2\]"):
        classifier.fit(X, Y + 1)


@pytest.mark.parametrize("params", [{"growth_rate": 3}, {"n_dense_blocks": 3}, {"se_reduction": None}], ids=str)
def test_warm_start_with_another_architecture_is_an_error(params):
    classifier = small(warm_start=True).fit(X, Y)

    with pytest.raises(ValueError, match="warm_start"):
        classifier.set_params(**params).fit(X, Y)


def test_warm_start_with_another_width_is_an_error():
    classifier = small(warm_start=True).fit(X, Y)

    with pytest.raises(ValueError, match=f"X has {LENGTH - 1} features, but .* is expecting {LENGTH}"):
        classifier.fit(X[:, 1:], Y)


# --- Random state ---


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"sampling": "balanced", "augmenter": CCDNoiseAugmenter(**STRONG_NOISE), "validation_fraction": 0.3},
        {"lr_schedule": "one-cycle", "class_weight": "balanced"},
    ],
    ids=["plain", "balanced", "one-cycle"],
)
def test_the_same_seed_gives_the_same_model(params):
    first = small(**params).fit(X, Y)
    torch.rand(3)  # whatever else the program draws

    assert_same_model(first, small(**params).fit(X, Y))
    assert differ(first, small(**params, **{"random_state": 1}).fit(X, Y))


def test_a_random_state_instance_goes_on():
    random_state = np.random.RandomState(0)
    first, second = (small(random_state=random_state).fit(X, Y) for _ in range(2))

    assert_same_model(first, small(random_state=np.random.RandomState(0)).fit(X, Y))
    assert differ(first, second)


def test_the_global_random_states_are_left_alone():
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002

    augmenter = CCDNoiseAugmenter(**STRONG_NOISE)
    small(augmenter=augmenter, sampling="balanced", validation_fraction=0.3).fit(X, Y).predict(X)

    assert random.getstate() == before[0]
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])


# --- Callbacks, progress, interruption ---


def test_callbacks_are_used_and_left_as_they_are():
    recorder = Recorder()
    classifier = small(callbacks=[recorder]).fit(X, Y)

    assert classifier.callbacks == [recorder]
    assert recorder.batches == []
    assert len(recorded(classifier)) == 2


def test_skorch_s_own_callbacks():
    # Gradients clipped to almost nothing are less than what Adam divides by, so nothing moves.
    clipping = [("clipping", GradientNormClipping(1e-20))]
    clipped, free = (small(callbacks=callbacks, max_epochs=1).fit(X, Y) for callbacks in (clipping, None))
    start = small(lr=1e-30, max_epochs=1).fit(X, Y)

    def distance(classifier):
        pairs = zip(classifier.net_.module_.parameters(), start.net_.module_.parameters(), strict=True)
        return max((a - b).detach().abs().max() for a, b in pairs)

    assert distance(clipped) < 1e-6 < distance(free)


def test_progress_bar(capsys):
    small(verbose=1, max_epochs=2).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)

    out, err = capsys.readouterr()
    assert out == ""
    assert "60.0/60.0" in err
    assert "epoch 2, train_loss" in err
    assert "valid_score" in err


def test_quiet_by_default(capsys):
    DenseNet1DClassifier(**small(validation_fraction=0.3).get_params()).fit(X, Y).predict(X)

    assert DenseNet1DClassifier().verbose == 0
    assert capsys.readouterr() == ("", "")


def test_the_progress_bar_ends_with_an_early_stop(capsys):
    classifier = small(verbose=1, patience=1, max_epochs=50, lr=0.1).fit(X, Y, X_val=X_VAL, y_val=np.roll(Y_VAL, 1))

    assert f"epoch {len(classifier.history_) - 1}" in capsys.readouterr().err
    assert_same_model(classifier, pickle.loads(pickle.dumps(classifier)))


def test_an_interrupted_training_keeps_the_best_epoch():
    params = {"max_epochs": 50, "lr": 0.1}
    with pytest.warns(ConvergenceWarning, match=r"interrupted after 4 of 50 epochs; its weights are those of its best"):
        classifier = small(**params, callbacks=[InterruptAt(4 * 3 + 1)]).fit(X, Y, X_val=X_VAL, y_val=np.roll(Y_VAL, 1))

    assert len(classifier.history_) == 4
    best = max(classifier.history_, key=lambda row: (row["valid_score"], -row["valid_loss"]))
    assert classifier.best_epoch_ == best["epoch"]
    assert_same_model(classifier, small(**{**params, "max_epochs": classifier.best_epoch_}).fit(X, Y))


def test_the_epoch_in_which_a_callback_stops_can_be_the_best():
    whole, params = fit_with_a_best_epoch_before_the_last(max_epochs=8)
    last = whole.best_epoch_
    # A callback that ends the training is no interruption: nothing is warned of.
    classifier = small(**params, callbacks=[StopAfter(last)]).fit(X, Y, X_val=X_VAL, y_val=np.roll(Y_VAL, 1))

    assert classifier.best_epoch_ == last
    assert_same_model(classifier, whole)


def test_an_interrupted_training_without_validation_keeps_the_last_weights():
    with pytest.warns(ConvergenceWarning, match=r"interrupted after 1 of 50 epochs; its weights are the last ones"):
        classifier = small(max_epochs=50, callbacks=[InterruptAt(3)]).fit(X, Y)

    assert classifier.best_epoch_ == len(classifier.history_) == 1
    assert_same_model(classifier, small(max_epochs=1).fit(X, Y))


def test_a_training_interrupted_at_once_can_still_predict():
    with pytest.warns(ConvergenceWarning, match="interrupted after 0 of 2 epochs"):
        classifier = small(callbacks=[InterruptAt(0)]).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)

    assert classifier.history_ == []
    assert np.isfinite(classifier.predict_proba(X)).all()


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


# --- Architecture ---


def test_architecture_parameters_reach_the_network():
    default = small(n_dense_blocks=3).fit(X, Y).n_parameters_

    def count(**params):
        return small(**{"n_dense_blocks": 3, "max_epochs": 1, **params}).fit(X, Y).n_parameters_

    assert count(growth_rate=4) > default
    assert count(n_conv_blocks=2) > default
    assert count(stem_channels=6) > default
    assert count(stem_kernel_size=9) == default + 3 * 6
    assert count(kernel_sizes=(1, 7)) > default
    assert count(compression=1.0) > default
    assert count(se_reduction=1) > default
    assert count(cross_transitions=False) < default
    assert count(se_reduction=None) < default
    assert count(stem_stride=2) == default


def test_architecture_is_documented_by_defaults():
    expected = {
        "n_dense_blocks": 7,
        "n_conv_blocks": 2,
        "growth_rate": 12,
        "stem_channels": 24,
        "stem_kernel_size": 11,
        "stem_stride": 1,
        "kernel_sizes": (1, 11, 25, 41),
        "compression": 0.5,
        "se_reduction": 4,
        "cross_transitions": True,
        "batch_size": 64,
        "weight_decay": 0.0,
    }
    params = DenseNet1DClassifier().get_params()
    assert {name: params[name] for name in expected} == expected


def test_plain_is_the_unchanged_densenet():
    classifier = DenseNet1DClassifier.plain(growth_rate=2, max_epochs=1)
    params = {name: value for name, value in classifier.get_params().items() if value != getattr(BARE, name)}

    assert params == {
        "conv_block": "bottleneck",
        "kernel_sizes": (3,),
        "se_reduction": None,
        "cross_transitions": False,
        "growth_rate": 2,
        "max_epochs": 1,
    }
    assert classifier.fit(X, Y).n_layers_ == 36
    assert not classifier.net_.module_.cross_transitions
    assert sorted({p.shape[2] for p in classifier.net_.module_.dense_blocks.parameters() if p.ndim == 3}) == [1, 3]


def test_plain_takes_any_parameter():
    assert DenseNet1DClassifier.plain(kernel_sizes=(5,), cross_transitions=True).kernel_sizes == (5,)


def test_a_bottleneck_has_one_kernel():
    with pytest.raises(
        ValueError, match=r"kernel_sizes=\(1, 5\) is not allowed: conv_block='bottleneck' takes one width"
    ):
        small(conv_block="bottleneck").fit(X, Y)


def test_kernel_sizes_as_an_array():
    assert_same_model(small(kernel_sizes=np.array([1, 5])).fit(X, Y), small(kernel_sizes=[1, 5]).fit(X, Y))


# --- Life as a scikit-learn estimator ---


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_unfitted(method):
    with pytest.raises(NotFittedError, match="DenseNet1DClassifier"):
        getattr(small(), method)(X)


def dump_with_joblib(classifier):
    buffer = io.BytesIO()
    joblib.dump(classifier, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


@pytest.mark.parametrize("round_trip", [lambda c: pickle.loads(pickle.dumps(c)), dump_with_joblib, copy.deepcopy])
def test_round_trips(fitted, round_trip):
    loaded = round_trip(fitted)

    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.history_ == fitted.history_
    assert loaded.best_epoch_ == fitted.best_epoch_


@pytest.mark.parametrize("params", [{}, {"lr_schedule": "one-cycle", "augmenter": CCDNoiseAugmenter(), "verbose": 1}])
def test_a_pickle_holds_no_training_data(params):
    def size(n):
        flux, y = make_lines(n=n)
        classifier = small(max_epochs=1, batch_size=n // 3, validation_fraction=0.3, **params).fit(flux, y)
        return len(pickle.dumps(classifier))

    spectra = 900 * LENGTH * 4
    assert abs(size(930) - size(30)) < 1000 < spectra / 10


def test_a_pickle_is_a_few_times_the_size_of_the_weights():
    classifier = small(growth_rate=16, stem_channels=64, max_epochs=1, validation_fraction=0.3).fit(X, Y)

    assert len(pickle.dumps(classifier)) < 1.5 * 4 * classifier.n_parameters_ + 60_000


def test_clone_is_unfitted(fitted):
    copied = clone(fitted)

    assert copied.get_params() == fitted.get_params()
    assert not hasattr(copied, "net_")


def test_grid_search_in_a_pipeline_in_two_processes():
    pipeline = Pipeline(
        [("scale", MinMaxSpectrumScaler()), ("network", small(augmenter=CCDNoiseAugmenter(), max_epochs=1))]
    )
    grid = {"network__augmenter__electronic_noise": [0.0, (0.0, 0.1)], "network__growth_rate": [1, 3]}

    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(100 * X, NAMES[Y])

    assert len(search.cv_results_["params"]) == 4
    assert search.best_params_.keys() == grid.keys()
    assert search.predict(100 * X).shape == (30,)
    alone = clone(search.best_estimator_).fit(100 * X, NAMES[Y])
    assert_same_model(search.best_estimator_[-1], alone[-1])


# --- Bad input ---


def with_value(value):
    flux = X.copy()
    flux[3, 5] = value
    return flux


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_flux_must_be_finite(value, fitted):
    expected = "contains NaN" if np.isnan(value) else "contains infinity"
    flux = with_value(value)

    with pytest.raises(ValueError, match=f"Input X {expected}"):
        small().fit(flux, Y)
    with pytest.raises(ValueError, match=f"Input X_val {expected}"):
        small().fit(X, Y, X_val=flux, y_val=Y)
    with pytest.raises(ValueError, match=f"Input X {expected}"):
        fitted.predict(flux)


def test_missing_flux_names_what_fills_it():
    with pytest.raises(ValueError, match=r"Input X contains NaN\. Fill missing flux with .*MissingFluxInterpolator\.$"):
        small().fit(with_value(np.nan), Y)


def test_a_failed_refit_leaves_the_fitted_classes():
    classifier = small(max_epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match="kernel_sizes"):
        classifier.set_params(kernel_sizes=(2,)).fit(X, Y + 10)

    assert set(classifier.predict(X)) <= set(Y)


def test_callbacks_must_be_callbacks():
    with pytest.raises(ValueError, match=r"callbacks has 'x'; allowed are instances of skorch.callbacks.Callback"):
        small(callbacks=["x"]).fit(X, Y)


def test_skorch_s_checkpoint_and_early_stopping(tmp_path):
    checkpoint = Checkpoint(dirname=tmp_path)
    small(callbacks=[checkpoint, EarlyStopping(patience=1)], max_epochs=20).fit(
        X, Y, X_val=X_VAL, y_val=np.roll(Y_VAL, 1)
    )

    assert (tmp_path / "params.pt").exists()


def test_the_net_predicts_arrays_on_its_own(fitted):
    np.testing.assert_allclose(fitted.net_.predict_proba(X), fitted.predict_proba(X), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"kernel_sizes": (1, 4)}, r"kernel_sizes=\(1, 4\) is not allowed: widths are odd positive integers"),
        ({"kernel_sizes": (1, 0)}, r"kernel_sizes=\(1, 0\) .* odd positive"),
        ({"kernel_sizes": (1, -3)}, r"kernel_sizes=\(1, -3\) .* odd positive"),
        ({"kernel_sizes": (1, 3.0)}, r"kernel_sizes=\(1, 3.0\) .* odd positive integers"),
        ({"kernel_sizes": ()}, r"kernel_sizes=\(\) .* odd positive"),
        ({"kernel_sizes": 3}, "'kernel_sizes' parameter of DenseNet1DClassifier must be an array-like. Got 3"),
        ({"stem_kernel_size": 4}, "stem_kernel_size=4 .* odd positive"),
        ({"stem_kernel_size": 0}, r"'stem_kernel_size' .* in the range \[1, inf\). Got 0"),
        ({"stem_stride": 0}, r"'stem_stride' .* in the range \[1, inf\). Got 0"),
        ({"n_dense_blocks": 0}, r"'n_dense_blocks' .* in the range \[1, inf\). Got 0"),
        ({"n_conv_blocks": 0}, r"'n_conv_blocks' .* in the range \[1, inf\). Got 0"),
        ({"growth_rate": 1.5}, r"'growth_rate' .* must be an int .* Got 1.5"),
        ({"stem_channels": 0}, r"'stem_channels' .* in the range \[1, inf\). Got 0"),
        ({"compression": 0}, r"'compression' .* in the range \(0.0, 1.0\]. Got 0"),
        ({"compression": 1.01}, r"'compression' .* in the range \(0.0, 1.0\]. Got 1.01"),
        ({"compression": -0.5}, r"'compression' .* in the range \(0.0, 1.0\]. Got -0.5"),
        ({"se_reduction": 0}, r"'se_reduction' .* in the range \[1, inf\) or None. Got 0"),
        ({"max_epochs": 0}, r"'max_epochs' .* in the range \[1, inf\). Got 0"),
        ({"batch_size": 0}, r"'batch_size' .* in the range \[1, inf\). Got 0"),
        ({"lr": 0.0}, r"'lr' .* in the range \(0.0, inf\). Got 0.0"),
        ({"lr_schedule": "cosine"}, "'lr_schedule' .* among {.*} or None. Got 'cosine'"),
        ({"lr_milestones": 10}, "'lr_milestones' .* must be an array-like. Got 10"),
        ({"weight_decay": -1.0}, r"'weight_decay' .* in the range \[0.0, inf\). Got -1.0"),
        ({"class_weight": "even"}, "'class_weight' .* {'balanced'}.* Got 'even'"),
        ({"sampling": "even"}, "'sampling' .* {'balanced'} or None. Got 'even'"),
        ({"augmenter": MinMaxSpectrumScaler()}, r"'augmenter' .* implementing 'augment' or None. Got MinMax"),
        ({"augmenter": CCDNoiseAugmenter}, r"'augmenter' .* implementing 'augment' or None. Got <class"),
        ({"augmenter": CCDNoiseAugmenter(cosmic_rays=-1)}, r"'cosmic_rays' .* in the range \[0, inf\). Got -1"),
        ({"validation_fraction": 0.0}, r"'validation_fraction' .* in the range \(0.0, 1.0\) or None. Got 0.0"),
        ({"validation_fraction": 1.0}, r"'validation_fraction' .* in the range \(0.0, 1.0\) or None. Got 1.0"),
        ({"patience": 0, "validation_fraction": 0.3}, r"'patience' .* in the range \[1, inf\) or None. Got 0"),
        ({"patience": 3}, "patience=3 needs validation_fraction, or X_val and y_val"),
        ({"device": "cuda:99"}, "device='cuda:99' is not available. Allowed are 'auto' and .*'cpu'"),
        ({"device": "abacus"}, "device='abacus' is not available. Allowed are 'auto' and .*'cpu'"),
        ({"device": 0}, "'device' .* Got 0"),
        ({"precision": "float16"}, "'precision' .* among {.*}. Got 'float16'"),
        ({"callbacks": Recorder()}, "'callbacks' .* 'list' or None"),
        ({"random_state": "zero"}, "'random_state' .* Got 'zero'"),
    ],
    ids=str,
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        small(**params).fit(X, Y)


@pytest.mark.parametrize(
    ("fraction", "part"), [(0.01, "validation"), (0.99, "training")], ids=["none to validate", "none to train"]
)
def test_validation_fraction_must_leave_no_class_empty(fraction, part):
    y = np.repeat(["STAR", "QSO"], [27, 3])

    with pytest.raises(
        ValueError,
        match=rf"validation_fraction={fraction} leaves class .*'QSO'.*, with 3 spectra, empty in the {part} part",
    ):
        small(validation_fraction=fraction).fit(X, y)


@pytest.mark.parametrize("given", [{"X_val": X_VAL}, {"y_val": Y_VAL}], ids=["X_val", "y_val"])
def test_validation_spectra_and_labels_come_together(given):
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        small().fit(X, Y, **given)


def test_validation_labels_must_be_known():
    with pytest.raises(ValueError, match=r"y_val has labels \[3\]; allowed are the classes \[0, 1, 2\]"):
        small().fit(X, Y, X_val=X_VAL, y_val=Y_VAL + 1)


def test_validation_labels_must_be_of_the_same_type():
    with pytest.raises(ValueError, match=r"y_val has labels \[0, 1, 2\]; allowed are the classes \['0', '1', '2'\]"):
        small().fit(X, Y.astype(str), X_val=X_VAL, y_val=Y_VAL)


def test_validation_spectra_must_have_the_same_width():
    with pytest.raises(ValueError, match=f"X_val has {LENGTH - 1} features, but X has {LENGTH}"):
        small().fit(X, Y, X_val=X_VAL[:, 1:], y_val=Y_VAL)


def test_validation_spectra_and_labels_must_be_equally_many():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small().fit(X, Y, X_val=X_VAL, y_val=Y_VAL[1:])


def test_validation_labels_are_one_column():
    with pytest.raises(ValueError, match="y should be a 1d array"):
        small().fit(X, Y, X_val=X_VAL, y_val=np.column_stack([Y_VAL, Y_VAL]))


def test_one_class_alone():
    with pytest.raises(ValueError, match=r"requires at least two classes; y has one class: \['STAR'\]"):
        small().fit(X, np.full(30, "STAR"))


def test_continuous_labels():
    with pytest.raises(ValueError, match="Unknown label type"):
        small().fit(X, np.linspace(0, 1, 30))


def test_other_width_at_predict(fitted):
    with pytest.raises(ValueError, match=f"X has {LENGTH - 1} features, but .* is expecting {LENGTH}"):
        fitted.predict(X[:, 1:])


def test_negative_sample_weights():
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        small().fit(X, Y, sample_weight=np.linspace(-1, 1, 30))


def test_sample_weights_of_another_length():
    with pytest.raises(ValueError, match="sample_weight"):
        small().fit(X, Y, sample_weight=np.ones(29))


@pytest.mark.parametrize(
    ("class_weight", "sample_weight"),
    [(None, np.zeros(30)), ({0: 0, 1: 0, 2: 0}, None), ({0: 0}, np.where(Y == 0, 1.0, 0.0))],
    ids=["sample_weight", "class_weight", "both"],
)
def test_some_weight_must_be_positive(class_weight, sample_weight):
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        small(class_weight=class_weight).fit(X, Y, sample_weight=sample_weight)


def test_a_loss_that_is_no_number_names_the_learning_rate():
    with pytest.raises(ValueError, match=r"epoch \d+.*Lower lr \(now 1e\+30\) or scale the spectra"):
        small(lr=1e30).fit(X, Y)


def test_weights_that_are_no_numbers_name_the_learning_rate():
    with pytest.raises(ValueError, match=r"Lower lr \(now 1e\+30\)"):
        small(lr=1e30, max_epochs=1, batch_size=64).fit(X, Y)


@pytest.mark.parametrize("milestones", [("a",), (0.5,), (-1,), ((1, 2),)], ids=str)
def test_milestones_must_be_whole_numbers_of_epochs(milestones):
    with pytest.raises(ValueError, match="lr_milestones"):
        small(lr_schedule="step", lr_milestones=milestones).fit(X, Y)


def test_class_weights_must_not_be_negative():
    with pytest.raises(ValueError, match="class_weight"):
        small(class_weight={0: -1.0}).fit(X, Y)


def test_some_weight_must_be_positive_in_the_training_part():
    weights = np.zeros(30)
    classifier = small(validation_fraction=0.5, callbacks=[Recorder()]).fit(X, Y)
    held_back = recorded(classifier, training=False)[0][0][0]
    weights[(held_back[0] == X).all(axis=1)] = 1.0

    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        small(validation_fraction=0.5).fit(X, Y, sample_weight=weights)
