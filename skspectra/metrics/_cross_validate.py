"""Timed fits and predictions of several classifiers on the same folds."""

import traceback
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv
from sklearn.neural_network import MLPClassifier
from sklearn.utils import check_consistent_length
from tqdm.auto import tqdm

from .._rows import take_rows
from .._unwrap import innermost
from ._labels import check_labels, distinct_labels

Fold = tuple[np.ndarray, np.ndarray]  # rows of training and of test


def make_folds(
    cv: Any, X: Any, y: np.ndarray, groups: np.ndarray | None, random_state: np.random.RandomState
) -> list[Fold]:
    """Return the folds as a list of indices, because every classifier must see the same ones."""
    if cv is None or isinstance(cv, Integral):
        n_splits = 5 if cv is None else int(cv)
        if groups is None:
            _check_n_splits(n_splits, np.unique(y, return_counts=True)[1].max(), "spectra of the largest class")
            cv = StratifiedKFold(n_splits, shuffle=True, random_state=random_state)
        else:
            _check_n_splits(n_splits, groups.max() + 1, "groups")
            # Permuting the numbers of the groups shuffles the folds. Before scikit-learn 1.8, shuffle=True loses the
            # strata.
            cv = StratifiedGroupKFold(n_splits).split(X, y, random_state.permutation(groups.max() + 1)[groups])
    splits = cv
    if isinstance(cv, str) or not isinstance(cv, Iterable):
        splits = check_cv(cv, y, classifier=True).split(X, y, groups)
    folds = [_check_fold(fold, i + 1, len(y)) for i, fold in enumerate(splits)]
    if not folds:
        raise ValueError(f"cv must give at least one pair of training and test rows, got {cv!r}.")
    if groups is not None:
        for i, (train, test) in enumerate(folds):
            both = np.intersect1d(groups[train], groups[test])
            if both.size:
                raise ValueError(
                    f"cv must keep groups together: {both.size} groups are in both the training and the test part of "
                    f"fold {i + 1}. Use a number or StratifiedGroupKFold instead."
                )
    return folds


def _check_n_splits(n_splits: int, most: int, what: str) -> None:
    if n_splits > most:
        raise ValueError(f"cv must be at most {most}, the number of {what}, got {n_splits}.")


def _check_fold(fold: Any, number: int, n_samples: int) -> Fold:
    """Return the training and test rows; raise ValueError if either is empty or a row is in both."""
    try:
        train, test = (np.arange(n_samples)[rows] for rows in fold)
    except (IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"cv must give pairs of training and test rows, each below {n_samples}; fold {number} is {fold!r}."
        ) from error
    if not len(train) or not len(test):
        raise ValueError(
            f"cv must give rows to train and to test; fold {number} has {len(train)} to train and {len(test)} to test."
        )
    if n_both := np.intersect1d(train, test).size:
        raise ValueError(f"cv must keep training and test apart; {n_both} rows are in both parts of fold {number}.")
    return train, test


@dataclass
class Run:
    """Results of one classifier after some folds."""

    predictions: list[np.ndarray]
    fit_seconds: list[float]
    predict_seconds: float = 0.0
    n_layers: int | None = None
    n_parameters: int | None = None
    failure: str = ""


def cross_validate(
    classifiers: Mapping[str, Any], X: Any, y: np.ndarray, folds: list[Fold], verbose: bool
) -> dict[str, Run]:
    """Return the results of each classifier on the folds; one that raises an error is not tried again."""
    runs = {name: Run([], []) for name in classifiers}
    with tqdm(total=len(folds) * len(classifiers), disable=not verbose) as bar:
        # The outer loop is over folds and the inner one over classifiers, so that each fold is copied out of X once,
        # and a machine that slows down with time does not favour the classifiers at the beginning of the list.
        for i, (train, test) in enumerate(folds):
            X_train, X_test = take_rows(X, train), take_rows(X, test)
            for name, classifier in classifiers.items():
                bar.set_description(f"{name}, fold {i + 1} of {len(folds)}")
                run = runs[name]
                if not run.failure:
                    try:
                        _fit_and_predict(run, classifier, X_train, y[train], X_test)
                    except Exception as error:
                        run.failure = f"fold {i + 1} of {len(folds)}: {type(error).__name__}: {error}"
                        message = f"{name} failed and will not be tried again.\n{traceback.format_exc()}"
                        warnings.warn(message, FitFailedWarning, stacklevel=4)
                bar.update()
    return runs


def _fit_and_predict(run: Run, classifier: Any, X_train: Any, y_train: np.ndarray, X_test: Any) -> None:
    model = clone(classifier)
    start = perf_counter()
    model.fit(X_train, y_train)
    fitted = perf_counter()
    predicted = model.predict(X_test)
    end = perf_counter()

    predicted = check_labels(predicted, "the prediction")
    distinct_labels({"y": y_train, "the prediction": predicted})
    check_consistent_length(X_test, predicted)
    run.predictions.append(predicted)
    run.fit_seconds.append(fitted - start)
    run.predict_seconds += end - fitted
    run.n_layers, run.n_parameters = _size(model)


def _size(model: Any) -> tuple[int | None, int | None]:
    """Return the numbers of layers and parameters of a network, also inside other estimators, or None and None."""
    model = innermost(model)
    if isinstance(model, MLPClassifier):  # whose n_layers_ counts the input as a layer
        return model.n_layers_ - 1, sum(weights.size for weights in [*model.coefs_, *model.intercepts_])
    return getattr(model, "n_layers_", None), getattr(model, "n_parameters_", None)
