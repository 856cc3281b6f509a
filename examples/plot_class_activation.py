"""
=================================================
Spectra coloured by activation (Figure 11)
=================================================

A class activation map says how much each part of a spectrum speaks for a class. Here are spectra that a network gets
right and spectra that it gets wrong, with the lines of their true class at their redshift.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from skspectra.datasets import make_spectra
from skspectra.inspection import ClassActivationDisplay
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler

# %%
# A small network
# ---------------

X, y = make_spectra(600, weights=(1, 1, 1), random_state=0, return_X_y=True)
network = DenseNet1DClassifier(
    n_dense_blocks=5,
    n_conv_blocks_per_dense_block=1,
    growth_rate=4,
    stem_stride=4,
    batch_size=32,
    max_epochs=8,
    lr_schedule="one-cycle",
    validation_fraction=None,
    random_state=0,
)
classifier = make_pipeline(MinMaxSpectrumScaler(), network).fit(X, y)

test = make_spectra(300, weights=(1, 1, 1), random_state=1)
predicted = classifier.predict(test.data)
right = predicted == test.target
print(f"{right.mean():.0%} of {len(right)} new spectra are classified correctly.")

# %%
# Right
# -----
# Of each class the spectrum with the best signal-to-noise ratio among those that are classified correctly. The exact
# map is as coarse as the last scale of the network; its mean and the bias of the class are the logit.


def draw(rows, **params):
    return ClassActivationDisplay.from_estimator(
        classifier,
        test.data[rows],
        wavelength=test.wavelength,
        y_true=test.target[rows],
        redshift=test.redshift[rows],
        **params,
    )


best = [max(np.flatnonzero(right & (test.target == name)), key=test.snr.__getitem__) for name in np.unique(y)]
draw(best)
plt.show()

# %%
# Wrong
# -----
# The three with the best signal-to-noise ratio among those that are not: what spoke for the wrong class?

wrong = sorted(np.flatnonzero(~right), key=test.snr.__getitem__)[-3:]
draw(wrong)
plt.show()

# %%
# A finer map
# -----------
# LayerCAM of an earlier dense block resolves lines. Whether it follows them more than that of a network with random
# weights is measured in :ref:`sphx_glr_auto_examples_plot_line_attention.py`.

draw(best[:1], layer=1)
plt.show()
