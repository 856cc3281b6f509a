"""
=================================================
Own classes with few labels: pretrained features
=================================================

The pretrained network distinguishes stars, galaxies and quasars. Its features are also useful for other classes with
few labelled spectra. :class:`~skspectra.pretrained.PretrainedFeatures` computes them for any scikit-learn classifier.
The figure shows the score of a classifier with these features, and with principal components, against the number of
labels.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra.datasets import load_sdss_sample
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator
from skspectra.pretrained import PretrainedFeatures

# %%
# Four classes from the subclasses of the survey
# ----------------------------------------------

CLASSES = {
    "hot star": ["O", "B", "A", "F"],
    "cool star": ["G", "K", "M"],
    "star formation": ["STARBURST", "STARFORMING"],
    "broad lines": ["BROADLINE"],
}


def own_class(target, subclass):
    """Return the class of a star by its type, and of a galaxy or quasar by its subclass; "" if it has none."""
    key = subclass[:1] if target == "STAR" else subclass
    return next((name for name, members in CLASSES.items() if key in members), "")


sample = load_sdss_sample()
label = np.array([own_class(*row) for row in zip(sample.target, sample.subclass, strict=True)])
rows = np.flatnonzero(label != "")
X, y, objects = sample.data[rows], label[rows], sample.object_id[rows]
for name in CLASSES:
    print(f"{name:14} {np.sum(y == name):3} spectra")

# %%
# The same classifier on two kinds of features
# --------------------------------------------
# A logistic regression is trained on pretrained features and on principal components, which are learnt from the
# labelled spectra alone. No object is in both the training and the test set.

scaled = make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler(quantile_range=(0.5, 99.5))).fit_transform(X)
inputs = {"pretrained features": PretrainedFeatures().transform(X), "principal components": scaled}


def classifier(name):
    steps = [StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=5000)]
    return make_pipeline(PCA(15, random_state=0), *steps) if name == "principal components" else make_pipeline(*steps)


N_LABELS = [20, 40, 80, 120]
scores = {name: np.zeros((len(N_LABELS), 10)) for name in inputs}
for draw in range(10):
    rng = np.random.default_rng(draw)
    train, test = next(StratifiedGroupKFold(4, shuffle=True, random_state=draw).split(X, y, objects))
    of_each_class = [rng.permutation(train[y[train] == name])[:3] for name in CLASSES]  # at least three
    rest = rng.permutation(np.setdiff1d(train, np.concatenate(of_each_class)))
    train = np.concatenate([*of_each_class, rest])
    for k, n_labels in enumerate(N_LABELS):
        for name, features in inputs.items():
            few = train[:n_labels]
            predicted = classifier(name).fit(features[few], y[few]).predict(features[test])
            scores[name][k, draw] = f1_score(y[test], predicted, average="macro")

# %%
# Macro F1 against the number of labels
# -------------------------------------
# The figure shows the mean and the standard deviation of ten draws of labels.

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, values in scores.items():
    ax.errorbar(N_LABELS, values.mean(axis=1), values.std(axis=1), marker="o", capsize=3, label=name)
    print(f"{name:20}", " ".join(f"{score:.3f}" for score in values.mean(axis=1)))
ax.set_xscale("log")
ax.set_xticks(N_LABELS, N_LABELS)
ax.minorticks_off()
ax.set_xlabel("labelled spectra")
ax.set_ylabel("macro F1")
ax.legend()
plt.show()
