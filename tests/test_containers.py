"""Compressed files, archives, and files that are objects in memory."""

import bz2
import gzip
import io
import lzma
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import InverseVariance, StdDevUncertainty
from survey_files import desi_arrays, desi_coadd, redrock, sdss_spec

from skspectra.datasets import load_spectra, write_spectra_store


@pytest.fixture
def spec(tmp_path):
    return sdss_spec(tmp_path / "spec.fits")


def zipped(content, *names):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name in names:
            file.writestr(name, content)
    return archive.getvalue()


PACKED = {
    "s.fits.gz": gzip.compress,
    "s.fits.bz2": bz2.compress,
    "s.fits.xz": lzma.compress,
    "twice.fits.gz": lambda content: gzip.compress(gzip.compress(content)),
    "s.fits.zip": lambda content: zipped(content, "folder/", "folder/spec.fits"),
}


@pytest.mark.parametrize("name", PACKED)
def test_compressed_files_are_read_whatever_their_name(spec, tmp_path, name):
    (tmp_path / name).write_bytes(PACKED[name](spec.read_bytes()))
    np.testing.assert_array_equal(load_spectra(tmp_path / name).data, load_spectra(spec).data)


@pytest.mark.parametrize("name", PACKED)
def test_compressed_files_are_found_in_folders(spec, tmp_path, name):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / name).write_bytes(PACKED[name](spec.read_bytes()))
    assert load_spectra(tmp_path / "f").target.tolist() == ["GALAXY"]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (zipped(b"any", "a.fits", "b.fits"), "it is a zip archive of 2 files: unpack it first"),
        (b"\x28\xb5\x2f\xfd rest", "it is compressed by Zstandard, which is not supported"),
        (b"\x1f\x9d rest", r"it is compressed by compress \(\.Z\), which is not supported"),
        (b"7z\xbc\xaf\x27\x1c", "it is a 7-Zip archive"),
        (b"\x89HDF\r\n\x1a\n", "it is an HDF5 file"),
        (b"a.fits".ljust(257, b"\0") + b"ustar\0" + bytes(300), "it is a tar archive"),
        (bz2.compress(b"any" * 99)[:-5], "the bzip2 compression is broken"),
        (lzma.compress(b"any" * 99)[:-5], "the xz compression is broken"),
        (b"PK\x03\x04 no archive", "the zip archive is broken"),
        (gzip.compress(b""), "the file is empty"),
    ],
)
def test_what_is_not_unpacked_is_named(tmp_path, content, cause):
    (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.fits: {cause}"):
        load_spectra(tmp_path / "a.fits")


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, lambda x: zipped(x, "a.fits")])
def test_bombs_are_refused(tmp_path, compress):
    content = compress(bytes(80 << 20))
    (tmp_path / "a.fits").write_bytes(content if len(content) < 1 << 20 else gzip.compress(content))
    with pytest.raises(ValueError, match=r"the file exceeds the limit of \d+ bytes after \w+ decompression"):
        load_spectra(tmp_path / "a.fits")


def test_compressed_too_often(tmp_path):
    content = b"any"
    for _ in range(5):
        content = gzip.compress(content)
    (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises(ValueError, match="it is compressed more than 3 times"):
        load_spectra(tmp_path / "a.fits")


# --- objects in memory


def test_file_objects(spec):
    expected = load_spectra(spec)
    with spec.open("rb") as file:
        spectra = load_spectra(file)
    assert spectra.filename.tolist() == [str(spec)]
    np.testing.assert_array_equal(spectra.data, expected.data)
    spectra = load_spectra([io.BytesIO(gzip.compress(spec.read_bytes()))], n_jobs=2)
    assert spectra.filename.tolist() == ["<BytesIO 0>"]
    np.testing.assert_array_equal(spectra.data, expected.data)


def test_text_objects():
    text = "wavelength,flux\n" + "".join(f"{3600 + i},1.0\n" for i in range(5600))
    assert np.isfinite(load_spectra(io.StringIO(text)).data).all()


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"SIMPLE  =\0\0", "^<BytesIO 0>: "),
        (b"abc", "^<BytesIO 0>: no reader recognises its format"),
        (b"", "the file is empty"),
    ],
)
def test_file_objects_that_hold_no_spectra(content, cause):
    with pytest.raises(ValueError, match=cause):
        load_spectra(io.BytesIO(content))


