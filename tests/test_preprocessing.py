"""MinMaxSpectrumScaler, and what it shares with MissingFluxInterpolator."""

import os
import re
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from flux_cases import finite_spectra, spectra
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skspectra import _parallel
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

TRANSFORMERS = [MinMaxSpectrumScaler, MissingFluxInterpolator]


# MinMaxSpectrumScaler: the numbers


def test_scaler_by_hand():
    X = [[10.0, 30.0, 15.0], [-2.0, -4.0, -3.0]]
    np.testing.assert_allclose(MinMaxSpectrumScaler().transform(X), [[0.0, 1.0, 0.25], [1.0, 0.0, 0.5]])
    np.testing.assert_allclose(MinMaxSpectrumScaler((-1, 3)).transform(X), [[-1.0, 3.0, 0.0], [3.0, -1.0, 1.0]])


@pytest.mark.parametrize(("dtype", "high"), [("float32", -0.4), ("float64", -0.2)])
def test_rounding_does_not_go_past_the_ends(dtype, high):
    """1 * (high - -1) + -1 comes out above these ends."""
    assert MinMaxSpectrumScaler((-1.0, high)).transform(np.array([[1, 2]], dtype))[0, 1] == np.array(high, dtype)


def test_quantile_range_by_hand():
    # Of 0, 1, ..., 10 the percentiles 10 and 60 are 1 and 6.
    X = np.array([[3.0, 0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]])
    expected = [[0.4, 0.0, 0.0, 0.2, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0]]
    np.testing.assert_allclose(MinMaxSpectrumScaler(quantile_range=(10, 60)).transform(X), expected)


def test_a_cosmic_ray_does_not_flatten_a_spectrum_with_a_tighter_quantile_range():
    X = spectra(1, 1000, "float64")
    hit = X.copy()
    hit[0, 500] = 1e6
    plain, robust = (MinMaxSpectrumScaler(quantile_range=r).transform(hit) for r in ((0, 100), (0.5, 99.5)))
    assert plain.std() < 0.04
    assert robust[0, 500] == 1.0
    others = np.arange(1000) != 500
    clean = MinMaxSpectrumScaler(quantile_range=(0.5, 99.5)).transform(X)
    np.testing.assert_allclose(robust[:, others], clean[:, others], atol=0.02)


@pytest.mark.parametrize("quantile_range", [(0.0, 97.5), (2.0, 100.0), (33.3, 66.6)])
def test_percentiles_are_those_of_numpy_without_nan(quantile_range):
    X = spectra(60, 25, "float64")
    X[np.random.default_rng(0).random(X.shape) < 0.4] = np.nan
    low, high = np.nanpercentile(X, quantile_range, axis=1, keepdims=True)
    expected = (np.clip(X, low, high) - low) / (high - low)
    np.testing.assert_allclose(MinMaxSpectrumScaler(quantile_range=quantile_range).transform(X), expected)


def test_brightness_and_offset_do_not_matter():
    X = spectra(dtype="float64")
    scaler = MinMaxSpectrumScaler()
    np.testing.assert_allclose(scaler.transform(1e-17 * X + 3e-17), scaler.transform(X), rtol=1e-12)


def test_other_spectra_do_not_matter():
    X = spectra()
    scaler = MinMaxSpectrumScaler().fit(X)
    np.testing.assert_array_equal(scaler.transform(X[2:3]), scaler.transform(X)[2:3])


@pytest.mark.parametrize("quantile_range", [(0, 100), (5, 95)])
def test_nan_is_ignored_and_stays(quantile_range):
    X = spectra(4, 30)
    with_gaps = np.insert(X, [0, 7, 30], np.nan, axis=1)
    scaler = MinMaxSpectrumScaler(quantile_range=quantile_range)
    expected = np.insert(scaler.transform(X), [0, 7, 30], np.nan, axis=1)
    np.testing.assert_array_equal(scaler.transform(with_gaps), expected)
    nothing = np.full((2, 6), np.nan)
    np.testing.assert_array_equal(scaler.transform(nothing), nothing)


