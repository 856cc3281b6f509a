import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_recall_fscore_support
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra.calibration import MacroF1ThresholdClassifier
from skspectra.metrics import classification_table, compare_classifiers, paired_bootstrap
from skspectra.metrics._holm import holm

LABELS = np.array(["GALAXY", "QSO", "STAR"])
X, y = make_classification(400, 8, n_informative=4, n_classes=3, weights=[0.3, 0.2], class_sep=0.8, random_state=0)
y = LABELS[y]
SCORES = ("precision", "recall", "f1", "balanced_accuracy", "accuracy")


class Failing(ClassifierMixin, BaseEstimator):
    """Raises an error in fit, or in predict."""

    def __init__(self, error=RuntimeError, where="fit"):
        self.error = error
        self.where = where

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if self.where == "fit":
            raise self.error("the fit went wrong")
        return self

    def predict(self, X):
        raise self.error("the prediction went wrong")


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
        with pytest.raises(ValueError, match=r"cv must keep each group on one side: \d+ groups .* of fold 1"):
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


class TestFailures:
    @pytest.mark.parametrize("where", ["fit", "prediction"])
    def test_one_failing_classifier_does_not_lose_the_others(self, where):
        with pytest.warns(FitFailedWarning, match=rf"broken failed .*\n(.*\n)*RuntimeError: the {where} went wrong"):
            comparison = compare({"broken": Failing(where=where), **classifiers()})
        assert comparison.failures == {"broken": f"fold 1 of 5: RuntimeError: the {where} went wrong"}
        assert list(comparison.scores) == list(comparison.predictions) == ["logistic", "ridge", "dummy"]
        assert len(comparison.pairs) == 3
        assert comparison.scores == compare().scores
        text = str(comparison)
        assert f"Failed\nbroken: fold 1 of 5: RuntimeError: the {where} went wrong" in text
        frame = comparison.to_frame()
        assert frame.index.tolist() == ["broken", "logistic", "ridge", "dummy"]
        assert np.isnan(frame.loc["broken", "f1"])
        assert frame["error"].tolist() == [comparison.failures["broken"], "", "", ""]
        assert repr(comparison).endswith(", 1 failed)")

    def test_failure_in_a_later_fold(self):
        class Fragile(RidgeClassifier):
            n_fits = 0

            def fit(self, X, y):
                Fragile.n_fits += 1
                if Fragile.n_fits == 3:
                    raise ValueError("third time unlucky")
                return super().fit(X, y)

        with pytest.warns(FitFailedWarning, match="fragile failed"):
            comparison = compare({"fragile": Fragile(), "ridge": RidgeClassifier()})
        assert comparison.failures == {"fragile": "fold 3 of 5: ValueError: third time unlucky"}
        assert Fragile.n_fits == 3
        assert list(comparison.scores) == ["ridge"]

    def test_all_fail(self):
        with pytest.warns(FitFailedWarning):
            comparison = compare({"broken": Failing(), "no estimator": "ridge"})
        assert list(comparison.failures) == ["broken", "no estimator"]
        assert "TypeError" in comparison.failures["no estimator"]
        assert comparison.scores == {}
        assert comparison.pairs == []
        assert comparison.to_frame().shape[0] == 2
        assert "broken" in str(comparison)
        assert repr(comparison) == "ClassifierComparison(mean F1: none, 2 failed)"

    @pytest.mark.parametrize("where", ["fit", "prediction"])
    def test_keyboard_interrupt_passes(self, where):
        with pytest.raises(KeyboardInterrupt):
            compare({"stopped": Failing(error=KeyboardInterrupt, where=where), **classifiers()})

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (["STAR"], "inconsistent numbers of samples"),
            (1, "Labels must be of one kind, got strings in y, numbers in the prediction"),
            (0.3, "the prediction must hold labels, got continuous values"),
        ],
    )
    def test_wrong_answers(self, answer, message):
        with pytest.warns(FitFailedWarning, match="wrong failed"):
            comparison = compare({"wrong": Answering(answer), "ridge": RidgeClassifier()})
        assert message in comparison.failures["wrong"]
        assert list(comparison.scores) == ["ridge"]

    def test_warnings_of_a_classifier_are_shown(self):
        class Warning_(RidgeClassifier):
            def fit(self, X, y):
                warnings.warn("not converged", UserWarning, stacklevel=1)
                return super().fit(X, y)

        with pytest.warns(UserWarning, match="not converged"):
            comparison = compare({"warning": Warning_()})
        assert comparison.failures == {}


