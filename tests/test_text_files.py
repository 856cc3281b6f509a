"""Spectra in text files: csv and its relatives, ECSV, VOTable and what Gaia gives."""

import gzip

import numpy as np
import pytest
from astropy import units
from astropy.table import Table

from skspectra.datasets import load_spectra

N = 400
WAVELENGTH = np.linspace(4000.0, 8000.0, N).round(2)
FLUX = np.arange(N) / 100


def pixel_rows(path, header, separator=",", *, factor=1.0, columns=(), before=""):
    """A text file of one spectrum, a pixel a row."""
    rows = zip(WAVELENGTH * factor, FLUX, *columns, strict=True)
    lines = [
        separator.join(f"{value:.10g}" if isinstance(value, float) else str(value) for value in row) for row in rows
    ]
    path.write_text(before + header + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def loaded(path):
    return load_spectra(path, wavelength=WAVELENGTH)


@pytest.mark.parametrize(
    ("header", "separator"),
    [
        ("wavelength,flux", ","),
        ("Wave,Flux", ","),
        ("wavelength;flux", ";"),
        ("lambda\tflux", "\t"),
        ("wave flux", "   "),
        ("# wave flux", " "),
        ("#wave|flux", "|"),
        ('"wavelength","flux"', ","),
        ("wavelength(A),flux(erg/s/cm2/A)", ","),
        ("Wavelength [Å],flux", ","),
    ],
)
def test_names_and_separators(tmp_path, header, separator):
    spectra = loaded(pixel_rows(tmp_path / "a.csv", header, separator))
    np.testing.assert_allclose(spectra.data[0], FLUX, rtol=1e-6)
    assert spectra.object_id.tolist() == ["a"]


@pytest.mark.parametrize(("unit", "factor"), [("nm", 0.1), ("micron", 1e-4), ("um", 1e-4), ("m", 1e-10)])
def test_the_unit_of_the_header_is_used(tmp_path, unit, factor):
    path = pixel_rows(tmp_path / "a.csv", f"wavelength({unit}),flux", factor=factor)
    np.testing.assert_allclose(loaded(path).data[0], FLUX, rtol=1e-5, atol=1e-5)


def test_logarithmic_wavelengths(tmp_path):
    lines = [f"{loglam:.9f},{flux}" for loglam, flux in zip(np.log10(WAVELENGTH), FLUX, strict=True)]
    (tmp_path / "a.csv").write_text("loglam,flux\n" + "\n".join(lines))
    np.testing.assert_allclose(loaded(tmp_path / "a.csv").data[0], FLUX, rtol=1e-4, atol=1e-4)


def test_a_unit_that_is_none_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"a\.csv: the wavelengths are in 'parsec'; the known units are \['a', .*'nm'"):
        loaded(pixel_rows(tmp_path / "a.csv", "wavelength(parsec),flux"))


def test_comments_and_empty_lines_are_passed_over(tmp_path):
    path = pixel_rows(tmp_path / "a.csv", "wavelength,flux", before="# TELESCOPE: P60, wavelength range\n\n#\n")
    path.write_text(path.read_text().replace("\n5", "\n# here, the red\n\n5", 1))
    np.testing.assert_allclose(loaded(path).data[0], FLUX, rtol=1e-6)


def test_errors_and_missing_values(tmp_path):
    error = np.full(N, 0.5).astype(object)
    error[[3, 4, 5]] = ["", "--", 0.0]
    spectra = loaded(pixel_rows(tmp_path / "a.csv", "wavelength,flux,error", columns=[error]))
    np.testing.assert_allclose(np.delete(spectra.ivar[0], [3, 4, 5]), 4.0)
    assert np.flatnonzero(spectra.mask[0]).tolist() == [3, 4, 5]


@pytest.mark.parametrize("name", ["target", "class", "Label"])
def test_the_class_has_several_names(tmp_path, name):
    rows = "".join(f"{','.join(['1.0'] * N)},{kind}\n" for kind in ("STAR", "--", "", "QSO"))
    (tmp_path / "a.csv").write_text(",".join(map(str, WAVELENGTH)) + f",{name}\n" + rows)
    assert loaded(tmp_path / "a.csv").target.tolist() == ["STAR", "", "", "QSO"]


