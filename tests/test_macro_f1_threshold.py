"""Decision of greatest macro F1: a case by hand, scikit-learn's own F1, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.svm import LinearSVC

from skspectra.calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier

CLASSES = np.array(["GALAXY", "QSO", "STAR"])


class Given(ClassifierMixin, BaseEstimator):
    """Returns X as probabilities."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.asarray(X)


def on_probabilities(probabilities, y, **params):
    n_classes = len(probabilities[0])
    given = FrozenEstimator(Given().fit(np.eye(n_classes), CLASSES[-n_classes:]))
    return MacroF1ThresholdClassifier(given, **params).fit(probabilities, y)


def spectra(counts=(100, 60, 2000), random_state=0):
    X, codes = make_blobs(counts, centers=[[2, 0], [0, 2], [0, 0]], random_state=random_state)
    return X, CLASSES[codes]


def test_factors_by_hand():
    p = np.array([0.1, 0.2, 0.4, 0.45])  # of being a quasar, as the last one is
    probabilities = np.column_stack([p, 1 - p])
    classifier = on_probabilities(probabilities, ["STAR", "STAR", "STAR", "QSO"])

    # Right for all four from 0.55 / 0.45 = 1.22 to 0.6 / 0.4 = 1.5: in that lies 20 ** (2 / 20), two steps from 1.
    np.testing.assert_allclose(classifier.class_factors_, [20**0.1, 1])
    assert classifier.best_score_ == 1
    # Then a quasar is from 1 / (1 + 1.349) = 0.4257 on.
    assert classifier.predict([[0.425, 0.575], [0.426, 0.574]]).tolist() == ["STAR", "QSO"]
    np.testing.assert_array_equal(classifier.predict_proba(probabilities), probabilities)


def test_factors_stay_1_where_nothing_is_better():
    assert on_probabilities(np.eye(3), CLASSES).class_factors_.tolist() == [1, 1, 1]


@pytest.mark.parametrize("class_priors", [None, [0.012, 0.003, 0.985], {"GALAXY": 0.4, "QSO": 0.4, "STAR": 0.2}])
def test_score_is_macro_f1_at_the_class_shares_and_the_best(class_priors):
    X, y = spectra()
    logistic = LogisticRegression().fit(X, y)
    classifier = MacroF1ThresholdClassifier(FrozenEstimator(logistic), class_priors=class_priors).fit(X, y)
    weights = np.ones(len(y))
    if class_priors is not None:
        shares = class_priors if isinstance(class_priors, dict) else dict(zip(CLASSES, class_priors, strict=True))
        weights = np.array([shares[label] / (y == label).sum() for label in y])

    def score(factors):
        predicted = CLASSES[(logistic.predict_proba(X) * factors).argmax(axis=1)]
        return f1_score(y, predicted, average="macro", sample_weight=weights)

    assert classifier.best_score_ == pytest.approx(score(classifier.class_factors_), rel=1e-12)
    np.testing.assert_array_equal(
        classifier.predict(X), CLASSES[(logistic.predict_proba(X) * classifier.class_factors_).argmax(axis=1)]
    )
    assert classifier.best_score_ > score([1, 1, 1])
    # No other factor of a class does better, the others as they are.
    for k in range(3):
        for change in np.geomspace(0.05, 20, 25):
            other = classifier.class_factors_.copy()
            other[k] *= change
            assert score(other) <= classifier.best_score_ + 0.01


def test_new_spectra_of_rare_classes_are_found():
    X, y = spectra((300, 200, 9500))
    X_new, y_new = spectra((300, 200, 9500), random_state=1)
    classifier = MacroF1ThresholdClassifier(LogisticRegression(), random_state=0).fit(X, y)
    most_probable = classifier.estimator_.predict(X_new)

    gain = f1_score(y_new, classifier.predict(X_new), average="macro") - f1_score(y_new, most_probable, average="macro")
    assert gain > 0.03


def test_factors_are_of_spectra_that_were_held_back():
    X, y = spectra()
    X[y == "STAR"] += np.random.default_rng(0).normal(size=(2000, 2))
    first, again, other = (
        MacroF1ThresholdClassifier(LogisticRegression(), validation_fraction=0.5, random_state=seed).fit(X, y)
        for seed in (0, 0, 1)
    )

    np.testing.assert_array_equal(first.class_factors_, again.class_factors_)
    np.testing.assert_array_equal(first.estimator_.coef_, again.estimator_.coef_)
    assert (first.estimator_.coef_ != other.estimator_.coef_).any()
    assert (first.estimator_.coef_ != LogisticRegression().fit(X, y).coef_).any()


