"""Short spectra of three classes, each with a line in another place."""

import numpy as np


def small_spectra(n_samples):
    """Return flux of 64 samples, float32, and labels."""
    rng = np.random.default_rng(0)
    codes = np.arange(n_samples) % 3
    X = rng.random((n_samples, 64)).astype(np.float32)
    X[np.arange(n_samples), 20 * codes] += 1
    return X, np.array(["GALAXY", "QSO", "STAR"])[codes]
