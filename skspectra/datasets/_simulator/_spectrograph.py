"""Dust, calibration, noise and artefacts of a two-arm fibre spectrograph: the same for every class."""

import numpy as np

from .._wavelength import air_to_vacuum

# Night-sky emission lines, air wavelength in angstrom and strength relative to the sky continuum at 6000 angstrom: [O
# I], Na I and the heads of the OH Meinel bands, from Osterbrock et al., PASP 108 (1996) 277, and Hanuschik, A&A 407
# (2003) 1157.
_SKY_LINES = np.array(
    [
        (5577.34, 40.0), (5889.95, 5.0), (5895.92, 4.0), (6300.30, 15.0), (6363.78, 5.0), (6498.73, 1.5),
        (6533.04, 2.0), (6553.62, 2.0), (6863.96, 4.0), (6923.22, 4.0), (7276.41, 7.0), (7316.28, 7.0),
        (7340.89, 8.0), (7369.37, 4.0), (7571.75, 4.0), (7712.01, 3.0), (7750.64, 9.0), (7794.11, 9.0),
        (7821.50, 8.0), (7853.24, 4.0), (7913.71, 9.0), (7964.65, 9.0), (7993.33, 8.0), (8025.81, 5.0),
        (8344.60, 9.0), (8382.40, 5.0), (8399.17, 12.0), (8430.17, 11.0), (8465.36, 9.0), (8493.39, 4.0),
        (8504.63, 5.0), (8778.33, 7.0), (8827.10, 12.0), (8885.85, 13.0), (8919.64, 11.0), (8943.40, 6.0),
        (8957.91, 6.0), (8988.37, 6.0), (9037.95, 7.0), (9337.85, 8.0), (9375.96, 12.0), (9439.65, 10.0),
        (9476.83, 7.0), (9872.14, 8.0), (9914.70, 9.0), (10082.46, 8.0),
    ]
)  # fmt: skip

# Bands of the Earth's atmosphere: first and last wavelength (vacuum, angstrom) and depth at low resolution, after
# Stevenson, MNRAS 267 (1994) 904: O2 B and A, and water.
_TELLURIC_BANDS = (
    (6869.0, 6945.0, 0.20), (7168.0, 7345.0, 0.12), (7595.0, 7700.0, 0.45), (8130.0, 8350.0, 0.12),
    (8945.0, 9220.0, 0.20), (9300.0, 9640.0, 0.50),
)  # fmt: skip

# Mean A_V in magnitudes, exponentially distributed: a choice, for the high latitudes of surveys, where the maps of
# Schlegel D. J. et al., ApJ 500 (1998) 525, have some tenths.
_DUST_SCALE = 0.3
_SPLICE = 5850.0  # angstrom, where LAMOST's blue and red arm meet (Luo et al. 2015)

# Scatter of the terms of first, second and third order of the error of the flux calibration, in the natural logarithm
# of the flux: together near the 10 % of Du et al. (2016); how the orders share it is a choice.
_CALIBRATION_ERRORS = (0.08, 0.05, 0.03)

# The rest of the instrument's numbers have no source: they were chosen to look like LAMOST spectra.
_THROUGHPUT_FLOOR = 0.03  # relative to the peak of an arm
_BLUE_PEAK, _BLUE_WIDTH, _BLUE_LAST = 4900.0, 650.0, 5900.0  # angstrom; the shape follows Cui et al. (2012)
_RED_PEAK, _RED_WIDTH, _RED_FIRST = 7300.0, 1100.0, 5700.0
_SKY_LINE_SIGMA = 1.5  # angstrom
_SKY_VARIATION = (2.0, 0.5)  # shape and scale of the gamma distribution of each sky line's strength, with a mean of one
_SKY_OVER_OBJECT = (0.3, 3.0)  # photons of sky over those of the object: this at high S/N, plus that over the S/N
_SKY_SLOPE = 0.4  # of the sky's continuum, relative to that at 6000 angstrom
_READ_VARIANCE = 0.05  # relative to the variance of the object's photons at its median flux and an arm's peak
_NEIGHBOUR_SHARE = (0.0, 0.5)  # of a pixel goes to each neighbour, as in the second differences of LAMOST spectra
_TELLURIC_DECAY = 1.5  # over the width of a band
_TELLURIC_RESIDUAL = (0.2, 0.3)  # mean and scatter of the share of the atmosphere's bands that is left, cut at 0 and 1
_SPLICE_SHARE = 0.6  # of the spectra show the join of the arms
_SPLICE_SCATTER = 60.0  # angstrom, of the place
_SPLICE_STEP, _SPLICE_BUMP = 0.06, 0.15  # scatter of their heights, relative to the median flux
_SPLICE_WIDTH = (30.0, 160.0)  # angstrom, of the bump
_SKY_RESIDUAL = 2.0  # scatter of what is left of a sky line, in units of the median noise
_COSMIC_RAYS = 0.8  # a spectrum, Poisson
_COSMIC_RAY_HEIGHT = 3.0  # mean, relative to the median flux, exponential
_COSMIC_RAY_STOP, _DEAD_RUN_STOP = 4, 40  # samples: they are shorter than this
_DEAD_RUN_SHARE = 0.25  # of the spectra have one
_LOG_BRIGHTNESS = (4.5, 1.6)  # mean and scatter of ln(median flux): orders of magnitude, as counts are