class TestTimesAndSizes:
    def test_times(self):
        comparison = compare()
        assert all(seconds > 0 for seconds in comparison.fit_seconds.values())
        assert all(rate > 0 for rate in comparison.predictions_per_second.values())

    def test_times_are_means_over_the_folds(self, monkeypatch):
        # Each look at the clock is one second after the last: a fit takes 1 s, a prediction of 80 spectra 1 s.
        clock = iter(range(1000))
        monkeypatch.setattr("skspectra.metrics._cross_validate.perf_counter", lambda: next(clock))
        comparison = compare({"ridge": RidgeClassifier()})
        assert comparison.fit_seconds == {"ridge": 1.0}
        assert comparison.predictions_per_second == {"ridge": 80.0}

    def test_layers_and_parameters_where_the_classifier_has_them(self):
        comparison = compare(
            {
                "plain": Answering("STAR"),
                "pipeline": make_pipeline(StandardScaler(), Answering("STAR")),
                "ridge": RidgeClassifier(),
            }
        )
        assert comparison.n_layers == {"plain": 3, "pipeline": 3}
        assert comparison.n_parameters == {"plain": 41, "pipeline": 41}
        frame = comparison.to_frame()
        assert frame["n_parameters"].tolist()[:2] == [41, 41]
        assert frame["n_layers"].isna().tolist() == [False, False, True]

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_layers_are_counted_alike_in_the_networks_of_scikit_learn_and_inside_others(self):
        # 8 features, 4 hidden units, 3 classes: two layers of weights, (8 + 1) * 4 + (4 + 1) * 3 parameters.
        network = MLPClassifier((4,), max_iter=1)
        search = GridSearchCV(make_pipeline(network), {}, cv=2)
        comparison = compare({"alone": network, "search": search, "decided": MacroF1ThresholdClassifier(network)})
        assert comparison.n_layers == {"alone": 2, "search": 2, "decided": 2}
        assert comparison.n_parameters == {"alone": 51, "search": 51, "decided": 51}


class TestInput:
    @pytest.mark.parametrize(
        "convert",
        [
            np.float32,
            pd.DataFrame,
            lambda X: pd.DataFrame(X, index=np.arange(len(X)) + 7),
            pl.DataFrame,
            lambda X: X.tolist(),
            sparse.csr_array,
            sparse.coo_matrix,
        ],
    )
    def test_containers(self, convert):
        models = {"ridge": RidgeClassifier(solver="sparse_cg")}
        assert compare(models, X=convert(X)).scores["ridge"]["f1"] == pytest.approx(
            compare(models).scores["ridge"]["f1"], abs=0.01
        )

    @pytest.mark.parametrize("convert", [list, pd.Series, pl.Series, lambda y: pd.Series(y, dtype="category")])
    def test_labels(self, convert):
        assert compare(y=convert(y)).scores == compare().scores

    def test_memory_mapped_spectra(self, tmp_path):
        np.save(tmp_path / "X.npy", X)
        assert compare(X=np.load(tmp_path / "X.npy", mmap_mode="r")).scores == compare().scores

    def test_classifiers_stay_unfitted(self):
        models = classifiers()
        compare(models)
        assert not hasattr(models["ridge"], "coef_")

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"models": [RidgeClassifier()]}, TypeError, "classifiers must be a dict of names"),
            ({"models": {1: RidgeClassifier()}}, TypeError, "classifiers must be a dict of names"),
            ({"X": X[:-1]}, ValueError, r"inconsistent numbers of samples: \[399, 400\]"),
            ({"y": [None, *y[1:]]}, ValueError, "y must hold labels of one kind"),
            ({"y": np.linspace(0, 1, 400)}, ValueError, "y must hold labels, got continuous"),
            ({"groups": [1, 2]}, ValueError, "groups must hold one group for each of the 400 spectra, got 2"),
            ({"class_priors": [0.5, 0.5]}, ValueError, "class_priors must hold one share for each"),
            ({"cv": 1}, ValueError, "n_splits"),
            ({"groups": np.arange(400) // 100}, ValueError, "cv must be at most 4, the number of groups, got 5"),
            ({"cv": 500}, ValueError, r"cv must be at most \d+, the number of spectra of the largest class, got 500"),
            ({"cv": []}, ValueError, "at least one pair"),
            ({"cv": (np.arange(200), np.arange(200, 400))}, ValueError, "pairs of training and test rows.* fold 1 is"),
            ({"cv": [([0, 1], [400])]}, ValueError, r"each below 400; fold 1 is \(\[0, 1\], \[400\]\)"),
            ({"cv": [([0, 1], [2]), ([0, 1], [])]}, ValueError, "fold 2 has 2 to train and 0 to test"),
            ({"cv": [(range(300), range(200, 400))]}, ValueError, "100 rows are in both parts of fold 1"),
            ({"n_resamples": -1}, ValueError, "'n_resamples' parameter of compare_classifiers"),
            ({"confidence_level": 0.0}, ValueError, "'confidence_level' parameter of compare_classifiers"),
        ],
    )
    def test_wrong(self, arguments, error, message):
        with pytest.raises(error, match=message):
            compare(**arguments)

    def test_no_classifier(self):
        with pytest.raises(ValueError, match="at least one classifier"):
            compare_classifiers({}, X, y)


