"""Class probabilities at another class mix: numbers by hand, an independent formula, and what is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from imblearn.pipeline import make_pipeline as make_resampling_pipeline
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_blobs
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.fixes import parse_version

from skspectra.calibration import PriorCorrectedClassifier, estimate_class_priors
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.over_sampling import PhysicsNoiseOverSampler

CLASSES = np.array(["GALAXY", "QSO", "STAR"])


class Given(ClassifierMixin, BaseEstimator):
    """Returns X as probabilities."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.asarray(X)


def corrected(probabilities, class_priors, training_priors="balanced"):
    classifier = PriorCorrectedClassifier(Given(), class_priors=class_priors, training_priors=training_priors)
    n_classes = len(probabilities[0])
    return classifier.fit(np.eye(n_classes), CLASSES[:n_classes]).predict_proba(probabilities)


def spectra(shares, n_samples=4000, random_state=0):
    counts = np.round(n_samples * np.array(shares)).astype(int).tolist()
    X, codes = make_blobs(counts, centers=[[0, 0], [2, 2], [0, 3]], random_state=random_state)
    return X, CLASSES[codes]


def test_probabilities_by_hand():
    # 0.2 * 0.9 = 0.18 and 0.8 * 0.1 = 0.08
    np.testing.assert_allclose(corrected([[0.2, 0.8]], [0.9, 0.1]), [[0.18 / 0.26, 0.08 / 0.26]])
    # 0.3 / 0.6 * 0.5 = 0.25 and 0.7 / 0.4 * 0.5 = 0.875
    np.testing.assert_allclose(corrected([[0.3, 0.7]], [0.5, 0.5], [0.6, 0.4]), [[0.25 / 1.125, 0.875 / 1.125]])
    np.testing.assert_allclose(corrected([[1 / 3, 1 / 3, 1 / 3]], [0.1, 0.2, 0.7]), [[0.1, 0.2, 0.7]])


def test_priors_add_their_logarithm_to_logits():
    X, y = spectra([0.5, 0.3, 0.2])
    priors = np.array([0.012, 0.003, 0.985])
    balanced = LinearDiscriminantAnalysis(priors=[1 / 3] * 3)
    classifier = PriorCorrectedClassifier(balanced, class_priors=priors, training_priors="balanced").fit(X, y)
    # The logits of a discriminant analysis are log likelihood plus log prior.
    logits = balanced.fit(X, y).decision_function(X) - np.log(1 / 3) + np.log(priors)
    np.testing.assert_allclose(classifier.predict_proba(X), softmax(logits, axis=1), rtol=1e-6)
    np.testing.assert_array_equal(classifier.predict(X), CLASSES[logits.argmax(axis=1)])


def test_balanced_training_answers_at_the_mix_of_the_labels():
    X, y = spectra([0.05, 0.02, 0.93])
    X_new, y_new = spectra([0.05, 0.02, 0.93], random_state=1)
    balanced = LogisticRegression(class_weight="balanced")
    classifier = PriorCorrectedClassifier(balanced, training_priors="balanced").fit(X, y)
    np.testing.assert_allclose(classifier.class_priors_, [0.05, 0.02, 0.93])
    np.testing.assert_allclose(classifier.training_priors_, [1 / 3] * 3)
    np.testing.assert_allclose(classifier.predict_proba(X_new).mean(axis=0), [0.05, 0.02, 0.93], atol=0.01)
    assert log_loss(y_new, classifier.predict_proba(X_new)) < 0.6 * log_loss(
        y_new, balanced.fit(X, y).predict_proba(X_new)
    )


def test_without_priors_nothing_changes():
    X, y = spectra([0.2, 0.3, 0.5])
    classifier = PriorCorrectedClassifier(LogisticRegression()).fit(X, y)
    np.testing.assert_allclose(classifier.predict_proba(X), LogisticRegression().fit(X, y).predict_proba(X))


