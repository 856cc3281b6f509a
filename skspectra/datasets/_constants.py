"""Constants that several ingredients of the simulator share."""

LIGHT_SPEED = 2.998e5  # km/s, enough for velocities
LIGHT_SPEED_CGS = 2.99792458e10  # cm/s
FWHM = 2.3548  # full width at half maximum of a Gaussian over its standard deviation
PLANCK_C2 = 1.438777e8  # h c / k in angstrom K