class TestOutput:
    def test_progress_bar(self, capsys):
        compare(verbose=False)
        assert capsys.readouterr().err == ""
        compare(verbose=True)
        assert "dummy, fold 5 of 5: 100%" in capsys.readouterr().err

    def test_text(self):
        comparison = compare({"net": Answering("STAR"), "ridge": RidgeClassifier()}, n_resamples=0)
        lines = str(comparison).splitlines()
        assert lines[0].split() == [
            *("layers", "parameters", "precision", "recall", "F1", "accuracy"),
            *("fit", "[s]", "predictions/s"),
        ]
        f1 = comparison.scores["net"]["f1"]
        assert lines[1].split()[:3] == ["net", "3", "41"]
        assert lines[1].split()[5] == f"{f1:.4f}"
        assert lines[2].split()[:3] == ["ridge", "-", "-"]
        assert "Scores of the 400 predictions of 5 folds" in lines[4]

    def test_text_with_confidence_intervals(self):
        comparison = compare()
        low, high = comparison.confidence_intervals["ridge"]["f1"]
        assert f"{comparison.scores['ridge']['f1']:.4f} ({low:.4f}-{high:.4f})" in str(comparison)
        pair = comparison.pairs[1]
        assert "logistic - dummy" in str(comparison)
        assert f"{pair.difference:+.4f} ({pair.low:+.4f} to {pair.high:+.4f})" in str(comparison)

    @pytest.mark.parametrize(
        ("arguments", "n_groups", "resampled"),
        [
            ({}, None, "400 single spectra"),
            ({"groups": np.arange(400) // 4}, 100, "100 groups"),
            ({"groups": np.arange(400) // 4, "cv": [(np.arange(200), np.arange(200, 400))]}, 50, "50 groups"),
            ({"cv": RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0)}, None, "400 single spectra"),
        ],
    )
    def test_text_names_the_test_and_what_was_resampled(self, arguments, n_groups, resampled):
        comparison = compare(**arguments, n_resamples=50)
        assert comparison.n_groups == n_groups
        assert f"In brackets: 95 % confidence interval of 50 bootstrap resamples of {resampled}." in str(comparison)
        expected = f"Paired bootstrap of {resampled}, p-values corrected by Holm (pairs: 3).\nDifference of mean F1"
        assert expected in str(comparison)

    def test_text_says_which_classes_have_too_few_to_resample(self):
        groups = np.where(y == "STAR", np.arange(400) % 7, 100 + np.arange(400))
        assert "fewer than 10 to draw from: STAR 7." in str(compare(groups=groups, n_resamples=50))
        assert "fewer than 10" not in str(compare(groups=groups, n_resamples=0))
        assert "fewer than 10" not in str(compare(n_resamples=50))

    def test_frame(self):
        comparison = compare()
        frame = comparison.to_frame()
        assert frame.columns.tolist() == [
            *(f"{score}{end}" for score in SCORES for end in ("", "_low", "_high", "_fold_mean", "_fold_std")),
            *("fit_seconds", "predictions_per_second", "n_layers", "n_parameters", "error"),
        ]
        assert frame.index.name == "classifier"
        assert frame.loc["ridge", "f1_high"] == comparison.confidence_intervals["ridge"]["f1"][1]
        assert frame.loc["ridge", "f1_fold_std"] == pytest.approx(comparison.fold_scores["ridge"]["f1"].std(ddof=1))
        assert "f1_low" not in compare(n_resamples=0).to_frame()

    def test_frame_of_pairs(self):
        comparison = compare()
        frame = comparison.pairs_to_frame()
        assert frame.columns.tolist() == ["a", "b", "difference", "low", "high", "p_value", "p_holm"]
        assert frame.loc[2, "p_value"] == comparison.pairs[2].p_value
        assert compare(n_resamples=0).pairs_to_frame().shape == (0, 7)

    @pytest.mark.parametrize("method", ["to_frame", "pairs_to_frame"])
    def test_without_pandas(self, monkeypatch, method):
        comparison = compare(n_resamples=0)
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match=f"{method} needs pandas"):
            getattr(comparison, method)()
