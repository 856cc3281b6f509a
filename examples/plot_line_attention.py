"""
================================
Does attention follow the lines?
================================

A classification is credible if the network relies on the lines that define the class.
:func:`~skspectra.inspection.line_attention` measures the attention inside windows around these lines at the redshift of
each spectrum, and divides it by the attention at random redshifts. The figures show the attention along two spectra,
and the lines with the highest attention.
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
# The second network is trained with a learning rate of almost zero, so its weights stay random.

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
# The LayerCAM map after the second dense block has cells of 16 samples (33 angstrom), whereas the cells of the exact
# map have 512 samples. The maps show the attention to the true class of observed galaxies and quasars that are
# classified correctly. One quasar has spectra from many nights in the sample, so only one spectrum of each object is
# used.

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
# Is it significant?
# ------------------
# The p-value compares the attention with that at random redshifts. The network with random weights is a second
# reference, because a map that only shows where a spectrum has structure follows lines even without training.


def measure(maps):
    return line_attention(maps, sample.wavelength, redshift, target, random_state=0)


found = {"trained": measure(maps), "random weights": measure(attention_to(untrained))}
for name, result in found.items():
    for label, enrichment, p_value in zip(result.target_names, result.enrichment, result.p_value, strict=True):
        print(f"{name:15} {label:7} enrichment {enrichment:.2f}, p = {p_value:.3f}")

# %%
# Line by line
# ------------
# The figure shows the lines with the highest density of attention. A density of 1 would result from uniform attention.

lines = pd.DataFrame(found["trained"].lines)
figure, axes = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained")
for ax, label in zip(axes, ("GALAXY", "QSO"), strict=True):
    best = lines[(lines.target == label) & (lines.n_spectra >= 5)].nlargest(10, "density")[::-1]
    ax.barh(best["name"], best["density"], color="#56B4E9", edgecolor="black")
    ax.axvline(1, color="black", linestyle="--", linewidth=1)
    ax.set(title=label, xlabel="Density of attention")
plt.show()
