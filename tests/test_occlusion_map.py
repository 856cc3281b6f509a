"""occlusion_map: the fall of a class probability when a stretch of the spectrum is covered."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skspectra.inspection import _occlusion_map, occlusion_map
from skspectra.preprocessing import MissingFluxInterpolator


class Mean(ClassifierMixin, BaseEstimator):
    """The probability of "line" is the mean flux, so that every fall can be worked out by hand."""

    def fit(self, X, y=None):
        self.classes_ = np.array(["line", "none"])
        return self

    def predict_proba(self, X):
        mean = np.asarray(X, dtype=np.float64).mean(axis=1)
        return np.column_stack([mean, 1 - mean])


MEAN = Mean().fit(None)


def test_falls_by_hand():
    X = np.array([[0, 0, 1, 0, 0.0]])
    # Covered by 0, only stretches with the third sample change the mean, by 1 / 5.
    assert_allclose(occlusion_map(MEAN, X, "line", width=1, step=1, fill=0), [[0, 0, 0.2, 0, 0]])
    assert_allclose(occlusion_map(MEAN, X, "none", width=1, step=1, fill=0.0), [[0, 0, -0.2, 0, 0]])
    # Stretches 0-1, 1-2, 2-3 and 3-4 fall by 0, 0.2, 0.2 and 0; inner samples are in two of them.
    assert_allclose(occlusion_map(MEAN, X, "line", width=2, step=1, fill=0), [[0, 0.1, 0.2, 0.1, 0]])
    # Stretches 0-1, 2-3 and, so that the end is covered, 3-4.
    assert_allclose(occlusion_map(MEAN, X, "line", width=2, step=2, fill=0), [[0, 0, 0.2, 0.1, 0]])


def test_straight_line_keeps_a_straight_continuum_and_hides_a_line():
    continuum = np.linspace(0.2, 0.7, 11)
    maps = occlusion_map(MEAN, continuum[np.newaxis], "line", width=3, step=1)
    assert_allclose(maps[:, 3:-3], 0, atol=1e-7)
    # At the ends the one neighbour stands for both: 0.35 over 0.2, 0.25, 0.3.
    assert_allclose(maps[0, 0], -(0.15 + 0.1 + 0.05) / 11, rtol=1e-6)
    assert_allclose(maps[0, -1], (0.15 + 0.1 + 0.05) / 11, rtol=1e-6)
    line = continuum.copy()
    line[5] += 0.3
    maps = occlusion_map(MEAN, line[np.newaxis], "line", width=1, step=1)
    assert_allclose(maps[0, 5], 0.3 / 11, rtol=1e-5)


def test_predicted_is_the_predicted_class_of_each_spectrum():
    X = np.array([[0.9, 0.9, 0.6], [0.1, 0.2, 0.0]])
    maps = occlusion_map(MEAN, X, width=1, step=1, fill=0)
    assert maps.dtype == np.float32
    assert_array_equal(maps, occlusion_map(MEAN, X, ["line", "none"], width=1, step=1, fill=0))
    assert_allclose(maps, [[0.3, 0.3, 0.2], [-0.1 / 3, -0.2 / 3, 0]], atol=1e-7)


def test_batches_change_nothing_and_input_is_left_alone(monkeypatch):
    X = np.random.default_rng(0).random((7, 20))
    X.flags.writeable = False
    before = X.copy()
    whole = occlusion_map(MEAN, X, "line", width=4, step=3)
    monkeypatch.setattr(_occlusion_map, "_SAMPLES_PER_BATCH", 60)
    assert_array_equal(occlusion_map(MEAN, X, "line", width=4, step=3), whole)
    assert_array_equal(X, before)
    assert_array_equal(occlusion_map(MEAN, X[2:3], "line", width=4, step=3), whole[2:3])


def test_any_classifier_and_data_frames_with_names():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 12)), np.arange(40) % 2
    X[y == 1, 8] += 6
    array = None
    for frame in (X, pd.DataFrame(X).add_prefix("f"), pl.DataFrame(X, schema=[f"f{i}" for i in range(12)])):
        classifier = make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, y)
        maps = occlusion_map(classifier, frame, 1, width=1, step=1)
        array = maps if array is None else array
        assert_allclose(maps, array, atol=1e-6)
    assert_array_equal(maps[y == 1].mean(axis=0).argmax(), 8)


def test_missing_flux_is_the_business_of_the_estimator():
    X = np.random.default_rng(0).random((20, 9))
    X[0, 3] = np.nan
    y = np.arange(20) % 2
    classifier = make_pipeline(MissingFluxInterpolator(), LogisticRegression()).fit(X, y)
    assert np.isfinite(occlusion_map(classifier, X, width=2, step=2)).all()
    with pytest.raises(ValueError, match="NaN"):
        occlusion_map(LogisticRegression().fit(X[1:], y[1:]), X, width=2, step=2)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"width": 0}, r"'width' parameter of occlusion_map must be an int in the range \[1, inf\). Got 0 instead"),
        ({"width": 5}, "width must be less than the 5 samples of a spectrum, got 5"),
        ({"width": 2.0}, "'width' parameter"),
        ({"width": True}, "'width' parameter"),
        ({"step": 0}, "'step' parameter"),
        ({"step": 3}, "step must be at most width=2, so that every sample is covered, got 3"),
        ({"fill": "cubic"}, "'fill' parameter of occlusion_map must be a str among {'linear'} or a float"),
        ({"fill": np.nan}, "'fill' parameter"),
        ({"scale": "logit"}, "'scale' parameter of occlusion_map must be a str among"),
        ({"target": "COMET"}, r"target has labels \['COMET'\]"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        occlusion_map(MEAN, np.zeros((1, 5)), **{"width": 2, "step": 1, **params})


def test_bad_estimators():
    X, y = np.eye(6), np.arange(6) % 2
    with pytest.raises(TypeError, match="estimator must have predict_proba, got LinearSVC"):
        occlusion_map(LinearSVC().fit(X, y), X, width=2, step=1)
    with pytest.raises(NotFittedError):
        occlusion_map(LogisticRegression(), X, width=2, step=1)


class Fixed(Mean):
    """Three classes with the given probabilities: uncovered, and where the second sample is covered by 0."""

    def __init__(self, before=(), after=()):
        self.before = before
        self.after = after

    def fit(self, X, y=None):
        self.classes_ = np.array(["line", "none", "other"])
        return self

    def predict_proba(self, X):
        return np.where(np.asarray(X)[:, 1:2] == 0, self.after, self.before)


def test_log_odds_by_hand():
    estimator = Fixed((0.8, 0.15, 0.05), (0.2, 0.7, 0.1)).fit(None)
    params = {"width": 1, "step": 1, "fill": 0, "scale": "log-odds"}
    X = np.ones((1, 3))
    # From 0.8 / 0.2 = 4 to 0.2 / 0.8 = 1 / 4.
    assert_allclose(occlusion_map(estimator, X, "line", **params), [[0, np.log(16), 0]], rtol=1e-6)
    # From 0.15 / 0.85 to 0.7 / 0.3.
    expected = np.log(0.15 / 0.85) - np.log(0.7 / 0.3)
    assert_allclose(occlusion_map(estimator, X, "none", **params), [[0, expected, 0]], rtol=1e-6)


def test_log_odds_tell_what_matters_to_a_classifier_that_is_sure():
    # In float32 both probabilities of the class are 1.
    estimator = Fixed(np.float32([1, 1e-20, 1e-11]), np.float32([1, 2e-11, 1e-20])).fit(None)
    X = np.ones((1, 3))
    assert_array_equal(occlusion_map(estimator, X, "line", width=1, step=1, fill=0), 0)
    maps = occlusion_map(estimator, X, "line", width=1, step=1, fill=0, scale="log-odds")
    assert_allclose(maps, [[0, np.log(2), 0]], rtol=1e-4)
    certain = Fixed((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)).fit(None)
    maps = occlusion_map(certain, X, "line", width=1, step=1, fill=0, scale="log-odds")
    assert_allclose(maps, [[0, 2 * np.log(1e12), 0]], rtol=1e-6)
