"""Writes small files in the formats of the surveys, for tests and benchmarks where no real ones are at hand.

They follow the surveys' data models as far as a reader looks, and hold a flat spectrum with noise and a Balmer line.
"""

from pathlib import Path

import numpy as np
from astropy.io import fits

H_ALPHA = 6564.61  # vacuum, angstrom


def model(wavelength: np.ndarray, redshift: float = 0.0, seed: int = 0) -> np.ndarray:
    """Flux with an H alpha absorption line and noise of 0.02."""
    noise = np.random.default_rng(seed).normal(0.0, 0.02, len(wavelength))
    return 1.0 - 0.6 * np.exp(-0.5 * ((wavelength / (1 + redshift) - H_ALPHA) / 4.0) ** 2) + noise


def lamost_header(fiber: int = 220, **cards: object) -> dict:
    """Cards of a LAMOST header; None leaves one out."""
    header = {
        "TELESCOP": "LAMOST",
        "DATA_V": "LAMOST DR8",
        "LMJD": 57304,
        "PLANID": "EG025335S013827V01",
        "SPID": 12,
        "FIBERID": fiber,
        "DESIG": f"LAMOST J0300{fiber:05.2f}-002500.8",
        "VACUUM": True,
        "COEFF0": 3.5682,
        "COEFF1": 0.0001,
        "CLASS": "STAR",
        "SUBCLASS": "A1IV",
        "Z": -0.0003,
        "SNRG": 70.5,
        "SNRR": 76.0,
    }
    return {name: value for name, value in (header | cards).items() if value is not None}


def lamost_rows(n: int = 3909, seed: int = 0) -> dict[str, np.ndarray]:
    wavelength = 10 ** (3.5682 + 0.0001 * np.arange(n))
    flags = np.zeros(n)
    flags[100:103] = 1.0
    return {
        "flux": model(wavelength, -0.0003, seed),
        "inverse": np.full(n, 2500.0),
        "wavelength": wavelength,
        "andmask": flags,
        "ormask": np.ones(n),
    }


def lamost_array(path: Path, *, rows: dict | None = None, wavelength_row: bool = True, **cards: object) -> Path:
    """LAMOST primary array; without a wavelength row its third row is the continuum-subtracted flux."""
    rows = lamost_rows(seed=cards.get("fiber", 0)) if rows is None else rows
    if wavelength_row:
        names = "Flux, Inverse, Wavelength, Andmask, Ormask"
    else:
        names = "Flux Inverse Subcontinuum Andmask Ormask"
        rows = rows | {"wavelength": rows["flux"] - 1.0}
    data = np.array([rows[name] for name in ("flux", "inverse", "wavelength", "andmask", "ormask")], np.float32)
    hdu = fits.PrimaryHDU(data)
    hdu.header.update(lamost_header(**({"EXTEN0": names} | cards)))
    hdu.writeto(path)
    return path


def lamost_table(path: Path, *, rows: dict | None = None, **cards: object) -> Path:
    """LAMOST table of one row of arrays."""
    rows = lamost_rows() if rows is None else rows
    names = {"FLUX": "flux", "IVAR": "inverse", "WAVELENGTH": "wavelength", "ANDMASK": "andmask", "ORMASK": "ormask"}
    n = len(rows["flux"])
    columns = [fits.Column(name, f"{n}E", array=rows[key][None]) for name, key in names.items()]
    primary = fits.PrimaryHDU()
    primary.header.update(lamost_header(**cards))
    fits.HDUList([primary, fits.BinTableHDU.from_columns(columns, name="COADD")]).writeto(path)
    return path