def test_stated_survey_mix_of_a_classifier_that_learnt_the_mix_of_the_labels():
    X, y = spectra([0.2, 0.3, 0.5])
    classifier = PriorCorrectedClassifier(LogisticRegression(), class_priors=[0.1, 0.1, 0.8]).fit(X, y)
    np.testing.assert_allclose(classifier.training_priors_, [0.2, 0.3, 0.5])
    np.testing.assert_allclose(classifier.class_priors_, [0.1, 0.1, 0.8])


def test_weights_count_in_the_mix():
    y = np.array(["GALAXY", "STAR", "STAR"])
    classifier = PriorCorrectedClassifier(LogisticRegression()).fit(np.eye(3), y, sample_weight=[2, 1, 5])
    np.testing.assert_allclose(classifier.class_priors_, [0.25, 0.75])


@pytest.mark.parametrize(
    "class_priors",
    [
        {"STAR": 0.985, "GALAXY": 0.012, "QSO": 0.003},
        pd.Series({"STAR": 0.985, "GALAXY": 0.012, "QSO": 0.003}),
        np.array([0.012, 0.003, 0.985], dtype=np.float32),
        (0.012, 0.003, 0.985),
    ],
    ids=["dict", "Series", "array", "tuple"],
)
def test_forms_of_priors(class_priors):
    expected = corrected([[0.5, 0.25, 0.25]], [0.012, 0.003, 0.985])
    np.testing.assert_allclose(corrected([[0.5, 0.25, 0.25]], class_priors), expected, rtol=1e-6)


def test_class_that_the_survey_does_not_hold():
    np.testing.assert_allclose(corrected([[0.9, 0.05, 0.05]], {"QSO": 0.5, "STAR": 0.5}), [[0, 0.5, 0.5]])
    # A spectrum that was surely of that class is of one of the others.
    np.testing.assert_allclose(corrected([[1.0, 0.0, 0.0]], {"QSO": 0.4, "STAR": 0.6}), [[0, 0.4, 0.6]])


@pytest.mark.parametrize(
    ("class_priors", "message"),
    [
        ({"STAR": 0.5, "COMET": 0.5}, r"class_priors has unknown keys \['COMET'\]; the classes are"),
        ([0.5, 0.5], r"class_priors must hold one share for each of the classes"),
        ([0.5, 0.4, 0.3], r"class_priors must be shares of 0 or more that sum to 1"),
        ([1.5, -0.5, 0.0], r"class_priors must be shares of 0 or more that sum to 1"),
        ([np.nan, 0.5, 0.5], r"class_priors must be shares of 0 or more that sum to 1"),
        (["a", "b", "c"], "class_priors must hold numbers"),
        ("balanced", "The 'class_priors' parameter of PriorCorrectedClassifier must be"),
    ],
)
def test_priors_that_are_refused(class_priors, message):
    with pytest.raises(ValueError, match=message):
        corrected([[0.5, 0.25, 0.25]], class_priors)


def test_training_priors_that_are_refused():
    with pytest.raises(ValueError, match="training_priors must be above 0 for each of the classes"):
        corrected([[0.5, 0.25, 0.25]], None, [0.0, 0.5, 0.5])
    with pytest.raises(ValueError, match="The 'training_priors' parameter of PriorCorrectedClassifier must be"):
        corrected([[0.5, 0.25, 0.25]], None, "equal")


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (LogisticRegression(class_weight="balanced"), "LogisticRegression has class_weight='balanced'"),
        (make_pipeline(StandardScaler(), LogisticRegression(class_weight={"STAR": 2})), "class_weight={'STAR': 2}"),
        (DenseNet1DClassifier(sampling="balanced"), "DenseNet1DClassifier has sampling='balanced'"),
        (
            make_resampling_pipeline(PhysicsNoiseOverSampler(), LogisticRegression()),
            "PhysicsNoiseOverSampler resamples the classes",
        ),
        (FrozenEstimator(LogisticRegression().fit(np.eye(3), CLASSES)), "an estimator is frozen"),
    ],
    ids=["class_weight", "in a pipeline", "sampling", "sampler", "frozen"],
)
def test_training_mix_must_be_stated_where_the_labels_do_not_tell_it(estimator, reason):
    with pytest.raises(ValueError, match=f"training_priors=None takes the class shares of y, but .*{reason}"):
        PriorCorrectedClassifier(estimator).fit(np.eye(3), CLASSES)


