"""PhysicsNoiseOverSampler."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.linear_model import LogisticRegression

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler

NO_NOISE = CCDNoiseAugmenter(electronic_noise=0.0, cosmic_rays=0, bad_pixels=0.0)


def survey(counts=(40, 7, 3), n_features=60, dtype="float32", seed=0):
    """Spectra in random order with labels of the three classes."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(["STAR", "GALAXY", "QSO"], counts))
    return rng.normal(3.0, 2.0, (len(y), n_features)).astype(dtype), y


def test_originals_first_and_untouched_then_noisy_copies():
    X, y = survey()
    before = X.copy()
    sampler = PhysicsNoiseOverSampler(random_state=0)
    X_new, y_new = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(X_new[:50], X)
    np.testing.assert_array_equal(y_new[:50], y)
    assert Counter(y_new.tolist()) == {"STAR": 40, "GALAXY": 40, "QSO": 40}
    assert sampler.sampling_strategy_ == {"GALAXY": 33, "QSO": 37}
    source = sampler.sample_indices_
    np.testing.assert_array_equal(source[:50], np.arange(50))
    np.testing.assert_array_equal(y_new, y[source])
    change = X_new[50:] - X[source[50:]]
    assert (change != 0).any(axis=1).all()
    assert len(np.unique(change, axis=0)) == 70  # each copy with noise of its own
    assert np.median(abs(change) / np.ptp(X[source[50:]], axis=1, keepdims=True)) < 0.02  # and still its source


def test_without_noise_the_copies_are_exact():
    X, y = survey()
    sampler = PhysicsNoiseOverSampler(augmenter=NO_NOISE)
    X_new, _ = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X_new, X[sampler.sample_indices_])


def test_each_source_is_used_about_equally_often():
    X, y = survey((100, 7, 3))
    sampler = PhysicsNoiseOverSampler(random_state=0)
    sampler.fit_resample(X, y)
    copies = np.bincount(sampler.sample_indices_[110:], minlength=110)
    assert set(copies[y == "STAR"]) == {0}
    assert Counter(copies[y == "GALAXY"].tolist()) == {13: 5, 14: 2}  # 93 copies of 7 spectra
    assert Counter(copies[y == "QSO"].tolist()) == {32: 2, 33: 1}  # 97 copies of 3 spectra


def test_chance_picks_the_sources_that_come_once_more():
    X, y = survey((30, 20, 10))
    picked = set()
    for seed in range(60):
        sampler = PhysicsNoiseOverSampler({"GALAXY": 21}, augmenter=NO_NOISE, random_state=seed)
        sampler.fit_resample(X, y)
        picked.add(sampler.sample_indices_[-1])
    assert len(picked) > 15
    assert picked <= set(np.flatnonzero(y == "GALAXY"))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("auto", (40, 40, 40)),
        ("all", (40, 40, 40)),
        ("minority", (40, 7, 40)),
        ("not minority", (40, 40, 3)),
        ({"QSO": 5}, (40, 7, 5)),
        ({"STAR": 41, "QSO": 3}, (41, 7, 3)),
        (lambda y: {"GALAXY": 9}, (40, 9, 3)),
    ],
)
def test_sampling_strategy(strategy, expected):
    X, y = survey()
    _, y_new = PhysicsNoiseOverSampler(strategy, random_state=0).fit_resample(X, y)
    assert Counter(y_new.tolist()) == dict(zip(["STAR", "GALAXY", "QSO"], expected, strict=True))


def test_fraction_for_two_classes():
    X, y = survey((40, 4, 0))
    _, y_new = PhysicsNoiseOverSampler(0.5, random_state=0).fit_resample(X, y)
    assert Counter(y_new.tolist()) == {"STAR": 40, "GALAXY": 20}


def test_classes_of_equal_size_are_left_alone():
    X, y = survey((5, 5, 5))
    sampler = PhysicsNoiseOverSampler(random_state=0)
    X_new, y_new = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(X_new, X)
    np.testing.assert_array_equal(y_new, y)
    np.testing.assert_array_equal(sampler.sample_indices_, np.arange(15))


