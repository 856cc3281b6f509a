"""SDSS, BOSS and eBOSS spectra."""

import math
from typing import Any

import numpy as np

from .._wavelength import air_to_vacuum
from ._limits import check_n_pixels
from ._registry import register_builtin
from ._spectrum import SKY, VOID_LABEL, Spectrum
from ._survey_file import SurveyFile
from ._values import as_class, as_integer, as_number, as_text

# Flags (SPPIXMASK) of a pixel without a usable flux: rejected in the extraction, no sky known, sky much brighter than
# the object, no data, rejected in the coaddition, no flux calibration, bad sky subtraction (two flags).
# The other flags advise caution (fibre-wide warnings, a bad column near the trace) or mark emission lines.
BAD_PIXEL = sum(1 << bit for bit in (18, 22, 23, 24, 25, 26, 27, 28))


def designation(right_ascension: float, declination: float) -> str:
    """Return the name of a source from its position in degrees; by the rules of the IAU, digits are cut, not rounded.

    The name is "" if the position is not finite.
    """
    if not (math.isfinite(right_ascension) and math.isfinite(declination)):
        return ""
    # Whole units of the last digit; the small offset keeps rounding errors from changing an exact last digit.
    hundredths = int(right_ascension % 360.0 * 24000.0 + 1e-6)  # of a second of time
    tenths = int(abs(declination) * 36000.0 + 1e-6)  # of an arc second
    hours, minutes, seconds = hundredths // 360000, hundredths // 6000 % 60, hundredths % 6000 / 100
    degrees, arcminutes, arcseconds = tenths // 36000, tenths // 600 % 60, tenths % 600 / 10
    sign = "-" if declination < 0 else "+"
    return f"SDSS J{hours:02d}{minutes:02d}{seconds:05.2f}{sign}{degrees:02d}{arcminutes:02d}{arcseconds:04.1f}"


# Columns of the two hundred in HDU 2 that are read. SDSS-V has no plates and other names for positions.
_COLUMNS = (
    "CLASS", "SUBCLASS", "Z", "SN_MEDIAN", "ZWARNING", "OBJTYPE", "PLUG_RA", "PLUG_DEC", "FIBER_RA", "FIBER_DEC",
    "RACAT", "DECCAT", "PLATE", "FIELD", "MJD", "FIBERID", "CATALOGID", "SDSS_ID",
)  # fmt: skip
_POSITIONS = (("PLUG_RA", "PLUG_DEC"), ("RACAT", "DECCAT"), ("FIBER_RA", "FIBER_DEC"))


@register_builtin("SDSS")
def read_sdss_spec(file: SurveyFile) -> Spectrum | None:
    """Read a ``spec-PLATE-MJD-FIBER.fits`` of SDSS, BOSS or eBOSS, or a ``spec-FIELD-MJD-CATALOGID.fits`` of SDSS-V.

    The file is full (with single exposures) or lite. HDU 1 is the coadded spectrum (COADD), and HDU 2 is a one-row
    table with class and redshift (SPECOBJ or SPALL, without a name in some releases). Later HDUs are not read.
    Wavelengths are in vacuum and heliocentric. A pixel is bad where `and_mask` has a flag of `BAD_PIXEL` or the inverse
    variance is 0.

    `object_id` is the designation of the position of the fibre, which repeated observations share. `spectrum_id` is
    PLATE-MJD-FIBER or FIELD-MJD-CATALOGID, `snr` is the median of the r band, and `zwarning` is the column ZWARNING,
    with the bit for sky set if OBJTYPE is SKY.

    References
    ----------
    SDSS data model, "spec", https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/spectra/PLATE4/spec.html
    SDSS data model, "specLite", https://data.sdss.org/datamodel/files/BOSS_SPECTRO_REDUX/RUN2D/spectra/lite/FIELD/MJD/spec.html
    SDSS bitmasks, "SPPIXMASK" and "ZWARNING", https://www.sdss4.org/dr17/algorithms/bitmasks/
    """
    if not file.has_table(1, {"FLUX", "LOGLAM"}):
        return None
    pixels = file.table(1, ("FLUX", "LOGLAM", "IVAR", "AND_MASK"))
    check_n_pixels(len(pixels))
    row = file.table(2, _COLUMNS)[0]
    if "CLASS" not in row.colnames:
        raise ValueError("HDU 2 has no column CLASS")
    zwarning = as_integer("ZWARNING", row.get("ZWARNING", 0)) | (SKY if row.get("OBJTYPE", "") == "SKY" else 0)
    position = next((names for names in _POSITIONS if names[0] in row.colnames), _POSITIONS[0])
    wavelength = 10.0 ** np.asarray(pixels["LOGLAM"], np.float64)
    if not file.header.get("VACUUM", True):
        wavelength = air_to_vacuum(wavelength)
    return Spectrum(
        flux=pixels["FLUX"],
        wavelength=wavelength,
        ivar=pixels["IVAR"],
        mask=np.asarray(pixels["AND_MASK"]) & BAD_PIXEL != 0,
        target="" if zwarning & VOID_LABEL else as_class("CLASS", row["CLASS"]),
        subclass=as_text("SUBCLASS", row["SUBCLASS"]),
        redshift=as_number("Z", row["Z"]),
        snr=as_number("SN_MEDIAN", row["SN_MEDIAN"][2]),
        zwarning=zwarning,
        object_id=designation(*(as_number(name, row[name]) for name in position)),
        spectrum_id=_spectrum_id(row),
    )


def _spectrum_id(row: Any) -> str:
    if "PLATE" in row.colnames and "FIBERID" in row.colnames:
        return f"{row['PLATE']:04d}-{row['MJD']}-{row['FIBERID']:04d}"
    return f"{row['FIELD']}-{row['MJD']}-{row['CATALOGID' if 'CATALOGID' in row.colnames else 'SDSS_ID']}"