def test_frozen_classifier_is_not_fitted_again():
    X, y = spectra([1 / 3, 1 / 3, 1 / 3])
    fitted = LogisticRegression().fit(X, y)
    X_survey, y_survey = spectra([0.1, 0.1, 0.8])
    classifier = PriorCorrectedClassifier(FrozenEstimator(fitted), training_priors="balanced").fit(X_survey, y_survey)
    np.testing.assert_allclose(classifier.class_priors_, [0.1, 0.1, 0.8])
    np.testing.assert_array_equal(classifier.estimator_.coef_, fitted.coef_)
    with pytest.raises(ValueError, match=r"y has labels \['COMET'\], but the classes are"):
        classifier.fit(X[:2], ["COMET", "STAR"])


def test_estimator_without_probabilities():
    with pytest.raises(TypeError, match=r"LinearSVC\(\) has no predict_proba"):
        PriorCorrectedClassifier(LinearSVC()).fit(np.eye(3), CLASSES)


def test_not_fitted():
    for method in ("predict", "predict_proba", "adapt"):
        with pytest.raises(NotFittedError):
            getattr(PriorCorrectedClassifier(LogisticRegression()), method)(np.eye(3))


def test_adapt_finds_the_mix_of_a_survey():
    X, y = spectra([1 / 3, 1 / 3, 1 / 3])
    classifier = PriorCorrectedClassifier(LogisticRegression()).fit(X, y)
    X_survey, y_survey = spectra([0.1, 0.03, 0.87], random_state=1)
    before = log_loss(y_survey, classifier.predict_proba(X_survey))
    assert classifier.adapt(X_survey) is classifier
    np.testing.assert_allclose(classifier.class_priors_, [0.1, 0.03, 0.87], atol=0.01)
    assert log_loss(y_survey, classifier.predict_proba(X_survey)) < 0.7 * before


def test_estimated_mix_is_that_of_greatest_likelihood():
    rng = np.random.default_rng(0)
    p = rng.beta(0.5, 0.5, 200)
    training = np.array([0.3, 0.7])

    def minus_log_likelihood(share):
        return -np.log(share * p / training[0] + (1 - share) * (1 - p) / training[1]).sum()

    best = minimize_scalar(minus_log_likelihood, bounds=(0, 1), method="bounded", options={"xatol": 1e-9}).x
    estimate = estimate_class_priors(np.column_stack([p, 1 - p]), training, tol=1e-10)
    np.testing.assert_allclose(estimate, [best, 1 - best], rtol=1e-5)


def test_estimate_that_does_not_converge():
    with pytest.warns(ConvergenceWarning, match="max_iter=1"):
        estimate_class_priors([[0.9, 0.1], [0.8, 0.2]], [0.5, 0.5], max_iter=1)


def test_estimate_refuses_what_are_no_probabilities():
    with pytest.raises(ValueError, match="probabilities must be 0 or more and sum to 1"):
        estimate_class_priors([[0.9, 0.9]], [0.5, 0.5])
    with pytest.raises(ValueError, match="probabilities contains NaN"):
        estimate_class_priors([[np.nan, 0.9]], [0.5, 0.5])
    with pytest.raises(ValueError, match="training_priors must be above 0"):
        estimate_class_priors([[0.1, 0.9]], [1.0, 0.0])


def test_single_spectrum_and_overconfident_probabilities_stay_finite():
    estimate = estimate_class_priors([[1.0, 0.0, 0.0]], [0.3, 0.3, 0.4])
    np.testing.assert_allclose(estimate, [1, 0, 0], atol=1e-6)
    tiny = np.array([[1 - 1e-12, 1e-300, 1e-12]], dtype=np.float64)
    assert np.isfinite(corrected(tiny, [1e-12, 1 - 2e-12, 1e-12])).all()


