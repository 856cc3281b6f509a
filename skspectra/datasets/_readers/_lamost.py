"""LAMOST spectra of low and of medium resolution."""

import re
from typing import Any

import numpy as np

from .._wavelength import air_to_vacuum
from ._limits import check_n_pixels
from ._registry import register_builtin
from ._spectrum import BAD_TARGET, SKY, UNPLUGGED, Spectrum
from ._survey_file import SurveyFile
from ._values import as_class, as_number, as_text

_BANDS = ("COADD_B", "COADD_R")

# Values of FIBERTYP for fibres that were not on an object.
_FIBRES = {"sky": SKY, "unused": UNPLUGGED, "dead": UNPLUGGED, "poserr": BAD_TARGET}

# Names of the rows of the primary array if the header does not give them.
_ROWS = "Flux, Inverse, Wavelength, Andmask, Ormask"


@register_builtin("LAMOST")
def read_lamost(file: SurveyFile) -> Spectrum | None:
    """Read a LAMOST low-resolution ``spec-LMJD-PLANID_spSP-FIBER.fits``.

    There are two layouts. Up to DR8 the spectrum is in the rows of the primary array, which EXTEN0 names; the third row
    is the wavelength, except in the first releases, where it is the continuum-subtracted flux and the wavelength is in
    COEFF0 and COEFF1. Since DR9 the spectrum is in a table ``COADD`` with one row of arrays. Wavelengths are in vacuum
    and heliocentric. A pixel is bad if ANDMASK, the flags set in all exposures, is not 0.

    `object_id` is the designation DESIG, which repeated observations share, `spectrum_id` consists of the date, plan,
    spectrograph and fibre of the observation, and `snr` is that of the r band.

    References
    ----------
    Luo A.-L. et al., "The first data release (DR1) of the LAMOST regular survey", Research in Astronomy and
    Astrophysics 15 (2015) 1095, section 4.3.
    LAMOST data release documentation, "Data products: low-resolution spectra", https://www.lamost.org/dr10/
    """
    header = file.header
    if str(header.get("TELESCOP", "")).strip() != "LAMOST" or _is_medium_resolution(file):
        return None
    if header["NAXIS"] == 2:
        names = re.findall(r"\w+", str(header.get("EXTEN0", _ROWS)).lower())
        rows = dict(zip(names, file.image(0), strict=False))
        missing = {"flux", "inverse", "andmask"} - set(rows)
        if missing:
            raise ValueError(f"the primary array lacks the rows {sorted(missing)}; its rows are {sorted(rows)}")
        flux, ivar, mask = rows["flux"], rows["inverse"], rows["andmask"]
        if "wavelength" in rows:
            wavelength = rows["wavelength"].astype(np.float64)
        else:
            wavelength = 10.0 ** (
                as_number("COEFF0", header["COEFF0"]) + as_number("COEFF1", header["COEFF1"]) * np.arange(len(flux))
            )
    else:
        table = file.table("COADD", ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK"))
        check_n_pixels(table["WAVELENGTH"][0].size)
        flux, ivar, mask, wavelength = (table[name][0] for name in ("FLUX", "IVAR", "ANDMASK", "WAVELENGTH"))
    if not header.get("VACUUM", True):
        wavelength = air_to_vacuum(wavelength)
    zwarning = _FIBRES.get(str(header.get("FIBERTYP", "")).strip().lower(), 0)
    return Spectrum(
        flux=flux,
        wavelength=wavelength,
        ivar=ivar,
        mask=np.asarray(mask) != 0,
        target="" if zwarning else as_class("CLASS", header["CLASS"]),
        snr=as_number("SNRR", header.get("SNRR", header.get("SN_R", np.nan))),
        zwarning=zwarning,
        **_observation(header),
    )


@register_builtin("LAMOST")
def read_lamost_medium_resolution(file: SurveyFile) -> Spectrum | None:
    """Read the two coadded bands of a LAMOST medium-resolution ``med-LMJD-PLANID_spSP-FIBER.fits`` as one spectrum.

    The bands (``COADD_B``, 4950 to 5350 angstrom, and ``COADD_R``, 6300 to 6800) are tables with one row of arrays, or
    in early releases with one pixel per row. Nothing was measured between them. The single exposures are not read. On
    the grid of the low-resolution spectra most samples are NaN, so a classifier needs another grid (`wavelength`). A
    pixel is bad if PIXMASK is not 0, or ANDMASK in files without PIXMASK. The class is that of the header, or "" if
    there is none.

    References
    ----------
    LAMOST data release documentation, "Data products: medium-resolution spectra", https://www.lamost.org/dr9/
    Liu C. et al., "LAMOST Medium-Resolution Spectroscopic Survey (LAMOST-MRS): Scientific goals and survey plan",
    arXiv:2005.07210 (2020).
    """
    if str(file.header.get("TELESCOP", "")).strip() != "LAMOST" or not _is_medium_resolution(file):
        return None
    bands = [_band(file, name) for name in file.hdu_names() if name in _BANDS]
    bands.sort(key=lambda band: band[0][0])
    wavelength, flux, ivar, mask = map(np.concatenate, zip(*bands, strict=True))
    if not file.header.get("VACUUM", True):
        wavelength = air_to_vacuum(wavelength)
    target = as_text("CLASS", file.header.get("CLASS", ""))
    return Spectrum(flux=flux, wavelength=wavelength, ivar=ivar, mask=mask, target=target, **_observation(file.header))


def _is_medium_resolution(file: SurveyFile) -> bool:
    """Return whether a LAMOST file is from the medium-resolution survey, which has an HDU for each band."""
    return file.header["NAXIS"] == 0 and not set(_BANDS).isdisjoint(file.hdu_names())


def _band(file: SurveyFile, name: str) -> tuple[np.ndarray, ...]:
    """Return wavelength, flux, inverse variance and flags of a coadded band."""
    table = file.table(name, ("FLUX", "IVAR", "WAVELENGTH", "LOGLAM", "PIXMASK", "ANDMASK"))
    columns = {column: np.ravel(table[column]) for column in table.colnames}
    check_n_pixels(len(columns["FLUX"]))
    wavelength = columns.get("WAVELENGTH")
    if wavelength is None:
        wavelength = 10.0 ** columns["LOGLAM"].astype(np.float64)
    flags = columns.get("PIXMASK", columns.get("ANDMASK", np.zeros(len(wavelength))))
    return wavelength.astype(np.float64), columns["FLUX"], columns["IVAR"], flags != 0


def _observation(header: Any) -> dict[str, Any]:
    """Return the subclass, redshift and names of object and observation from the header."""
    return {
        "subclass": as_text("SUBCLASS", header.get("SUBCLASS", "")),
        "redshift": as_number("Z", header.get("Z", np.nan)),
        "object_id": header.get("DESIG", ""),
        "spectrum_id": f"{header['LMJD']}-{header['PLANID']}_sp{int(header['SPID']):02d}-{int(header['FIBERID']):03d}",
    }
