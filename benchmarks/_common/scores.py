"""Scores of predictions, and significance tests of the differences between classifiers."""

import numpy as np

from skspectra.metrics import classification_table, paired_bootstrap
from skspectra.metrics._holm import holm


def score(y, predicted, objects, class_priors=None):
    """Return the macro F1 with its confidence interval by object, and the F1 and recall of each class."""
    table = classification_table(y, predicted, class_priors=class_priors, groups=objects, random_state=0)
    by_class = {
        name: dict(zip(table.labels.tolist(), table.scores[name].tolist(), strict=True)) for name in ("f1", "recall")
    }
    return {
        "f1": table.mean["f1"],
        "ci": table.mean_confidence_intervals["f1"].tolist(),
        "f1_by_class": by_class["f1"],
        "recall": by_class["recall"],
    }


def short(value):
    return f"{value:.3f}".removeprefix("0")


def with_interval(scored, digits):
    return f"{scored['f1']:.{digits}f} ({'-'.join(map(short, scored['ci']))})"


def differences(y, predicted, others, *, groups, class_priors=None):
    """Return the differences between `predicted` and each of the other predictions by name, with their p-values.

    "p_holm" is the p-value corrected for the number of comparisons by Holm's method.
    """
    found = {
        name: paired_bootstrap(y, predicted, other, class_priors=class_priors, groups=groups, random_state=0)
        for name, other in others.items()
    }
    corrected = holm(np.array([difference.p_value for difference in found.values()]))
    return {
        name: {**difference._asdict(), "p_holm": float(p)}
        for (name, difference), p in zip(found.items(), corrected, strict=True)
    }
