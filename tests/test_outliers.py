"""Unknown spectra: thresholds by hand, the share of known spectra that is rejected, and each score."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skspectra.calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.outliers import UnknownRejector
from skspectra.outliers._features import deepest_features
from skspectra.preprocessing import MinMaxSpectrumScaler

CLASSES = np.array(["GALAXY", "QSO", "STAR"])


def spectra(counts=(400, 400, 400), random_state=0, overlap=1.5):
    X, codes = make_blobs(counts, centers=[[-6, 0], [6, 0], [0, 9]], cluster_std=overlap, random_state=random_state)
    return X, CLASSES[codes]


class FirstColumn(ClassifierMixin, BaseEstimator):
    """Predicts the first class where the second column is 0, and scores by the first column."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[np.asarray(X)[:, 1].astype(int)]


def first_column(estimator, X):
    return np.asarray(X)[:, 0]


def test_thresholds_by_hand():
    # The scores 1 to 19 of spectra predicted as GALAXY: of 20 with a new one, 2 are below 10 % at most: below 2.
    X = np.column_stack([np.r_[np.arange(19, 0, -1), np.arange(9)], np.repeat([0, 1], [19, 9])])
    y = np.repeat(["GALAXY", "STAR"], [19, 9])
    estimator = FrozenEstimator(FirstColumn().fit(X, y))
    rejector = UnknownRejector(estimator, method=first_column, rejection_rate=0.1).fit(X, y)
    assert rejector.thresholds_.tolist() == [2, 0]
    assert rejector.predict([[1.9, 0], [2, 0], [-1, 1], [0, 1]]).tolist() == ["UNKNOWN", "GALAXY", "UNKNOWN", "STAR"]
    # With eight of a class, not even the lowest of nine is below 10 %.
    rejector.fit(X[:-1], y[:-1])
    assert rejector.thresholds_.tolist() == [2, -np.inf]
    assert rejector.predict([[-1e9, 1]]).tolist() == ["STAR"]


@pytest.mark.parametrize("method", ["max_proba", "energy", "distance"])
@pytest.mark.parametrize("rate", [0.02, 0.1])
def test_share_of_known_spectra_that_is_rejected(method, rate):
    X, y = spectra((20_000, 2_000, 20_000))
    X_new, _ = spectra((20_000, 2_000, 20_000), random_state=1)
    rejector = UnknownRejector(LinearDiscriminantAnalysis(), method=method, rejection_rate=rate, random_state=0)
    rejector.fit(X, y)
    rejected = rejector.predict(X_new) == "UNKNOWN"
    predicted = rejector.estimator_.predict(X_new)
    # In the rare class too, whose threshold has 400 spectra to go by.
    for label, tolerance in zip(CLASSES, (0.01, 0.03, 0.01), strict=True):
        assert abs(rejected[predicted == label].mean() - rate) < tolerance


def test_nothing_is_rejected_at_rate_zero():
    X, y = spectra()
    rejector = UnknownRejector(LogisticRegression(), rejection_rate=0, random_state=0).fit(X, y)
    np.testing.assert_array_equal(rejector.predict(100 * X), rejector.estimator_.predict(100 * X))


def test_each_score_finds_what_it_is_for():
    X, y = spectra()
    between, far = [[0.0, 3.0]], [[60.0, -60.0]]
    for method, unknown_between, unknown_far in [("max_proba", True, False), ("energy", True, False)]:
        rejector = UnknownRejector(LogisticRegression(), method=method, random_state=0).fit(X, y)
        assert (rejector.predict(between)[0] == "UNKNOWN") == unknown_between
        assert (rejector.predict(far)[0] == "UNKNOWN") == unknown_far
    rejector = UnknownRejector(LogisticRegression(), method="distance", random_state=0).fit(X, y)
    assert rejector.predict(far + between).tolist() == ["UNKNOWN", "UNKNOWN"]


