"""Dust, calibration, noise and artefacts of a two-arm fibre spectrograph: what happens to every class alike."""

import numpy as np

from ._air_vacuum import air_to_vacuum

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

_DUST_SCALE = 0.3  # mean A_V in magnitudes, exponentially distributed
_SPLICE = 5850.0  # angstrom, where LAMOST's blue and red arm meet (Luo et al. 2015)


def extinction_curve(wavelength: np.ndarray) -> np.ndarray:
    """A(wavelength) / A(V) of the Milky Way for R_V = 3.1, 3000 to 11 000 angstrom.

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

        blue = np.exp(-0.5 * ((wavelength - 4900.0) / 650.0) ** 2) * (wavelength < 5900.0)
        red = np.exp(-0.5 * ((wavelength - 7300.0) / 1100.0) ** 2) * (wavelength > 5700.0)
        self.throughput = (0.03 + np.maximum(blue, red)).astype(np.float32)

        centres, strengths = air_to_vacuum(_SKY_LINES[:, 0]), _SKY_LINES[:, 1]
        self.sky_lines = np.exp(-0.5 * ((wavelength - centres[:, None]) / 1.5) ** 2).astype(np.float32)
        self.sky_strength = strengths.astype(np.float32)
        self.sky_windows = [slice(*np.searchsorted(wavelength, (centre - 6.0, centre + 6.0))) for centre in centres]
        self.sky_continuum = (1.0 + 0.4 * (wavelength / 6000.0 - 1.0)).astype(np.float32)

        transmission = np.ones_like(wavelength)
        for first, last, depth in _TELLURIC_BANDS:
            inside = (wavelength >= first) & (wavelength <= last)
            # A sharp head and a tail towards the red, as in both oxygen bands.
            transmission[inside] -= depth * np.exp(-1.5 * (wavelength[inside] - first) / (last - first))
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
            Everything else is drawn from it, from the same distributions whatever the spectrum.
        """
        n, n_features = flux.shape
        column = (n, 1)

        def normal(scale: float) -> np.ndarray:
            return rng.normal(0.0, scale, column).astype(np.float32)

        def uniform(low: float, high: float) -> np.ndarray:
            return rng.uniform(low, high, column).astype(np.float32)

        # Dust, what is left of the atmosphere's bands, and a smooth error of the flux calibration.
        slope = rng.exponential(_DUST_SCALE, column).astype(np.float32) * self.extinction
        slope += np.clip(rng.normal(0.2, 0.3, column), 0.0, 1.0).astype(np.float32) * self.telluric
        for shape, scale in zip(self.calibration, (0.08, 0.05, 0.03), strict=True):
            slope += normal(scale) * shape
        flux *= np.exp(slope, out=slope)
        flux /= np.maximum(np.median(flux, axis=1, keepdims=True), np.float32(1e-6))

        # Photon noise of object and sky, and read noise, over the throughput of the arms.
        snr = snr.astype(np.float32).reshape(column)
        strength = self.sky_strength * rng.gamma(2.0, 0.5, (n, len(self.sky_strength))).astype(np.float32)
        variance = np.broadcast_to(self.sky_continuum, flux.shape).copy()
        for k, window in enumerate(self.sky_windows):
            variance[:, window] += strength[:, k, None] * self.sky_lines[k, window]
        variance *= np.float32(0.3) + np.float32(3.0) / snr
        variance += np.maximum(flux, 0.0)
        variance *= self.throughput
        variance += np.float32(0.05)
        sigma = np.sqrt(variance, out=variance)
        sigma /= self.throughput
        sigma /= snr * np.median(sigma, axis=1, keepdims=True)  # the median flux is one
        noise = rng.standard_normal((n, n_features + 2), dtype=np.float32)
        # Resampling onto the common grid shares each pixel between neighbours, differently in the two arms; as much as
        # the autocorrelation of the second differences of LAMOST's spectra tells.
        blue = self.wavelength < _SPLICE
        before = np.where(blue, uniform(0.0, 0.5), uniform(0.0, 0.5))
        after = np.where(blue, uniform(0.0, 0.5), uniform(0.0, 0.5))
        noise = noise[:, :-2] * before + noise[:, 1:-1] + noise[:, 2:] * after
        noise *= sigma / np.sqrt(1 + before * before + after * after)
        flux += noise

        # The two arms do not quite agree where they meet.
        spliced = uniform(0.0, 1.0) < 0.6
        centre = np.float32(_SPLICE) + normal(60.0)
        width = uniform(30.0, 160.0)
        flux += spliced * normal(0.06) * (self.wavelength > centre)
        bump = (self.wavelength - centre) / width
        bump *= bump
        bump *= np.float32(-0.5)
        flux += spliced * normal(0.15) * np.exp(bump, out=bump)

        # Sky lines are not subtracted perfectly.
        for k, window in enumerate(self.sky_windows):
            flux[:, window] += normal(2.0) / snr * self.sky_lines[k, window]

        # Cosmic rays that the pipeline missed, and runs of dead pixels.
        for row in np.repeat(np.arange(n), rng.poisson(0.8, n)):
            first = rng.integers(0, n_features)
            flux[row, first : first + rng.integers(1, 4)] += rng.exponential(3.0)
        for row in np.flatnonzero(rng.random(n) < 0.25):
            first = rng.integers(0, n_features)
            flux[row, first : first + rng.integers(1, 40)] = 0.0

        flux *= np.exp(rng.normal(4.5, 1.6, column)).astype(np.float32)
