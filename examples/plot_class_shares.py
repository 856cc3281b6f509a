"""
===================================
Shares of the classes (Figure 7)
===================================

In a survey such as LAMOST nearly every spectrum is that of a star. A classifier that always answers STAR is therefore
right 98.5 times in 100. This example draws the number of spectra of each class before and after balancing. Without a
logarithmic axis, the bar of the quasars would be invisible.
"""

import matplotlib.pyplot as plt
import pandas as pd
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler

from skspectra.datasets import make_spectra
from skspectra.over_sampling import PhysicsNoiseOverSampler

# %%
# A survey before and after balancing
# -----------------------------------
# In the paper, galaxies and quasars are copied with added noise, and some of the stars are left out.
# :class:`~skspectra.over_sampling.PhysicsNoiseOverSampler` makes the copies.

classes = ["STAR", "GALAXY", "QSO"]
X, y = make_spectra(4000, weights=(0.985, 0.012, 0.003), random_state=0, return_X_y=True)
fewer_stars = RandomUnderSampler(sampling_strategy={"STAR": 300}, random_state=0)
_, y_balanced = make_pipeline(fewer_stars, PhysicsNoiseOverSampler(random_state=0)).fit_resample(X, y)
counts = pd.DataFrame(
    {name: pd.Series(labels).value_counts()[classes] for name, labels in (("Survey", y), ("Balanced", y_balanced))}
)
print(counts)

# %%
# Bars with numbers
# -----------------
# The figure shows the classes of the survey and of the balanced training set. Hatching distinguishes the two in print
# without colour.

figure, ax = plt.subplots(figsize=(5, 3.5), layout="constrained")
counts.plot.bar(ax=ax, logy=True, rot=0, color=["#0072B2", "#E69F00"], edgecolor="black", width=0.8)
for bars, hatch, labels in zip(ax.containers, ("", "//"), counts.to_numpy().T, strict=True):
    for bar in bars:
        bar.set_hatch(hatch)
    ax.bar_label(bars, [f"{n}\n({n / labels.sum():.1%})" for n in labels], fontsize="small", padding=2)
ax.set(xlabel="Class", ylabel="Number of spectra", ylim=(1, 40 * counts.to_numpy().max()))
ax.legend(ncols=2)
plt.show()
