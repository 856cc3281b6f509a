"""DESI coadds, redrock tables and redshift catalogues."""

import re

import numpy as np

from ._limits import check_n_pixels
from ._registry import register_builtin
from ._spectrum import BAD_TARGET, SKY, VOID_LABEL, Label, Labels, Spectrum
from ._survey_file import SurveyFile
from ._values import as_class, as_integer, as_number, as_text

_R_BAND = (5600.0, 7000.0)  # angstrom
_LABELS = ("REDSHIFTS", "ZBEST", "ZCATALOG")
_FIBERMAPS = ("FIBERMAP", "COADD_FIBERMAP")
_LABEL_COLUMNS = ("TARGETID", "SPECTYPE", "SUBTYPE", "Z", "ZWARN", "OBJTYPE", "ZCAT_PRIMARY")
_OF_CAMERA = re.compile(r"(\w+)_(?:WAVELENGTH|FLUX|IVAR)")


@register_builtin("DESI")
def read_redrock(file: SurveyFile) -> Labels | None:
    """Read the class (SPECTYPE), subclass (SUBTYPE), redshift (Z) and warnings (ZWARN) of each TARGETID.

    They are in ``redrock-*.fits`` (REDSHIFTS), in ``zbest-*.fits`` (ZBEST) of older productions, and in the catalogues
    of the data releases (ZCATALOG), of which only the rows with ZCAT_PRIMARY are used. ``redrock-X.fits`` and
    ``zbest-X.fits`` apply only to the targets of ``coadd-X.fits``, because a TARGETID can recur in other coadds; a
    table with another name applies to any coadd. Redshifts with warnings of redrock are kept, unless ZWARN has the bit
    for sky, unplugged, bad target or no data.

    References
    ----------
    DESI data model, "redrock", https://desidatamodel.readthedocs.io/en/latest/DESI_SPECTRO_REDUX/SPECPROD/healpix/SURVEY/PROGRAM/PIXGROUP/PIXNUM/redrock-SURVEY-PROGRAM-PIXNUM.html
    DESI data model, "zcatalog", https://desidatamodel.readthedocs.io/en/latest/DESI_SPECTRO_REDUX/SPECPROD/zcatalog/index.html
    DESI data model, "Bitmasks", https://desidatamodel.readthedocs.io/en/latest/bitmasks.html
    """
    hdu = next((name for name in _LABELS if name in file.hdu_names()), None)
    if hdu is None:
        return None
    table = file.table(hdu, _LABEL_COLUMNS)
    if "ZCAT_PRIMARY" in table.colnames:
        table = table[np.asarray(table["ZCAT_PRIMARY"], bool)]
    rows = {name: table[name].tolist() for name in table.colnames}
    zwarning = [as_integer("ZWARN", value) for value in rows["ZWARN"]]
    if "OBJTYPE" in rows:
        zwarning = [flags | _void_target(kind) for flags, kind in zip(zwarning, rows["OBJTYPE"], strict=True)]
    labels = {
        str(target): Label(
            "" if flags & VOID_LABEL else as_class("SPECTYPE", kind),
            as_text("SUBTYPE", subtype),
            as_number("Z", redshift),
            flags,
        )
        for target, flags, kind, subtype, redshift in zip(
            rows["TARGETID"], zwarning, rows["SPECTYPE"], rows["SUBTYPE"], rows["Z"], strict=True
        )
    }
    about = re.sub(r"^(redrock|zbest)-", "coadd-", file.path.name)
    return Labels(labels, about=about if about != file.path.name else "")


