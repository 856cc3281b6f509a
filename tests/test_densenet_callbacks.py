"""DenseNet1DClassifier: callbacks, progress and interruption."""

import pickle

import numpy as np
import pytest
from densenet_cases import (
    X_VAL,
    Y_VAL,
    InterruptAt,
    Recorder,
    StopAfter,
    X,
    Y,
    assert_same_model,
    fit_with_a_best_epoch_before_the_last,
    recorded,
    small,
)
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import GradientNormClipping

from skspectra.neural_network import DenseNet1DClassifier

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
