"""
===========
Grid search
===========

Every estimator of the package follows the interface of scikit-learn, so a grid search can include all steps of a
pipeline, from the spectra to the classifier. This example searches the features and the penalty of a logistic
regression. The figure shows the score of each combination.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skspectra.datasets import load_sdss_sample
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator
from skspectra.pretrained import PretrainedFeatures

# %%
# A pipeline and its grid
# -----------------------
# A grid can contain alternatives for a whole step of the pipeline. The folds keep the spectra of an object together.

sample = load_sdss_sample()


def components(quantile_range):
    scaler = MinMaxSpectrumScaler(quantile_range=quantile_range)
    return make_pipeline(MissingFluxInterpolator(), scaler, PCA(30, random_state=0))


features = {
    "components,\nminimum and maximum": components((0, 100)),
    "components,\npercentiles": components((0.5, 99.5)),
    "pretrained\nfeatures": PretrainedFeatures(),
}
pipeline = Pipeline(
    [
        ("features", "passthrough"),
        ("standardise", StandardScaler()),
        ("classifier", LogisticRegression(class_weight="balanced", max_iter=5000)),
    ]
)
grid = {"features": list(features.values()), "classifier__C": [0.01, 1.0]}
folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
search = GridSearchCV(pipeline, grid, scoring="f1_macro", cv=folds)
search.fit(sample.data, sample.target, groups=sample.object_id)
print(f"macro F1 {search.best_score_:.3f} with {search.best_params_}")

# %%
# Mean and folds
# --------------
# Points are folds, and bars are their means. If the scores of the folds vary more than the means differ, the search is
# inconclusive. The score of the best setting is optimistic, because the setting was chosen with the same folds.

results = search.cv_results_
scores = np.array([results[f"split{i}_test_score"] for i in range(search.n_splits_)])
figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
for offset, penalty, colour in ((-0.2, 0.01, "#56B4E9"), (0.2, 1.0, "#E69F00")):
    chosen = np.flatnonzero(results["param_classifier__C"] == penalty)
    x = np.arange(len(features)) + offset
    ax.bar(x, scores[:, chosen].mean(axis=0), width=0.36, color=colour, edgecolor="black", label=f"C = {penalty:g}")
    ax.plot(x, scores[:, chosen].T, "o", color="black", markersize=4)
ax.set(xticks=range(len(features)), xticklabels=features, ylabel="Macro F1", ylim=(0.5, 1))
ax.legend(loc="upper left")
plt.show()
