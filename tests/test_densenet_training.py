# ruff: noqa: F811 - pytest takes fixtures by the names of arguments
"""DenseNet1DClassifier: training, validation and the learning rate."""

import numpy as np
import pandas as pd
import pytest
import torch
from densenet_cases import (
    FROZEN,
    LENGTH,
    NAMES,
    X_VAL,
    Y_VAL,
    Recorder,
    X,
    Y,
    assert_same_model,
    cross_entropies,
    fit_with_a_best_epoch_before_the_last,
    fitted,  # noqa: F401
    make_lines,
    recorded,
    small,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import f1_score, log_loss
from skorch.callbacks import Callback
from torch.nn import functional as F

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.neural_network import DenseNet1DClassifier

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
    with pytest.warns(ConvergenceWarning, match="interrupted after 0 of 2 epochs") as record:
        assert small(callbacks=[PressCtrlC()]).fit(X, Y).stop_reason_ == "interrupt"
    assert record[0].filename == __file__


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