def test_calibration_inside_and_around():
    X, y = spectra([1 / 3, 1 / 3, 1 / 3])
    X_survey, y_survey = spectra([0.1, 0.1, 0.8], random_state=1)
    method = "temperature" if parse_version(sklearn.__version__) >= parse_version("1.8") else "sigmoid"
    inside = CalibratedClassifierCV(FrozenEstimator(LogisticRegression().fit(X, y)), method=method).fit(X, y)
    classifier = PriorCorrectedClassifier(
        FrozenEstimator(inside), class_priors=[0.1, 0.1, 0.8], training_priors="balanced"
    ).fit(X, y)
    around = CalibratedClassifierCV(FrozenEstimator(classifier), method=method).fit(X_survey, y_survey)
    for calibrated in (classifier, around):
        assert log_loss(y_survey, calibrated.predict_proba(X_survey)) < log_loss(
            y_survey, inside.predict_proba(X_survey)
        )
    cross_validated = CalibratedClassifierCV(PriorCorrectedClassifier(LogisticRegression()), cv=3).fit(X, y)
    assert cross_validated.score(X, y) > 0.8


def test_in_a_grid_search_and_a_pipeline():
    X, y = spectra([0.05, 0.05, 0.9], n_samples=600)
    classifier = PriorCorrectedClassifier(LogisticRegression(class_weight="balanced"), training_priors="balanced")
    uniform = [1 / 3] * 3
    search = GridSearchCV(
        make_pipeline(StandardScaler(), classifier),
        {
            "priorcorrectedclassifier__class_priors": [uniform, None],
            "priorcorrectedclassifier__estimator__C": [0.1, 1.0],
        },
        scoring="neg_log_loss",
        cv=3,
    ).fit(X, y)
    assert search.best_params_["priorcorrectedclassifier__class_priors"] is None
    assert clone(search.best_estimator_).get_params()["priorcorrectedclassifier__class_priors"] is None


def test_cross_validated_probabilities_take_priors_in_the_order_of_the_classes():
    X, y = spectra([0.2, 0.3, 0.5], n_samples=300)
    classifier = PriorCorrectedClassifier(LogisticRegression(), class_priors=[0.1, 0.1, 0.8])
    probabilities = cross_val_predict(classifier, X, y, cv=3, method="predict_proba")
    assert probabilities.mean(axis=0).argmax() == 2
    classifier.set_params(class_priors={"GALAXY": 0.1, "QSO": 0.1, "STAR": 0.8})
    # scikit-learn numbers the labels before it fits.
    with pytest.raises(ValueError, match=r"has unknown keys .*; the classes are \[0, 1, 2\]"):
        cross_val_predict(classifier, X, y, cv=3, method="predict_proba")


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames(frame):
    X, y = spectra([0.2, 0.3, 0.5], n_samples=100)
    table = frame({"a": X[:, 0], "b": X[:, 1]})
    classifier = PriorCorrectedClassifier(LogisticRegression(), class_priors=[0.1, 0.1, 0.8]).fit(table, y)
    assert classifier.feature_names_in_.tolist() == ["a", "b"]
    assert classifier.n_features_in_ == 2
    reference = PriorCorrectedClassifier(LogisticRegression(), class_priors=[0.1, 0.1, 0.8]).fit(X, y)
    np.testing.assert_allclose(classifier.predict_proba(table), reference.predict_proba(X))


def test_balanced_network_with_validation_data():
    rng = np.random.default_rng(0)
    X = rng.random((40, 64), dtype=np.float32)
    y = np.repeat(["GALAXY", "STAR"], [8, 32])
    X[:8, 20:30] += 1
    network = DenseNet1DClassifier(
        n_dense_blocks=2, growth_rate=2, kernel_sizes=(3,), max_epochs=2, sampling="balanced", random_state=0
    )
    classifier = PriorCorrectedClassifier(network, training_priors="balanced").fit(X, y, X_val=X, y_val=y)
    p = classifier.estimator_.predict_proba(X).astype(np.float64)
    expected = p * [0.2, 0.8]
    np.testing.assert_allclose(classifier.predict_proba(X), expected / expected.sum(axis=1, keepdims=True), rtol=1e-6)
    assert "valid_score" in classifier.estimator_.history_[0]
