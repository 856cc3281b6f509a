"""classification_table: scores, class mixes, labels and errors."""

import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_recall_fscore_support

from skspectra.metrics import classification_table

LABELS = ["STAR", "GALAXY", "QSO"]
PAPER = np.array([[88379, 160, 18], [25, 1014, 3], [20, 6, 252]])
SCORES = ("precision", "recall", "f1", "balanced_accuracy")


def from_confusion(confusion, labels=LABELS):
    """Labels of a test set with this confusion matrix."""
    y_true = np.repeat(labels, np.sum(confusion, axis=1))
    y_pred = np.concatenate([np.repeat(labels, row) for row in confusion])
    return y_true, y_pred


def random_labels(seed, n=300, n_classes=4):
    rng = np.random.RandomState(seed)
    y_true = np.concatenate([np.arange(n_classes), rng.choice(n_classes, n, p=[0.6, 0.2, 0.1, 0.1])])
    y_pred = np.where(rng.uniform(size=len(y_true)) < 0.3, rng.choice(n_classes, len(y_true)), y_true)
    return y_true, y_pred


@pytest.fixture(scope="module")
def table():
    return classification_table(*from_confusion(PAPER), labels=LABELS, n_resamples=20_000, random_state=0)


class TestPaper:
    """The confusion matrix that the paper prints, and the figures that follow from it."""

    def test_scores(self, table):
        np.testing.assert_allclose(table.scores["precision"], [0.9995, 0.8593, 0.9231], atol=5e-5)
        np.testing.assert_allclose(table.scores["recall"], [0.9980, 0.9731, 0.9065], atol=5e-5)
        np.testing.assert_allclose(table.scores["f1"], [0.9987, 0.9127, 0.9147], atol=5e-5)
        assert table.mean["f1"] == pytest.approx(0.9420, abs=5e-5)
        assert table.mean["recall"] == pytest.approx(0.9592, abs=5e-5)
        # The paper prints .9258, which does not follow from its matrix.
        assert table.mean["precision"] == pytest.approx(0.9273, abs=5e-5)
        assert table.support.tolist() == [88557, 1042, 278]

    def test_band(self, table):
        np.testing.assert_allclose(table.mean_confidence_intervals["f1"], [0.932, 0.951], atol=1e-3)

    def test_confusion(self, table):
        np.testing.assert_array_equal(table.confusion, PAPER)
        np.testing.assert_allclose(table.confusion_shares, PAPER / [[88557], [1042], [278]])

    def test_where_the_errors_go(self, table):
        errors = table.errors()
        assert [error[:3] for error in errors] == [
            ("STAR", "GALAXY", 160),
            ("STAR", "QSO", 18),
            ("GALAXY", "STAR", 25),
            ("GALAXY", "QSO", 3),
            ("QSO", "STAR", 20),
            ("QSO", "GALAXY", 6),
        ]
        assert errors[0].share_of_class == pytest.approx(160 / 88557)
        assert errors[0].share_of_errors == pytest.approx(160 / 178)

    def test_most_frequent_error_comes_first(self):
        table = classification_table(*from_confusion([[5, 1, 3], [0, 4, 0], [2, 2, 1]]), labels=LABELS, n_resamples=0)
        assert [error.predicted for error in table.errors()] == ["QSO", "GALAXY", "STAR", "GALAXY"]
        assert "GALAXY  none of 4" in str(table)

    def test_text(self):
        table = classification_table(*from_confusion(PAPER), labels=LABELS, n_resamples=0)
        assert str(table) == "\n".join(
            [
                "        precision  recall      F1  balanced accuracy  support",
                "STAR       0.9995  0.9980  0.9987             0.9819    88557",
                "GALAXY     0.8593  0.9731  0.9127             0.9856     1042",
                "QSO        0.9231  0.9065  0.9147             0.9531      278",
                "mean       0.9273  0.9592  0.9420             0.9592    89877",
                "",
                "accuracy 0.9974",
                "Scores at the class mix of the data.",
                'Balanced accuracy compares a class with the rest. In the row "mean", it is that of all classes.',
                "",
                "Confusion matrix",
                "true \\ predicted   STAR  GALAXY  QSO",
                "STAR              88379     160   18",
                "GALAXY               25    1014    3",
                "QSO                  20       6  252",
                "",
                "share of true class    STAR  GALAXY     QSO",
                "STAR                 0.9980  0.0018  0.0002",
                "GALAXY               0.0240  0.9731  0.0029",
                "QSO                  0.0719  0.0216  0.9065",
                "",
                "Errors",
                "STAR    178 of 88557 (0.20%): 160 taken for GALAXY (89.9%), 18 taken for QSO (10.1%)",
                "GALAXY  28 of 1042 (2.69%): 25 taken for STAR (89.3%), 3 taken for QSO (10.7%)",
                "QSO     26 of 278 (9.35%): 20 taken for STAR (76.9%), 6 taken for GALAXY (23.1%)",
            ]
        )

    def test_text_says_what_the_interval_is(self, table):
        low, high = table.mean_confidence_intervals["f1"]
        assert f"0.9420 ({low:.4f}-{high:.4f})" in str(table)
        assert "95 % confidence interval of 20000 bootstrap resamples of single spectra" in str(table)