def sdss_spec(
    path: Path,
    *,
    second_name: str | None = "SPECOBJ",
    n_exposures: int = 1,
    n: int = 4000,
    fiber: int = 107,
    **row: object,
) -> Path:
    """SDSS spec file; `row` replaces values of HDU 2, None leaves one out."""
    loglam = 3.58 + 0.0001 * np.arange(n)
    and_mask = np.zeros(n, np.int32)
    and_mask[10] = 1 << 24  # NODATA
    and_mask[11] = 1 << 16  # NEARBADPIXEL, a warning
    ivar = np.full(n, 2500.0)
    ivar[12] = 0.0
    pixels = {
        "flux": ("E", model(10**loglam, 0.1)),
        "loglam": ("E", loglam),
        "ivar": ("E", ivar),
        "and_mask": ("J", and_mask),
        "or_mask": ("J", np.full(n, 1 << 24, np.int32)),
    }
    values = {
        "PLATE": ("J", 266),
        "MJD": ("J", 51602),
        "FIBERID": ("J", fiber),
        "PLUG_RA": ("D", 146.49052),
        "PLUG_DEC": ("D", -0.36931044),
        "CLASS": ("6A", "GALAXY"),
        "SUBCLASS": ("21A", "STARFORMING"),
        "Z": ("E", 0.1),
        "FLAGS": ("12X", [True] * 12),
        "SN_MEDIAN": ("5E", [3.0, 14.0, 24.0, 27.0, 18.0]),
    }
    values = {
        name: (form, row.get(name, value)) for name, (form, value) in values.items() if row.get(name, 0) is not None
    }
    coadd = fits.BinTableHDU.from_columns(
        [fits.Column(name, form, array=array) for name, (form, array) in pixels.items()]
    )
    single = fits.BinTableHDU.from_columns(
        [fits.Column(name, form, array=[value]) for name, (form, value) in values.items()]
    )
    if second_name is not None:
        coadd.name, single.name = "COADD", second_name
    primary = fits.PrimaryHDU()
    primary.header["TELESCOP"] = "SDSS 2.5-M"
    lines = fits.BinTableHDU.from_columns([fits.Column("LINEZ", "E", array=[0.1])])
    fits.HDUList([primary, coadd, single, lines, *[coadd.copy() for _ in range(n_exposures)]]).writeto(path)
    return path


def sdss_spspec(path: Path, *, n: int = 3867, n_rows: int = 5, **cards: object) -> Path:
    """SDSS spSpec file."""
    flux = model(10 ** (3.5797 + 0.0001 * np.arange(n)), 0.0651026)
    error = np.full(n, 0.02)
    error[0] = 0.0
    flags = np.zeros(n)
    flags[5] = 1 << 24  # NODATA
    flags[6] = 1 << 30  # EMLINE, no defect
    hdu = fits.PrimaryHDU(np.array([flux, flux - 1.0, error, flags, flux], np.float32)[:n_rows])
    header = {
        "TELESCOP": "SDSS 2.5-M", "COEFF0": 3.5797, "COEFF1": 0.0001, "SPEC_CLN": 2, "Z": 0.0651026, "SN_R": 24.0559,
        "RAOBJ": 154.501970, "DECOBJ": -0.032774835, "PLATEID": 271, "MJD": 51883, "FIBERID": 171,
    }  # fmt: skip
    hdu.header.update({name: value for name, value in (header | cards).items() if value is not None})
    hdu.writeto(path)
    return path


DESI_GRIDS = {
    "B": 3600.0 + 0.8 * np.arange(2751),
    "R": 5760.0 + 0.8 * np.arange(2326),
    "Z": 7520.0 + 0.8 * np.arange(2881),
}


def desi_arrays(n_targets: int = 3) -> dict[str, np.ndarray]:
    """Images of a DESI coadd by the name of their HDU."""
    arrays: dict[str, np.ndarray] = {}
    for seed, (camera, grid) in enumerate(DESI_GRIDS.items()):
        arrays[f"{camera}_WAVELENGTH"] = grid
        flux = np.array([model(grid, 0.0, seed + 10 * i) for i in range(n_targets)], np.float32)
        arrays[f"{camera}_FLUX"] = flux
        arrays[f"{camera}_IVAR"] = np.full(flux.shape, 100.0 * (seed + 1), np.float32)
        arrays[f"{camera}_MASK"] = np.zeros(flux.shape, np.uint32)
    return arrays


