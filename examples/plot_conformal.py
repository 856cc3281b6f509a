"""
======================================
Sets of classes with a stated coverage
======================================

A conformal classifier answers with a set of classes that holds the true one with a stated probability, whatever the
classifier. Calibrated class by class, this holds for the few quasars of a survey as well as for its many stars: one
calibration for all would keep its promise on average, at the cost of the rare classes. The sets come from crepes
(``pip install crepes``), which takes any fitted scikit-learn classifier.
"""

import matplotlib.pyplot as plt
import numpy as np
from crepes import WrapClassifier
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra.datasets import make_spectra
from skspectra.preprocessing import MinMaxSpectrumScaler

# %%
# A classifier and spectra that it has not seen
# ---------------------------------------------
# The sets are calibrated on spectra that were not used in training. Classes are as unequal there as in the test.

CLASSES = ["GALAXY", "QSO", "STAR"]  # in the order of classes_
X_train, y_train = make_spectra(1500, weights=(1, 1, 1), random_state=0, return_X_y=True)
X_held, y_held = make_spectra(3000, weights=(0.9, 0.06, 0.04), random_state=1, return_X_y=True)
X_test, y_test = make_spectra(5000, weights=(0.8, 0.1, 0.1), random_state=2, return_X_y=True)

classifier = make_pipeline(
    MinMaxSpectrumScaler(), PCA(30, random_state=0), StandardScaler(), LogisticRegression(max_iter=2000)
).fit(X_train, y_train)

# %%
# Coverage of each class
# ----------------------
# The share of the test spectra of each class whose set holds the true class, with one calibration for all classes and
# with one for each.

CONFIDENCE = 0.9
coverage, sizes = {}, {}
for name, class_cond in [("one for all classes", False), ("one for each class", True)]:
    conformal = WrapClassifier(classifier)
    conformal.calibrate(X_held, y_held, class_cond=class_cond, seed=0)
    sets = conformal.predict_set(X_test, labels=False, confidence=CONFIDENCE, smoothing=False).astype(bool)
    covered = sets[np.arange(len(y_test)), np.searchsorted(CLASSES, y_test)]
    coverage[name] = [covered[y_test == label].mean() for label in CLASSES]
    sizes[name] = [np.bincount(sets[y_test == label].sum(axis=1), minlength=4) for label in CLASSES]
    print(name)
    for label, share, counts in zip(CLASSES, coverage[name], sizes[name], strict=True):
        print(f"  {label:6} coverage {share:.3f}, sets of 0 to 3 classes: {counts}")

figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for offset, (name, shares) in zip((-0.2, 0.2), coverage.items(), strict=True):
    ax.bar(np.arange(3) + offset, shares, width=0.36, label=name)
ax.axhline(CONFIDENCE, color="black", linestyle="--", linewidth=1)
ax.set(xticks=range(3), xticklabels=CLASSES, ylabel="Coverage", ylim=(0, 1.02))
ax.legend(loc="lower center", ncols=2)
plt.show()

# %%
# What the sets say
# -----------------
# A set of one class is an answer, one of several a doubt to be looked at, and an empty one a spectrum unlike any class.

figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
counts = np.array(sizes["one for each class"])
shares = counts / counts.sum(axis=1, keepdims=True)
left = np.zeros(3)
for size, column in enumerate(shares.T):
    ax.barh(CLASSES, column, left=left, label=str(size))
    left += column
ax.set(xlabel="Share of the test spectra", xlim=(0, 1))
ax.legend(title="Classes in the set", ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2))
plt.show()
