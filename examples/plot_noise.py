"""
==========================================
Noise of a CCD spectrograph (Figure 8)
==========================================

Rare classes are copied with noise such as a CCD spectrograph adds, so that no copy equals another: electronic noise on
every sample, runs of bad pixels, and cosmic rays. :class:`~skspectra.augmentation.CCDNoiseAugmenter` adds it,
:class:`~skspectra.inspection.NoiseDisplay` shows each effect alone and all together.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import load_sdss_sample
from skspectra.inspection import NoiseDisplay
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

# %%
# One observed spectrum of each class
# -----------------------------------
# Missing samples are interpolated, and the spectra are scaled to 0 ... 1.

spectra = load_sdss_sample()
classes = ["STAR", "GALAXY", "QSO"]
rows = [np.flatnonzero((spectra.target == name) & (spectra.snr > 20))[0] for name in classes]
X = make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler()).fit_transform(spectra.data[rows])

# %%
# Each effect, stronger than the default
# --------------------------------------
# So that it is seen at this size. On a spectrum scaled to 0 ... 1 a cosmic ray is 1 and a bad pixel 0.

strong = CCDNoiseAugmenter(electronic_noise=0.02, cosmic_rays=5, bad_pixels=0.1, random_state=1)
NoiseDisplay.from_estimator(strong, X, y=classes, wavelength=spectra.wavelength)
plt.show()

# %%
# The default
# -----------
# Its strengths follow what LAMOST and SDSS spectra show: noise of up to 2 % of the range, up to two rays, and runs of
# up to 2 % of the samples. Any of them may be drawn as nothing.

NoiseDisplay.from_estimator(CCDNoiseAugmenter(random_state=1), X, y=classes, wavelength=spectra.wavelength)
plt.show()