def desi_coadd(
    path: Path,
    arrays: dict | None = None,
    *,
    targetids: list[int] | None = None,
    mean_mjd: float = 59300.25,
    compressed_mask: bool = True,
) -> Path:
    """DESI coadd; the masks are tile-compressed images, as the pipeline writes them, or plain ones."""
    arrays = desi_arrays() if arrays is None else arrays
    if targetids is None:
        targetids = [39627764529137664 + i for i in range(len(arrays["B_FLUX"]))]
    n_targets = len(targetids)
    fibermap = [
        fits.Column("TARGETID", "K", array=targetids),
        fits.Column("TARGET_RA", "D", array=np.linspace(10.0, 11.0, n_targets)),
        fits.Column("OBJTYPE", "3A", array=["TGT"] * n_targets),
        fits.Column("MEAN_MJD", "D", array=np.full(n_targets, mean_mjd)),
    ]
    hdus: list = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(fibermap, name="FIBERMAP")]
    for name, array in arrays.items():
        compressed = compressed_mask and name.endswith("MASK")
        hdus.append(fits.CompImageHDU(array, name=name) if compressed else fits.ImageHDU(array, name=name))
    fits.HDUList(hdus).writeto(path)
    return path


def redrock(path: Path, targetids: list[int], spectypes: list[str], redshifts: list[float]) -> Path:
    """Table of redshifts of redrock."""
    columns = [
        fits.Column("TARGETID", "K", array=targetids),
        fits.Column("Z", "D", array=redshifts),
        fits.Column("ZWARN", "K", array=[0] * len(targetids)),
        fits.Column("SPECTYPE", "6A", array=spectypes),
        fits.Column("SUBTYPE", "20A", array=["G" if spectype == "STAR" else "" for spectype in spectypes]),
        fits.Column("COEFF", "10D", array=np.zeros((len(targetids), 10))),
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="REDSHIFTS")]).writeto(path)
    return path


def table(name: str, **columns: tuple) -> fits.BinTableHDU:
    """Binary table of columns, each a format and an array."""
    made = [fits.Column(column, form, array=array) for column, (form, array) in columns.items()]
    return fits.BinTableHDU.from_columns(made, name=name)


def sdss5_spec(path: Path, **row: object) -> Path:
    """SDSS-V spec file; `row` replaces columns of HDU 2, None leaves one out."""
    n = 4600
    row = {
        "FIELD": ("K", [112360]), "MJD": ("K", [60000]), "CATALOGID": ("K", [27021598150202075]),
        "CLASS": ("6A", ["QSO"]), "SUBCLASS": ("21A", [""]), "Z": ("E", [1.5]), "ZWARNING": ("K", [0]),
        "SN_MEDIAN": ("5E", [[1, 2, 3, 4, 5.0]]), "PLUG_RA": ("D", [150.0]), "PLUG_DEC": ("D", [2.0]),
    } | row  # fmt: skip
    pixels = {
        "FLUX": ("E", np.ones(n)), "LOGLAM": ("E", 3.5523 + 1e-4 * np.arange(n)), "IVAR": ("E", np.ones(n)),
        "AND_MASK": ("J", np.zeros(n, int)),
    }  # fmt: skip
    spall = table("SPALL", **{name: column for name, column in row.items() if column is not None})
    fits.HDUList([fits.PrimaryHDU(), table("COADD", **pixels), spall]).writeto(path)
    return path