@pytest.mark.parametrize("quantile_range", [(0, 100), (5, 95)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("flux", [0.0, 0.1, 7.7, -3e38])
def test_a_constant_spectrum_becomes_the_low_end(flux, dtype, quantile_range):
    X = np.array([np.full(n, flux).tolist() + [np.nan] * (30 - n) for n in range(1, 31)], dtype)
    expected = np.where(np.isnan(X), np.nan, X.dtype.type(-0.7))
    scaler = MinMaxSpectrumScaler((-0.7, 2.0), quantile_range=quantile_range)
    np.testing.assert_array_equal(scaler.transform(X), expected)


def test_a_spectrum_that_is_constant_within_the_quantiles_becomes_the_low_end():
    X = np.zeros((1, 100))
    X[0, 3] = 5.0
    np.testing.assert_array_equal(MinMaxSpectrumScaler((1, 2), quantile_range=(2, 98)).transform(X), np.ones((1, 100)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extremes_further_apart_than_the_largest_float(dtype):
    largest = np.finfo(dtype).max
    smallest = np.finfo(dtype).smallest_subnormal
    X = np.array([[-largest, 0, largest], [1, 2, 3], [0, smallest, smallest * 2]], dtype)
    np.testing.assert_array_equal(MinMaxSpectrumScaler().transform(X), [[0, 0.5, 1]] * 3)


@settings(max_examples=200, deadline=None)
@given(X=finite_spectra(), quantile_range=st.sampled_from([(0, 100), (0, 90), (10, 50)]), copy=st.booleans())
def test_any_finite_input_gives_numbers_inside_the_range(X, quantile_range, copy):
    missing = np.isnan(X)
    scaled = MinMaxSpectrumScaler((-2, 5), quantile_range=quantile_range, copy=copy).transform(X)
    assert scaled.dtype == (X.dtype if X.dtype.kind == "f" else np.float64)
    np.testing.assert_array_equal(np.isnan(scaled), missing)
    assert np.nanmin(scaled, initial=-2) == -2
    assert np.nanmax(scaled, initial=5) == 5


def data_folder():
    folder = os.environ.get("SKSPECTRA_DATA")
    if not folder:
        pytest.skip("SKSPECTRA_DATA does not name the folder of the survey data")
    return Path(folder)


def test_real_spectra_go_through_a_classifier():
    data = np.load(data_folder() / "real_spectra.npz")
    X, y = data["flux"], data["target"]
    assert np.isnan(X).any()
    model = make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler(), PCA(10), LogisticRegression(max_iter=1000))
    assert model.fit(X, y).score(X, y) > (y == "STAR").mean()


# What the two share


@pytest.mark.parametrize("transformer_class", TRANSFORMERS)
@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float32", "float32"), ("float64", "float64"), ("float16", "float64"), ("int16", "float64"), ("bool", "float64")],
)
def test_dtype(transformer_class, dtype, expected):
    X = np.arange(12).reshape(3, 4).astype(dtype)
    assert transformer_class().fit_transform(X).dtype == expected


@pytest.mark.parametrize("transformer_class", TRANSFORMERS)
@pytest.mark.parametrize("shape", [(1, 40), (5, 1), (1, 1), (5, 2)])
def test_small_shapes(transformer_class, shape):
    transformed = transformer_class().fit_transform(spectra(*shape))
    assert transformed.shape == shape
    assert np.isfinite(transformed).all()


@pytest.mark.parametrize("transformer_class", TRANSFORMERS)
@pytest.mark.parametrize("writeable", [True, False])
def test_copy_leaves_the_input_alone(transformer_class, writeable):
    X = spectra()
    X[0, 3:5] = np.nan
    before = X.copy()
    X.flags.writeable = writeable
    transformed = transformer_class().fit_transform(X)
    assert not np.shares_memory(transformed, X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("transformer_class", TRANSFORMERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_in_place(transformer_class, dtype, order):
    X = np.asarray(spectra(dtype=dtype), order=order)
    X[0, 3:5] = np.nan
    expected = transformer_class().fit_transform(X)
    assert transformer_class(copy=False).fit_transform(X) is X
    np.testing.assert_array_equal(X, expected)


@pytest.mark.parametrize("transformer_class", TRANSFORMERS)
def test_read_only_input_is_copied_where_it_cannot_be_changed(transformer_class, tmp_path):
    X = spectra()
    X[0, 3:5] = np.nan
    expected = transformer_class().fit_transform(X)
    before = X.copy()
    X.flags.writeable = False
    np.testing.assert_array_equal(transformer_class(copy=False).fit_transform(X), expected)
    np.testing.assert_array_equal(X, before)
    np.save(tmp_path / "flux.npy", before)
    mapped = np.load(tmp_path / "flux.npy", mmap_mode="r")
    for copy in (True, False):
        np.testing.assert_array_equal(transformer_class(copy=copy).fit_transform(mapped), expected)
    np.testing.assert_array_equal(np.load(tmp_path / "flux.npy"), before)


@pytest.mark.parametrize("transformer_class", TRANSFORMERS)
@pytest.mark.parametrize("copy", [True, False])
@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinite_flux_is_an_error_and_changes_nothing(transformer_class, copy, infinity):
    X = spectra(100, 2600)
    X[99, 5] = infinity
    X[98, 4] = np.nan
    before = X.copy()
    with pytest.raises(ValueError, match="Input X contains infinity"):
        transformer_class(copy=copy).fit_transform(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("transformer_class", TRANSFORMERS)
def test_columns_of_any_layout(transformer_class):
    X = spectra(6, 80)
    expected = transformer_class().fit_transform(X[::2, ::2].copy())
    for view in (X[::2, ::2], np.asfortranarray(X[::2, ::2]), X[::2, ::2].tolist()):
        np.testing.assert_allclose(transformer_class().fit_transform(view), expected, rtol=1e-6)


@pytest.mark.parametrize("transformer_class", TRANSFORMERS)
def test_data_frames(transformer_class):
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    X = spectra(5, 3)
    names = ["a", "b", "c"]
    expected = transformer_class().fit_transform(X)
    for frame in (pd.DataFrame(X, columns=names, index=list("vwxyz")), pl.DataFrame(X, schema=names)):
        transformer = transformer_class().fit(frame)
        assert transformer.get_feature_names_out().tolist() == names
        transformed = transformer.transform(frame)
        assert isinstance(transformed, np.ndarray)
        np.testing.assert_array_equal(transformed, expected)
        kind = "pandas" if isinstance(frame, pd.DataFrame) else "polars"
        transformed = transformer.set_output(transform=kind).transform(frame)
        assert type(transformed) is type(frame)
        assert list(transformed.columns) == names
        assert set(map(str, transformed.dtypes)) <= {"float32", "Float32"}
        np.testing.assert_array_equal(transformed, expected)
        with pytest.raises(ValueError, match="feature names should match"):
            transformer.transform(frame[["b", "a", "c"]])


@pytest.mark.parametrize("transformer_class", TRANSFORMERS)
def test_stateless(transformer_class):
    """Without ``fit`` any width goes, with or without names, and nothing is remembered."""
    pd = pytest.importorskip("pandas")
    transformer = transformer_class()
    transformer.transform(spectra(2, 5))
    transformer.transform(pd.DataFrame(spectra(2, 6), columns=list("abcdef")))
    with pytest.raises(NotFittedError):
        transformer.get_feature_names_out()
    transformer.fit(spectra(2, 5))
    with pytest.raises(ValueError, match=r"X has 6 features, but .* is expecting 5"):
        transformer.transform(spectra(2, 6))


@pytest.mark.parametrize("transformer_class", TRANSFORMERS)
def test_missing_flux_is_no_matter_for_fit_but_shape_is(transformer_class):
    transformer_class().fit(np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="Expected 2D array"):
        transformer_class().fit([1.0, 2.0])


def test_no_temporary_of_the_size_of_the_input(monkeypatch):
    monkeypatch.setattr(_parallel, "_openmp_effective_n_threads", lambda: 2)
    X = spectra(4000, 2600)
    for transformer, output in [
        (MinMaxSpectrumScaler(), 1),
        (MinMaxSpectrumScaler(copy=False), 0),
        (MinMaxSpectrumScaler((-1, 1), quantile_range=(1, 99), copy=False), 0),
        (MissingFluxInterpolator(), 1),
        (MissingFluxInterpolator(copy=False), 0),
    ]:
        tracemalloc.start()
        transformer.fit_transform(X)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < (output + 0.1) * X.nbytes, transformer


def test_scaling_does_not_depend_on_the_number_of_threads(monkeypatch):
    X = spectra(500, 1000)
    expected = MinMaxSpectrumScaler().transform(X)
    monkeypatch.setattr(_parallel, "_openmp_effective_n_threads", lambda: 3)
    np.testing.assert_array_equal(MinMaxSpectrumScaler().transform(X), expected)


def test_there_is_no_way_back():
    assert not hasattr(MinMaxSpectrumScaler(), "inverse_transform")


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (MinMaxSpectrumScaler((1, 0)), r"'feature_range' parameter .* low < high.*Got \(1, 0\)"),
        (MinMaxSpectrumScaler((1, 1)), r"'feature_range' parameter .* Got \(1, 1\)"),
        (MinMaxSpectrumScaler((0, np.inf)), r"'feature_range' parameter .* \(-inf, inf\).*Got \(0, inf\)"),
        (MinMaxSpectrumScaler((0, 1, 2)), r"'feature_range' parameter .* a pair .*Got \(0, 1, 2\)"),
        (MinMaxSpectrumScaler((False, True)), r"'feature_range' parameter .* a pair .*Got \(False, True\)"),
        (MinMaxSpectrumScaler(3), "'feature_range' parameter .* a pair .*Got 3"),
        (
            MinMaxSpectrumScaler(quantile_range=(-1, 50)),
            r"'quantile_range' parameter .* \[0.*, 100.*\]. Got \(-1, 50\)",
        ),
        (MinMaxSpectrumScaler(quantile_range=(0, 101)), r"'quantile_range' parameter .* Got \(0, 101\)"),
        (MinMaxSpectrumScaler(quantile_range=(50, 50)), r"'quantile_range' parameter .* Got \(50, 50\)"),
        (MinMaxSpectrumScaler(quantile_range=(np.nan, 50)), r"'quantile_range' parameter .* Got \(nan, 50\)"),
        (MinMaxSpectrumScaler(copy="no"), "'copy' parameter .* Got 'no'"),
        (MissingFluxInterpolator(copy=None), "'copy' parameter .* Got None"),
    ],
    ids=lambda value: re.sub(r"\W+", " ", str(value))[:40],
)
def test_bad_parameters(transformer, message):
    for method in (transformer.fit, transformer.transform):
        with pytest.raises(ValueError, match=message):
            method(spectra())


@pytest.mark.parametrize("transformer_class", TRANSFORMERS)
def test_bad_input(transformer_class):
    for X in ([["a", "b"]], np.array([[1 + 1j, 2]]), np.zeros((0, 4)), np.zeros((4, 0))):
        with warnings.catch_warnings(), pytest.raises(ValueError, match=r"[Cc]onvert|[Cc]omplex|minimum of 1"):
            transformer_class().fit_transform(X)
