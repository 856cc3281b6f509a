"""compare_classifiers: scores, folds and the differences of pairs."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_recall_fscore_support
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra.metrics import classification_table, compare_classifiers, paired_bootstrap
from skspectra.metrics._holm import holm

LABELS = np.array(["GALAXY", "QSO", "STAR"])
X, y = make_classification(400, 8, n_informative=4, n_classes=3, weights=[0.3, 0.2], class_sep=0.8, random_state=0)
y = LABELS[y]
SCORES = ("precision", "recall", "f1", "balanced_accuracy", "accuracy")


class Answering(ClassifierMixin, BaseEstimator):
    """Gives the same answer always."""

    def __init__(self, answer):
        self.answer = answer

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.n_layers_, self.n_parameters_ = 3, 41
        return self

    def predict(self, X):
        return self.answer if isinstance(self.answer, list) else np.full(len(X), self.answer)


def classifiers():
    return {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
        "ridge": RidgeClassifier(),
        "dummy": DummyClassifier(),
    }


def compare(models=None, X=X, y=y, **arguments):
    arguments = {"random_state": 0, "verbose": False, "n_resamples": 500, **arguments}
    return compare_classifiers(models or classifiers(), X, y, **arguments)


class TestScores:
    cv = KFold(4, shuffle=True, random_state=1)

    @pytest.fixture(scope="class")
    @staticmethod
    def comparison():
        return compare(cv=TestScores.cv)

    @pytest.mark.parametrize("name", ["logistic", "ridge", "dummy"])
    def test_of_the_predictions_of_all_folds(self, comparison, name):
        predicted = cross_val_predict(classifiers()[name], X, y, cv=self.cv)
        expected = precision_recall_fscore_support(y, predicted, average="macro", zero_division=0)
        scores = comparison.scores[name]
        assert [scores[s] for s in SCORES[:3]] == pytest.approx(expected[:3])
        assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, predicted))
        assert scores["accuracy"] == pytest.approx(accuracy_score(y, predicted))

    @pytest.mark.parametrize("name", ["logistic", "ridge", "dummy"])
    def test_of_each_fold(self, comparison, name):
        predicted = cross_val_predict(classifiers()[name], X, y, cv=self.cv)
        for i, (_, test) in enumerate(self.cv.split(X)):
            expected = precision_recall_fscore_support(y[test], predicted[test], average="macro", zero_division=0)
            assert [comparison.fold_scores[name][s][i] for s in SCORES[:3]] == pytest.approx(expected[:3])
        assert comparison.fold_scores[name]["accuracy"].shape == (4,)
        assert comparison.n_folds == 4

    def test_predictions_and_the_rows_behind_them(self, comparison):
        np.testing.assert_array_equal(comparison.test_index, np.concatenate([t for _, t in self.cv.split(X)]))
        np.testing.assert_array_equal(comparison.y_true, y[comparison.test_index])
        expected = cross_val_predict(RidgeClassifier(), X, y, cv=self.cv)
        np.testing.assert_array_equal(comparison.predictions["ridge"], expected[comparison.test_index])

    def test_bands_are_those_of_the_classification_table(self, comparison):
        for name, predicted in comparison.predictions.items():
            table = classification_table(comparison.y_true, predicted, n_resamples=4000, random_state=0)
            for score in ("precision", "recall", "f1", "balanced_accuracy"):
                np.testing.assert_allclose(
                    comparison.confidence_intervals[name][score], table.mean_confidence_intervals[score], atol=0.012
                )
            np.testing.assert_allclose(
                comparison.confidence_intervals[name]["accuracy"], table.accuracy_confidence_interval, atol=0.012
            )

    def test_class_priors(self):
        priors = {"STAR": 0.9, "GALAXY": 0.07, "QSO": 0.03}
        comparison = compare(class_priors=priors)
        for name, predicted in comparison.predictions.items():
            table = classification_table(comparison.y_true, predicted, class_priors=priors, n_resamples=0)
            assert comparison.scores[name]["f1"] == pytest.approx(table.mean["f1"])
            assert comparison.scores[name]["accuracy"] == pytest.approx(table.accuracy)
        assert "at the stated class mix GALAXY 0.07, QSO 0.03, STAR 0.9" in str(comparison)

    def test_class_that_a_fold_lacks_is_left_out_of_its_mean(self):
        stars = np.flatnonzero(y == "STAR")[:20]
        others = np.setdiff1d(np.arange(400), stars)
        comparison = compare({"dummy": DummyClassifier(strategy="constant", constant="STAR")}, cv=[(others, stars)])
        assert comparison.scores["dummy"]["f1"] == comparison.fold_scores["dummy"]["f1"][0] == 1

    def test_label_that_is_not_among_the_classes_is_an_error(self):
        comparison = compare({"unknown": Answering("UNKNOWN"), "star": Answering("STAR")})
        assert comparison.scores["unknown"]["f1"] == 0
        assert comparison.scores["star"]["recall"] == pytest.approx(1 / 3)
        assert comparison.labels.tolist() == LABELS.tolist()

    @pytest.mark.parametrize("labels", [[0, 1, 2], [-5, 3, 7]])
    def test_integer_classes(self, labels):
        comparison = compare(y=np.array(labels)[np.searchsorted(LABELS, y)])
        assert comparison.scores["ridge"] == pytest.approx(compare().scores["ridge"])

    def test_two_boolean_classes(self):
        assert compare(y=y == "STAR").labels.tolist() == [False, True]


class TestFolds:
    def test_default_is_five_stratified_folds(self):
        comparison = compare()
        assert comparison.n_folds == 5
        np.testing.assert_array_equal(np.sort(comparison.test_index), np.arange(400))
        assert sorted(np.bincount(np.searchsorted(LABELS, comparison.y_true[:80])).tolist()) == pytest.approx(
            sorted(np.bincount(np.searchsorted(LABELS, y)) / 5), abs=1
        )

    def test_random_state_makes_folds_and_bands(self):
        first, again, other = compare(random_state=3), compare(random_state=3), compare(random_state=4)
        np.testing.assert_array_equal(first.test_index, again.test_index)
        np.testing.assert_array_equal(
            first.confidence_intervals["ridge"]["f1"], again.confidence_intervals["ridge"]["f1"]
        )
        assert (first.test_index != other.test_index).any()

    @pytest.mark.parametrize("cv", [None, 4])
    def test_groups_stay_on_one_side(self, cv):
        class Watching(DummyClassifier):
            def fit(self, X, y):
                self.seen_ = X[:, 0]
                return super().fit(X, y)

            def predict(self, X):
                assert not np.isin(X[:, 0], self.seen_).any()
                return super().predict(X)

        groups = np.arange(400) % 150
        comparison = compare({"watching": Watching()}, X=groups[:, np.newaxis], cv=cv, groups=groups)
        assert comparison.failures == {}
        assert comparison.n_folds == (cv or 5)

    def test_random_state_makes_the_folds_of_groups_and_each_has_its_share_of_every_class(self):
        groups = np.repeat(np.arange(100), 4)
        y = np.repeat(LABELS, [80, 40, 280])  # 20, 10 and 70 groups
        first, again, other = (
            compare({"dummy": DummyClassifier()}, y=y, groups=groups, random_state=i) for i in (3, 3, 4)
        )
        np.testing.assert_array_equal(first.test_index, again.test_index)
        assert set(first.test_index[:80]) != set(other.test_index[:80])
        for comparison in (first, other):
            for fold in np.split(comparison.y_true, 5):
                assert np.unique(fold, return_counts=True)[1].tolist() == [16, 8, 56]

    def test_splitter_that_tears_groups_apart_is_refused(self):
        groups = np.arange(400) // 2
        torn = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
        with pytest.raises(ValueError, match=r"cv must keep groups together: \d+ groups .* of fold 1"):
            compare(cv=torn, groups=groups)
        assert compare(cv=GroupKFold(3), groups=groups).n_folds == 3

    def test_one_training_and_one_test_set(self):
        train, test = np.arange(300), np.arange(300, 400)
        comparison = compare(cv=[(train, test)])
        predicted = RidgeClassifier().fit(X[train], y[train]).predict(X[test])
        np.testing.assert_array_equal(comparison.predictions["ridge"], predicted)
        assert len(comparison.pairs) == 3

    def test_masks(self):
        mask = np.arange(400) < 300
        by_index = compare(cv=[(np.flatnonzero(mask), np.flatnonzero(~mask))])
        np.testing.assert_array_equal(compare(cv=[(mask, ~mask)]).test_index, by_index.test_index)

    def test_repeated_folds_add_no_spectra(self):
        """Predictions of one spectrum are resampled together: ten repeats do not narrow the interval tenfold."""
        once = compare({"dummy": Answering("STAR"), "ridge": RidgeClassifier()})
        repeated = compare(
            {"dummy": Answering("STAR"), "ridge": RidgeClassifier()},
            cv=RepeatedStratifiedKFold(n_splits=5, n_repeats=10, random_state=0),
        )
        assert len(repeated.y_true) == 4000
        widths = [np.ptp(comparison.confidence_intervals["ridge"]["f1"]) for comparison in (once, repeated)]
        assert widths[1] > 0.8 * widths[0]

    def test_spectra_that_are_never_tested(self):
        assert len(compare(cv=ShuffleSplit(1, test_size=50, random_state=0)).y_true) == 50


class TestPairs:
    def test_every_pair(self):
        comparison = compare()
        assert [pair[:2] for pair in comparison.pairs] == [
            ("logistic", "ridge"),
            ("logistic", "dummy"),
            ("ridge", "dummy"),
        ]
        for pair in comparison.pairs:
            difference = comparison.scores[pair.a]["f1"] - comparison.scores[pair.b]["f1"]
            assert pair.difference == pytest.approx(difference)

    @pytest.mark.parametrize("with_groups", [False, True])
    def test_are_those_of_paired_bootstrap(self, with_groups):
        groups = np.arange(400) // 4 if with_groups else None
        priors = [0.2, 0.2, 0.6]
        comparison = compare(groups=groups, class_priors=priors, n_resamples=4000)
        for pair in comparison.pairs:
            expected = paired_bootstrap(
                comparison.y_true,
                comparison.predictions[pair.a],
                comparison.predictions[pair.b],
                class_priors=priors,
                groups=None if groups is None else groups[comparison.test_index],
                random_state=1,
            )
            np.testing.assert_allclose(pair[2:6], expected, atol=0.03 if pair[:2] == ("logistic", "ridge") else 0.008)

    def test_one_classifier_has_no_pair(self):
        comparison = compare({"ridge": RidgeClassifier()})
        assert comparison.pairs == []
        assert "Difference" not in str(comparison)

    @pytest.mark.parametrize(
        ("p_values", "expected"),
        [
            ([0.01], [0.01]),
            ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
            ([0.5, 0.4], [0.8, 0.8]),
            ([0.9, 0.8, 0.001], [1.0, 1.0, 0.003]),
            ([], []),
        ],
    )
    def test_holm(self, p_values, expected):
        np.testing.assert_allclose(holm(np.array(p_values)), expected)

    def test_p_values_are_corrected(self):
        pairs = compare().pairs
        np.testing.assert_allclose([p.p_holm for p in pairs], holm(np.array([p.p_value for p in pairs])))

    def test_no_bootstrap(self):
        comparison = compare(n_resamples=0)
        assert comparison.confidence_intervals == {}
        assert comparison.pairs == []
        assert "bootstrap" not in str(comparison)