def extinction_curve(wavelength: np.ndarray) -> np.ndarray:
    """Return A(wavelength) / A(V) of the Milky Way for R_V = 3.1, 3000 to 11 000 angstrom.

    References
    ----------
    Cardelli J. A., Clayton G. C., Mathis J. S., ApJ 345 (1989) 245, equations 2 and 3.
    """
    x = 1e4 / np.asarray(wavelength)
    y = x - 1.82
    a = np.polyval([0.32999, -0.77530, 0.01979, 0.72085, -0.02427, -0.50447, 0.17699, 1.0], y)
    b = np.polyval([-2.09002, 5.30260, -0.62251, -5.38434, 1.07233, 2.28305, 1.41338, 0.0], y)
    infrared = x < 1.1
    a = np.where(infrared, 0.574 * x**1.61, a)
    b = np.where(infrared, -0.527 * x**1.61, b)
    return a + b / 3.1


class Spectrograph:
    """A two-arm fibre spectrograph like LAMOST's on a given wavelength grid.

    Parameters
    ----------
    wavelength : ndarray of float64, (n_features,)
        Vacuum, angstrom, increasing.

    References
    ----------
    Cui X.-Q. et al., "The Large Sky Area Multi-Object Fiber Spectroscopic Telescope (LAMOST)", Research in Astronomy
    and Astrophysics 12 (2012) 1197 (throughput of the two arms).
    Luo A.-L. et al., "The first data release (DR1) of the LAMOST regular survey", Research in Astronomy and
    Astrophysics 15 (2015) 1095 (splice of the arms).
    Du B. et al., "A method of relative flux calibration for LAMOST", ApJS 227 (2016) 27 (calibration errors near 10 %).
    """

    def __init__(self, wavelength: np.ndarray):
        self.wavelength = wavelength.astype(np.float32)
        self.extinction = (-0.4 * np.log(10.0) * extinction_curve(wavelength)).astype(np.float32)

        blue = np.exp(-0.5 * ((wavelength - _BLUE_PEAK) / _BLUE_WIDTH) ** 2) * (wavelength < _BLUE_LAST)
        red = np.exp(-0.5 * ((wavelength - _RED_PEAK) / _RED_WIDTH) ** 2) * (wavelength > _RED_FIRST)
        self.throughput = (_THROUGHPUT_FLOOR + np.maximum(blue, red)).astype(np.float32)

        centres, strengths = air_to_vacuum(_SKY_LINES[:, 0]), _SKY_LINES[:, 1]
        self.sky_lines = np.exp(-0.5 * ((wavelength - centres[:, None]) / _SKY_LINE_SIGMA) ** 2).astype(np.float32)
        self.sky_strength = strengths.astype(np.float32)
        self.sky_windows = [slice(*np.searchsorted(wavelength, (centre - 6.0, centre + 6.0))) for centre in centres]
        self.sky_continuum = (1.0 + _SKY_SLOPE * (wavelength / 6000.0 - 1.0)).astype(np.float32)

        transmission = np.ones_like(wavelength)
        for first, last, depth in _TELLURIC_BANDS:
            inside = (wavelength >= first) & (wavelength <= last)
            # A sharp head and a tail towards the red, as in both oxygen bands.
            transmission[inside] -= depth * np.exp(-_TELLURIC_DECAY * (wavelength[inside] - first) / (last - first))
        self.telluric = np.log(transmission).astype(np.float32)

        u = (wavelength - 6000.0) / 2500.0
        self.calibration = np.stack([u, u**2 - 0.4, u**3 - 0.6 * u]).astype(np.float32)

    def observe(self, flux: np.ndarray, snr: np.ndarray, rng: np.random.Generator) -> None:
        """Turn noiseless spectra into observed ones, in place.

        Parameters
        ----------
        flux : ndarray of float32, (n, n_features)
            Spectra before dust, positive.
        snr : ndarray, (n,)
            Ratio of the median flux to the median noise.
        rng : numpy.random.Generator
            Generator of everything else; the distributions are the same for every spectrum.
        """
        self.transmit(flux, rng)
        self.disturb(flux, snr, rng)
        flux *= np.exp(rng.normal(*_LOG_BRIGHTNESS, (len(flux), 1))).astype(np.float32)

    def transmit(self, flux: np.ndarray, rng: np.random.Generator) -> None:
        """Redden the spectra, calibrate them with a smooth error and scale them to a median of one, in place."""
        column = (len(flux), 1)
        slope = rng.exponential(_DUST_SCALE, column).astype(np.float32) * self.extinction
        slope += np.clip(rng.normal(*_TELLURIC_RESIDUAL, column), 0.0, 1.0).astype(np.float32) * self.telluric
        for shape, scale in zip(self.calibration, _CALIBRATION_ERRORS, strict=True):
            slope += _normal(rng, scale, len(flux)) * shape
        flux *= np.exp(slope, out=slope)
        flux /= np.maximum(np.median(flux, axis=1, keepdims=True), np.float32(1e-6))

    def disturb(self, flux: np.ndarray, snr: np.ndarray, rng: np.random.Generator) -> None:
        """Add noise and artefacts to spectra with a median of one, in place."""
        snr = snr.astype(np.float32).reshape(-1, 1)
        sigma = self._noise_level(flux, snr, rng)
        flux += self._noise(sigma, rng)
        self._join_arms(flux, rng)
        for k, window in enumerate(self.sky_windows):
            flux[:, window] += _normal(rng, _SKY_RESIDUAL, len(flux)) / snr * self.sky_lines[k, window]
        _hit_pixels(flux, rng)

    def _noise_level(self, flux: np.ndarray, snr: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the standard deviation from object, sky and readout, divided by the throughput of the arms."""
        variation = rng.gamma(*_SKY_VARIATION, (len(flux), len(self.sky_strength)))
        strength = self.sky_strength * variation.astype(np.float32)
        variance = np.broadcast_to(self.sky_continuum, flux.shape).copy()
        for k, window in enumerate(self.sky_windows):
            variance[:, window] += strength[:, k, None] * self.sky_lines[k, window]
        bright, faint = _SKY_OVER_OBJECT
        variance *= np.float32(bright) + np.float32(faint) / snr
        variance += np.maximum(flux, 0.0)
        variance *= self.throughput
        variance += np.float32(_READ_VARIANCE)
        sigma = np.sqrt(variance, out=variance)
        sigma /= self.throughput
        sigma /= snr * np.median(sigma, axis=1, keepdims=True)  # the median flux is one
        return sigma

    def _noise(self, sigma: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw noise that is correlated between neighbouring pixels, as after resampling onto a common grid."""
        n, n_features = sigma.shape
        noise = rng.standard_normal((n, n_features + 2), dtype=np.float32)
        blue = self.wavelength < _SPLICE  # the two arms are resampled differently
        before = np.where(blue, _uniform(rng, _NEIGHBOUR_SHARE, n), _uniform(rng, _NEIGHBOUR_SHARE, n))
        after = np.where(blue, _uniform(rng, _NEIGHBOUR_SHARE, n), _uniform(rng, _NEIGHBOUR_SHARE, n))
        noise = noise[:, :-2] * before + noise[:, 1:-1] + noise[:, 2:] * after
        noise *= sigma / np.sqrt(1 + before * before + after * after)
        return noise

    def _join_arms(self, flux: np.ndarray, rng: np.random.Generator) -> None:
        """Add a step and a bump where the two arms do not quite agree, in place."""
        n = len(flux)
        spliced = _uniform(rng, (0.0, 1.0), n) < _SPLICE_SHARE
        centre = np.float32(_SPLICE) + _normal(rng, _SPLICE_SCATTER, n)
        width = _uniform(rng, _SPLICE_WIDTH, n)
        flux += spliced * _normal(rng, _SPLICE_STEP, n) * (self.wavelength > centre)
        bump = (self.wavelength - centre) / width
        bump *= bump
        bump *= np.float32(-0.5)
        flux += spliced * _normal(rng, _SPLICE_BUMP, n) * np.exp(bump, out=bump)


def _hit_pixels(flux: np.ndarray, rng: np.random.Generator) -> None:
    """Add the cosmic rays that the pipeline missed and runs of dead pixels, in place."""
    n, n_features = flux.shape
    for row in np.repeat(np.arange(n), rng.poisson(_COSMIC_RAYS, n)):
        first = rng.integers(0, n_features)
        flux[row, first : first + rng.integers(1, _COSMIC_RAY_STOP)] += rng.exponential(_COSMIC_RAY_HEIGHT)
    for row in np.flatnonzero(rng.random(n) < _DEAD_RUN_SHARE):
        first = rng.integers(0, n_features)
        flux[row, first : first + rng.integers(1, _DEAD_RUN_STOP)] = 0.0


def _normal(rng: np.random.Generator, scale: float, n: int) -> np.ndarray:
    """Draw one number for each spectrum, (n, 1)."""
    return rng.normal(0.0, scale, (n, 1)).astype(np.float32)


def _uniform(rng: np.random.Generator, limits: tuple[float, float], n: int) -> np.ndarray:
    """Draw one number for each spectrum, (n, 1)."""
    return rng.uniform(*limits, (n, 1)).astype(np.float32)
