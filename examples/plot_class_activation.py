"""
=================================================
Spectra coloured by activation (Figure 11)
=================================================

A class activation map says how much each part of a spectrum speaks for a class. Here the pretrained classifier looks at
observed SDSS spectra, at some that it gets right and at some that it gets wrong. The lines of their true class are
named at their redshift.
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
# Right
# -----
# Of each class the spectrum with the best signal-to-noise ratio among those that are classified correctly. The exact
# map is as coarse as the last scale of the network; its mean and the bias of the class are the logit.


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
# LayerCAM of an earlier dense block resolves lines. Whether it follows them more than that of a network with random
# weights is measured in :ref:`sphx_glr_auto_examples_plot_line_attention.py`.

draw(best, layer=1)
plt.show()

# %%
# Wrong
# -----
# The three with the best signal-to-noise ratio among those that are not: what spoke for the wrong class?

wrong = sorted(np.flatnonzero(~right), key=snr.__getitem__)[-3:]
draw(wrong)
plt.show()
