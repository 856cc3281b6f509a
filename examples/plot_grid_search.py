"""
===========
Grid search
===========

Every estimator of the package is one of scikit-learn's: a whole pipeline, from scaling to the network, can be searched.
Noise and oversampling act in training alone, so that each fold is judged on spectra as they were observed.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import make_spectra
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler

# %%
# A pipeline and its grid
# -----------------------
# Coarse spectra and a small network, so that it takes seconds.

X, y = make_spectra(300, weights=(1, 1, 1), wavelength=np.linspace(3700, 9100, 650), random_state=0, return_X_y=True)
network = DenseNet1DClassifier(
    n_dense_blocks=3,
    n_conv_blocks_per_dense_block=1,
    growth_rate=4,
    kernel_sizes=(1, 11),
    stem_stride=2,
    batch_size=32,
    max_epochs=6,
    lr_schedule="one-cycle",
    validation_fraction=None,
    random_state=0,
)
pipeline = Pipeline([("scale", MinMaxSpectrumScaler()), ("network", network)])
grid = {
    "scale__quantile_range": [(0, 100), (0.5, 99.5)],
    "network__augmenter": [None, CCDNoiseAugmenter()],
}
search = GridSearchCV(pipeline, grid, scoring="f1_macro", cv=3).fit(X, y)
print(f"macro F1 {search.best_score_:.3f} with {search.best_params_}")

# %%
# Mean and folds
# --------------
# Points are folds, bars their mean. Where the folds scatter more than the means differ, the grid has not decided.

results = search.cv_results_
folds = np.array([results[f"split{i}_test_score"] for i in range(search.n_splits_)])
labels = [
    f"{params['scale__quantile_range'][0]:g} to {params['scale__quantile_range'][1]:g} %\n"
    f"{'no noise' if params['network__augmenter'] is None else 'with noise'}"
    for params in results["params"]
]
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.bar(labels, results["mean_test_score"], color="#56B4E9", edgecolor="black")
for fold in folds:
    ax.plot(labels, fold, "o", color="black", markersize=4)
ax.set(xlabel="Percentiles scaled to 0 and 1; noise in training", ylabel="Macro F1", ylim=(0, 1))
plt.show()
