"""
======================================
Sets of classes with a stated coverage
======================================

A conformal classifier predicts a set of classes that contains the true class with a stated probability. With one
calibration for all classes, this holds on average, and classes that are harder to recognise have a lower coverage. With
one calibration for each class, it holds for each class. The two figures show the coverage of each class and the sizes
of the sets. The sets are computed by crepes (``pip install crepes``).
"""

import matplotlib.pyplot as plt
import numpy as np
from crepes import ConformalClassifier
from crepes.extras import hinge
from sklearn.model_selection import GroupShuffleSplit

from skspectra.datasets import load_sdss_sample
from skspectra.pretrained import load_classifier

# %%
# A classifier and spectra that it has not seen
# ---------------------------------------------
# The pretrained network was trained on simulated spectra alone. The nonconformity of a spectrum and a class is one
# minus the probability of the class.

sample = load_sdss_sample()
network = load_classifier()
classes, target = network.classes_, np.searchsorted(network.classes_, sample.target)
nonconformity = hinge(network.predict_proba(sample.data))

# %%
# Coverage of each class
# ----------------------
# Half of the objects calibrate the sets, and the other half tests them. The sample is small, so the results are
# averaged over 200 random splits. The coverage is the share of the test spectra whose set contains the true class.

CONFIDENCE = 0.95


def sets_of(calibration, test, labels):
    """Return the sets of the test spectra, calibrated with spectra whose class is among some labels."""
    chosen = calibration[np.isin(target[calibration], labels)]
    conformal = ConformalClassifier().fit(nonconformity[chosen, target[chosen]])
    return conformal.predict_set(nonconformity[np.ix_(test, labels)], confidence=CONFIDENCE, smoothing=False)


every = np.arange(len(classes))
halves = list(GroupShuffleSplit(200, test_size=0.5, random_state=0).split(sample.data, groups=sample.object_id))
coverage, sizes = {}, {}
for name in ("one for all classes", "one for each class"):
    covered, n_members = [[] for _ in classes], [[] for _ in classes]
    for calibration, test in halves:
        if name == "one for all classes":
            sets = sets_of(calibration, test, every)
        else:
            sets = np.column_stack([sets_of(calibration, test, [label]) for label in every])
        for label in every:
            of_class = target[test] == label
            covered[label].extend(sets[of_class, label])
            n_members[label].extend(sets[of_class].sum(axis=1))
    coverage[name] = [np.mean(values) for values in covered]
    sizes[name] = [np.bincount(values, minlength=4) / len(values) for values in n_members]
    print(name)
    for label, share, shares in zip(classes, coverage[name], sizes[name], strict=True):
        print(f"  {label:6} coverage {share:.3f}, shares of sets with 0 to 3 classes: {shares.round(3)}")

figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
for offset, (name, shares) in zip((-0.2, 0.2), coverage.items(), strict=True):
    ax.bar(every + offset, shares, width=0.36, label=name)
ax.axhline(CONFIDENCE, color="black", linestyle="--", linewidth=1)
ax.set(xticks=every, xticklabels=classes, ylabel="Coverage", ylim=(0.5, 1.02))
ax.legend(loc="lower center", ncols=2)
plt.show()

# %%
# Sizes of the sets
# -----------------
# If a set has one class, the prediction is unambiguous. A spectrum whose set has several classes should be inspected. A
# spectrum whose set is empty resembles no class.

figure, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
left = np.zeros(len(classes))
for size, shares in enumerate(np.transpose(sizes["one for each class"])):
    ax.barh(classes, shares, left=left, label=str(size))
    left += shares
ax.set(xlabel="Share of the test spectra", xlim=(0, 1))
ax.legend(title="Classes in the set", ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2))
plt.show()