def test_names_of_objects_keep_their_zeros(tmp_path):
    rows = "".join(f"{','.join(['1.0'] * N)},{name}\n" for name in ("0012", "39627764529137664"))
    (tmp_path / "a.csv").write_text(",".join(map(str, WAVELENGTH)) + ",object_id\n" + rows)
    assert loaded(tmp_path / "a.csv").object_id.tolist() == ["0012", "39627764529137664"]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("wave,flux\n5000,1\n# x\n5001,abc\n", "line 4, column 'flux': 'abc' is not a number"),
        ("wave flux\n5000 1\n\n5001\n", "line 4 has 1 values, but the header has 2 columns"),
        ("wave,flux\n5000,1\n5001,2,3\n", "line 3 has 3 values, but the header has 2 columns"),
        ("wave,flux\n5000,True\n5001,1\n", "line 2, column 'flux': 'True' is not a number"),
        (
            "wave,counts\n5000,1\n",
            "begins with 'wave,counts .*A text file of spectra has a header with",
        ),
        ("5000 1.0\n5001 2.0\n", "not wavelengths, .*A text file of spectra has a header with"),
        ("hello\n", r"begins with 'hello'\. A text file of spectra has a header with the columns wavelength and flux"),
    ],
)
def test_errors_say_where_and_what_a_file_must_have(tmp_path, content, cause):
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(ValueError, match=rf"a\.txt: .*({cause})"):
        loaded(tmp_path / "a.txt")


def test_columns_without_use_are_named_once(tmp_path):
    for name in ("a", "b"):
        pixel_rows(tmp_path / f"{name}.csv", "wavelength,flux,sky", columns=[FLUX])
    with pytest.warns(UserWarning, match=r"Arrays in the files that are not used: 'sky' \(files: 2\)\.$") as record:
        loaded(tmp_path)
    assert len(record) == 1
    assert record[0].filename == __file__


@pytest.mark.parametrize(("file_format", "name"), [("ascii.ecsv", "a.ecsv"), ("votable", "a.vot")])
def test_tables_with_units(tmp_path, file_format, name):
    table = Table({"wavelength": WAVELENGTH / 10 * units.nm, "flux": FLUX * units.Unit("W / (m2 nm)")})
    table.write(tmp_path / name, format=file_format)
    np.testing.assert_allclose(loaded(tmp_path / name).data[0], FLUX, rtol=1e-6)


def test_fits_tables_with_units(tmp_path):
    table = Table(
        {"wavelength": WAVELENGTH / 10 * units.nm, "flux": FLUX * units.Jy**0, "uncertainty": np.full(N, 0.5)}
    )
    table.write(tmp_path / "a.fits")
    spectra = loaded(tmp_path / "a.fits")
    np.testing.assert_allclose(spectra.data[0], FLUX, rtol=1e-6)
    np.testing.assert_allclose(spectra.ivar[0], 4.0)


def test_fits_tables_of_a_spectrum_a_row(tmp_path):
    two = {"WAVE": np.array([WAVELENGTH, WAVELENGTH]), "FLUX": np.array([FLUX, 2 * FLUX])}
    Table(two | {"CLASS": ["STAR", "QSO"]}).write(tmp_path / "a.fits")
    spectra = loaded(tmp_path / "a.fits")
    np.testing.assert_allclose(spectra.data, [FLUX, 2 * FLUX], rtol=1e-6)
    assert spectra.target.tolist() == ["STAR", "QSO"]


def test_flux_per_frequency_is_refused(tmp_path):
    Table({"wavelength": WAVELENGTH * units.AA, "flux": FLUX * units.Jy}).write(tmp_path / "a.fits")
    with pytest.raises(ValueError, match=r"a\.fits: the flux is in Jy, which is not per unit wavelength"):
        loaded(tmp_path / "a.fits")


def test_sampled_spectra_of_gaia_are_in_nanometres(tmp_path):
    grid = np.arange(336, 1021, 2)
    lines = [f"{wavelength},{1e-17 * wavelength},1e-18" for wavelength in grid]
    (tmp_path / "XP_SAMPLED-1.csv").write_text("wavelength,flux,flux_error\n" + "\n".join(lines))
    spectra = load_spectra(tmp_path / "XP_SAMPLED-1.csv", wavelength=10.0 * grid)
    np.testing.assert_allclose(spectra.data[0], 1e-17 * grid, rtol=1e-6)
    np.testing.assert_allclose(spectra.ivar[0], 1e36, rtol=1e-6)
    assert spectra.survey.tolist() == ["Gaia"]


def test_text_may_be_compressed_and_in_latin_1(tmp_path):
    text = pixel_rows(tmp_path / "a.csv", "wavelength(Å),flux").read_text(encoding="utf-8")
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode("latin-1")))
    np.testing.assert_allclose(loaded(tmp_path / "a.csv.gz").data[0], FLUX, rtol=1e-6)
