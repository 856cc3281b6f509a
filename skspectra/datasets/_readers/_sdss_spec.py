"""SDSS, BOSS and eBOSS spectra."""

import math

import numpy as np

from .._wavelength import air_to_vacuum
from ._limits import check_n_pixels
from ._registry import register_builtin
from ._spectrum import Spectrum
from ._survey_file import SurveyFile
from ._values import as_class, as_number, as_text

# Flags (SPPIXMASK) of a pixel without a usable flux: rejected in the extraction, no sky known, sky much brighter than
# the object, no data, rejected in the coaddition, no flux calibration, bad sky subtraction (two flags).
# The others say where to be careful (fibre-wide warnings, a bad column near the trace) or mark emission lines.
BAD_PIXEL = sum(1 << bit for bit in (18, 22, 23, 24, 25, 26, 27, 28))


def designation(right_ascension: float, declination: float) -> str:
    """Name of a source from its position in degrees, after the rules of the IAU: digits are cut, not rounded.

    "" where the position is not finite.
    """
    if not (math.isfinite(right_ascension) and math.isfinite(declination)):
        return ""
    # Whole units of the last digit; the tiny addition keeps a position that stands on a digit from falling below it.
    hundredths = int(right_ascension % 360.0 * 24000.0 + 1e-6)  # of a second of time
    tenths = int(abs(declination) * 36000.0 + 1e-6)  # of an arc second
    hours, minutes, seconds = hundredths // 360000, hundredths // 6000 % 60, hundredths % 6000 / 100
    degrees, arcminutes, arcseconds = tenths // 36000, tenths // 600 % 60, tenths % 600 / 10
    sign = "-" if declination < 0 else "+"
    return f"SDSS J{hours:02d}{minutes:02d}{seconds:05.2f}{sign}{degrees:02d}{arcminutes:02d}{arcseconds:04.1f}"


@register_builtin("SDSS")
def read_sdss_spec(file: SurveyFile) -> Spectrum | None:
    """Read a ``spec-PLATE-MJD-FIBER.fits`` of SDSS, BOSS or eBOSS, full (with single exposures) or lite.

    HDU 1 is the coadded spectrum (COADD), HDU 2 a table of one row with class and redshift (SPECOBJ or SPALL, in some
    releases without a name); what follows is not read. Wavelengths are in vacuum and heliocentric. A pixel is bad
    where `and_mask` has a flag of `BAD_PIXEL` or the inverse variance is 0.

    `object_id` is the designation at the fibre's position, which repeated observations share, `spectrum_id`
    PLATE-MJD-FIBER, `snr` the median one of the r band.

    References
    ----------
    SDSS data model, "spec", https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/spectra/PLATE4/spec.html
    SDSS bitmasks, "SPPIXMASK", https://www.sdss4.org/dr17/algorithms/bitmasks/#SPPIXMASK
    """
    if not file.has_table(1, {"FLUX", "LOGLAM"}):
        return None
    pixels = file.table(1)
    check_n_pixels(len(pixels))
    row = file.table(2)[0]
    if "CLASS" not in row.dtype.names:
        raise ValueError("HDU 2 has no column CLASS")
    wavelength = 10.0 ** pixels["LOGLAM"].astype(np.float64)
    if not file.header.get("VACUUM", True):
        wavelength = air_to_vacuum(wavelength)
    return Spectrum(
        flux=pixels["FLUX"],
        wavelength=wavelength,
        ivar=pixels["IVAR"],
        mask=pixels["AND_MASK"] & BAD_PIXEL != 0,
        target=as_class("CLASS", row["CLASS"]),
        subclass=as_text("SUBCLASS", row["SUBCLASS"]),
        redshift=as_number("Z", row["Z"]),
        snr=as_number("SN_MEDIAN", row["SN_MEDIAN"][2]),
        object_id=designation(as_number("PLUG_RA", row["PLUG_RA"]), as_number("PLUG_DEC", row["PLUG_DEC"])),
        spectrum_id=f"{row['PLATE']:04d}-{row['MJD']}-{row['FIBERID']:04d}",
    )