def astra(path: Path, n_boss: int = 1, n_apogee: int = 1, *, visits: bool = False) -> Path:
    """mwmStar, or mwmVisit whose grid is in the header."""
    hdus = [fits.PrimaryHDU()]
    hdus[0].header["V_ASTRA"], hdus[0].header["SDSS_ID"] = "0.6.0", 114
    for name, n_rows, n, start, step in (
        ("BOSS/APO", n_boss, 4648, 3.5523, 1e-4),
        ("BOSS/LCO", 0, 4648, 3.5523, 1e-4),
        ("APOGEE/APO", n_apogee, 8575, 4.179, 6e-6),
    ):
        columns = {
            "flux": (f"{n}E", np.ones((n_rows, n))), "ivar": (f"{n}E", np.full((n_rows, n), 4.0)),
            "pixel_flags": (f"{n}K", np.arange(n) * np.ones((n_rows, 1)) == 7), "snr": ("E", np.full(n_rows, 20.0)),
        }  # fmt: skip
        if visits:
            columns["mjd"] = ("J", 59000 + np.arange(n_rows))
        else:
            columns["wavelength"] = (f"{n}D", 10 ** (start + step * np.arange(n)) * np.ones((n_rows, 1)))
        hdu = table(name, **columns)
        hdu.header["CRVAL"], hdu.header["CDELT"], hdu.header["NPIXELS"] = start, step, n
        hdus.append(hdu)
    fits.HDUList(hdus).writeto(path)
    return path


def lamost_medium_resolution(path: Path, *, row_of_arrays: bool = True) -> Path:
    """Two coadded bands, the red one first; the flux of each is its first wavelength."""
    primary = fits.PrimaryHDU()
    primary.header.update(lamost_header(CLASS=None))
    hdus, n = [primary], 3000
    for name, start in (("COADD_R", 6320.0), ("COADD_B", 4920.0)):
        wavelength = np.geomspace(start, start + 450, n)
        columns = {"FLUX": np.full(n, start), "IVAR": np.ones(n), "PIXMASK": np.arange(n) == 5}
        columns |= {"WAVELENGTH": wavelength} if row_of_arrays else {"LOGLAM": np.log10(wavelength)}
        form, shape = (f"{n}D", (1, n)) if row_of_arrays else ("D", (n,))
        hdus.append(table(name, **{key: (form, values.reshape(shape)) for key, values in columns.items()}))
    fits.HDUList(hdus).writeto(path)
    return path


def joined_cameras(path: Path, fibermap: str = "FIBERMAP") -> Path:
    """DESI coadd whose cameras are joined to one."""
    grid = 3600 + 0.8 * np.arange(7781)
    images = {
        "WAVELENGTH": grid,
        "FLUX": model(grid)[None],
        "IVAR": np.ones((1, 7781)),
        "MASK": np.zeros((1, 7781), "i4"),
    }
    hdus = [fits.ImageHDU(array, name=f"BRZ_{name}") for name, array in images.items()]
    fits.HDUList([fits.PrimaryHDU(), table(fibermap, TARGETID=("K", [1])), *hdus]).writeto(path)
    return path


def tianchi_spectrum(path: Path, seed: int = 0, n: int = 2600) -> Path:
    """Tianchi's text file of fluxes."""
    flux = model(np.linspace(3690.0, 9100.0, n), seed=seed)
    path.write_text(",".join(f"{value:.6f}" for value in flux) + "\n")
    return path


# One file of each format with a survey, by name.
MAKERS = {
    "lamost_array.fits": lamost_array,
    "lamost_array_zipped.fits.gz": lambda path: lamost_array(path, fiber=7),
    "lamost_no_wavelength_row.fits": lambda path: lamost_array(path, wavelength_row=False, fiber=8),
    "lamost_table.fits.gz": lambda path: lamost_table(path, fiber=9),
    "sdss_spec.fits": sdss_spec,
    "sdss_spec_unnamed.fits": lambda path: sdss_spec(path, second_name=None, n_exposures=0, fiber=9),
    "sdss_spspec.fit": sdss_spspec,
    "desi_coadd.fits": desi_coadd,
    "tianchi.txt": tianchi_spectrum,
}