@pytest.mark.parametrize("seed", range(3))
class TestAgainstScikitLearn:
    def test_scores(self, seed):
        y_true, y_pred = random_labels(seed)
        table = classification_table(y_true, y_pred, n_resamples=0)
        for name, expected in zip(
            ("precision", "recall", "f1"),
            precision_recall_fscore_support(y_true, y_pred, zero_division=0)[:3],
            strict=True,
        ):
            np.testing.assert_allclose(table.scores[name], expected)
            assert table.mean[name] == pytest.approx(expected.mean())
        assert table.accuracy == pytest.approx(accuracy_score(y_true, y_pred))

    def test_balanced_accuracy(self, seed):
        y_true, y_pred = random_labels(seed)
        table = classification_table(y_true, y_pred, n_resamples=0)
        of_a_class = [balanced_accuracy_score(y_true == c, y_pred == c) for c in range(4)]
        np.testing.assert_allclose(table.scores["balanced_accuracy"], of_a_class)
        assert table.mean["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y_true, y_pred))

    def test_class_priors_weight_the_spectra(self, seed):
        y_true, y_pred = random_labels(seed)
        priors = np.array([0.1, 0.2, 0.3, 0.4])
        weights = (priors / np.bincount(y_true))[y_true]
        table = classification_table(y_true, y_pred, class_priors=priors, n_resamples=0)
        expected = precision_recall_fscore_support(y_true, y_pred, sample_weight=weights, zero_division=0)
        for name, values in zip(("precision", "recall", "f1"), expected[:3], strict=True):
            np.testing.assert_allclose(table.scores[name], values)
        assert table.accuracy == pytest.approx(accuracy_score(y_true, y_pred, sample_weight=weights))
        of_a_class = [balanced_accuracy_score(y_true == c, y_pred == c, sample_weight=weights) for c in range(4)]
        np.testing.assert_allclose(table.scores["balanced_accuracy"], of_a_class)


class TestClassPriors:
    y_true, y_pred = from_confusion([[8, 2], [1, 9]], ["a", "b"])

    def test_hand_worked(self):
        # At 9 : 1 the shares of all spectra are .72 .18 | .01 .09.
        table = classification_table(self.y_true, self.y_pred, class_priors={"b": 0.1, "a": 0.9}, n_resamples=0)
        np.testing.assert_allclose(table.scores["precision"], [0.72 / 0.73, 0.09 / 0.27])
        np.testing.assert_allclose(table.scores["recall"], [0.8, 0.9])
        assert "stated class mix a 0.9, b 0.1" in str(table)
        np.testing.assert_array_equal(table.confusion, [[8, 2], [1, 9]])

    def test_an_array_is_in_the_order_of_the_labels(self):
        by_name = classification_table(self.y_true, self.y_pred, class_priors={"a": 0.9, "b": 0.1}, n_resamples=0)
        table = classification_table(
            self.y_true, self.y_pred, labels=["b", "a"], class_priors=[0.1, 0.9], n_resamples=0
        )
        assert table.mean == pytest.approx(by_name.mean)

    def test_series_of_value_counts(self):
        shares = pd.Series(self.y_true).value_counts(normalize=True)
        table = classification_table(self.y_true, self.y_pred, class_priors=shares, n_resamples=0)
        assert table.mean == pytest.approx(classification_table(self.y_true, self.y_pred, n_resamples=0).mean)

    def test_mix_of_the_data_changes_nothing(self):
        y_true, y_pred = from_confusion(PAPER)
        plain = classification_table(y_true, y_pred, labels=LABELS, random_state=0)
        stated = classification_table(
            y_true, y_pred, labels=LABELS, class_priors=PAPER.sum(axis=1) / PAPER.sum(), random_state=0
        )
        assert stated.mean == pytest.approx(plain.mean)
        # Also in the replicates, since these keep the support of each class.
        np.testing.assert_allclose(stated.mean_confidence_intervals["f1"], plain.mean_confidence_intervals["f1"])

    def test_bands(self):
        # All of b are right, so that only the recall r of a varies: accuracy .9 r + .1, precision of b .1 / (1 - .9 r).
        y = from_confusion([[70, 30], [0, 50]], ["a", "b"])
        table = classification_table(*y, class_priors=[0.9, 0.1], random_state=0)
        recall = table.confidence_intervals["recall"][0]
        assert np.ptp(recall) > 0.1
        np.testing.assert_allclose(table.accuracy_confidence_interval, 0.9 * recall + 0.1)
        np.testing.assert_allclose(table.confidence_intervals["precision"][1], 0.1 / (1 - 0.9 * recall), rtol=1e-3)

    @pytest.mark.parametrize(
        ("class_priors", "message"),
        [
            ({"a": 0.5, "b": 0.6}, "sum to 1"),
            ([98.5, 1.5], "sum to 1"),
            ({"a": -0.5, "b": 1.5}, "0 or more"),
            ([np.nan, 1], "sum to 1"),
            ({"a": 0.5, "c": 0.5}, r"unknown keys \['c'\]; the classes are \['a', 'b'\]"),
            ({"a": 1.0}, r"above 0 for each class that has spectra to score.*\['b'\]"),
            ([0.5, 0.25, 0.25], r"one share for each of the classes.*shape \(3,\)"),
            (0.5, r"shape \(\)"),
            (["x", "y"], "hold numbers"),
        ],
    )
    def test_wrong_shares(self, class_priors, message):
        with pytest.raises(ValueError, match=f"class_priors .*{message}"):
            classification_table(self.y_true, self.y_pred, class_priors=class_priors)

    def test_class_without_a_spectrum_can_have_no_share(self):
        y_pred = np.where(self.y_pred == "b", "UNKNOWN", self.y_pred)
        table = classification_table(self.y_true, y_pred, class_priors={"a": 0.9, "b": 0.1}, n_resamples=0)
        np.testing.assert_allclose(table.scores["recall"], [np.nan, 0.8, 0.0])
        with pytest.raises(ValueError, match=r"0 for any other; this does not hold for \['UNKNOWN'\]"):
            classification_table(self.y_true, y_pred, class_priors={"a": 0.8, "b": 0.1, "UNKNOWN": 0.1})


class TestDivisionByZero:
    """A class is scored if y_true holds it; warnings are errors here, and none comes."""

    def test_class_that_is_never_predicted_has_scores_of_zero(self):
        table = classification_table(["a", "a", "b"], ["a", "a", "a"], random_state=0)
        np.testing.assert_allclose(table.scores["precision"], [2 / 3, 0])
        np.testing.assert_allclose(table.scores["f1"], [0.8, 0])
        assert table.mean["f1"] == pytest.approx(0.4)

    def test_class_that_is_only_predicted_has_no_scores(self):
        table = classification_table(["a", "a", "b"], ["a", "UNKNOWN", "b"], random_state=0)
        for name in SCORES:
            assert np.isnan(table.scores[name][0])
            assert np.isnan(table.confidence_intervals[name][0]).all()
        assert table.mean["f1"] == pytest.approx((2 / 3 + 1) / 2)
        assert table.support.tolist() == [0, 2, 1]
        assert "UNKNOWN                       -" in str(table)
        assert "UNKNOWN  none of 0" in str(table)

    def test_class_in_labels_that_occurs_nowhere(self):
        table = classification_table(["a", "b"], ["a", "b"], labels=["a", "c", "b"], random_state=0)
        assert np.isnan(table.scores["recall"]).tolist() == [False, True, False]
        assert table.mean["f1"] == 1
        np.testing.assert_array_equal(table.confusion_shares[1], 0)

    @pytest.mark.parametrize("class_priors", [None, {"a": 1.0}])
    def test_one_class(self, class_priors):
        table = classification_table(["a"] * 3, ["a"] * 3, class_priors=class_priors, random_state=0)
        assert table.mean == dict.fromkeys(SCORES, 1.0)
        assert table.mean_confidence_intervals["f1"].tolist() == [1, 1]

    def test_one_class_and_wrong_answers(self):
        # With no rest to tell it from, the balanced accuracy is the recall.
        table = classification_table(["a"] * 4, ["a", "a", "a", "b"], n_resamples=0)
        assert table.scores["balanced_accuracy"][0] == 0.75

    def test_one_spectrum(self):
        assert classification_table(["a"], ["b"], random_state=0).mean["f1"] == 0


class TestLabels:
    def test_order(self):
        y = from_confusion(PAPER)
        by_name = classification_table(*y, n_resamples=0)
        assert by_name.labels.tolist() == ["GALAXY", "QSO", "STAR"]
        table = classification_table(*y, labels=["QSO", "STAR", "GALAXY"], n_resamples=0)
        np.testing.assert_array_equal(table.confusion, PAPER[np.ix_([2, 0, 1], [2, 0, 1])])
        assert table.mean == pytest.approx(by_name.mean)

    @pytest.mark.parametrize(
        ("y", "labels"),
        [
            (["a", "b", "a"], ["a", "b"]),
            ([3, -1, 3], [-1, 3]),
            ([True, False, True], [False, True]),
            ([2.0, 1.0, 2.0], [1.0, 2.0]),
            (np.array([b"a", b"b", b"a"]), [b"a", b"b"]),
            (np.array(["a", "b", "a"], dtype=object), ["a", "b"]),
            (pd.Series(["a", "b", "a"], index=[7, 8, 9]), ["a", "b"]),
            (pd.Series(["a", "b", "a"], dtype="category"), ["a", "b"]),
            (pd.Series([2, 1, 2], dtype="Int64"), [1, 2]),
            (pl.Series(["a", "b", "a"]), ["a", "b"]),
            (np.array([["a"], ["b"], ["a"]]), ["a", "b"]),
        ],
    )
    def test_kinds(self, y, labels):
        table = classification_table(y, y, n_resamples=0)
        assert table.labels.tolist() == labels
        support = [1, 2] if labels[0] in (-1, False, 1) else [2, 1]
        np.testing.assert_array_equal(table.confusion, np.diag(support))

    def test_read_only_input_stays_as_it_is(self):
        y_true, y_pred = random_labels(0)
        y_true.setflags(write=False)
        y_pred.setflags(write=False)
        classification_table(y_true, y_pred, groups=y_true, random_state=0)

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (["a", None, "b"], "1 missing labels among 3"),
            (["a", float("nan"), "b"], "1 missing labels among 3"),
            (pd.Series(["a", None, "b"], dtype="string"), "1 missing labels among 3"),
            ([1.0, np.nan, 2.0], "1 missing labels among 3"),
            ([0.2, 0.7, 1.0], "continuous values such as 0.2"),
            ([1, "a", 2], "one kind"),
            ([1j, 2, 3], "one kind"),
            (np.array(["2000", "2001", "2002"], dtype="M8[Y]"), "strings, integers or booleans"),
            (np.zeros((3, 2)), "one label for each spectrum"),
            ("abc", "one label for each spectrum"),
            ([], "at least one label"),
        ],
    )
    def test_wrong(self, y, message):
        with pytest.raises(ValueError, match=message) as error:
            classification_table(y, ["a", "b", "b"])
        assert "y_true" in str(error.value)
        with pytest.raises(ValueError, match=message) as error:
            classification_table(["a", "b", "b"], y)
        assert "y_pred" in str(error.value)

    def test_strings_beside_numbers(self):
        with pytest.raises(ValueError, match="strings in y_true, numbers in y_pred"):
            classification_table(["a", "b"], [0, 1])

    def test_wrong_lengths(self):
        with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[3, 2\]"):
            classification_table(["a", "b", "a"], ["a", "b"])

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (["a"], r"every class in y_true and y_pred: \['b'\] not in \['a'\]"),
            (["a", "b", "a"], "differ from each other"),
            ([0, 1], "numbers in labels"),
        ],
    )
    def test_wrong_order(self, labels, message):
        with pytest.raises(ValueError, match=message):
            classification_table(["a", "b"], ["a", "b"], labels=labels)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([1, 2], "one group for each of the 3 spectra, got 2"),
        ([1, 1, 1], "at least two different groups"),
        ([1, np.nan, 2], "NaN"),
        (["x", None, "y"], "none missing"),
    ],
)
def test_wrong_groups(groups, message):
    with pytest.raises(ValueError, match=message) as error:
        classification_table(["a", "b", "a"], ["a", "b", "b"], groups=groups)
    assert "groups" in str(error.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"n_resamples": -1},
        {"n_resamples": 10.5},
        {"confidence_level": 1.0},
        {"confidence_level": "high"},
        {"random_state": "seed"},
    ],
)
def test_wrong_arguments(arguments):
    with pytest.raises(ValueError, match=f"The '{next(iter(arguments))}' parameter of classification_table must be"):
        classification_table(["a", "b"], ["a", "b"], **arguments)


class TestFrame:
    def test_frame(self):
        table = classification_table(*random_labels(0), random_state=0)
        frame = table.to_frame()
        assert frame.index.tolist() == [0, 1, 2, 3, "mean"]
        assert frame.columns.tolist() == [
            *(f"{score}{end}" for score in SCORES for end in ("", "_low", "_high")),
            "support",
        ]
        assert frame.loc[2, "recall_low"] == table.confidence_intervals["recall"][2, 0]
        assert frame.loc["mean", "f1_high"] == table.mean_confidence_intervals["f1"][1]
        assert frame.loc["mean", "support"] == 304

    def test_without_bootstrap(self):
        frame = classification_table(*random_labels(0), n_resamples=0).to_frame()
        assert frame.columns.tolist() == [*SCORES, "support"]

    def test_without_pandas(self, monkeypatch):
        table = classification_table(["a", "b"], ["a", "b"], n_resamples=0)
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match=r"to_frame needs pandas: pip install pandas"):
            table.to_frame()


def test_representation():
    table = classification_table(["a", "b"], ["a", "b"], n_resamples=0)
    assert repr(table) == "ClassificationTable(n_classes=2, n_samples=2, mean F1 1.0000)"
