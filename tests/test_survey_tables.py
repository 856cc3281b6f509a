"""SurveyFile.table and hdu_header: the tables of FITS files, as astropy reads them."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skspectra.datasets import Spectrum, SurveyFile, load_spectra, register_reader
from skspectra.datasets._readers import _registry

N_ROWS = 3


def ragged(dtype):
    """An array of variable length a row."""
    column = np.empty(N_ROWS, object)
    column[:] = [np.arange(i + 1).astype(dtype) for i in range(N_ROWS)]
    return column


def column_of(letter, repeat, scaled):
    """Format, values and keywords of a column of a TFORM letter."""
    numbers = np.arange(N_ROWS * repeat).reshape(N_ROWS, repeat)
    values = numbers[:, 0] if repeat == 1 else numbers
    form = f"{repeat if repeat > 1 else ''}{letter}"
    match letter:
        case "L":
            return form, values % 2 == 0, {}
        case "X":
            return form, (numbers % 3 == 0), {}
        case "A":
            return f"{repeat + 3}A", ["ab ", "", "c"], {}
        case "C" | "M":
            return form, values + 1j, {}
        case "P" | "Q":
            return f"{letter}D()", ragged(np.float64), {}
        case "I" | "J" | "K":
            return form, values, {} if scaled and letter != "K" else {"null": 1}
        case _:
            return form, values, {}


columns = st.lists(
    st.tuples(st.sampled_from("LXBIJKAEDCMPQ"), st.integers(1, 4), st.booleans()), min_size=1, max_size=8
)


def same_values(one, other):
    if one.dtype == object:
        return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    kept = ~np.ma.getmaskarray(np.ma.asarray(other))
    return np.array_equal(np.asarray(one)[kept], np.asarray(other)[kept])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=columns, data=st.data())
def test_tables_are_as_astropy_reads_them(tmp_path, columns, data):
    made = []
    for number, specification in enumerate(columns):
        form, values, keywords = column_of(*specification)
        made.append(fits.Column(f"c{number}", form, array=values, unit="nm", **keywords))
    path = tmp_path / "a.fits"
    hdu = fits.BinTableHDU.from_columns(made)
    for number, (letter, _, scaled) in enumerate(columns, 1):
        if scaled and letter in "BIJED":  # astropy fails on scaled 64-bit integers
            hdu.header[f"TSCAL{number}"], hdu.header[f"TZERO{number}"] = 0.5, 3.0
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    wanted = data.draw(st.lists(st.sampled_from([column.name for column in made]), min_size=1, unique=True))
    expected = Table.read(path, hdu=1, mask_invalid=False)
    expected.convert_bytestring_to_unicode()

    with SurveyFile(path) as file:
        whole, cut = file.table(1), file.table(1, [name.upper() for name in wanted])

    assert whole.colnames == [name.upper() for name in expected.colnames]
    assert set(cut.colnames) == {name.upper() for name in wanted}
    for table in (whole, cut):
        for name in table.colnames:
            column = expected[name.lower()]
            assert (table[name].dtype, table[name].shape, table[name].unit) == (column.dtype, column.shape, column.unit)
            assert np.array_equal(
                np.ma.getmaskarray(np.ma.asarray(table[name])), np.ma.getmaskarray(np.ma.asarray(column))
            )
            assert same_values(table[name], column)


def written(path, *made, kind=fits.BinTableHDU):
    kind.from_columns(list(made)).writeto(path)
    return path


def test_unsigned_numbers_stay_unsigned(tmp_path):
    column = fits.Column("counts", "J", bzero=2**31, array=np.array([0, 2**32 - 1], np.uint32))
    with SurveyFile(written(tmp_path / "a.fits", column)) as file:
        counts = file.table(1)["COUNTS"]
    assert (counts.dtype, counts.tolist()) == (np.uint32, [0, 2**32 - 1])


def test_columns_of_several_dimensions(tmp_path):
    column = fits.Column("cube", "6E", dim="(3,2)", array=np.arange(12.0).reshape(2, 2, 3))
    with SurveyFile(written(tmp_path / "a.fits", column)) as file:
        np.testing.assert_array_equal(file.table(1, ["CUBE"])["CUBE"], np.arange(12.0).reshape(2, 2, 3))


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8", "f4", "f8", "u2", "i1"])  # the last two with BZERO
@pytest.mark.parametrize("kind", [fits.PrimaryHDU, fits.ImageHDU])
def test_images_are_those_of_astropy(tmp_path, dtype, kind):
    path, values = tmp_path / "a.fits", np.arange(6, dtype=dtype).reshape(2, 3)
    kind(values).writeto(path)
    with SurveyFile(path) as file:
        image = file.image(0 if kind is fits.PrimaryHDU else 1)
    np.testing.assert_array_equal(image, values)
    assert image.dtype.newbyteorder("=") == values.dtype
    image += 1  # a reader may change it


@pytest.mark.parametrize(("card", "value", "expected"), [("BSCALE", 0.5, [0, 0.5, 1]), ("BLANK", 1, [0, np.nan, 2])])
def test_scaled_and_blank_images(tmp_path, card, value, expected):
    hdu = fits.PrimaryHDU(np.arange(3, dtype="i2"))
    hdu.writeto(tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits", mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].header[card] = value
        if card == "BLANK":
            hdus[0].header["BSCALE"] = 1.0  # astropy knows a blank only where it scales
    with SurveyFile(tmp_path / "a.fits") as file:
        np.testing.assert_array_equal(file.image(0), expected)


def test_tables_of_text(tmp_path):
    made = (fits.Column("wave", "F10.3", array=[4000.5, 4001.5]), fits.Column("name", "A5", array=["a", "bc"]))
    with SurveyFile(written(tmp_path / "a.fits", *made, kind=fits.TableHDU)) as file:
        assert file.has_table(1, {"WAVE", "NAME"})
        assert file.table(1, ["WAVE"]).colnames == ["WAVE"]
        assert file.table(1)["NAME"].tolist() == ["a", "bc"]


def test_every_header_can_be_seen(tmp_path):
    column = fits.Column("wave", "D", unit="nm", array=[400.0])
    with SurveyFile(written(tmp_path / "a.fits", column)) as file:
        assert file.hdu_header(1)["TUNIT1"] == "nm"
        with pytest.raises(ValueError, match=r"it has no HDU 'COADD', only \['PRIMARY', 1\]"):
            file.hdu_header("COADD")


def test_a_format_that_is_none_is_named(tmp_path):
    path = written(tmp_path / "a.fits", fits.Column("wave", "D", array=[400.0]))
    path.write_bytes(path.read_bytes().replace(b"'D       '", b"'Y       '"))
    with SurveyFile(path) as file, pytest.raises(ValueError, match="HDU 1: column 1 has the unknown format 'Y'"):
        file.table(1)


@pytest.fixture
def reader_of_tables(monkeypatch):
    """A reader of the columns WAVE, FLUX and MASK."""
    monkeypatch.setattr(_registry, "_user_readers", [])

    @register_reader("MySurvey")
    def read(file):
        table = file.table(1)
        mask = table["MASK"] if "MASK" in table.colnames else None
        return Spectrum(flux=table["FLUX"], wavelength=table["WAVE"], mask=mask)


GRID = np.linspace(4000.0, 5000.0, 101)


def test_logical_masks_are_truth_values(reader_of_tables, tmp_path):
    bad = np.arange(101) % 10 == 0
    Table({"WAVE": GRID, "FLUX": np.ones(101), "MASK": bad}).write(tmp_path / "a.fits")
    np.testing.assert_array_equal(load_spectra(tmp_path / "a.fits", wavelength=None).mask[0], bad)


def test_missing_values_of_integers_are_nan(reader_of_tables, tmp_path):
    made = (fits.Column("WAVE", "D", array=GRID), fits.Column("FLUX", "I", null=7, array=np.arange(101)))
    spectra = load_spectra(written(tmp_path / "a.fits", *made), wavelength=None)
    assert np.flatnonzero(np.isnan(spectra.data[0])).tolist() == [7]
    assert np.flatnonzero(spectra.mask[0]).tolist() == [7]


def test_scaled_flux_and_arrays_of_variable_length(reader_of_tables, tmp_path):
    scaled = fits.BinTableHDU.from_columns(
        [fits.Column("WAVE", "D", array=GRID), fits.Column("FLUX", "I", array=np.arange(101))]
    )
    scaled.header["TSCAL2"], scaled.header["TZERO2"] = 1e-3, 1.0
    scaled.writeto(tmp_path / "a.fits")
    flux = load_spectra(tmp_path / "a.fits", wavelength=GRID).data[0]
    np.testing.assert_allclose(flux, 1.0 + 1e-3 * np.arange(101), rtol=1e-6)
    made = []
    for name, array in (("WAVE", GRID), ("FLUX", np.arange(101.0))):
        cell = np.empty(1, object)
        cell[0] = array
        made.append(fits.Column(name, "PD()", array=cell))
    spectra = load_spectra(written(tmp_path / "b.fits", *made), wavelength=GRID)
    np.testing.assert_array_equal(spectra.data[0], np.arange(101.0))
