"""
===============================
Loss against epoch (Figure 9)
===============================

The loss of the training spectra keeps falling; that of the validation spectra stops falling, or rises, once the network
learns its training spectra by heart. The weights that are kept are those of the epoch with the best validation score.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.pipeline import make_pipeline

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import make_spectra
from skspectra.inspection import TrainingHistoryDisplay
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler

# %%
# A small network
# ---------------
# Narrower, with a longer stride and trained on fewer spectra than the default one, so that it takes seconds.

X, y = make_spectra(600, weights=(1, 1, 1), random_state=0, return_X_y=True)
network = DenseNet1DClassifier(
    n_dense_blocks=5,
    growth_rate=4,
    stem_stride=4,
    batch_size=32,
    max_epochs=10,
    lr_schedule="one-cycle",
    augmenter=CCDNoiseAugmenter(),
    validation_fraction=0.25,
    random_state=0,
)
classifier = make_pipeline(MinMaxSpectrumScaler(), network).fit(X, y)

# %%
# Its training
# ------------
# Loss, score of the validation spectra and learning rate. One cycle of the learning rate needs far fewer epochs than
# the paper's steps (``lr_schedule="step"``, 60 epochs).

TrainingHistoryDisplay.from_estimator(classifier)
plt.show()

# %%
# The numbers behind it
# ---------------------

print(pd.DataFrame(network.history_).round(4).to_string(index=False))
