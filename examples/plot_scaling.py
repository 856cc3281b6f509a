"""
===========================================
Spectra before and after scaling (Figure 6)
===========================================

Fluxes of different spectra differ by orders of magnitude, because stars, galaxies and quasars differ in brightness.
The classes differ in the shape of their spectra. :class:`~skspectra.preprocessing.MinMaxSpectrumScaler` scales each
spectrum to the range from 0 to 1 by its own minimum and maximum. The figures show spectra before and after scaling.
"""

import matplotlib.pyplot as plt
import numpy as np

from skspectra.datasets import load_sdss_sample
from skspectra.inspection import ScalingDisplay
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

# %%
# One observed spectrum of each class
# -----------------------------------
# The first spectrum of each class with a good signal-to-noise ratio (S/N) is chosen. Missing samples are interpolated.

sample = load_sdss_sample()
rows = [np.flatnonzero((sample.target == name) & (sample.snr > 15))[0] for name in sample.target_names]
X = MissingFluxInterpolator().fit_transform(sample.data[rows])
for name, flux in zip(sample.target_names, X, strict=True):
    print(f"{name:6} flux from {flux.min():.3g} to {flux.max():.3g}")

# %%
# Before and after
# ----------------

scaler = MinMaxSpectrumScaler().fit(X)
ScalingDisplay.from_estimator(scaler, X, y=sample.target_names, wavelength=sample.wavelength)
plt.show()

# %%
# A spike flattens the rest
# -------------------------
# A single bad sample can change the minimum or the maximum. With ``quantile_range``, percentiles take their place, and
# flux beyond them is clipped. The figure shows the spectrum that is compressed most by its largest sample, scaled in
# both ways.

flux = MissingFluxInterpolator().fit_transform(sample.data)
height = np.ptp(flux, axis=1) / np.subtract(*np.percentile(flux, [99.5, 0.5], axis=1))
spiky = flux[[height.argmax()]]
robust = MinMaxSpectrumScaler(quantile_range=(0.5, 99.5)).fit(spiky)

figure, axes = plt.subplots(2, 2, figsize=(7, 3.8), sharex=True, layout="constrained")
for scale, name, row in ((scaler, "minimum, maximum", axes[0]), (robust, "percentiles 0.5, 99.5", axes[1])):
    ScalingDisplay.from_estimator(scale, spiky, y=[name], wavelength=sample.wavelength, ax=row)
for ax in axes[0]:
    ax.set_xlabel("")
for ax in axes[1]:
    ax.set_title("")
plt.show()
