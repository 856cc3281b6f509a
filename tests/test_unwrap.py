"""What is inside pipelines, searches and the classifiers around another one, and what spectra get there."""

import numpy as np
import pytest
from imblearn.pipeline import make_pipeline as make_sampling_pipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra._unwrap import flat_steps, innermost, innermost_input, last_step
from skspectra.calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier
from skspectra.outliers import UnknownRejector

X = np.random.default_rng(0).normal(size=(90, 3))
Y = np.array(["GALAXY", "QSO", "STAR"])[np.arange(90) % 3]
PIPELINE = make_pipeline(StandardScaler(), LogisticRegression())


@pytest.mark.parametrize(
    "estimator",
    [
        PIPELINE,
        make_pipeline("passthrough", None, PIPELINE),
        make_sampling_pipeline(RandomUnderSampler(random_state=0), StandardScaler(), LogisticRegression()),
        GridSearchCV(PIPELINE, {}, cv=2),
        PriorCorrectedClassifier(PIPELINE),
        MacroF1ThresholdClassifier(PIPELINE, random_state=0),
        UnknownRejector(GridSearchCV(PIPELINE, {}, cv=2), random_state=0),
        CalibratedClassifierCV(FrozenEstimator(clone(PIPELINE).fit(X, Y))),
        PriorCorrectedClassifier(FrozenEstimator(clone(PIPELINE).fit(X, Y)), training_priors="balanced"),
    ],
    ids=str,
)
def test_the_classifier_inside_and_what_it_sees(estimator):
    estimator = clone(estimator).fit(X, Y)
    inner, seen = innermost(estimator), innermost_input(estimator, X)
    assert isinstance(inner, LogisticRegression)
    np.testing.assert_allclose(seen, StandardScaler().fit_transform(X), atol=0.5)
    if isinstance(estimator, Pipeline | GridSearchCV):
        np.testing.assert_array_equal(inner.predict_proba(seen), estimator.predict_proba(X))


def test_an_ensemble_has_no_one_classifier_inside():
    calibrated = CalibratedClassifierCV(PIPELINE, cv=2).fit(X, Y)
    assert innermost(calibrated) is calibrated
    assert innermost_input(calibrated, X) is X


@pytest.mark.parametrize("estimator", [PriorCorrectedClassifier(PIPELINE), CalibratedClassifierCV(PIPELINE)])
def test_what_is_inside_is_known_once_fitted(estimator):
    with pytest.raises(NotFittedError):
        innermost(estimator)


def test_steps_of_a_pipeline_at_the_end_of_another():
    classifier = LogisticRegression()
    inner = make_pipeline(StandardScaler(), classifier)
    names = [name for name, _ in flat_steps(make_pipeline(PCA(2), inner))]
    assert names == ["pca", "standardscaler", "logisticregression"]
    assert last_step(make_pipeline(PCA(2), inner)) is last_step(classifier) is classifier
