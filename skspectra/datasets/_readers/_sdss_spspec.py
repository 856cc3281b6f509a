"""Spectra of the first SDSS pipeline."""

import numpy as np

from .._wavelength import air_to_vacuum
from ._registry import register_builtin
from ._sdss_spec import BAD_PIXEL, designation
from ._spectrum import Spectrum
from ._survey_file import SurveyFile
from ._values import as_number

# SPEC_CLN: class and subclass.
_CLASSES = {
    0: ("Unknown", ""),
    1: ("STAR", ""),
    2: ("GALAXY", ""),
    3: ("QSO", ""),
    4: ("QSO", "HIZ_QSO"),
    5: ("SKY", ""),
    6: ("STAR", "STAR_LATE"),
}


@register_builtin("SDSS")
def read_sdss_spspec(file: SurveyFile) -> Spectrum | None:
    """Read a ``spSpec-MJD-PLATE-FIBER.fit`` of SDSS data releases 1 to 7.

    The rows of the primary array are the flux, the continuum-subtracted flux, the standard error, the flags and, in
    later releases, the sky. The wavelength (vacuum, heliocentric) is in COEFF0 and COEFF1, and the class is in
    SPEC_CLN. A pixel is bad where it has a flag of `BAD_PIXEL` or its error is 0; the flag for emission lines does not
    count.

    References
    ----------
    SDSS DR7, "Data model: spSpec", https://classic.sdss.org/dr7/dm/flatFiles/spSpec.php
    """
    header = file.header
    if not str(header.get("TELESCOP", "")).startswith("SDSS") or header["NAXIS"] != 2:
        return None
    rows = file.image(0)
    if len(rows) < 4:
        raise ValueError(f"the primary array has {len(rows)} rows, not the 4 or 5 of spSpec files")
    flux, error, flags = rows[0], rows[2], rows[3].astype(np.int64)
    code = as_number("SPEC_CLN", header["SPEC_CLN"])
    if code not in _CLASSES:
        raise ValueError(f"SPEC_CLN is {code:g}, which is not a class")
    target, subclass = _CLASSES[int(code)]
    wavelength = 10.0 ** (
        as_number("COEFF0", header["COEFF0"]) + as_number("COEFF1", header["COEFF1"]) * np.arange(len(flux))
    )
    if not header.get("VACUUM", True):
        wavelength = air_to_vacuum(wavelength)
    return Spectrum(
        flux=flux,
        wavelength=wavelength,
        ivar=np.divide(1.0, error**2, out=np.zeros(len(flux)), where=error > 0),
        mask=flags & BAD_PIXEL != 0,
        target=target,
        subclass=subclass,
        redshift=as_number("Z", header.get("Z", np.nan)),
        snr=as_number("SN_R", header.get("SN_R", np.nan)),
        object_id=designation(as_number("RAOBJ", header["RAOBJ"]), as_number("DECOBJ", header["DECOBJ"])),
        spectrum_id=f"{header['PLATEID']:04d}-{header['MJD']}-{header['FIBERID']:04d}",
    )
