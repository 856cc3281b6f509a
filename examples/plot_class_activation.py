"""
=================================================
Spectra coloured by activation (Figure 11)
=================================================

A class activation map shows how much each part of a spectrum contributes to the score of a class. This example draws
the maps of the pretrained classifier for observed SDSS spectra, some of which it classifies correctly and some of which
it misclassifies. The lines of the true class are marked at the redshift of the spectrum.
"""

import matplotlib.pyplot as plt
import numpy as np

from skspectra.datasets import load_sdss_sample
from skspectra.inspection import ClassActivationDisplay
from skspectra.pretrained import load_classifier

# %%
# The pretrained classifier and observed spectra
# ----------------------------------------------

classifier = load_classifier()
sample = load_sdss_sample()
predicted = classifier.predict(sample.data)
right = predicted == sample.target
print(f"{right.sum()} of {len(right)} observed spectra are classified correctly.")

# %%
# Correctly classified spectra
# ----------------------------
# The figure shows, for each class, the correctly classified spectrum with the highest signal-to-noise ratio. The exact
# map is as coarse as the last scale of the network. Its mean plus the bias of the class is the logit.


def draw(rows, **params):
    return ClassActivationDisplay.from_estimator(
        classifier,
        sample.data[rows],
        wavelength=sample.wavelength,
        y_true=sample.target[rows],
        redshift=sample.redshift[rows],
        **params,
    )


snr = np.nan_to_num(sample.snr)
best = [max(np.flatnonzero(right & (sample.target == name)), key=snr.__getitem__) for name in sample.target_names]
draw(best)
plt.show()

# %%
# A finer map
# -----------
# The LayerCAM map of an earlier dense block resolves lines. The example
# :ref:`sphx_glr_auto_examples_plot_line_attention.py` measures whether it follows them more closely than the map of a
# network with random weights.

draw(best, layer=1)
plt.show()

# %%
# Misclassified spectra
# ---------------------
# The figure shows the three misclassified spectra with the highest signal-to-noise ratio. The colours show which parts
# contributed to the wrong class.

wrong = sorted(np.flatnonzero(~right), key=snr.__getitem__)[-3:]
draw(wrong)
plt.show()
