"""compare_classifiers: failures, times, what it takes and what it prints."""

import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import (
    GridSearchCV,
    RepeatedStratifiedKFold,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_compare_classifiers import SCORES, Answering, X, classifiers, compare, y

from skspectra.calibration import MacroF1ThresholdClassifier
from skspectra.metrics import compare_classifiers


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
            ({"y": [None, *y[1:]]}, ValueError, "y has 1 missing labels among 400"),
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
        assert "fewer than 10 spectra or groups: STAR 7." in str(compare(groups=groups, n_resamples=50))
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