def test_scores_by_their_formulas():
    X, y = spectra((50, 50, 50))
    logistic = LogisticRegression().fit(X, y)
    frozen = FrozenEstimator(logistic)
    np.testing.assert_allclose(
        UnknownRejector(frozen).fit(X, y).score_samples(X), logistic.predict_proba(X).max(axis=1)
    )
    np.testing.assert_allclose(
        UnknownRejector(frozen, method="energy").fit(X, y).score_samples(X),
        np.log(np.exp(logistic.decision_function(X)).sum(axis=1)),
    )
    # Many spectra of unit covariance: the distance is Euclid's.
    X, y = spectra((20_000, 20_000, 20_000), overlap=1.0)
    rejector = UnknownRejector(frozen, method="distance", random_state=0).fit(X, y)
    np.testing.assert_allclose(rejector.score_samples([[-6, 4], [0, 9], [6, -3]]), [-4, 0, -3], atol=0.05)


def test_distance_looks_at_what_the_last_step_sees():
    rng = np.random.default_rng(0)
    X, y = spectra()
    X = np.hstack([X, rng.normal(size=(len(X), 3))])
    pipeline = make_pipeline(PCA(2), LogisticRegression()).fit(X, y)
    np.testing.assert_allclose(deepest_features(pipeline, X), pipeline[:-1].transform(X))
    wrapped = make_pipeline("passthrough", FrozenEstimator(pipeline))
    np.testing.assert_allclose(deepest_features(wrapped, X), pipeline[:-1].transform(X))
    calibrated = CalibratedClassifierCV(FrozenEstimator(pipeline), method="sigmoid").fit(X, y)
    decided = MacroF1ThresholdClassifier(FrozenEstimator(calibrated)).fit(X, y)
    np.testing.assert_allclose(deepest_features(decided, X), pipeline[:-1].transform(X))
    rejector = UnknownRejector(pipeline, method="distance", random_state=0).fit(X, y)
    # What the projection does not see does not count.
    along = X[:1] + 50 * np.linalg.svd(rejector.estimator_[0].components_)[2][-1]
    np.testing.assert_allclose(rejector.score_samples(along), rejector.score_samples(X[:1]))


