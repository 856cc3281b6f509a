"""
=====================
Choosing a classifier
=====================

:func:`~skspectra.metrics.compare_classifiers` cross-validates classifiers on the same folds. It prints scores with
confidence intervals, times, and a test of each pair of classifiers, whose p-values are corrected for the number of
pairs. The figure at the end compares the scores of four classifiers of observed spectra.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra.datasets import load_sdss_sample
from skspectra.metrics import compare_classifiers
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator
from skspectra.pretrained import PretrainedFeatures

# %%
# Observed spectra
# ----------------
# Some objects of the sample were observed several times. With ``groups``, all spectra of an object are in the same
# fold, and the confidence intervals and tests resample objects instead of spectra.

sample = load_sdss_sample()
X, y = sample.data, sample.target


def with_components(classifier):
    scaler = MinMaxSpectrumScaler(quantile_range=(0.5, 99.5))
    return make_pipeline(MissingFluxInterpolator(), scaler, PCA(30, random_state=0), StandardScaler(), classifier)


linear = LogisticRegression(class_weight="balanced", max_iter=5000)
settings = {
    "cv": 5,
    "groups": sample.object_id,
    "n_resamples": 2000,
    "random_state": 0,
    "verbose": False,
}
comparison = compare_classifiers(
    {
        "always the same": DummyClassifier(),
        "random forest": with_components(RandomForestClassifier(100, class_weight="balanced", random_state=0)),
        "logistic regression": with_components(linear),
        "pretrained features": make_pipeline(PretrainedFeatures(), StandardScaler(), linear),
    },
    X,
    y,
    **settings,
)
print(comparison)

# %%
# At the mix of a survey
# ----------------------
# Scores depend on the shares of the classes. If 98.5 % of the objects are stars, even a small fraction of stars that
# are classified as quasars outnumbers the quasars.

survey = compare_classifiers(
    {"logistic regression": with_components(linear)},
    X,
    y,
    class_priors={"STAR": 0.985, "GALAXY": 0.012, "QSO": 0.003},
    **settings,
)
print(survey)

# %%
# Scores with their confidence intervals
# --------------------------------------
# The figure shows the scores of the first comparison. Two classifiers can differ significantly although their intervals
# overlap, because both were tested on the same spectra. The paired test takes this into account.

names = comparison.names
f1 = np.array([comparison.scores[name]["f1"] for name in names])
intervals = np.array([comparison.confidence_intervals[name]["f1"] for name in names])

figure, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
ax.errorbar(f1, names, xerr=np.abs(intervals.T - f1), fmt="o", color="black", capsize=4)
ax.set(xlabel="Mean F1 of the classes, 95 % confidence interval", xlim=(0, 1), ylim=(-0.5, len(names) - 0.5))
plt.show()
