"""Scores of each class with confidence intervals, the confusion matrix and the errors of each class."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_consistent_length, check_random_state

from .._checks import encode
from .._validation import validate_params
from ._bootstrap import PARAMETERS, confidence_interval, confusion_matrix, count_units, resampled_confusions
from ._labels import check_class_labels, check_groups, check_labels, check_scored_priors, format_priors
from ._scores import accuracy, class_scores, mean_scores, row_shares
from ._text import aligned, few_units, format_interval, import_pandas

_HEADINGS = {"precision": "precision", "recall": "recall", "f1": "F1", "balanced_accuracy": "balanced accuracy"}


class ClassErrors(NamedTuple):
    """Spectra of one class that were predicted as another, as listed by :meth:`ClassificationTable.errors`.

    Attributes
    ----------
    true, predicted : label
        The true class of the spectra, and the predicted class.
    n_spectra : int
        Number of these spectra.
    share_of_class : float
        Their share of all spectra of the true class.
    share_of_errors : float
        Their share of all errors of the true class.

    Examples
    --------
    >>> from skspectra.metrics import classification_table
    >>> error = classification_table(["QSO", "QSO", "STAR"], ["QSO", "STAR", "STAR"], n_resamples=0).errors()[0]
    >>> error.n_spectra, error.share_of_class, error.share_of_errors
    (1, 0.5, 1.0)
    """

    true: Any
    predicted: Any
    n_spectra: int
    share_of_class: float
    share_of_errors: float


@dataclass(frozen=True, eq=False, repr=False)
class ClassificationTable:
    """Scores of each class, confidence intervals and confusion matrix, as :func:`classification_table` returns them.

    ``str(table)`` is the table in text.

    Attributes
    ----------
    labels : ndarray of shape (n_classes,)
        The classes, in the order of every other attribute.
    support : ndarray of shape (n_classes,), dtype int64
        Number of spectra of each true class.
    confusion : ndarray of shape (n_classes, n_classes), dtype int64
        Counts, always at the mix of the data. Rows are true classes, columns predicted ones.
    confusion_shares : ndarray of shape (n_classes, n_classes), dtype float64
        Each row of ``confusion`` over its sum; zeros for a class without a spectrum.
    scores : dict of str to ndarray of shape (n_classes,)
        ``"precision"``, ``"recall"``, ``"f1"`` and ``"balanced_accuracy"`` of each class against the rest.
    mean : dict of str to float
        Mean of each score over the classes in ``y_true``. ``mean["balanced_accuracy"]`` is the mean recall, as in
        :func:`sklearn.metrics.balanced_accuracy_score`.
    accuracy : float
        Share of correct predictions.
    confidence_intervals : dict of str to ndarray of shape (n_classes, 2)
        Lower and upper limit of each of ``scores``; empty without a bootstrap.
    mean_confidence_intervals : dict of str to ndarray of shape (2,)
        Limits of each of ``mean``; empty without a bootstrap.
    accuracy_confidence_interval : ndarray of shape (2,), or None
        Limits of ``accuracy``; None without a bootstrap.
    class_priors : ndarray of shape (n_classes,), or None
        The stated class mix; None for the mix of the data.
    n_groups : int or None
        Number of groups that were resampled; None if single spectra were resampled.
    n_units : ndarray of shape (n_classes,), dtype int64
        Number of spectra, or of groups with this most frequent true class, that were resampled.
    n_resamples : int
        Number of replicates behind the confidence intervals.
    confidence_level : float
        Share of the replicates within the confidence intervals.

    Examples
    --------
    >>> from skspectra.metrics import classification_table
    >>> table = classification_table(["QSO", "QSO", "STAR", "STAR"], ["QSO", "STAR", "STAR", "STAR"], n_resamples=0)
    >>> print(table)
          precision  recall      F1  balanced accuracy  support
    QSO      1.0000  0.5000  0.6667             0.7500        2
    STAR     0.6667  1.0000  0.8000             0.7500        2
    mean     0.8333  0.7500  0.7333             0.7500        4
    <BLANKLINE>
    accuracy 0.7500
    Scores at the class mix of the data.
    Balanced accuracy compares a class with the rest. In the row "mean", it is that of all classes.
    <BLANKLINE>
    Confusion matrix
    true \\ predicted  QSO  STAR
    QSO                 1     1
    STAR                0     2
    <BLANKLINE>
    share of true class     QSO    STAR
    QSO                  0.5000  0.5000
    STAR                 0.0000  1.0000
    <BLANKLINE>
    Errors
    QSO   1 of 2 (50.00%): 1 taken for STAR (100.0%)
    STAR  none of 2
    """

    labels: np.ndarray
    support: np.ndarray
    confusion: np.ndarray
    scores: dict[str, np.ndarray]
    mean: dict[str, float]
    accuracy: float
    confidence_intervals: dict[str, np.ndarray]
    mean_confidence_intervals: dict[str, np.ndarray]
    accuracy_confidence_interval: np.ndarray | None
    class_priors: np.ndarray | None
    n_groups: int | None
    n_units: np.ndarray
    n_resamples: int
    confidence_level: float

    @property
    def confusion_shares(self) -> np.ndarray:
        return row_shares(self.confusion)

    def errors(self) -> list[ClassErrors]:
        """Return the errors of each class, by true class, the most frequent error first.

        Returns
        -------
        errors : list of ClassErrors
            Named tuples ``(true, predicted, n_spectra, share_of_class, share_of_errors)``: the number of spectra of the
            class ``true`` that were predicted as ``predicted``, also as a share of the class and of its errors. Pairs
            of classes that were never confused are left out.

        Examples
        --------
        >>> from skspectra.metrics import classification_table
        >>> table = classification_table(["QSO", "QSO", "QSO", "STAR"], ["QSO", "STAR", "STAR", "STAR"])
        >>> for error in table.errors():
        ...     print(error.n_spectra, error.true, "taken for", error.predicted)
        2 QSO taken for STAR
        """
        errors = []
        for row, (true, counts) in enumerate(zip(self.labels, self.confusion, strict=True)):
            n_wrong = counts.sum() - counts[row]
            for column in np.argsort(-counts, kind="stable"):
                if column != row and counts[column]:
                    share, share_of_errors = counts[column] / counts.sum(), counts[column] / n_wrong
                    predicted = self.labels[column]
                    errors.append(
                        ClassErrors(true, predicted, int(counts[column]), float(share), float(share_of_errors))
                    )
        return errors

    def to_frame(self) -> Any:
        """Return the scores as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            One row for each class and a last row "mean". The columns are the scores and the support, whose last row is
            the number of all spectra. With a bootstrap, the limits ``*_low`` and ``*_high`` of the scores are included.

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from skspectra.metrics import classification_table
        >>> table = classification_table(["QSO", "STAR", "STAR"], ["QSO", "STAR", "QSO"], n_resamples=0)
        >>> table.to_frame()[["precision", "recall", "support"]]
              precision  recall  support
        QSO        0.50    1.00        1
        STAR       1.00    0.50        2
        mean       0.75    0.75        3
        """
        pandas = import_pandas("ClassificationTable.to_frame")
        columns = {}
        for name, values in self.scores.items():
            columns[name] = [*values, self.mean[name]]
            if self.confidence_intervals:
                limits = np.vstack([self.confidence_intervals[name], self.mean_confidence_intervals[name]])
                columns[f"{name}_low"], columns[f"{name}_high"] = limits.T
        columns["support"] = [*self.support, self.support.sum()]
        return pandas.DataFrame(columns, index=[*self.labels.tolist(), "mean"])

    def __repr__(self) -> str:
        return (
            f"ClassificationTable(n_classes={len(self.labels)}, n_samples={self.support.sum()}, "
            f"mean F1 {format_interval(self.mean['f1'], self.mean_confidence_intervals.get('f1'))})"
        )

    def __str__(self) -> str:
        names = [str(label) for label in self.labels]
        none = [None] * len(names)
        rows = [["", *_HEADINGS.values(), "support"]]
        for i, name in enumerate(names):
            cells = [format_interval(self.scores[s][i], self.confidence_intervals.get(s, none)[i]) for s in _HEADINGS]
            rows.append([name, *cells, str(self.support[i])])
        cells = [format_interval(self.mean[s], self.mean_confidence_intervals.get(s)) for s in _HEADINGS]
        rows.append(["mean", *cells, str(self.support.sum())])

        counts = [
            ["true \\ predicted", *names],
            *([name, *map(str, row)] for name, row in zip(names, self.confusion, strict=True)),
        ]
        shares = [
            ["share of true class", *names],
            *(
                [name, *(f"{share:.4f}" for share in row)]
                for name, row in zip(names, self.confusion_shares, strict=True)
            ),
        ]
        accuracy = format_interval(self.accuracy, self.accuracy_confidence_interval)
        return "\n\n".join(
            [
                f"{aligned(rows)}\n\naccuracy {accuracy}\n{self._conditions()}",
                f"Confusion matrix\n{aligned(counts)}\n\n{aligned(shares)}",
                f"Errors\n{self._errors_text()}",
            ]
        )

    def _conditions(self) -> str:
        lines = [
            f"Scores at {format_priors(self.labels, self.class_priors)}.",
            'Balanced accuracy compares a class with the rest. In the row "mean", it is that of all classes.',
        ]
        if self.n_resamples:
            units = "single spectra" if self.n_groups is None else f"{self.n_groups} groups"
            lines.append(
                f"In brackets: {100 * self.confidence_level:.4g} % confidence interval of {self.n_resamples} bootstrap "
                f"resamples of {units}."
            )
            if few := few_units(self.labels, self.n_units):
                lines.append(few)
        return "\n".join(lines)

    def _errors_text(self) -> str:
        errors = self.errors()
        rows = []
        for label, support in zip(self.labels, self.support, strict=True):
            own = [error for error in errors if error.true == label]
            if not own:
                rows.append([str(label), f"none of {support}"])
                continue
            n_wrong = sum(error.n_spectra for error in own)
            parts = ", ".join(f"{e.n_spectra} taken for {e.predicted} ({e.share_of_errors:.1%})" for e in own)
            rows.append([str(label), f"{n_wrong} of {support} ({n_wrong / support:.2%}): {parts}"])
        return aligned(rows, right=False)


@validate_params(PARAMETERS)
def classification_table(
    y_true: Any,
    y_pred: Any,
    *,
    labels: Any = None,
    class_priors: Any = None,
    groups: Any = None,
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> ClassificationTable:
    """Compute the scores of each class with bootstrap confidence intervals, and list the errors.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,)
        True and predicted classes: strings, integers or booleans.
    labels : array-like of shape (n_classes,), default=None
        The order of the classes. It must name every class in ``y_true`` and ``y_pred``. By default they are sorted.
    class_priors : dict of label to float, or array-like of shape (n_classes,), default=None
        Shares of the classes, summing to 1, for which the scores are computed: precision, F1, balanced accuracy and
        accuracy depend on them. Each row of the confusion matrix is weighted to the stated share (Saerens et al. 2002),
        which is correct if the spectra of a class look the same at both mixes. An array is in the order of the table;
        classes that are missing from a dict have a share of 0. The share must be above 0 for the classes in ``y_true``,
        and 0 for all others. By default the scores are at the mix of the data.
    groups : array-like of shape (n_samples,), default=None
        Spectra with the same value, such as repeated observations of one object, are resampled together.
    n_resamples : int, default=1000
        Number of replicates; 0 for no confidence intervals.
    confidence_level : float, default=0.95
        Share of the replicates within a confidence interval, between 0 and 1.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap.

    Returns
    -------
    table : ClassificationTable
        The scores and confidence intervals as arrays, ``str(table)``, ``table.to_frame()`` and ``table.errors()``.

    Raises
    ------
    ValueError
        If labels are missing, continuous or of mixed kinds, inputs differ in length, ``labels`` leaves out a class,
        there is a single group, class shares are negative, do not sum to 1 or belong to no class, or another parameter
        is not valid.

    Notes
    -----
    **Division by zero.** A class without a spectrum in ``y_true`` cannot be scored. Its scores are NaN, printed as "-",
    and the mean leaves it out. Predictions of this class count as errors of the other classes. A class that is never
    predicted has precision and F1 of 0, and the mean includes it. If ``y_true`` contains every class, the scores are
    those of :func:`sklearn.metrics.precision_recall_fscore_support` with ``zero_division=0``.

    **The mean F1** is the mean of the F1 of the classes (macro F1), not the harmonic mean of mean precision and recall.

    **Confidence intervals** are percentile intervals [1]_ of a bootstrap stratified by true class: each replicate has
    as many spectra of each class as ``y_true``, so that an interval gives the uncertainty of a score for this number of
    spectra of each class. Groups are drawn among the groups with the same most frequent class. The interval applies to
    the classifier as it was trained, not to another training. It does not include errors that do not occur in the data:
    a class with a recall of 1 has the interval 1-1.

    The bootstrap resamples counts, not rows, and its cost does not grow with the number of spectra.

    References
    ----------
    .. [1] Efron B., Tibshirani R. J., "An Introduction to the Bootstrap", Chapman & Hall, 1993, chapter 13.
    .. [2] Saerens M., Latinne P., Decaestecker C., "Adjusting the outputs of a classifier to new a priori
       probabilities", Neural Computation 14(1): 21-41, 2002.
    .. [3] Wang Q., Zhao G., Fan Z., "Classification of Astronomical Spectra Based on DenseNet", Astronomical Research
       and Technology 17(1): 85-95, 2020, section 5.1.

    Examples
    --------
    >>> from skspectra.metrics import classification_table
    >>> y_true = ["STAR"] * 8 + ["QSO"] * 4
    >>> y_pred = ["STAR"] * 7 + ["QSO"] * 4 + ["STAR"]
    >>> table = classification_table(y_true, y_pred, labels=["STAR", "QSO"], random_state=0)
    >>> print(f"{table.mean['f1']:.4f}")
    0.8125
    >>> survey = classification_table(y_true, y_pred, class_priors={"STAR": 0.985, "QSO": 0.015}, n_resamples=0)
    >>> print(f"{survey.mean['f1']:.4f}")
    0.5410
    """
    y_true, y_pred = check_labels(y_true, "y_true"), check_labels(y_pred, "y_pred")
    check_consistent_length(y_true, y_pred)
    labels = check_class_labels(labels, {"y_true": y_true, "y_pred": y_pred})
    groups = check_groups(groups, len(y_true))

    true, predicted = encode(y_true, labels), encode(y_pred, labels)
    confusion = confusion_matrix(true, predicted, len(labels))
    support = confusion.sum(axis=1)
    priors = check_scored_priors(class_priors, labels, support)
    scores = class_scores(confusion, priors)

    intervals, mean_intervals, accuracy_interval = {}, {}, None
    if n_resamples:
        chunks = resampled_confusions(
            true,
            [predicted],
            len(labels),
            groups=groups,
            n_resamples=n_resamples,
            random_state=check_random_state(random_state),
        )
        replicates, accuracies = [], []
        for (resampled,) in chunks:
            replicates.append(class_scores(resampled, priors))
            accuracies.append(accuracy(resampled, priors))
        by_class = {name: np.concatenate([chunk[name] for chunk in replicates]) for name in scores}
        intervals = {name: confidence_interval(values, confidence_level) for name, values in by_class.items()}
        means = mean_scores(by_class)
        mean_intervals = {name: confidence_interval(values, confidence_level) for name, values in means.items()}
        accuracy_interval = confidence_interval(np.concatenate(accuracies), confidence_level)

    return ClassificationTable(
        labels=labels,
        support=support,
        confusion=confusion,
        scores=scores,
        mean={name: float(value) for name, value in mean_scores(scores).items()},
        accuracy=float(accuracy(confusion, priors)),
        confidence_intervals=intervals,
        mean_confidence_intervals=mean_intervals,
        accuracy_confidence_interval=accuracy_interval,
        class_priors=priors,
        n_groups=None if groups is None else int(groups.max()) + 1,
        n_units=count_units(true, groups, len(labels)),
        n_resamples=int(n_resamples),
        confidence_level=float(confidence_level),
    )
