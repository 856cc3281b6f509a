"""
===============================
Reading attention against lines
===============================

An astronomer believes a classification when the network looks at the lines that define the class.
:func:`~skspectra.inspection.line_attention` measures it: the attention inside windows around the lines of the class at
the redshift of each spectrum, over the same at random redshifts.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skspectra.datasets import make_spectra
from skspectra.inspection import ClassActivationDisplay, class_activation_map, line_attention
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler

# %%
# A small network, and one with random weights
# --------------------------------------------
# Training at a rate of next to nothing leaves the weights as they were drawn.

X, y = make_spectra(1500, weights=(1, 1, 1), random_state=0, return_X_y=True)
network = DenseNet1DClassifier(
    n_dense_blocks=5,
    n_conv_blocks_per_dense_block=1,
    growth_rate=6,
    stem_stride=4,
    batch_size=32,
    max_epochs=8,
    lr_schedule="one-cycle",
    validation_fraction=None,
    random_state=0,
)
trained = make_pipeline(MinMaxSpectrumScaler(), network).fit(X, y)
untrained = clone(trained).set_params(
    densenet1dclassifier__lr=1e-12, densenet1dclassifier__max_epochs=1, densenet1dclassifier__lr_schedule=None
)
untrained.fit(X[:192], y[:192])

# %%
# Attention that resolves lines
# -----------------------------
# LayerCAM behind the second dense block: cells of 8 samples (17 angstrom) here, where the exact map has cells of 64. Of
# galaxies and quasars that are classified correctly, the attention to their class.

test = make_spectra(200, weights=(0, 1, 1), random_state=1)
rows = np.flatnonzero(trained.predict(test.data) == test.target)
flux, target, redshift = test.data[rows], test.target[rows], test.redshift[rows]


def attention_to(classifier):
    return class_activation_map(classifier, flux, target, layer=1)


maps = attention_to(trained)
brightest = [rows[target == name][test.snr[rows[target == name]].argmax()] for name in ("GALAXY", "QSO")]
shown = np.searchsorted(rows, brightest)
ClassActivationDisplay(
    flux[shown],
    maps[shown],
    wavelength=test.wavelength,
    y_true=target[shown],
    redshift=redshift[shown],
).plot()
plt.show()

# %%
# Is it more than chance?
# -----------------------
# Compare with random redshifts (the p-value) and with the network of random weights: a map that only shows where a
# spectrum has structure follows lines, whatever was learned.


def measure(maps):
    return line_attention(maps, test.wavelength, redshift, target, random_state=0)


found = {"trained": measure(maps), "random weights": measure(attention_to(untrained))}
for name, result in found.items():
    for label, enrichment, p_value in zip(result.target_names, result.enrichment, result.p_value, strict=True):
        print(f"{name:15} {label:7} enrichment {enrichment:.2f}, p = {p_value:.3f}")

# %%
# Line by line
# ------------
# The lines with the highest density of attention: 1 is what even attention would give.

lines = pd.DataFrame(found["trained"].lines)
figure, axes = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained")
for ax, label in zip(axes, ("GALAXY", "QSO"), strict=True):
    best = lines[(lines.target == label) & (lines.n_spectra >= 5)].nlargest(10, "density")[::-1]
    ax.barh(best["name"], best["density"], color="#56B4E9", edgecolor="black")
    ax.axvline(1, color="black", linestyle="--", linewidth=1)
    ax.set(title=label, xlabel="Density of attention")
plt.show()
