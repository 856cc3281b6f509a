"""The common wavelength grid of this package."""

import numpy as np

# Vacuum, angstrom: the range and length of LAMOST's low-resolution spectra in the classification literature.
LAMOST_WAVELENGTH = np.linspace(3690.0, 9100.0, 2600)
LAMOST_WAVELENGTH.flags.writeable = False
