"""The leak: does an artefact alone move the predicted class?"""

import numpy as np

from skspectra.augmentation import CCDNoiseAugmenter

ARTEFACTS = {
    "electronic noise": CCDNoiseAugmenter(electronic_noise=0.02, cosmic_rays=0, bad_pixels=0.0, random_state=0),
    "cosmic rays": CCDNoiseAugmenter(electronic_noise=0.0, cosmic_rays=4, bad_pixels=0.0, random_state=0),
    "bad pixels": CCDNoiseAugmenter(electronic_noise=0.0, cosmic_rays=0, bad_pixels=0.04, random_state=0),
}


def moved_stars(clean: np.ndarray, predicted: np.ndarray, stars: np.ndarray) -> dict[str, float]:
    """Return the shares of stars that an artefact turns into rare classes and back, and the leak, their difference.

    `clean` and `predicted` are the classes predicted without and with the artefact, `stars` says which are stars.
    """
    to_rare = float(np.mean((clean == "STAR") & (predicted != "STAR"), where=stars))
    to_star = float(np.mean((clean != "STAR") & (predicted == "STAR"), where=stars))
    return {"stars_to_rare": to_rare, "stars_to_star": to_star, "leak": to_rare - to_star}