def test_a_class_of_one_spectrum():
    X, y = survey((6, 1, 0))
    X_new, y_new = PhysicsNoiseOverSampler(random_state=0).fit_resample(X, y)
    assert (y_new == "GALAXY").sum() == 6
    assert len(np.unique(X_new, axis=0)) == 12


def test_random_state_and_not_that_of_the_augmenter():
    X, y = survey()
    first, _ = PhysicsNoiseOverSampler(random_state=1).fit_resample(X, y)
    again, _ = PhysicsNoiseOverSampler(augmenter=CCDNoiseAugmenter(random_state=8), random_state=1).fit_resample(X, y)
    other, _ = PhysicsNoiseOverSampler(random_state=2).fit_resample(X, y)
    np.testing.assert_array_equal(again, first)
    assert (other != first).any()


def test_the_augmenter_sets_the_strength_and_is_not_changed():
    X, y = survey(n_features=500)
    augmenter = CCDNoiseAugmenter(electronic_noise=0.0, cosmic_rays=0, bad_pixels=0.4)
    parameters = dict(vars(augmenter))
    sampler = PhysicsNoiseOverSampler(augmenter=augmenter, random_state=0)
    X_new, _ = sampler.fit_resample(X, y)
    assert vars(augmenter) == parameters
    X_old = X[sampler.sample_indices_]
    changed = X_new != X_old
    assert 100 < changed.sum(axis=1).max() <= 200
    np.testing.assert_array_equal(X_new[changed], np.repeat(X_old.min(axis=1), changed.sum(axis=1)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16", "int64", "uint8"])
def test_dtype_is_kept(dtype):
    X, y = survey(dtype="float64")
    X = (abs(X) * 25).astype(dtype)
    X_new, y_new = PhysicsNoiseOverSampler(random_state=0).fit_resample(X, y)
    assert X_new.dtype == dtype
    assert y_new.dtype == y.dtype
    assert (X_new[50:] != X[0]).any()


def test_booleans_become_numbers():
    X, y = survey()
    X_new, _ = PhysicsNoiseOverSampler(random_state=0).fit_resample(X > 0, y)
    assert X_new.dtype == np.float64


def test_missing_samples_stay_missing():
    X, y = survey()
    X[np.random.default_rng(0).random(X.shape) < 0.3] = np.nan
    sampler = PhysicsNoiseOverSampler(random_state=0)
    X_new, _ = sampler.fit_resample(X, y)
    np.testing.assert_array_equal(np.isnan(X_new), np.isnan(X[sampler.sample_indices_]))


def test_read_only_and_memory_mapped_input(tmp_path):
    X, y = survey()
    expected, _ = PhysicsNoiseOverSampler(random_state=0).fit_resample(X, y)
    np.save(tmp_path / "flux.npy", X)
    X.flags.writeable = False
    for source in (X, np.load(tmp_path / "flux.npy", mmap_mode="r"), np.asfortranarray(X)):
        X_new, _ = PhysicsNoiseOverSampler(random_state=0).fit_resample(source, y)
        np.testing.assert_array_equal(X_new, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_peak_memory_is_the_output_and_a_fifth_at_most(dtype):
    X, y = survey((1500, 100, 20), 2600, dtype)
    sampler = PhysicsNoiseOverSampler(random_state=0)
    tracemalloc.start()
    X_new, y_new = sampler.fit_resample(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * (X_new.nbytes + y_new.nbytes)


def test_pandas():
    pd = pytest.importorskip("pandas")
    X, y = survey(n_features=4)
    expected, y_expected = PhysicsNoiseOverSampler(random_state=0).fit_resample(X, y)
    frame, labels = pd.DataFrame(X, columns=list("abcd")), pd.Series(y, name="class", dtype="category")
    sampler = PhysicsNoiseOverSampler(random_state=0)
    X_new, y_new = sampler.fit_resample(frame, labels)
    pd.testing.assert_frame_equal(X_new, pd.DataFrame(expected, columns=list("abcd")))
    pd.testing.assert_series_equal(y_new, pd.Series(y_expected, name="class", dtype=labels.dtype))
    assert sampler.feature_names_in_.tolist() == list("abcd")
    assert sampler.get_feature_names_out().tolist() == list("abcd")


def test_polars():
    pl = pytest.importorskip("polars")
    X, y = survey(n_features=4)
    expected, y_expected = PhysicsNoiseOverSampler(random_state=0).fit_resample(X, y)
    frame, labels = pl.DataFrame(X, schema=list("abcd")), pl.Series("class", y)
    sampler = PhysicsNoiseOverSampler(random_state=0)
    X_new, y_new = sampler.fit_resample(frame, labels)
    assert X_new.equals(pl.DataFrame(expected, schema=frame.schema))
    assert y_new.equals(pl.Series("class", y_expected))
    assert y_new.name == "class"
    assert sampler.feature_names_in_.tolist() == list("abcd")
    X_new, y_new = sampler.fit_resample(frame, y)
    assert isinstance(y_new, np.ndarray)
    X_new, y_new = sampler.fit_resample(X, labels)
    assert isinstance(X_new, np.ndarray)
    assert isinstance(y_new, pl.Series)


def test_the_balance_of_the_paper_in_a_pipeline():
    X, y = survey((985, 12, 3))
    fewer_stars = RandomUnderSampler(sampling_strategy={"STAR": 100}, random_state=0)
    more_of_the_rest = PhysicsNoiseOverSampler(random_state=0)
    _, y_new = more_of_the_rest.fit_resample(*fewer_stars.fit_resample(X, y))
    assert Counter(y_new.tolist()) == {"STAR": 100, "GALAXY": 100, "QSO": 100}
    model = make_pipeline(
        MinMaxSpectrumScaler(), CCDNoiseAugmenter(), fewer_stars, more_of_the_rest, LogisticRegression(max_iter=1000)
    )
    probability = model.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), probability)  # neither noise nor sampling in prediction


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 12), min_size=2, max_size=5),
    n_features=st.integers(1, 9),
    dtype=st.sampled_from(["float32", "float64", "int16"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_class_mix_is_balanced(counts, n_features, dtype, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    X = (1000 * rng.random((len(y), n_features))).astype(dtype)
    sampler = PhysicsNoiseOverSampler(random_state=seed)
    X_new, y_new = sampler.fit_resample(X, y)
    assert Counter(y_new.tolist()) == dict.fromkeys(range(len(counts)), max(counts))
    np.testing.assert_array_equal(X_new[: len(X)], X)
    assert np.isfinite(X_new).all()
    used = np.bincount(sampler.sample_indices_, minlength=len(y))
    for label in range(len(counts)):
        assert np.ptp(used[y == label]) <= 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"augmenter": "noise"}, "'augmenter' parameter of PhysicsNoiseOverSampler must be .* Got 'noise'"),
        ({"augmenter": CCDNoiseAugmenter(bad_pixels=2)}, r"'bad_pixels' parameter of CCDNoiseAugmenter .* Got 2"),
        ({"augmenter": CCDNoiseAugmenter(cosmic_rays=True)}, r"'cosmic_rays' parameter of CCDNoise.* Got True"),
        ({"sampling_strategy": "most"}, "'sampling_strategy' parameter .* Got 'most'"),
        ({"sampling_strategy": {"STAR": 3}}, "number of samples .* greater or equal"),
        ({"sampling_strategy": {"COMET": 3}}, "COMET"),
        ({"random_state": "seed"}, "'random_state' parameter .* Got 'seed'"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        PhysicsNoiseOverSampler(**parameters).fit_resample(*survey())


def test_bad_input():
    X, y = survey()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        PhysicsNoiseOverSampler().fit_resample(X, y[1:])
    with pytest.raises(ValueError, match="more than 1 class"):
        PhysicsNoiseOverSampler().fit_resample(X, ["STAR"] * 50)
    X[3, 4] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        PhysicsNoiseOverSampler().fit_resample(X, y)