def test_hdulists(spec, tmp_path):
    desi_coadd(tmp_path / "coadd.fits", desi_arrays(1), targetids=[7])
    redrock(tmp_path / "redrock.fits", [7], ["QSO"], [1.5])
    with fits.open(tmp_path / "coadd.fits") as coadd, fits.open(tmp_path / "redrock.fits") as labels:
        spectra = load_spectra([coadd, labels, spec])
    assert spectra.target.tolist() == ["QSO", "GALAXY"]
    assert spectra.filename.tolist() == ["<HDUList 0>", str(spec)]


def test_an_object_that_cannot_be_read_is_named(spec):
    with fits.open(spec) as hdus:
        pass  # closed before its data were read
    with pytest.raises(ValueError, match="<HDUList 1>: "):
        load_spectra([spec, hdus])
    with pytest.warns(UserWarning, match=r"1 of 1 files could not be loaded, in part or at all.*<HDUList 1>"):
        assert len(load_spectra([spec, hdus], on_error="warn").data) == 1


@pytest.mark.parametrize("paths", [3, [None], [3.5], np.ones((2, 3))])
def test_other_objects_are_refused(paths):
    with pytest.raises(ValueError, match="The 'paths' parameter of load_spectra must be a str, a path"):
        load_spectra(paths)


def test_a_store_is_made_of_files_alone(spec, tmp_path):
    with fits.open(spec) as hdus, pytest.raises(ValueError, match="The 'paths' parameter of write_spectra_store must"):
        write_spectra_store([hdus], tmp_path / "store")


GRID = np.linspace(4000.0, 8000.0, 401)


def like_specutils(**given):
    """What a `Spectrum` of specutils offers."""
    spectrum = {"spectral_axis": GRID * units.AA, "flux": np.ones(401) * units.Unit("erg / (s cm2 AA)")}
    return SimpleNamespace(**(spectrum | {"uncertainty": None, "mask": None} | given))


def test_spectra_of_specutils():
    mask = np.arange(401) == 3
    spectrum = like_specutils(uncertainty=StdDevUncertainty(np.full(401, 0.5)), mask=mask)
    spectra = load_spectra(spectrum, wavelength=GRID)
    np.testing.assert_array_equal(spectra.data[0], 1.0)
    np.testing.assert_allclose(spectra.ivar[0], 4.0)
    np.testing.assert_array_equal(spectra.mask[0], mask)
    assert spectra.survey.tolist() == ["specutils"]


def test_several_rows_and_several_spectra_of_specutils():
    rows = np.array([np.ones(401), np.full(401, 2.0)])
    two = like_specutils(flux=rows * units.ct, uncertainty=InverseVariance(np.full((2, 401), 9.0)))
    spectra = load_spectra([two, like_specutils()], wavelength=GRID)
    assert spectra.data[:, 0].tolist() == [1.0, 2.0, 1.0]
    assert spectra.ivar[:2, 0].tolist() == [9.0, 9.0]


def test_units_of_specutils():
    """In nm and Jy, or on a frequency axis: 1 Jy is 2.998e-5 / wavelength**2 erg/s/cm2/A, with angstroms."""
    expected = 2.99792458e-5 / GRID**2
    flux, error = np.ones(401) * units.Jy, StdDevUncertainty(np.full(401, 0.1) * units.Jy)
    by_frequency = {"spectral_axis": (GRID * units.AA).to(units.Hz, equivalencies=units.spectral()), "flux": flux}
    for given in ({"spectral_axis": GRID / 10 * units.nm, "flux": flux, "uncertainty": error}, by_frequency):
        spectra = load_spectra(like_specutils(**given), wavelength=GRID)
        np.testing.assert_allclose(spectra.data[0], expected, rtol=1e-5)
    spectra = load_spectra(like_specutils(flux=flux, uncertainty=error), wavelength=GRID)
    np.testing.assert_allclose(spectra.ivar[0], 1 / (0.1 * expected) ** 2, rtol=1e-5)


def test_an_axis_that_is_no_wavelength_is_named():
    with pytest.raises(ValueError, match=r"<SimpleNamespace 0>: UnitConversionError: .*km / s"):
        load_spectra(like_specutils(spectral_axis=GRID * units.km / units.s))


def test_real_spectra_of_specutils(tmp_path):
    specutils = pytest.importorskip("specutils")
    flux = np.arange(1.0, 402.0) * units.Unit("erg / (s cm2 AA)")
    spectrum = specutils.Spectrum(flux=flux, spectral_axis=GRID / 10 * units.nm)
    spectrum.write(tmp_path / "written.fits", format="tabular-fits")
    for given in (spectrum, specutils.SpectrumList([spectrum]), tmp_path / "written.fits"):
        spectra = load_spectra(given, wavelength=GRID)
        np.testing.assert_allclose(spectra.data, [flux.value], rtol=1e-6)
