"""DenseNet1DClassifier: weights, balanced draws, noise, warm start and random state."""

import pickle
import random

import numpy as np
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
    differ,
    recorded,
    small,
    state,
)
from sklearn.base import clone

from skspectra.augmentation import CCDNoiseAugmenter

# --- Weights of spectra and classes ---


def test_sample_weight_multiplies_the_loss():
    weights = np.linspace(0.1, 2, 30)  # rows of 0 would take no part in the batch statistics either
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
    class_weight = {"STAR": 1.0, "GALAXY": 5.0, "QSO": 0.1}
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

    with pytest.raises(ValueError, match=r"y has labels \[3\], but the classes are \[0, 1, 2\]"):
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
