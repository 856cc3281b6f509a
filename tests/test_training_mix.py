"""PriorCorrectedClassifier: estimators that are not trained at the class mix of the labels, at any depth."""

import numpy as np
import pytest
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra.calibration import PriorCorrectedClassifier
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.over_sampling import PhysicsNoiseOverSampler

CLASSES = np.array(["GALAXY", "QSO", "STAR"])


def spectra(shares, n=400):
    """Spectra of the classes at given shares."""
    y = np.repeat(CLASSES, np.round(np.multiply(shares, n)).astype(int))
    return np.random.default_rng(0).normal(size=(len(y), 3)) + 2 * (y[:, None] == CLASSES), y


BALANCED = LogisticRegression(class_weight="balanced")


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (GridSearchCV(BALANCED, {"C": [1]}), "LogisticRegression has class_weight='balanced'"),
        (
            GridSearchCV(LogisticRegression(), {"class_weight": ["balanced"]}),
            "tries values of class_weight in param_grid",
        ),
        (
            GridSearchCV(
                make_pipeline(LogisticRegression()), [{"logisticregression__class_weight": [None, "balanced"]}]
            ),
            "GridSearchCV tries values of logisticregression__class_weight in param_grid",
        ),
        (GridSearchCV(make_pipeline(BALANCED), {"logisticregression": [BALANCED]}), "class_weight='balanced'"),
        (CalibratedClassifierCV(make_pipeline(StandardScaler(), BALANCED)), "class_weight='balanced'"),
        (BaggingClassifier(BALANCED), "class_weight='balanced'"),
        (VotingClassifier([("a", LogisticRegression()), ("b", BALANCED)], voting="soft"), "class_weight='balanced'"),
        (StackingClassifier([("a", LogisticRegression())], final_estimator=BALANCED), "class_weight='balanced'"),
        (OneVsRestClassifier(DenseNet1DClassifier(sampling="balanced")), "sampling='balanced'"),
        (GridSearchCV(FrozenEstimator(LogisticRegression()), {}), "an estimator is frozen"),
        (BalancedBaggingClassifier(), "BalancedBaggingClassifier has sampling_strategy='auto'"),
        (BalancedRandomForestClassifier(), "BalancedRandomForestClassifier has sampling_strategy"),
        (EasyEnsembleClassifier(), "EasyEnsembleClassifier has sampling_strategy"),
        (RUSBoostClassifier(), "RUSBoostClassifier has sampling_strategy"),
        (
            BaggingClassifier(make_resampling_pipeline(PhysicsNoiseOverSampler(), LogisticRegression())),
            "PhysicsNoiseOverSampler resamples the classes",
        ),
        (GaussianNB(priors=[0.2, 0.3, 0.5]), r"GaussianNB has priors=\[0.2, 0.3, 0.5\]"),
    ],
)
def test_training_mix_must_be_stated_at_any_depth(estimator, reason):
    with pytest.raises(ValueError, match=f"training_priors=None takes the class shares of y, but .*{reason}"):
        PriorCorrectedClassifier(estimator).fit(np.eye(3), CLASSES)


@pytest.mark.parametrize(
    "estimator",
    [
        GridSearchCV(LogisticRegression(), {"C": [1.0], "class_weight": [None]}, cv=2),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
        BaggingClassifier(make_pipeline(StandardScaler(), LogisticRegression())),
        GaussianNB(),
    ],
)
def test_wrapped_classifiers_that_learn_from_the_labels_need_no_statement(estimator):
    X, y = spectra([0.5, 0.25, 0.25])
    classifier = PriorCorrectedClassifier(estimator).fit(X, y)
    np.testing.assert_allclose(classifier.training_priors_, [0.5, 0.25, 0.25])


def test_weights_for_a_step_of_a_pipeline_count_for_the_training_mix():
    X, y = spectra([0.8, 0.1, 0.1])
    weights = np.where(y == CLASSES[0], 1.0, 8.0)
    plain = PriorCorrectedClassifier(LogisticRegression()).fit(X, y, sample_weight=weights)
    pipeline = PriorCorrectedClassifier(make_pipeline(StandardScaler(), LogisticRegression()))
    pipeline.fit(X, y, logisticregression__sample_weight=weights)
    np.testing.assert_allclose(pipeline.training_priors_, [1 / 3] * 3, atol=1e-3)
    np.testing.assert_array_equal(pipeline.training_priors_, plain.training_priors_)
    several = {"standardscaler__sample_weight": weights, "logisticregression__sample_weight": weights}
    with pytest.raises(ValueError, match=r"there are several weights among .* State training_priors"):
        pipeline.fit(X, y, **several)
