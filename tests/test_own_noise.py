"""Noise from outside the package: an effect among those of the augmenter, and an augmenter of the user's own."""

import pickle

import matplotlib as mpl
import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone

from skspectra.augmentation import CCDNoiseAugmenter, ElectronicNoise
from skspectra.inspection import NoiseDisplay
from skspectra.neural_network import DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.over_sampling import PhysicsNoiseOverSampler

X = np.random.default_rng(0).random((30, 40)).astype(np.float32)
Y = np.arange(30) % 3
OFF = {"electronic_noise": 0, "cosmic_rays": 0, "bad_pixels": 0}


class SkyResidual:
    """Sky light that was not subtracted, up to a part of the spectrum's range."""

    def __init__(self, strength):
        self.strength = strength

    def apply(self, flux, minimum, maximum, rng):
        flux += self.strength * (maximum - minimum) * rng.random((len(flux), 1), dtype="float32")


class Recorded:
    """An effect that remembers what kind of array it was given, and changes nothing."""

    kinds: list = []

    def apply(self, flux, minimum, maximum, rng):
        Recorded.kinds.append(type(flux))


class Reversal:
    """An augmenter that has nothing of the package."""

    def augment(self, X, *, rng):
        turned = rng.random((len(X), 1), dtype="float32") < 0.5
        return X.flip(1) * turned + X * ~turned


def test_an_effect_of_ones_own_is_added_while_fitting_and_not_while_predicting():
    augmenter = CCDNoiseAugmenter(**OFF, effects=[SkyResidual(0.5)], random_state=0)
    added = augmenter.fit_transform(X) - X
    np.testing.assert_allclose(added, added[:, :1] * np.ones_like(X), atol=1e-6)
    assert ((added >= 0) & (added <= 0.5 * np.ptp(X, axis=1, keepdims=True) + 1e-6)).all()
    assert len(np.unique(added[:, 0])) == 30
    np.testing.assert_array_equal(augmenter.transform(X), X)


def test_effects_are_applied_after_the_three_in_their_order():
    class Overwrite:
        def __init__(self, value):
            self.value = value

        def apply(self, flux, minimum, maximum, rng):
            flux[:] = self.value

    assert (CCDNoiseAugmenter(effects=[Overwrite(1), Overwrite(2)]).augment(X) == 2).all()


def test_an_effect_of_the_package_may_be_among_them():
    twice = CCDNoiseAugmenter(**OFF, effects=[ElectronicNoise(0.1)], random_state=0).augment(X)
    np.testing.assert_array_equal(
        twice, CCDNoiseAugmenter(**OFF | {"electronic_noise": 0.1}, random_state=0).augment(X)
    )


def test_the_sampler_and_the_networks_use_the_effect(tmp_path):
    Recorded.kinds.clear()
    augmenter = CCDNoiseAugmenter(**OFF, effects=[SkyResidual(0.5), Recorded()])
    resampled, _ = PhysicsNoiseOverSampler({2: 15}, augmenter=augmenter, random_state=0).fit_resample(X, Y)
    copies = resampled[30:] - X[Y == 2][[0]]
    assert copies.shape == (5, 40)
    assert np.ndarray in Recorded.kinds

    training = {"n_dense_blocks": 2, "growth_rate": 2, "max_epochs": 2, "random_state": 0, "precision": "float32"}
    without = DenseNet1DClassifier(**training).fit(X, Y)
    noisy = DenseNet1DClassifier(augmenter=augmenter, checkpoint_dir=tmp_path, **training).fit(X, Y)
    assert torch.Tensor in Recorded.kinds
    assert noisy.history_[0]["train_loss"] != without.history_[0]["train_loss"]


def test_an_augmenter_of_ones_own_trains_a_network():
    classifier = SpectrumMLPClassifier(augmenter=Reversal(), max_epochs=3, random_state=0)
    again = clone(classifier).fit(X, Y)
    np.testing.assert_array_equal(classifier.fit(X, Y).predict_proba(X), again.predict_proba(X))
    plain = SpectrumMLPClassifier(max_epochs=3, random_state=0).fit(X, Y)
    assert classifier.history_[0]["train_loss"] != plain.history_[0]["train_loss"]


def test_an_augmenter_with_effects_is_cloned_and_pickled():
    augmenter = CCDNoiseAugmenter(effects=[SkyResidual(0.5)], random_state=0)
    for other in (clone(augmenter), pickle.loads(pickle.dumps(augmenter))):
        np.testing.assert_array_equal(other.augment(X), augmenter.augment(X))


def test_the_display_has_a_row_for_each_effect():
    mpl.use("agg")
    display = NoiseDisplay.from_estimator(CCDNoiseAugmenter(effects=[SkyResidual(0.5)], random_state=0), X[:2])
    assert display.effects == ["Original", "Electronic noise", "Cosmic rays", "Bad pixels", "Sky residual", "All"]
    np.testing.assert_array_equal(display.flux[0], X[:2])
    assert (display.flux[4] != X[:2]).any()
    mpl.pyplot.close("all")


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        ([SkyResidual], "effects has <class"),
        ([3], "effects has 3; effects must be objects with a method apply"),
        (SkyResidual(1), "'effects' parameter of CCDNoiseAugmenter must be an instance of 'list' or"),
        ([ElectronicNoise(-1)], "'sigma' parameter of ElectronicNoise must be"),
    ],
)
def test_effects_that_are_none(effects, message):
    with pytest.raises(ValueError, match=message):
        CCDNoiseAugmenter(effects=effects).augment(X)
    with pytest.raises(ValueError, match=message):
        SpectrumMLPClassifier(augmenter=CCDNoiseAugmenter(effects=effects), max_epochs=1).fit(X, Y)


def test_an_augmenter_without_the_method_is_refused():
    with pytest.raises(ValueError, match=r"'augmenter' parameter of .* must be an object implementing"):
        SpectrumMLPClassifier(augmenter=SkyResidual(1)).fit(X, Y)


def test_an_effect_may_be_an_estimator_and_must_change_the_spectra_in_place():
    class Residual(BaseEstimator):
        def __init__(self, strength=0.1):
            self.strength = strength

        def apply(self, flux, minimum, maximum, rng):
            flux += self.strength

    class Returning:
        def apply(self, flux, minimum, maximum, rng):
            return flux + 1

    np.testing.assert_allclose(
        CCDNoiseAugmenter(**OFF, effects=[Residual()]).augment(X), X + np.float32(0.1), rtol=1e-6
    )
    with pytest.raises(TypeError, match="must change the spectra in place and return None"):
        CCDNoiseAugmenter(effects=[Returning()]).augment(X)


def test_the_display_shows_two_effects_of_one_class():
    mpl.use("agg")
    display = NoiseDisplay.from_estimator(CCDNoiseAugmenter(effects=[ElectronicNoise(0.5)], random_state=0), X[:2])
    assert display.effects.count("Electronic noise") == 2
    mpl.pyplot.close("all")
