"""
=====================
Choosing a classifier
=====================

:func:`~skspectra.metrics.compare_classifiers` cross-validates classifiers on the same folds and says which differences
are more than chance: scores with confidence intervals, times, and a test of each pair, corrected for their number.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra.datasets import make_spectra
from skspectra.metrics import compare_classifiers
from skspectra.preprocessing import MinMaxSpectrumScaler

# %%
# Spectra at a mix of classes
# ---------------------------

X, y = make_spectra(900, weights=(0.6, 0.25, 0.15), random_state=0, return_X_y=True)


def with_components(classifier):
    return make_pipeline(MinMaxSpectrumScaler(), PCA(30, random_state=0), StandardScaler(), classifier)


comparison = compare_classifiers(
    {
        "always the same": DummyClassifier(),
        "logistic regression": with_components(LogisticRegression(max_iter=2000)),
        "random forest": with_components(RandomForestClassifier(100, random_state=0)),
    },
    X,
    y,
    cv=3,
    n_resamples=2000,
    random_state=0,
    verbose=False,
)
print(comparison)

# %%
# Scores with their confidence intervals
# --------------------------------------
# Intervals that overlap do not mean that two classifiers are equal: both saw the same spectra, and the test of the pair
# uses that.

names = comparison.names
f1 = np.array([comparison.scores[name]["f1"] for name in names])
intervals = np.array([comparison.confidence_intervals[name]["f1"] for name in names])

figure, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
ax.errorbar(f1, names, xerr=np.abs(intervals.T - f1), fmt="o", color="black", capsize=4)
ax.set(xlabel="Mean F1 of the classes, 95 % confidence interval", xlim=(0, 1), ylim=(-0.5, len(names) - 0.5))
plt.show()

# %%
# At the mix of a survey
# ----------------------
# Scores depend on the mix: where stars are 98.5 of 100, the few of them that are called quasars outnumber the quasars.

survey = compare_classifiers(
    {"logistic regression": with_components(LogisticRegression(max_iter=2000))},
    X,
    y,
    cv=3,
    class_priors={"STAR": 0.985, "GALAXY": 0.012, "QSO": 0.003},
    n_resamples=2000,
    random_state=0,
    verbose=False,
)
print(survey)
