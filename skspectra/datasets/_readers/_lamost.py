"""LAMOST low-resolution spectra."""

import re

import numpy as np

from .._wavelength import air_to_vacuum
from ._limits import check_n_pixels
from ._registry import register_builtin
from ._spectrum import Spectrum
from ._survey_file import SurveyFile
from ._values import as_class, as_number, as_text

# Rows of the primary array where the header does not name them.
_ROWS = "Flux, Inverse, Wavelength, Andmask, Ormask"


@register_builtin("LAMOST")
def read_lamost(file: SurveyFile) -> Spectrum | None:
    """Read a LAMOST low-resolution ``spec-LMJD-PLANID_spSP-FIBER.fits``.

    Two layouts: up to DR8 the rows of the primary array, named by EXTEN0 (the third is the wavelength, but the
    continuum-subtracted flux in the first releases, whose wavelength is in COEFF0 and COEFF1); since DR9 a table
    ``COADD`` of one row of arrays. Wavelengths are in vacuum and heliocentric. A pixel is bad where ANDMASK, the
    flags set in all exposures, is not 0.

    `object_id` is the designation DESIG, which repeated observations share, `spectrum_id` the plan, spectrograph and
    fibre of the observation, `snr` that of the r band.

    References
    ----------
    Luo A.-L. et al., "The first data release (DR1) of the LAMOST regular survey", Research in Astronomy and
    Astrophysics 15 (2015) 1095, section 4.3.
    LAMOST data release documentation, "Data products: low-resolution spectra", https://www.lamost.org/dr10/
    """
    header = file.header
    if str(header.get("TELESCOP", "")).strip() != "LAMOST":
        return None
    if header["NAXIS"] == 2:
        names = re.findall(r"\w+", str(header.get("EXTEN0", _ROWS)).lower())
        rows = dict(zip(names, file.image(0), strict=False))
        missing = {"flux", "inverse", "andmask"} - set(rows)
        if missing:
            raise ValueError(f"the primary array has no row {sorted(missing)}: it has {sorted(rows)}")
        flux, ivar, mask = rows["flux"], rows["inverse"], rows["andmask"]
        if "wavelength" in rows:
            wavelength = rows["wavelength"].astype(np.float64)
        else:
            wavelength = 10.0 ** (
                as_number("COEFF0", header["COEFF0"]) + as_number("COEFF1", header["COEFF1"]) * np.arange(len(flux))
            )
    else:
        row = file.table("COADD")[0]
        check_n_pixels(np.size(row["WAVELENGTH"]))
        flux, ivar, mask = row["FLUX"], row["IVAR"], row["ANDMASK"]
        wavelength = row["WAVELENGTH"].astype(np.float64)
    if not header.get("VACUUM", True):
        wavelength = air_to_vacuum(wavelength)
    return Spectrum(
        flux=flux,
        wavelength=wavelength,
        ivar=ivar,
        mask=mask != 0,
        target=as_class("CLASS", header["CLASS"]),
        subclass=as_text("SUBCLASS", header.get("SUBCLASS", "")),
        redshift=as_number("Z", header.get("Z", np.nan)),
        snr=as_number("SNRR", header.get("SNRR", header.get("SN_R", np.nan))),
        object_id=header.get("DESIG", ""),
        spectrum_id=f"{header['LMJD']}-{header['PLANID']}_sp{int(header['SPID']):02d}-{int(header['FIBERID']):03d}",
    )
