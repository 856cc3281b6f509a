"""DESI coadds and redrock tables."""

import numpy as np

from ._registry import register_builtin
from ._spectrum import Label, Labels, Spectrum
from ._survey_file import SurveyFile
from ._values import as_class, as_number, as_text

_CAMERAS = "BRZ"
_R_BAND = (5600.0, 7000.0)  # angstrom


@register_builtin("DESI")
def read_redrock(file: SurveyFile) -> Labels | None:
    """Read a DESI ``redrock-*.fits``: class (SPECTYPE), subclass (SUBTYPE) and redshift (Z) of each TARGETID.

    ``redrock-X.fits`` is about the targets of ``coadd-X.fits`` and no other, for a TARGETID recurs in other coadds; a
    table of another name is about any. Redshifts that redrock warns of (ZWARN) are taken as
    they are.

    References
    ----------
    DESI data model, "redrock", https://desidatamodel.readthedocs.io/en/latest/DESI_SPECTRO_REDUX/SPECPROD/healpix/SURVEY/PROGRAM/PIXGROUP/PIXNUM/redrock-SURVEY-PROGRAM-PIXNUM.html
    """
    if "REDSHIFTS" not in file.hdu_names():
        return None
    labels = {
        str(row["TARGETID"]): Label(
            as_class("SPECTYPE", row["SPECTYPE"]), as_text("SUBTYPE", row["SUBTYPE"]), as_number("Z", row["Z"])
        )
        for row in file.table("REDSHIFTS")
    }
    about = file.path.name.replace("redrock-", "coadd-", 1) if file.path.name.startswith("redrock-") else ""
    return Labels(labels, about=about)


@register_builtin("DESI")
def read_desi_coadd(file: SurveyFile) -> list[Spectrum] | None:
    """Read a DESI ``coadd-*.fits``: the spectra of all its targets.

    A coadd holds the three cameras apart (B, R and Z: WAVELENGTH, FLUX, IVAR and MASK), on grids of one step (0.8
    angstrom, vacuum, heliocentric) that overlap near 5780 and 7570 angstrom. Here they are joined: where two cameras
    see a pixel the flux is the mean weighted by the inverse variance. A pixel is bad where no camera that sees it has a
    MASK of 0 and an inverse variance above 0.

    Class and redshift are in a redrock file (`read_redrock`), without which `target` is "". `object_id` is the
    TARGETID, `spectrum_id` that and the mean date of the exposures, `snr` the median over the good pixels of 5600 to
    7000 angstrom.

    References
    ----------
    DESI data model, "coadd", https://desidatamodel.readthedocs.io/en/latest/DESI_SPECTRO_REDUX/SPECPROD/healpix/SURVEY/PROGRAM/PIXGROUP/PIXNUM/coadd-SURVEY-PROGRAM-PIXNUM.html
    Guy J. et al., "The spectroscopic data processing pipeline for the Dark Energy Spectroscopic Instrument", AJ 165
    (2023) 144.
    """
    if "FIBERMAP" not in file.hdu_names() or "REDSHIFTS" in file.hdu_names():
        return None
    fibermap = file.table("FIBERMAP")
    if file.has_table("FIBERMAP", {"EXPID"}):
        raise ValueError("it holds single exposures, whose sum is the coadd file of the same name")
    targetid = fibermap["TARGETID"]
    # A target can be in many coadds. The mean date tells them apart, in older productions the exposure time.
    dates = (name for name in ("MEAN_MJD", "COADD_EXPTIME") if file.has_table("FIBERMAP", {name}))
    when = fibermap[next(dates, "TARGETID")]
    wavelength, flux, ivar, good = _join_cameras(file, len(targetid))
    band = (wavelength >= _R_BAND[0]) & (wavelength < _R_BAND[1])
    spectra = []
    for i, target in enumerate(targetid):
        usable = band & good[i]
        spectra.append(
            Spectrum(
                flux=flux[i],
                wavelength=wavelength,
                ivar=ivar[i],
                mask=~good[i],
                snr=np.median(flux[i, usable] * np.sqrt(ivar[i, usable])) if usable.any() else np.nan,
                object_id=str(target),
                spectrum_id=f"{target}-{when[i]}",
            )
        )
    return spectra


def _join_cameras(file: SurveyFile, n_targets: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Wavelength, flux, inverse variance and goodness of each target on one grid over all cameras."""
    grids = [file.image(f"{camera}_WAVELENGTH").astype(np.float64) for camera in _CAMERAS]
    first, step = grids[0][0], grids[0][1] - grids[0][0]
    starts = [round((grid[0] - first) / step) for grid in grids]
    stops = [start + len(grid) for start, grid in zip(starts, grids, strict=True)]
    for camera, grid, start, stop in zip(_CAMERAS, grids, starts, stops, strict=True):
        if not (np.abs((grid - first) / step - np.arange(start, stop)) < 0.01).all():
            raise ValueError(f"the grid of camera {camera} is not aligned with that of camera B")
    if not (starts[0] < starts[1] <= stops[0] <= stops[1] and starts[1] < starts[2] <= stops[1] <= stops[2]):
        raise ValueError("the cameras do not follow each other without a gap")
    # The fluxes are read before memory is taken for the sums, which are not much larger as long as they are floats.
    fluxes = [file.image(f"{camera}_FLUX") for camera in _CAMERAS]
    for camera, grid, flux in zip(_CAMERAS, grids, fluxes, strict=True):
        if flux.shape != (n_targets, len(grid)):
            raise ValueError(f"{camera}_FLUX has shape {flux.shape}, not {(n_targets, len(grid))}")
        if flux.dtype.kind != "f":
            raise ValueError(f"{camera}_FLUX is of type {flux.dtype}, not of floating-point numbers")
    wavelength = np.zeros(stops[-1])
    weighted, ivar, plain, n_seen = (np.zeros((n_targets, stops[-1]), np.float32) for _ in range(4))
    for camera, grid, flux, start, stop in zip(_CAMERAS, grids, fluxes, starts, stops, strict=True):
        weight = file.image(f"{camera}_IVAR", flux.shape) * (file.image(f"{camera}_MASK", flux.shape) == 0)
        weight = np.where(weight > 0, weight, 0.0)
        wavelength[start:stop] = grid
        weighted[:, start:stop] += np.where(weight > 0, flux * weight, 0.0)
        ivar[:, start:stop] += weight
        plain[:, start:stop] += flux
        n_seen[:, start:stop] += 1.0
    good = ivar > 0
    # Where one camera sees a pixel its flux stays as it is, to the last bit.
    flux = np.divide(weighted, ivar, out=plain / n_seen, where=good & (n_seen > 1))
    return wavelength, flux, ivar, good
