"""Missing labels: what counts as one, and that every estimator refuses them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from skspectra._checks import refuse_missing_labels
from skspectra.calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier
from skspectra.export import to_onnx
from skspectra.metrics import classification_table, compare_classifiers
from skspectra.neural_network import SpectrumMLPClassifier
from skspectra.outliers import UnknownRejector
from skspectra.over_sampling import PhysicsNoiseOverSampler

MISSING = {
    "NaN": (np.array([1.0, np.nan, 2.0]), "~numpy.isnan(y)"),
    "None": (np.array(["a", None, "b"], dtype=object), 'pandas.notna(y) & (y != "")'),
    "list": (["a", None, "b"], 'pandas.notna(y) & (y != "")'),
    "empty": (np.array(["a", "", "b"]), '~numpy.isin(y, ["", "nan"])'),
    "text of NaN": (np.array(["a", np.nan, "b"]), '~numpy.isin(y, ["", "nan"])'),
    "bytes": (np.array([b"a", b"", b"b"]), '~numpy.isin(y, ["", "nan"])'),
    "masked": (np.ma.array(["a", "x", "b"], mask=[0, 1, 0]), '~numpy.isin(y, ["", "nan"])'),
    "masked numbers": (np.ma.array([1, 9, 2], mask=[0, 1, 0]), "~y.mask"),
    "pandas, text": (pd.Series(["a", None, "b"]), 'pandas.notna(y) & (y != "")'),
    "pandas, NA": (pd.Series([1, None, 2], dtype="Int64"), None),
    "pandas, category": (pd.Series(["a", None, "b"], dtype="category"), 'pandas.notna(y) & (y != "")'),
    "pandas, time": (pd.Series([pd.NaT] * 3, dtype=object)[[0, 1, 2]].where([False, True, False], "a"), None),
    "polars": (pl.Series(["a", None, "b"]), 'pandas.notna(y) & (y != "")'),
    "polars, numbers": (pl.Series([1, None, 2]), "~numpy.isnan(y)"),
}


@pytest.mark.parametrize("name", MISSING)
def test_missing_labels_are_counted_and_the_selection_is_named(name):
    y, selection = MISSING[name]
    with pytest.raises(ValueError, match=r"y has 1 missing labels among 3 .*, the first in row 1") as error:
        refuse_missing_labels(y)
    assert selection is None or f"labelled = {selection}; X, y = X[labelled], y[labelled]" in str(error.value)


@pytest.mark.parametrize(
    "y",
    [["a", "b"], [0, 1], [True, False], np.array([b"a"]), pd.Series(["a"]), pl.Series(["a"]), [0.0, np.inf], None, 3],
)
def test_labels_that_are_there_pass(y):
    refuse_missing_labels(y)


def test_labels_of_two_kinds_are_refused():
    with pytest.raises(ValueError, match="y mixes text and other labels; all must be of one kind"):
        refuse_missing_labels(np.array(["a", 3], dtype=object))


def estimators():
    network = SpectrumMLPClassifier(hidden_layer_sizes=(2,), max_epochs=1, random_state=0)
    return {
        "network": network.fit,
        "X_val": lambda X, y: network.fit(X, np.where(np.arange(len(X)) % 2, "a", "b"), X_val=X, y_val=y),
        "rejector": UnknownRejector(network).fit,
        "macro F1": MacroF1ThresholdClassifier(network).fit,
        "priors": PriorCorrectedClassifier(LogisticRegression()).fit,
        "sampler": PhysicsNoiseOverSampler().fit_resample,
        "table": lambda X, y: classification_table(y, y),
        "comparison": lambda X, y: compare_classifiers({"a": network}, X, y, cv=2),
        "model card": lambda X, y: to_onnx(network.fit(X, np.arange(len(X)) % 2), "unused.onnx", X_train=X, y_train=y),
    }


@pytest.mark.parametrize("name", estimators())
@pytest.mark.parametrize("missing", ["", None])
def test_every_estimator_refuses_missing_labels(name, missing):
    X = np.random.default_rng(0).random((12, 5)).astype(np.float32)
    y = np.array(["a", "b"] * 6, dtype=object)
    y[3] = missing
    y = y.astype(str) if missing == "" else y
    with pytest.raises(ValueError, match=r"y\w* has 1 missing labels among 12 .*the first in row 3"):
        estimators()[name](X, y)