def test_class_without_held_back_spectra():
    probabilities = [[0.3, 0.1, 0.6], [0.2, 0.1, 0.7], [0.4, 0.1, 0.5], [0.2, 0.5, 0.3]]
    classifier = on_probabilities(probabilities, ["STAR", "STAR", "GALAXY", "STAR"])

    assert classifier.class_factors_[1] == classifier.class_factors_[2] == 1
    # The star that is taken for a quasar counts: 2 of 3 stars, 1 of 1 galaxies.
    assert classifier.predict(probabilities).tolist() == ["STAR", "STAR", "GALAXY", "QSO"]
    assert classifier.best_score_ == pytest.approx((4 / 5 + 1) / 2)


def test_class_that_the_survey_does_not_hold():
    probabilities = [[0.2, 0.1, 0.7], [0.4, 0.1, 0.5], [0.3, 0.4, 0.3]]
    classifier = on_probabilities(probabilities, ["STAR", "GALAXY", "QSO"], class_priors={"STAR": 0.9, "GALAXY": 0.1})

    assert classifier.class_factors_[1] == 1
    assert classifier.best_score_ == 1


def test_around_prior_correction_of_a_network_trained_in_equal_shares():
    X, y = spectra()
    survey = {"GALAXY": 0.012, "QSO": 0.003, "STAR": 0.985}
    balanced = LogisticRegression(class_weight="balanced").fit(X, y)
    corrected = PriorCorrectedClassifier(
        FrozenEstimator(balanced), class_priors=survey, training_priors="balanced"
    ).fit(X, y)
    classifier = MacroF1ThresholdClassifier(FrozenEstimator(corrected), class_priors=survey).fit(X, y)

    np.testing.assert_array_equal(classifier.predict_proba(X), corrected.predict_proba(X))
    assert classifier.class_factors_[:2].min() > 1  # the rare ones


def test_in_a_grid_search_of_a_frame():
    X, y = spectra()
    table = pd.DataFrame(X, columns=["a", "b"])
    search = GridSearchCV(
        MacroF1ThresholdClassifier(LogisticRegression(), random_state=0),
        {"estimator__C": [1e-6, 1.0]},
        scoring="f1_macro",
        cv=3,
    ).fit(table, y)

    assert search.best_params_ == {"estimator__C": 1.0}
    assert search.best_estimator_.feature_names_in_.tolist() == ["a", "b"]
    assert search.best_estimator_.n_features_in_ == 2


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"class_priors": "balanced"}, "The 'class_priors' parameter of MacroF1ThresholdClassifier must be"),
        ({"class_priors": [0.5, 0.5]}, "class_priors must hold one share for each of the classes"),
        (
            {"class_priors": {"COMET": 1.0}},
            r"class_priors has unknown keys \['COMET'\]; the classes are",
        ),
        ({"validation_fraction": 1.0}, "The 'validation_fraction' parameter of MacroF1ThresholdClassifier must be"),
        ({"random_state": "a"}, "The 'random_state' parameter of MacroF1ThresholdClassifier must be"),
    ],
    ids=str,
)
def test_parameters_that_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        MacroF1ThresholdClassifier(LogisticRegression(), **params).fit(*spectra((20, 20, 20)))


def test_labels_that_are_refused():
    with pytest.raises(ValueError, match=r"y has labels \['COMET'\], but the classes are"):
        on_probabilities(np.eye(3), ["COMET", "QSO", "STAR"])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        on_probabilities(np.eye(3), ["QSO", "STAR"])
    with pytest.raises(ValueError, match="must be above 0 for at least one class in y"):
        on_probabilities(np.eye(3), ["QSO", "STAR", "STAR"], class_priors={"GALAXY": 1.0})
    with pytest.raises(ValueError, match="class"):
        MacroF1ThresholdClassifier(LogisticRegression()).fit(*spectra((20, 20, 1)))


def test_estimator_without_probabilities():
    with pytest.raises(TypeError, match=r"LinearSVC\(\) has no predict_proba"):
        MacroF1ThresholdClassifier(LinearSVC()).fit(*spectra((20, 20, 20)))


def test_not_fitted():
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(MacroF1ThresholdClassifier(LogisticRegression()), method)(np.eye(2))
