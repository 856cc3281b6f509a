"""
==========================================
Noise of a CCD spectrograph (Figure 8)
==========================================

Training spectra receive the noise of a CCD spectrograph, so that no two copies of a spectrum are equal. The noise
consists of electronic noise on every sample, cosmic rays and runs of bad pixels.
:class:`~skspectra.augmentation.CCDNoiseAugmenter` adds it, and :class:`~skspectra.inspection.NoiseDisplay` draws
spectra with each effect alone and with all effects.
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
# The noise in this figure is stronger than the default, so that it is visible at this size. In a spectrum that is
# scaled to the range from 0 to 1, a cosmic ray is 1 and a bad pixel is 0.

strong = CCDNoiseAugmenter(electronic_noise=0.02, cosmic_rays=5, bad_pixels=0.1, random_state=1)
NoiseDisplay.from_estimator(strong, X, y=classes, wavelength=spectra.wavelength)
plt.show()

# %%
# The default
# -----------
# The default strengths are based on LAMOST and SDSS spectra: noise of up to 2 % of the range, up to two rays, and runs
# of up to 2 % of the samples. The strength or number that is drawn for an effect can be zero.

NoiseDisplay.from_estimator(CCDNoiseAugmenter(random_state=1), X, y=classes, wavelength=spectra.wavelength)
plt.show()
