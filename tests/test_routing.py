"""Further arguments of `fit` reach the estimator inside a wrapper, with and without scikit-learn's metadata routing."""

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skspectra.calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier
from skspectra.neural_network import SpectrumMLPClassifier
from skspectra.outliers import UnknownRejector
from skspectra.preprocessing import MinMaxSpectrumScaler

WRAPPERS = [MacroF1ThresholdClassifier, PriorCorrectedClassifier, UnknownRejector]


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers what its `fit` was given."""

    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None):
        self.classes_ = np.unique(y)
        self.given_ = {"n": len(X), "sample_weight": sample_weight, "X_val": X_val, "y_val": y_val}
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

    def predict(self, X):
        return self.classes_[np.zeros(len(X), int)]


@pytest.fixture
def spectra():
    rng = np.random.default_rng(0)
    return rng.random((60, 20)), np.arange(60) % 3, rng.uniform(0.5, 2, 60)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_without_routing(wrapper, spectra):
    X, y, weights = spectra
    fitted = wrapper(Recorder()).fit(X, y, sample_weight=weights, X_val=X[:5], y_val=y[:5])
    given = fitted.estimator_.given_
    assert len(given["sample_weight"]) == given["n"]  # of the part that it is fitted on
    assert set(given["sample_weight"]) <= set(weights)
    np.testing.assert_array_equal(given["X_val"], X[:5])
    np.testing.assert_array_equal(given["y_val"], y[:5])


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_with_routing(wrapper, spectra):
    X, y, weights = spectra
    with sklearn.config_context(enable_metadata_routing=True):
        inner = Recorder().set_fit_request(sample_weight=True, X_val=True, y_val=True)
        pipeline = make_pipeline(MinMaxSpectrumScaler(), wrapper(inner), transform_input=["X_val"])
        pipeline.fit(X, y, sample_weight=weights, X_val=X[:5], y_val=y[:5])
    given = pipeline[-1].estimator_.given_
    assert len(given["sample_weight"]) == given["n"]
    np.testing.assert_allclose(given["X_val"], MinMaxSpectrumScaler().transform(X[:5]))


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_what_is_not_asked_for_is_an_error(wrapper, spectra):
    X, y, weights = spectra
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.raises(Exception, match="not explicitly set as requested or not requested for Recorder"),
    ):
        wrapper(Recorder()).fit(X, y, sample_weight=weights)


def test_within_a_search(spectra):
    X, y, weights = spectra
    network = SpectrumMLPClassifier(hidden_layer_sizes=(4,), max_epochs=1, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        wrapped = PriorCorrectedClassifier(network.set_fit_request(sample_weight=True)).set_score_request(
            sample_weight=True
        )
        search = GridSearchCV(wrapped, {"estimator__lr": [0.01, 0.02]}, cv=2).fit(X, y, sample_weight=weights)
        assert np.isfinite(search.best_score_)
        assert clone(wrapped).get_metadata_routing() is not None
