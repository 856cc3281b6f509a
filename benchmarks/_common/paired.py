"""Is a classifier better than each of several others by more than chance?"""

import numpy as np

from skspectra.metrics import paired_bootstrap
from skspectra.metrics._holm import holm


def differences(y, predicted, others, *, groups, class_priors=None):
    """Return of each of the others, by name, the difference of `predicted` from it, and p corrected for their number.

    The corrected p-value, by Holm's method, is "p_holm".
    """
    found = {
        name: paired_bootstrap(y, predicted, other, class_priors=class_priors, groups=groups, random_state=0)
        for name, other in others.items()
    }
    corrected = holm(np.array([difference.p_value for difference in found.values()]))
    return {
        name: {**difference._asdict(), "p_holm": float(p)}
        for (name, difference), p in zip(found.items(), corrected, strict=True)
    }
