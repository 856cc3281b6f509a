"""Result of a comparison of classifiers, as numbers, tables and text."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._holm import ComparedPair
from ._labels import format_priors
from ._text import aligned, few_units, format_interval, import_pandas

_SCORES = ("precision", "recall", "f1", "balanced_accuracy", "accuracy")
# The mean recall is the balanced accuracy, which the printed table therefore leaves out.
_HEADINGS = {"precision": "precision", "recall": "recall", "f1": "F1", "accuracy": "accuracy"}


@dataclass(frozen=True, eq=False, repr=False)
class ClassifierComparison:
    """Scores and times of classifiers and their differences, as :func:`compare_classifiers` returns them.

    ``str(comparison)`` is the table in text. Every dict has the names of the classifiers as keys; classifiers that
    failed are in ``failures`` only.

    Attributes
    ----------
    names : list of str
        The classifiers, in the order given.
    scores : dict of str to dict of str to float
        ``"precision"``, ``"recall"``, ``"f1"`` (means over the classes), ``"balanced_accuracy"`` (the mean recall, as
        in :func:`sklearn.metrics.balanced_accuracy_score`) and ``"accuracy"`` of the predictions of all folds together.
    confidence_intervals : dict of str to dict of str to ndarray of shape (2,)
        Lower and upper limit of each score; empty without a bootstrap.
    fold_scores : dict of str to dict of str to ndarray of shape (n_folds,)
        The same scores in each fold.
    fit_seconds : dict of str to float
        Mean time of a fit.
    predictions_per_second : dict of str to float
        Number of predicted spectra over the time of all calls of ``predict``.
    n_layers, n_parameters : dict of str to int
        ``n_layers_`` and ``n_parameters_`` of the classifiers that have them.
    failures : dict of str to str
        Fold and error of each classifier that failed.
    pairs : list of ComparedPair
        Each pair of classifiers: named tuples ``(a, b, difference, low, high, p_value, p_holm)`` of the mean F1; empty
        without a bootstrap.
    labels : ndarray of shape (n_classes,)
        The classes, sorted.
    test_index : ndarray of shape (n_predictions,), dtype int64
        The row of ``X`` of each prediction, in the order of the folds.
    y_true : ndarray of shape (n_predictions,)
        The true class of each prediction.
    predictions : dict of str to ndarray of shape (n_predictions,)
        The predictions of each classifier.
    class_priors : ndarray of shape (n_classes,), or None
        The stated class mix; None for the mix of the data.
    n_folds : int
        Number of folds.
    n_groups : int or None
        Number of groups that were resampled; None if single spectra were resampled.
    n_units : ndarray of shape (n_classes,), dtype int64
        Number of spectra, or of groups with this most frequent true class, that were resampled.
    n_resamples : int
        Number of replicates behind the confidence intervals and p-values.
    confidence_level : float
        Share of the replicates within the confidence intervals.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skspectra.metrics import classification_table, compare_classifiers
    >>> X, y = load_wine(return_X_y=True)
    >>> comparison = compare_classifiers({"naive Bayes": GaussianNB()}, X, y, random_state=0, verbose=False)
    >>> table = classification_table(comparison.y_true, comparison.predictions["naive Bayes"], n_resamples=0)
    >>> print(f"{table.mean['f1']:.2f} {comparison.scores['naive Bayes']['f1']:.2f}")
    0.97 0.97
    """

    names: list[str]
    scores: dict[str, dict[str, float]]
    confidence_intervals: dict[str, dict[str, np.ndarray]]
    fold_scores: dict[str, dict[str, np.ndarray]]
    fit_seconds: dict[str, float]
    predictions_per_second: dict[str, float]
    n_layers: dict[str, int]
    n_parameters: dict[str, int]
    failures: dict[str, str]
    pairs: list[ComparedPair]
    labels: np.ndarray
    test_index: np.ndarray
    y_true: np.ndarray
    predictions: dict[str, np.ndarray]
    class_priors: np.ndarray | None
    n_folds: int
    n_groups: int | None
    n_units: np.ndarray
    n_resamples: int
    confidence_level: float

    def to_frame(self) -> Any:
        """Return one row for each classifier as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            The columns are, for each score, its value, with a bootstrap its limits ``*_low`` and ``*_high``, and the
            mean and standard deviation over the folds (NaN for one fold), ``*_fold_mean`` and ``*_fold_std``; then
            ``fit_seconds``, ``predictions_per_second``, ``n_layers``, ``n_parameters`` and ``error``, the text of a
            failure.

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skspectra.metrics import compare_classifiers
        >>> X, y = load_wine(return_X_y=True)
        >>> comparison = compare_classifiers({"naive Bayes": GaussianNB()}, X, y, random_state=0, verbose=False)
        >>> comparison.to_frame()[["f1", "accuracy"]].round(2)
                       f1  accuracy
        classifier
        naive Bayes  0.97      0.97
        """
        pandas = import_pandas("ClassifierComparison.to_frame")
        rows = []
        for name in self.names:
            row: dict[str, Any] = {}
            for score in _SCORES if name in self.scores else ():
                row[score] = self.scores[name][score]
                if self.confidence_intervals:
                    row[f"{score}_low"], row[f"{score}_high"] = self.confidence_intervals[name][score]
                row[f"{score}_fold_mean"] = self.fold_scores[name][score].mean()
                row[f"{score}_fold_std"] = pandas.Series(self.fold_scores[name][score]).std()
            rows.append(row)
        frame = pandas.DataFrame(rows, index=pandas.Index(self.names, name="classifier"))
        for column in ("fit_seconds", "predictions_per_second"):
            frame[column] = [getattr(self, column).get(name, np.nan) for name in self.names]
        for column in ("n_layers", "n_parameters"):
            values = [getattr(self, column).get(name) for name in self.names]
            frame[column] = pandas.array(values, dtype="Int64")
        frame["error"] = [self.failures.get(name, "") for name in self.names]
        return frame

    def pairs_to_frame(self) -> Any:
        """Return one row for each pair of classifiers as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            The columns are the fields of :class:`ComparedPair`.

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from sklearn.dummy import DummyClassifier
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skspectra.metrics import compare_classifiers
        >>> classifiers = {"naive Bayes": GaussianNB(), "always one class": DummyClassifier()}
        >>> comparison = compare_classifiers(classifiers, *load_wine(return_X_y=True), random_state=0, verbose=False)
        >>> comparison.pairs_to_frame()[["a", "b", "difference"]].round(2)
                     a                 b  difference
        0  naive Bayes  always one class        0.78
        """
        pandas = import_pandas("ClassifierComparison.pairs_to_frame")
        return pandas.DataFrame(self.pairs, columns=list(ComparedPair._fields))

    def __repr__(self) -> str:
        scores = ", ".join(f"{name} {scores['f1']:.4f}" for name, scores in self.scores.items())
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"ClassifierComparison(mean F1: {scores or 'none'}{failed})"

    def __str__(self) -> str:
        rows = [["", "layers", "parameters", *_HEADINGS.values(), "fit [s]", "predictions/s"]]
        for name in self.names:
            if name in self.failures:
                rows.append([name, *"-" * (len(rows[0]) - 1)])
                continue
            intervals = self.confidence_intervals.get(name, {})
            rows.append(
                [
                    name,
                    str(self.n_layers.get(name, "-")),
                    str(self.n_parameters.get(name, "-")),
                    *(format_interval(self.scores[name][score], intervals.get(score)) for score in _HEADINGS),
                    f"{self.fit_seconds[name]:.3g}",
                    f"{self.predictions_per_second[name]:.0f}",
                ]
            )
        parts = [aligned(rows), self._conditions()]
        if self.failures:
            failed = "\n".join(f"{name}: {error}" for name, error in self.failures.items())
            parts.append(f"Failed\n{failed}")
        if self.pairs:
            tested = f"Paired bootstrap of {self._resampled()}, p-values corrected by Holm (pairs: {len(self.pairs)})."
            pairs = [["Difference of mean F1", "", "p", "p (Holm)"]]
            for pair in self.pairs:
                limits = f"{pair.difference:+.4f} ({pair.low:+.4f} to {pair.high:+.4f})"
                pairs.append([f"{pair.a} - {pair.b}", limits, f"{pair.p_value:.4f}", f"{pair.p_holm:.4f}"])
            parts.append(f"{tested}\n{aligned(pairs)}")
        return "\n\n".join(parts)

    def _conditions(self) -> str:
        lines = [
            f"Scores of the {len(self.y_true)} predictions of {self.n_folds} folds, means over the classes, "
            f"at {format_priors(self.labels, self.class_priors)}.",
            "The mean recall is the balanced accuracy.",
        ]
        if self.n_resamples:
            lines.append(
                f"In brackets: {100 * self.confidence_level:.4g} % confidence interval of {self.n_resamples} "
                f"bootstrap resamples of {self._resampled()}."
            )
            lines.append(
                "They apply to the classifiers as they were trained and do not include the variation between trainings."
            )
            if few := few_units(self.labels, self.n_units):
                lines.append(few)
        return "\n".join(lines)

    def _resampled(self) -> str:
        if self.n_groups is not None:
            return f"{self.n_groups} groups"
        return f"{len(np.unique(self.test_index))} single spectra"
