"""Measure whether an artefact alone changes the predicted class."""

import numpy as np

from skspectra.augmentation import CCDNoiseAugmenter

ARTEFACTS = {
    "electronic noise": CCDNoiseAugmenter(electronic_noise=0.02, cosmic_rays=0, bad_pixels=0.0, random_state=0),
    "cosmic rays": CCDNoiseAugmenter(electronic_noise=0.0, cosmic_rays=4, bad_pixels=0.0, random_state=0),
    "bad pixels": CCDNoiseAugmenter(electronic_noise=0.0, cosmic_rays=0, bad_pixels=0.04, random_state=0),
}


def moved_stars(clean: np.ndarray, predicted: np.ndarray, stars: np.ndarray) -> dict[str, float]:
    """Return the shares of the stars that an artefact turns into rare classes and into stars, and the leak.

    The leak is the difference of the two shares. `clean` and `predicted` are the classes predicted without and with the
    artefact, and `stars` is a mask of the stars.
    """
    to_rare = float(np.mean((clean == "STAR") & (predicted != "STAR"), where=stars))
    to_star = float(np.mean((clean != "STAR") & (predicted == "STAR"), where=stars))
    return {"stars_to_rare": to_rare, "stars_to_star": to_star, "leak": to_rare - to_star}
