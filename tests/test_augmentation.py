"""CCDNoiseAugmenter; the physics of the noise itself is specified in test_noise.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skspectra import _parallel
from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.preprocessing import MinMaxSpectrumScaler

OFF = {"electronic_noise": 0, "cosmic_rays": 0, "bad_pixels": 0}


def spectra(n_samples=20, n_features=100, dtype="float32", seed=0):
    return np.random.default_rng(seed).normal(3.0, 2.0, (n_samples, n_features)).astype(dtype)


def test_defaults_are_not_zero_and_every_effect_shows():
    augmenter = CCDNoiseAugmenter(random_state=0)
    assert augmenter.electronic_noise == (0.0, 0.02)
    assert augmenter.cosmic_rays == 2
    assert augmenter.bad_pixels == 0.02
    X = spectra(500, 2600)
    noisy = augmenter.augment(X)
    low, high = X.min(axis=1, keepdims=True), X.max(axis=1, keepdims=True)
    sigma = np.median(abs(noisy - X), axis=1) / 0.6745 / (high - low).ravel()
    assert 0 < sigma.min() < 0.001
    assert 0.019 < sigma.max() < 0.021
    rays = (noisy == high).sum(axis=1)
    assert set(np.unique(rays)) == {0, 1, 2}
    dead = (noisy == low).sum(axis=1)
    assert dead.min() == 0
    assert 48 <= dead.max() <= 52


def test_fit_transform_adds_noise_and_transform_does_not():
    X = spectra()
    augmenter = CCDNoiseAugmenter(random_state=0)
    noisy = augmenter.fit_transform(X)
    assert (noisy != X).any()
    assert augmenter.transform(X) is X
    np.testing.assert_array_equal(augmenter.augment(X), noisy)


def test_strengths_may_be_numbers_of_numpy():
    X = spectra()
    of_numpy = {"electronic_noise": np.float32(0.5), "cosmic_rays": np.int64(3), "bad_pixels": np.float64(0.25)}
    of_python = {"electronic_noise": 0.5, "cosmic_rays": 3, "bad_pixels": 0.25}
    noisy = CCDNoiseAugmenter(**of_numpy, random_state=0).augment(X)
    np.testing.assert_array_equal(noisy, CCDNoiseAugmenter(**of_python, random_state=0).augment(X))


@pytest.mark.parametrize("effect", [{"electronic_noise": 0.1}, {"cosmic_rays": 5}, {"bad_pixels": 0.5}])
def test_each_effect_alone(effect):
    X = spectra(50)
    np.testing.assert_array_equal(CCDNoiseAugmenter(**OFF).augment(X), X)
    noisy = CCDNoiseAugmenter(**OFF | effect, random_state=0).augment(X)
    changed = noisy != X
    assert changed.any()
    if "electronic_noise" in effect:
        assert changed.mean() > 0.99
    else:
        end = X.max(axis=1) if "cosmic_rays" in effect else X.min(axis=1)
        np.testing.assert_array_equal(noisy[changed], np.repeat(end, changed.sum(axis=1)))


def test_spectra_alike_get_noise_of_their_own():
    X = np.tile(spectra(1), (2000, 1))
    noisy = CCDNoiseAugmenter(random_state=0).augment(X)
    assert len(np.unique(noisy, axis=0)) == 2000


def test_random_state():
    X = spectra()
    first = CCDNoiseAugmenter(random_state=1).augment(X)
    np.testing.assert_array_equal(CCDNoiseAugmenter(random_state=1).augment(X), first)
    assert (CCDNoiseAugmenter(random_state=2).augment(X) != first).any()
    augmenter = CCDNoiseAugmenter(random_state=np.random.RandomState(1))
    assert (augmenter.augment(X) != augmenter.augment(X)).any()
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    CCDNoiseAugmenter(random_state=1).augment(X)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_noise_does_not_depend_on_dtype_or_threads(monkeypatch):
    X = spectra(300, 1000)
    noisy = CCDNoiseAugmenter(random_state=1).augment(X)
    np.testing.assert_allclose(CCDNoiseAugmenter(random_state=1).augment(X.astype("float64")), noisy, atol=1e-5)
    monkeypatch.setattr(_parallel, "_openmp_effective_n_threads", lambda: 3)
    np.testing.assert_array_equal(CCDNoiseAugmenter(random_state=1).augment(X), noisy)


@pytest.mark.parametrize(
    ("dtype", "expected"), [("float32", "float32"), ("float64", "float64"), ("float16", "float64"), ("int8", "float64")]
)
def test_dtype(dtype, expected):
    X = spectra(dtype=dtype)
    augmenter = CCDNoiseAugmenter(random_state=0)
    assert augmenter.fit_transform(X).dtype == expected
    assert augmenter.transform(X).dtype == expected


@pytest.mark.parametrize("writeable", [True, False])
@pytest.mark.parametrize("order", ["C", "F"])
def test_input_is_never_changed(writeable, order):
    X = np.asarray(spectra(), order=order)
    before = X.copy()
    X.flags.writeable = writeable
    augmenter = CCDNoiseAugmenter(random_state=0)
    for noisy in (augmenter.fit_transform(X), augmenter.augment(X)):
        assert not np.shares_memory(noisy, X)
        np.testing.assert_array_equal(X, before)
        np.testing.assert_allclose(noisy, CCDNoiseAugmenter(random_state=0).augment(before))


def test_memory_mapped_input(tmp_path):
    np.save(tmp_path / "flux.npy", spectra())
    mapped = np.load(tmp_path / "flux.npy", mmap_mode="r")
    noisy = CCDNoiseAugmenter(random_state=0).fit_transform(mapped)
    np.testing.assert_array_equal(noisy, CCDNoiseAugmenter(random_state=0).augment(spectra()))


def test_missing_samples_stay_missing():
    X = spectra(200)
    X[np.random.default_rng(0).random(X.shape) < 0.3] = np.nan
    X[0] = np.nan
    noisy = CCDNoiseAugmenter(cosmic_rays=50, bad_pixels=1.0, random_state=0).augment(X)
    np.testing.assert_array_equal(np.isnan(noisy), np.isnan(X))


@pytest.mark.parametrize("shape", [(1, 100), (7, 1), (1, 1), (7, 2)])
def test_small_shapes(shape):
    noisy = CCDNoiseAugmenter(random_state=0).fit_transform(spectra(*shape))
    assert noisy.shape == shape
    assert np.isfinite(noisy).all()


def test_data_frames():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    X, names = spectra(6, 3), ["a", "b", "c"]
    expected = CCDNoiseAugmenter(random_state=0).augment(X)
    for kind, frame in [("pandas", pd.DataFrame(X, columns=names)), ("polars", pl.DataFrame(X, schema=names))]:
        augmenter = CCDNoiseAugmenter(random_state=0)
        for transformed in (augmenter.fit_transform(frame), augmenter.augment(frame)):
            assert isinstance(transformed, np.ndarray)
            np.testing.assert_array_equal(transformed, expected)
        assert isinstance(augmenter.transform(frame), np.ndarray)
        augmenter.set_output(transform=kind)
        for transformed in (augmenter.fit_transform(frame), augmenter.transform(frame)):
            assert type(transformed) is type(frame)
            assert list(transformed.columns) == names
        np.testing.assert_array_equal(augmenter.transform(frame), X)


def test_in_a_pipeline_noise_is_for_training_only():
    """The classifier is fitted to noisy spectra; predictions are those for the clean ones, each time the same."""
    X, y = spectra(60), np.repeat(["QSO", "STAR"], 30)
    X[:30] += np.linspace(0, 5, 100)
    augmenter = CCDNoiseAugmenter(electronic_noise=0.3, random_state=0)
    model = make_pipeline(MinMaxSpectrumScaler(), augmenter, LogisticRegression()).fit(X, y)
    scaled = MinMaxSpectrumScaler().transform(X)
    by_hand = LogisticRegression().fit(clone(augmenter).augment(scaled), y)
    clean = LogisticRegression().fit(scaled, y)
    np.testing.assert_array_equal(model.predict_proba(X), by_hand.predict_proba(scaled))
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))
    assert abs(model.predict_proba(X) - clean.predict_proba(scaled)).max() > 0.01


def test_strengths_can_be_searched():
    X, y = spectra(40), np.tile([0, 1], 20)
    grid = {"ccdnoiseaugmenter__electronic_noise": [0.0, 0.1, (0.0, 0.2)], "ccdnoiseaugmenter__cosmic_rays": [0, 3]}
    search = GridSearchCV(make_pipeline(CCDNoiseAugmenter(random_state=0), LogisticRegression()), grid, cv=2)
    assert len(search.fit(X, y).cv_results_["params"]) == 6


@settings(max_examples=150, deadline=None)
@given(
    X=st.sampled_from(["f4", "f8", "i2"]).flatmap(
        lambda dtype: arrays(
            dtype,
            array_shapes(min_dims=2, max_dims=2, max_side=12),
            elements=st.integers(-30_000, 30_000) if dtype == "i2" else st.floats(-(2.0**100), 2.0**100, width=32),
        )
    ),
    electronic_noise=st.one_of(st.floats(0, 5), st.tuples(st.floats(0, 1), st.floats(1, 5))),
    cosmic_rays=st.integers(0, 20),
    bad_pixels=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_finite_input_gives_finite_output(X, electronic_noise, cosmic_rays, bad_pixels, seed):
    strengths = {"electronic_noise": electronic_noise, "cosmic_rays": cosmic_rays, "bad_pixels": bad_pixels}
    before = X.copy()
    noisy = CCDNoiseAugmenter(**strengths, random_state=seed).fit_transform(X)
    assert np.isfinite(noisy).all()
    np.testing.assert_array_equal(X, before)
    without = CCDNoiseAugmenter(**strengths | {"electronic_noise": 0}, random_state=seed).fit_transform(X)
    low, high = X.min(axis=1, keepdims=True), X.max(axis=1, keepdims=True)
    assert ((without == X) | (without == low) | (without == high)).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"electronic_noise": -0.1}, r"'electronic_noise' parameter .* \[0.*, inf\) .* Got -0.1"),
        ({"electronic_noise": np.inf}, "'electronic_noise' parameter .* Got inf"),
        ({"electronic_noise": np.nan}, "'electronic_noise' parameter .* Got nan"),
        ({"electronic_noise": (0.2, 0.1)}, r"'electronic_noise' parameter .* low <= high.* Got \(0.2, 0.1\)"),
        ({"electronic_noise": (-0.2, 0.1)}, r"'electronic_noise' parameter .* Got \(-0.2, 0.1\)"),
        ({"electronic_noise": (0.1,)}, r"'electronic_noise' parameter .* Got \(0.1,\)"),
        ({"electronic_noise": "strong"}, "'electronic_noise' parameter .* Got 'strong'"),
        ({"electronic_noise": True}, r"'electronic_noise' parameter .* a float in the range \[0.*, inf\).* Got True"),
        ({"electronic_noise": (False, 0.1)}, r"'electronic_noise' parameter .* Got \(False, 0.1\)"),
        ({"cosmic_rays": True}, r"'cosmic_rays' parameter of CCDNoiseAugmenter .* an int in .* \[0, inf\). Got True"),
        ({"cosmic_rays": np.True_}, "'cosmic_rays' parameter .* Got (np.)?True"),
        ({"bad_pixels": False}, r"'bad_pixels' parameter .* \[0.*, 1.*\]. Got False"),
        ({"cosmic_rays": -1}, r"'cosmic_rays' parameter .* an int in the range \[0, inf\). Got -1"),
        ({"cosmic_rays": 1.5}, "'cosmic_rays' parameter .* Got 1.5"),
        ({"bad_pixels": 1.01}, r"'bad_pixels' parameter .* \[0.*, 1.*\]. Got 1.01"),
        ({"bad_pixels": -0.5}, "'bad_pixels' parameter .* Got -0.5"),
        ({"random_state": "seed"}, "'random_state' parameter .* Got 'seed'"),
    ],
)
def test_bad_parameters(parameters, message):
    for method in ("fit", "fit_transform", "augment"):
        with pytest.raises(ValueError, match=message):
            getattr(CCDNoiseAugmenter(**parameters), method)(spectra())


def test_equal_ends_of_a_pair_are_a_number():
    X = spectra()
    noisy = CCDNoiseAugmenter(**OFF | {"electronic_noise": (0.5, 0.5)}, random_state=0).augment(X)
    assert (noisy - X).std(axis=1) / np.ptp(X, axis=1) == pytest.approx(0.5, rel=0.3)


def test_bad_input():
    X = spectra()
    X[3, 4] = np.inf
    augmenter = CCDNoiseAugmenter()
    for method in (augmenter.fit_transform, augmenter.transform, augmenter.augment):
        with pytest.raises(ValueError, match="Input X contains infinity"):
            method(X)
    augmenter.fit(spectra(n_features=5))
    for method in (augmenter.transform, augmenter.augment):
        with pytest.raises(ValueError, match=r"X has 6 features, but .* is expecting 5"):
            method(spectra(n_features=6))
