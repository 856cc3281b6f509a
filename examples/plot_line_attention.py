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

from skspectra.datasets import load_sdss_sample
from skspectra.inspection import ClassActivationDisplay, class_activation_map, line_attention
from skspectra.pretrained import load_classifier

# %%
# A trained network, and one with random weights
# ----------------------------------------------
# Training at a rate of next to nothing leaves the weights as they were drawn.

sample = load_sdss_sample()
trained = load_classifier()
untrained = clone(trained).set_params(
    densenet1dclassifier__lr=1e-12,
    densenet1dclassifier__max_epochs=1,
    densenet1dclassifier__lr_schedule=None,
    densenet1dclassifier__random_state=0,
)
untrained.fit(sample.data, sample.target)

# %%
# Attention that resolves lines
# -----------------------------
# LayerCAM behind the second dense block: cells of 16 samples (33 angstrom), where the exact map has cells of 512. Of
# observed galaxies and quasars that are classified correctly, the attention to their class. A quasar has spectra of
# many nights in the sample: one of each object is taken.

one_of_each = np.unique(sample.object_id, return_index=True)[1]
known = one_of_each[np.isin(sample.target[one_of_each], ["GALAXY", "QSO"])]
rows = known[trained.predict(sample.data[known]) == sample.target[known]]
flux, target, redshift = sample.data[rows], sample.target[rows], sample.redshift[rows]


def attention_to(classifier):
    return class_activation_map(classifier, flux, target, layer=1)


maps = attention_to(trained)
snr = np.nan_to_num(sample.snr[rows])
shown = [max(np.flatnonzero(target == name), key=snr.__getitem__) for name in ("GALAXY", "QSO")]
ClassActivationDisplay(
    flux[shown],
    maps[shown],
    wavelength=sample.wavelength,
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
    return line_attention(maps, sample.wavelength, redshift, target, random_state=0)


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
