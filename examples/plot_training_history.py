"""
===============================
Loss against epoch (Figure 9)
===============================

During training, the loss on the training spectra keeps falling. The loss on the validation spectra stops falling, or
rises, as soon as the network memorises its training spectra. The weights of the epoch with the best validation score
are kept. The figure shows the losses, the validation score and the learning rate of each epoch.
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
# This network is narrower than the default one, has a longer stride, and is trained on few spectra, so that the example
# takes only seconds.

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
# The training history
# --------------------
# ``history_`` has the values of each epoch.

print(pd.DataFrame(network.history_).round(4).to_string(index=False))

# %%
# Loss, score and learning rate
# -----------------------------
# A vertical line marks the best epoch. A schedule with one cycle of the learning rate needs far fewer epochs than the
# steps of the paper (``lr_schedule="step"``, 60 epochs).

TrainingHistoryDisplay.from_estimator(classifier)
plt.show()