@register_builtin("DESI")
def read_desi_coadd(file: SurveyFile) -> list[Spectrum] | None:
    """Read a DESI ``coadd-*.fits``: the spectra of all its targets.

    A coadd stores the cameras separately (B, R and Z: WAVELENGTH, FLUX, IVAR and MASK), on grids with a common step
    (0.8 angstrom, vacuum, heliocentric) that overlap near 5780 and 7570 angstrom. The cameras that are present are
    joined: where two of them cover a pixel, its flux is the mean weighted by the inverse variance. A pixel has no
    weight if its flux is not finite, its MASK is not 0 or its inverse variance is not above 0, and it is bad if it has
    no weight in any camera. Files in which DESI has already joined the cameras (BRZ) are read as they are.

    Class and redshift are in other files (see `read_redrock`); without them `target` is "". Fibres that were not on a
    target (OBJTYPE other than TGT) have the bit for sky or bad target in `zwarning`. `object_id` is the TARGETID,
    `spectrum_id` consists of the TARGETID and the mean date of the exposures, and `snr` is the median over the good
    pixels from 5600 to 7000 angstrom.

    References
    ----------
    DESI data model, "coadd", https://desidatamodel.readthedocs.io/en/latest/DESI_SPECTRO_REDUX/SPECPROD/healpix/SURVEY/PROGRAM/PIXGROUP/PIXNUM/coadd-SURVEY-PROGRAM-PIXNUM.html
    Guy J. et al., "The spectroscopic data processing pipeline for the Dark Energy Spectroscopic Instrument", AJ 165
    (2023) 144.
    """
    names = file.hdu_names()
    hdu = next((name for name in _FIBERMAPS if name in names), None)
    if hdu is None:
        return None
    columns = file.column_names(hdu)
    if "EXPID" in columns:
        raise ValueError("it holds single exposures; read the coadd file of the same name instead")
    # A target can be in many coadds. The mean date, or in older productions the exposure time, tells them apart.
    when = next((name for name in ("MEAN_MJD", "COADD_EXPTIME") if name in columns), "TARGETID")
    fibermap = file.table(hdu, {"TARGETID", "OBJTYPE", when})
    kinds = fibermap["OBJTYPE"].tolist() if "OBJTYPE" in columns else ["TGT"] * len(fibermap)
    wavelength, flux, ivar, good = _join_cameras(file, len(fibermap))
    band = (wavelength >= _R_BAND[0]) & (wavelength < _R_BAND[1])
    spectra = []
    for i, target in enumerate(fibermap["TARGETID"]):
        usable = band & good[i]
        spectra.append(
            Spectrum(
                flux=flux[i],
                wavelength=wavelength,
                ivar=ivar[i],
                mask=~good[i],
                snr=np.median(flux[i, usable] * np.sqrt(ivar[i, usable])) if usable.any() else np.nan,
                zwarning=_void_target(kinds[i]),
                object_id=str(target),
                spectrum_id=f"{target}-{fibermap[when][i]}",
            )
        )
    return spectra


def _void_target(kind: str) -> int:
    """Return the warning flags for the OBJTYPE of a fibre; 0 if it was on a target."""
    return {"TGT": 0, "SKY": SKY}.get(kind.strip(), BAD_TARGET)


def _join_cameras(file: SurveyFile, n_targets: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return wavelength, flux, inverse variance and good pixels of each target on one grid over all cameras."""
    cameras = list({match[1] for name in file.hdu_names() if (match := _OF_CAMERA.fullmatch(name))})
    if not cameras:
        raise ValueError(f"it has no HDU of a camera, such as B_FLUX, only {file.hdu_names()}")
    grids = {camera: file.image(f"{camera}_WAVELENGTH").astype(np.float64) for camera in cameras}
    cameras.sort(key=lambda camera: grids[camera][0])
    first, step = grids[cameras[0]][0], grids[cameras[0]][1] - grids[cameras[0]][0]
    places = {}
    for camera, grid in grids.items():
        start = round((grid[0] - first) / step)
        places[camera] = slice(start, start + len(grid))
        if not (np.abs((grid - first) / step - np.arange(start, start + len(grid))) < 0.01).all():
            raise ValueError(f"the grid of camera {camera} is not aligned with that of camera {cameras[0]}")
    n_pixels = max(place.stop for place in places.values())
    check_n_pixels(n_pixels)
    if n_pixels > 2 * sum(map(len, grids.values())):
        raise ValueError(f"the gaps between the cameras {cameras} are larger than the ranges that they cover")
    # The fluxes are read before memory is allocated for the sums, which are not much larger if the fluxes are floats.
    fluxes = {camera: file.image(f"{camera}_FLUX") for camera in cameras}
    for camera, flux in fluxes.items():
        if flux.shape != (n_targets, len(grids[camera])):
            raise ValueError(f"{camera}_FLUX has shape {flux.shape}, not {(n_targets, len(grids[camera]))}")
        if flux.dtype.kind != "f":
            raise ValueError(f"{camera}_FLUX is of type {flux.dtype}, not of floating-point numbers")
    wavelength = first + step * np.arange(n_pixels)  # also in gaps between cameras
    weighted, ivar, plain, n_seen = (np.zeros((n_targets, n_pixels), np.float32) for _ in range(4))
    for camera, place in places.items():
        flux, grid = fluxes[camera], grids[camera]
        finite = np.isfinite(flux)
        weight = file.image(f"{camera}_IVAR", flux.shape) * (file.image(f"{camera}_MASK", flux.shape) == 0)
        weight = np.where(finite & (weight > 0), weight, 0.0)
        wavelength[place] = grid
        weighted[:, place] += np.where(weight > 0, flux * weight, 0.0)
        ivar[:, place] += weight
        plain[:, place] += np.where(finite, flux, 0.0)
        n_seen[:, place] += finite
    good = ivar > 0
    # Where only one camera covers a pixel, its flux is kept to the last bit.
    flux = np.divide(weighted, ivar, out=plain / n_seen, where=good & (n_seen > 1))
    return wavelength, flux, ivar, good
