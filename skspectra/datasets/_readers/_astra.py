"""Stellar spectra from Astra, the pipeline of SDSS-V's Milky Way Mapper."""

import numpy as np

from ._limits import check_n_pixels
from ._registry import register_builtin
from ._sdss_spec import BAD_PIXEL
from ._spectrum import Spectrum
from ._survey_file import SurveyFile
from ._values import as_number

_BOSS, _APOGEE = ("BOSS/APO", "BOSS/LCO"), ("APOGEE/APO", "APOGEE/LCO")


@register_builtin("SDSS")
def read_astra(file: SurveyFile) -> list[Spectrum] | None:
    """Read a ``mwmStar-*.fits`` file (all visits of a star combined) or a ``mwmVisit-*.fits`` file (single visits).

    There is one HDU for each instrument and observatory, which is empty if the star was not observed there. The optical
    spectra of BOSS are read; if there are none, the near-infrared spectra of APOGEE (1.51 to 1.70 micrometre) are read
    instead. Wavelengths are in vacuum. A BOSS pixel is bad if its `pixel_flags` have a flag of `BAD_PIXEL`, an APOGEE
    pixel if they have any flag.

    The files give no class, so `target` is "". `object_id` is the SDSS_ID of the star.

    References
    ----------
    SDSS data model, "mwmStar" and "mwmVisit", https://data.sdss.org/datamodel/files/MWM_ASTRA/
    """
    if not {"V_ASTRA", "SDSS_ID"} <= set(file.header):
        return None
    for names in (_BOSS, _APOGEE):
        found = [name for name in names if name in file.hdu_names() and file.hdu_header(name).get("NAXIS2", 0) > 0]
        if found:
            return [spectrum for name in found for spectrum in _read_hdu(file, name)]
    raise ValueError(f"it has no spectra: its HDUs {[*_BOSS, *_APOGEE]} are empty or missing")


def _read_hdu(file: SurveyFile, name: str) -> list[Spectrum]:
    table = file.table(name, ("FLUX", "IVAR", "PIXEL_FLAGS", "WAVELENGTH", "SNR", "MJD"))
    header = file.hdu_header(name)
    n_pixels = table["FLUX"].shape[-1]
    check_n_pixels(n_pixels)
    start, step = (as_number(card, header.get(card)) for card in ("CRVAL", "CDELT"))
    flags = np.asarray(table["PIXEL_FLAGS"])
    bad = (flags & BAD_PIXEL if name in _BOSS else flags) != 0
    star = str(file.header["SDSS_ID"])
    return [
        Spectrum(
            flux=table["FLUX"][i],
            wavelength=table["WAVELENGTH"][i]
            if "WAVELENGTH" in table.colnames
            else 10.0 ** (start + step * np.arange(n_pixels)),
            ivar=table["IVAR"][i],
            mask=bad[i],
            snr=as_number("SNR", table["SNR"][i]) if "SNR" in table.colnames else np.nan,
            object_id=star,
            spectrum_id=f"{star}-{name}-{table['MJD'][i] if 'MJD' in table.colnames else 'star'}-{i}",
        )
        for i in range(len(table))
    ]
