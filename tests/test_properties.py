"""Properties that hold for every input: finite spectra of any dtype, shape and size give finite output, or an error.

The examples are the same in every run.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import BaseEstimator, ClassifierMixin

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.calibration import PriorCorrectedClassifier, estimate_class_priors
from skspectra.metrics import classification_table, paired_bootstrap
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

anything = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

DTYPES = (
    hnp.floating_dtypes(sizes=(16, 32, 64), endianness="?")
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.boolean_dtypes()
)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)


def of_dtype(dtype, shape, allow_nan, room):
    if dtype.kind != "f":
        return hnp.arrays(dtype, shape)
    largest = float(np.finfo(dtype).max) / room
    numbers = hnp.from_dtype(dtype, min_value=-largest, max_value=largest)
    return hnp.arrays(dtype, shape, elements=numbers | st.just(np.nan) if allow_nan else numbers)


@st.composite
def spectra(draw, shapes=SHAPES, allow_nan=False, room=1):
    """Finite spectra of any dtype, up to its largest number over `room`, in every memory layout, writeable or not."""
    X = draw(of_dtype(draw(DTYPES), draw(shapes), allow_nan, room))
    layout = draw(st.sampled_from(["C", "F", "reversed", "read-only"]))
    if layout == "F":
        X = np.asfortranarray(X)
    elif layout == "reversed":
        X = X[::-1, ::-1]
    elif layout == "read-only":
        X.flags.writeable = False
    return X


def result_dtype(X):
    return np.float32 if X.dtype == np.float32 else np.float64


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_ends_of_the_range_of_floats(dtype):
    limits = np.finfo(dtype)
    widest = np.array([[-1, 1, 0, 0.5]], dtype) * limits.max
    np.testing.assert_allclose(MinMaxSpectrumScaler().fit_transform(widest), [[0, 1, 0.5, 0.75]], rtol=1e-3)
    narrowest = np.array([[0, 1, 2, 4]], dtype) * limits.smallest_subnormal
    np.testing.assert_allclose(MinMaxSpectrumScaler().fit_transform(narrowest), [[0, 0.25, 0.5, 1]])
    gap = np.array([[-limits.max, np.nan, limits.max]], dtype)
    np.testing.assert_allclose(MissingFluxInterpolator().fit_transform(gap), [[-limits.max, 0, limits.max]])
    with pytest.raises(ValueError, match=f"too large for noise to be added in {np.dtype(dtype)}"):
        PhysicsNoiseOverSampler(random_state=0).fit_resample(np.repeat(widest, 3, axis=0), ["a", "a", "b"])


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.int8])
def test_noise_on_the_largest_whole_numbers_does_not_wrap_round(dtype):
    limits = np.iinfo(dtype)
    X = np.full((6, 50), limits.max, dtype)
    X[:, ::2] = limits.max // 2
    X_new, _ = PhysicsNoiseOverSampler(random_state=0).fit_resample(X, ["a"] * 5 + ["b"])
    assert (X_new[6:] > limits.max // 4).all()


@pytest.mark.skipif(np.finfo(np.longdouble).max == np.finfo(np.float64).max, reason="long double is a double here")
@pytest.mark.parametrize("transformer", [MinMaxSpectrumScaler(), MissingFluxInterpolator(), CCDNoiseAugmenter()])
def test_flux_beyond_double_precision_is_refused(transformer):
    with pytest.raises(ValueError, match="too large for dtype"):
        transformer.fit_transform(np.array([[0, 1, np.finfo(np.longdouble).max]]))


@anything
@given(spectra(), st.sampled_from([(0, 1), (-1, 1), (0.25, 0.3)]), st.sampled_from([(0, 100), (5.0, 95.0), (0, 60)]))
def test_scaled_spectra_are_within_the_range(X, feature_range, quantile_range):
    before = X.copy()
    scaled = MinMaxSpectrumScaler(feature_range, quantile_range=quantile_range).fit_transform(X)
    low, high = np.array(feature_range, dtype=scaled.dtype)
    assert scaled.shape == X.shape
    assert scaled.dtype == result_dtype(X)
    assert (scaled >= low).all()
    assert (scaled <= high).all()
    np.testing.assert_array_equal(X, before)


@anything
@given(spectra())
def test_scaler_reaches_both_ends_of_every_spectrum_that_varies(X):
    scaled = MinMaxSpectrumScaler().fit_transform(X)
    flux = X.astype(scaled.dtype)
    varies = flux.max(axis=1) > flux.min(axis=1)
    assert (scaled.min(axis=1) == 0).all()
    assert (scaled.max(axis=1) == varies).all()


@anything
@given(spectra(allow_nan=True))
def test_filled_spectra_hold_no_missing_flux_and_stay_between_what_was_measured(X):
    if X.dtype.kind == "f" and np.isnan(X).all(axis=1).any():
        with pytest.raises(ValueError, match="spectra that are entirely NaN"):
            MissingFluxInterpolator().fit_transform(X)
        return
    filled = MissingFluxInterpolator().fit_transform(X)
    flux = X.astype(filled.dtype)
    assert filled.dtype == result_dtype(X)
    measured = ~np.isnan(flux)
    np.testing.assert_array_equal(filled[measured], flux[measured])
    low, high = np.nanmin(flux, axis=1, keepdims=True), np.nanmax(flux, axis=1, keepdims=True)
    with np.errstate(over="ignore"):  # a bound of infinity is one too
        rounding = 4 * np.spacing(np.maximum(np.abs(low), np.abs(high)))
        assert (filled >= low - rounding).all()
        assert (filled <= high + rounding).all()


@anything
@given(spectra(allow_nan=True, room=16), st.integers(0, 2**32 - 1))
def test_noise_is_finite_where_the_spectrum_is(X, seed):
    before = X.copy()
    noisy = CCDNoiseAugmenter(random_state=seed).augment(X)
    assert noisy.dtype == result_dtype(X)
    np.testing.assert_array_equal(np.isfinite(noisy), np.isfinite(X.astype(noisy.dtype)))
    np.testing.assert_array_equal(X, before)


@anything
@given(spectra(), st.integers(0, 2**32 - 1))
def test_cosmic_rays_and_bad_pixels_stay_within_the_spectrum(X, seed):
    noisy = CCDNoiseAugmenter(electronic_noise=0.0, random_state=seed).augment(X)
    flux = X.astype(noisy.dtype)
    assert (noisy >= flux.min(axis=1, keepdims=True)).all()
    assert (noisy <= flux.max(axis=1, keepdims=True)).all()


@anything
@given(st.data())
def test_sampler_balances_and_leaves_what_was_given(data):
    y = np.array(data.draw(st.lists(st.sampled_from("abc"), min_size=3, max_size=15)))
    X = data.draw(spectra(st.tuples(st.just(len(y)), st.integers(1, 8)), room=16))
    sampler = PhysicsNoiseOverSampler(random_state=0)
    if len(np.unique(y)) < 2:
        with pytest.raises(ValueError, match="class"):
            sampler.fit_resample(X, y)
        return
    X_new, y_new = sampler.fit_resample(X, y)
    assert X_new.dtype == (np.float64 if X.dtype == bool else X.dtype)
    assert np.isfinite(X_new).all()
    np.testing.assert_array_equal(X_new[: len(X)], X)
    np.testing.assert_array_equal(y_new[: len(y)], y)
    np.testing.assert_array_equal(y_new, y[sampler.sample_indices_])
    assert len(set(np.unique(y_new, return_counts=True)[1])) == 1


LABELS = st.sampled_from(["STAR", "GALAXY", "QSO"]) | st.sampled_from(["STAR", "COMET"])


@st.composite
def labels_of_spectra(draw, n_arrays):
    n_samples = draw(st.integers(1, 12))
    return [draw(st.lists(LABELS, min_size=n_samples, max_size=n_samples)) for _ in range(n_arrays)]


@anything
@given(labels_of_spectra(2), st.integers(0, 20))
def test_scores_are_shares_and_lie_in_their_confidence_intervals(labels, n_resamples):
    table = classification_table(*labels, n_resamples=n_resamples, random_state=0)
    present = table.support > 0
    for name, values in table.scores.items():
        assert np.isnan(values[~present]).all()
        assert ((values[present] >= 0) & (values[present] <= 1)).all()
        assert 0 <= table.mean[name] <= 1
        if n_resamples:
            low, high = table.confidence_intervals[name][present].T
            assert ((low >= 0) & (low <= high) & (high <= 1)).all()
    assert table.confusion.sum() == len(labels[0])
    assert 0 <= table.accuracy <= 1
    assert str(table)


@pytest.mark.filterwarnings("ignore:Confidence intervals are too narrow:UserWarning")
@anything
@given(labels_of_spectra(3))
def test_comparison_of_two_classifiers(labels):
    y_true, y_pred_a, y_pred_b = labels
    there = paired_bootstrap(y_true, y_pred_a, y_pred_b, n_resamples=30, random_state=0)
    back = paired_bootstrap(y_true, y_pred_b, y_pred_a, n_resamples=30, random_state=0)
    assert -1 <= there.low <= there.high <= 1
    assert 0 < there.p_value <= 1
    assert there.difference == pytest.approx(-back.difference)
    assert paired_bootstrap(y_true, y_pred_a, y_pred_a, n_resamples=30, random_state=0) == (0, 0, 0, 1)


@anything
@given(hnp.arrays(object, hnp.array_shapes(max_dims=2, max_side=4), elements=st.none() | st.floats() | st.text("ab")))
def test_labels_of_any_kind_are_scored_or_refused(labels):
    try:
        table = classification_table(labels, labels, n_resamples=0)
    except ValueError:
        return
    assert table.accuracy == 1


class Given(ClassifierMixin, BaseEstimator):
    """Returns X as probabilities."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return X


@st.composite
def distributions(draw, n_rows, n_classes):
    raw = draw(hnp.arrays(np.float64, (n_rows, n_classes), elements=st.floats(0, 1)))
    raw[:, 0] += raw.sum(axis=1) == 0
    return raw / raw.sum(axis=1, keepdims=True)


@anything
@given(st.data(), st.integers(1, 6), st.integers(2, 4))
def test_corrected_probabilities_are_probabilities(data, n_samples, n_classes):
    probabilities = data.draw(distributions(n_samples, n_classes))
    new = data.draw(distributions(1, n_classes))[0]
    old = data.draw(distributions(1, n_classes))[0]
    old = (old + 1e-3) / (old + 1e-3).sum()
    classifier = PriorCorrectedClassifier(Given(), class_priors=new, training_priors=old)
    corrected = classifier.fit(np.eye(n_classes), np.arange(n_classes)).predict_proba(probabilities)
    assert (corrected >= 0).all()
    np.testing.assert_allclose(corrected.sum(axis=1), 1)
    assert (corrected[:, new == 0] == 0).all()
    estimate = estimate_class_priors(probabilities, old, max_iter=5000, tol=1e-2)
    assert (estimate >= 0).all()
    np.testing.assert_allclose(estimate.sum(), 1)
