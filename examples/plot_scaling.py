"""
===========================================
Spectra before and after scaling (Figure 6)
===========================================

Fluxes of different spectra differ by orders of magnitude, because stars, galaxies and quasars differ in brightness.
What tells the classes apart is the shape. :class:`~skspectra.preprocessing.MinMaxSpectrumScaler` maps each spectrum to
the range from 0 to 1 by its own minimum and maximum.
"""

import matplotlib.pyplot as plt
import numpy as np

from skspectra.datasets import make_spectra
from skspectra.inspection import ScalingDisplay
from skspectra.preprocessing import MinMaxSpectrumScaler

# %%
# One simulated spectrum of each class
# ------------------------------------
# The first one with a good signal-to-noise ratio (S/N).

spectra = make_spectra(300, weights=(1, 1, 1), random_state=0)
classes = ["STAR", "GALAXY", "QSO"]
rows = [np.flatnonzero((spectra.target == name) & (spectra.snr > 20))[0] for name in classes]
X = spectra.data[rows]
for name, flux in zip(classes, X, strict=True):
    print(f"{name:6} flux from {flux.min():.3g} to {flux.max():.3g}")

# %%
# Before and after
# ----------------

scaler = MinMaxSpectrumScaler().fit(X)
ScalingDisplay.from_estimator(scaler, X, y=classes, wavelength=spectra.wavelength)
plt.show()

# %%
# A spike flattens the rest
# -------------------------
# Minimum and maximum are at the mercy of one bad sample. With ``quantile_range`` the ends are percentiles, and what
# lies beyond is clipped.

hit = X.copy()
hit[0, 1000] = 10 * X[0].max()
robust = MinMaxSpectrumScaler(quantile_range=(0.1, 99.9)).fit(X)

figure, axes = plt.subplots(2, 2, figsize=(7, 3.8), sharex=True, layout="constrained")
for scale, name, row in ((scaler, "minimum, maximum", axes[0]), (robust, "percentiles 0.1, 99.9", axes[1])):
    ScalingDisplay.from_estimator(scale, hit[:1], y=[name], wavelength=spectra.wavelength, ax=row)
for ax in axes[0]:
    ax.set_xlabel("")
for ax in axes[1]:
    ax.set_title("")
plt.show()