@pytest.mark.parametrize(
    "network",
    [
        DenseNet1DClassifier(n_dense_blocks=2, growth_rate=2, kernel_sizes=(3,), max_epochs=1, random_state=0),
        SpectrumMLPClassifier(hidden_layer_sizes=(8, 5), max_epochs=1, random_state=0),
        DBNClassifier(hidden_layer_sizes=(8, 5), pretrain_epochs=1, max_epochs=1, random_state=0),
    ],
    ids=lambda network: type(network).__name__,
)
def test_features_of_a_network_are_what_its_last_layer_sees(network):
    rng = np.random.default_rng(0)
    X, y = rng.random((60, 64), dtype=np.float32), np.tile(CLASSES, 20)
    pipeline = make_pipeline(MinMaxSpectrumScaler(), network)
    corrected = PriorCorrectedClassifier(pipeline, class_priors=[0.2, 0.2, 0.6]).fit(X, y)
    features = deepest_features(corrected, X)
    last_layer = corrected.estimator_[-1].net_.module_.classifier
    weight, bias = (p.detach().numpy() for p in last_layer.parameters())
    logits = corrected.estimator_.decision_function(X)
    np.testing.assert_allclose(features @ weight.T + bias, logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(corrected.estimator_.decision_function(X), logits)  # the network is as it was

    for method in ("max_proba", "distance"):
        rejector = UnknownRejector(
            corrected, method=method, rejection_rate=0.3, validation_fraction=0.5, random_state=0
        )
        assert rejector.fit(X, y).score_samples(X).shape == (60,)
    rejector = UnknownRejector(pipeline, method="energy", random_state=0).fit(X, y)
    assert np.isfinite(rejector.score_samples(X)).all()


def test_energy_needs_three_classes():
    X, y = spectra((50, 50, 0))
    with pytest.raises(ValueError, match="method='energy' needs a logit of each class"):
        UnknownRejector(LogisticRegression(), method="energy", random_state=0).fit(X, y)


@pytest.mark.parametrize(
    ("estimator", "method", "lacks"),
    [
        (LinearSVC(), "max_proba", "predict_proba"),
        (PriorCorrectedClassifier(LogisticRegression()), "energy", "decision_f"),
    ],
)
def test_estimator_that_lacks_what_a_score_needs(estimator, method, lacks):
    with pytest.raises(TypeError, match=f"has no {lacks}"):
        UnknownRejector(estimator, method=method).fit(*spectra((50, 50, 50)))


def test_classifier_without_probabilities():
    X, y = spectra()
    rejector = UnknownRejector(LinearSVC(), method="energy", random_state=0).fit(X, y)
    assert not hasattr(rejector, "predict_proba")
    assert set(rejector.predict(X)) == {*CLASSES, "UNKNOWN"}


def test_probabilities_are_those_of_the_known_classes():
    X, y = spectra()
    rejector = UnknownRejector(LogisticRegression(), random_state=0).fit(X, y)
    np.testing.assert_array_equal(rejector.predict_proba(X), rejector.estimator_.predict_proba(X))
    np.testing.assert_array_equal(rejector.classes_, CLASSES)


def test_frozen_classifier_gives_all_spectra_to_the_thresholds():
    X, y = spectra()
    logistic = LogisticRegression().fit(X, y)
    X_held, y_held = spectra((19, 19, 19), random_state=1)
    rejector = UnknownRejector(FrozenEstimator(logistic), rejection_rate=0.05).fit(X_held, y_held)
    predicted, scores = logistic.predict(X_held), logistic.predict_proba(X_held).max(axis=1)
    np.testing.assert_array_equal(rejector.thresholds_, [scores[predicted == label].min() for label in CLASSES])


@pytest.mark.parametrize(
    ("labels", "unknown"),
    [
        (CLASSES, "UNKNOWN"),
        (CLASSES.astype(object), "UNKNOWN"),
        (np.array(["A", "B", "C"]), "UNKNOWN"),
        (np.array([0, 1, 2], dtype=np.uint8), -1),
        (np.array([0.0, 1.0, 2.0]), -1),
    ],
    ids=["str", "object", "short str", "uint8", "float"],
)
def test_label_of_the_unknown(labels, unknown):
    X, codes = make_blobs([300, 300, 300], centers=[[-6, 0], [6, 0], [0, 9]], random_state=0)
    rejector = UnknownRejector(LogisticRegression(), method="distance", random_state=0).fit(X, labels[codes])
    assert rejector.unknown_label_ == unknown
    assert rejector.predict([[90, 90], [-6, 0]]).tolist() == [unknown, labels[0]]


def test_label_of_the_unknown_can_be_chosen():
    X, y = spectra()
    rejector = UnknownRejector(LogisticRegression(), method="distance", unknown_label="?", random_state=0).fit(X, y)
    assert rejector.predict([[90, 90]]).tolist() == ["?"]
    for label, message in [("STAR", "must not be one of the classes"), (-1, "must be of the kind of the classes")]:
        with pytest.raises(ValueError, match=f"unknown_label={label!r} {message}"):
            UnknownRejector(LogisticRegression(), unknown_label=label).fit(X, y)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("method", "entropy"), ("rejection_rate", 1.0), ("rejection_rate", -0.1), ("validation_fraction", 0.0)],
)
def test_parameters_that_are_refused(parameter, value):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of UnknownRejector must be"):
        UnknownRejector(LogisticRegression(), **{parameter: value}).fit(*spectra((20, 20, 20)))


def test_class_of_one_spectrum():
    X, y = spectra((20, 20, 1))
    with pytest.raises(ValueError, match="class"):
        UnknownRejector(LogisticRegression()).fit(X, y)


def test_labels_are_as_many_as_spectra_also_for_a_frozen_estimator():
    X, y = spectra()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        UnknownRejector(FrozenEstimator(LogisticRegression().fit(X, y))).fit(X, y[:-1])


def test_not_fitted():
    for method in ("predict", "predict_proba", "score_samples"):
        with pytest.raises(NotFittedError):
            getattr(UnknownRejector(LogisticRegression()), method)(np.eye(3))


def test_in_model_selection():
    X, y = spectra()
    table = pd.DataFrame(X, columns=["a", "b"])
    rejector = UnknownRejector(LogisticRegression(), random_state=0)
    # Rejected spectra count as errors.
    assert 0.85 < cross_val_score(rejector, table, y, cv=3).mean() < 0.99
    search = GridSearchCV(rejector, {"rejection_rate": [0.0, 0.3], "estimator__C": [1.0]}, cv=3).fit(table, y)
    assert search.best_params_["rejection_rate"] == 0.0
    assert search.best_estimator_.feature_names_in_.tolist() == ["a", "b"]


def test_seed_chooses_what_is_held_back():
    X, y = spectra()
    first, again, other = (
        UnknownRejector(LogisticRegression(), random_state=seed).fit(X, y).thresholds_ for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
