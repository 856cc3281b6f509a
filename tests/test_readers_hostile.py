# ruff: noqa: F811 - pytest takes fixtures by the names of arguments
"""Damaged files: broken off, something else, missing or impossible content."""

import gzip
import io

import numpy as np
import pytest
from astropy.io import fits
from hostile_cases import (
    FORMATS,
    ONE_SPECTRUM,
    contents,  # noqa: F401
    edited,
    refused,
    with_card,
)
from survey_files import lamost_array, lamost_table, sdss_spec, sdss_spspec

from skspectra.datasets import load_spectra

# --- broken off


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("n_kept", [0, 2880, 4001, -3000])
def test_truncated_in_the_data(tmp_path, contents, name, n_kept):
    with fits.open(io.BytesIO(contents[name])) as hdus:
        # The first that are large: DESI's wavelengths, elsewhere the spectrum.
        info = next(hdu.fileinfo() for hdu in hdus if hdu.fileinfo()["datSpan"] > 4 * 2880)
    kept = info["datLoc"] + (n_kept if n_kept >= 0 else info["datSpan"] + n_kept)
    refused(tmp_path / "spec.fits", contents[name][:kept], "truncated")


@pytest.mark.parametrize("name", FORMATS)
def test_what_stands_behind_the_last_hdu_does_no_harm(tmp_path, contents, name):
    (tmp_path / "whole.fits").write_bytes(contents[name])
    (tmp_path / "longer.fits").write_bytes(contents[name] + b"END")
    whole, longer = (load_spectra(tmp_path / file).data for file in ("whole.fits", "longer.fits"))
    np.testing.assert_array_equal(longer, whole)


def test_truncated_behind_the_part_that_is_read(tmp_path, contents):
    refused(tmp_path / "spec.fits", contents["sdss_spec"][:-5000], "truncated: HDU [3-9]")


@pytest.mark.parametrize("name", FORMATS)
def test_truncated_in_the_first_header(tmp_path, contents, name):
    refused(tmp_path / "spec.fits", contents[name][:1000], "[Hh]eader")


@pytest.mark.parametrize("kept", [0.001, 0.5, 0.99])
@pytest.mark.parametrize("name", FORMATS)
def test_gzip_broken_off(tmp_path, contents, name, kept):
    content = gzip.compress(contents[name])
    refused(tmp_path / "spec.fits.gz", content[: int(kept * len(content)) + 3], "gzip")


def test_gzip_with_a_wrong_checksum(tmp_path, contents):
    content = bytearray(gzip.compress(contents["lamost_array"]))
    content[-6] ^= 0xFF
    refused(tmp_path / "spec.fits.gz", bytes(content), "gzip.*CRC")


def test_gzip_broken_in_the_middle(tmp_path, contents):
    content = bytearray(gzip.compress(contents["lamost_array"]))
    content[len(content) // 2 : len(content) // 2 + 200] = bytes(200)
    refused(tmp_path / "spec.fits.gz", bytes(content), "gzip")


# --- something else


@pytest.mark.parametrize("name", ["spec.fits", "spec.fits.gz", "spec.txt"])
def test_empty(tmp_path, name):
    refused(tmp_path / name, b"", "empty")


def test_empty_in_gzip(tmp_path):
    refused(tmp_path / "spec.fits.gz", gzip.compress(b""), "empty")


@pytest.mark.parametrize(
    "content",
    [
        b"<html>404 Not Found</html>",
        b"\0" * 5000,
        b"\xff\xfe\xfd" * 1000,
        b"S",
        b"SIMPLE",
        b"PK not a zip",
        b"a,b\n1,2\n",
    ],
)
def test_not_fits(tmp_path, content):
    refused(tmp_path / "spec.fits", content, "no reader recognises its format")


def test_fits_of_something_else(tmp_path):
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((10, 10))).writeto(path)
    refused(path, path.read_bytes(), "no reader recognises its format")


def test_a_survey_of_which_this_is_another_product(tmp_path, contents):
    # Such as the parameters of stars, in the file name of a spectrum.
    content = edited(contents["lamost_table"], lambda hdus: hdus[1].header.set("EXTNAME", "PARAMETERS"))
    refused(tmp_path / "spec.fits", content, r"no HDU 'COADD', only \['PRIMARY', 'PARAMETERS'\]")


@pytest.mark.parametrize(
    ("name", "cause"),
    [("lamost_table", r"no HDU 'COADD', only \['PRIMARY'\]"), ("sdss_spec", r"no HDU 2, only \['PRIMARY', 'COADD'\]")],
)
def test_wrong_number_of_hdus(tmp_path, contents, name, cause):
    n_kept = 1 if name == "lamost_table" else 2
    refused(tmp_path / "spec.fits", edited(contents[name], lambda hdus: fits.HDUList(hdus[:n_kept])), cause)


@pytest.mark.parametrize("missing", ["R_FLUX", "Z_WAVELENGTH", "B_MASK", "R_IVAR"])
def test_desi_with_a_missing_hdu(tmp_path, contents, missing):
    def edit(hdus):
        del hdus[missing]

    refused(tmp_path / "coadd.fits", edited(contents["desi_coadd"], edit), f"no HDU '{missing}'")


def test_desi_with_wavelengths_that_are_compressed(tmp_path, contents):
    def edit(hdus):
        hdus["B_WAVELENGTH"] = fits.CompImageHDU(hdus["B_WAVELENGTH"].data, name="B_WAVELENGTH")

    refused(tmp_path / "coadd.fits", edited(contents["desi_coadd"], edit), "'B_WAVELENGTH' is a compressed image")


# --- missing or impossible content


def test_lamost_without_the_row_of_flags(tmp_path):
    path = lamost_array(tmp_path / "spec.fits", EXTEN0="Flux, Inverse, Wavelength")
    refused(path, path.read_bytes(), r"primary array lacks the rows \['andmask'\]; its rows are \['flux', 'inverse'")


def test_sdss_spspec_without_the_row_of_flags(tmp_path):
    path = sdss_spspec(tmp_path / "spec.fits", n_rows=3)
    refused(path, path.read_bytes(), "the primary array has 3 rows, not the 4 or 5")


def drop_class(hdus):
    for card in ("CLASS", "SPEC_CLN"):
        hdus[0].header.remove(card, ignore_missing=True)
    if len(hdus) > 2 and "CLASS" in getattr(hdus[2], "columns", fits.ColDefs([])).names:
        hdus[2] = fits.BinTableHDU.from_columns([column for column in hdus[2].columns if column.name != "CLASS"])


@pytest.mark.parametrize("name", ONE_SPECTRUM)
def test_without_class(tmp_path, contents, name):
    refused(tmp_path / "spec.fits", edited(contents[name], drop_class), "CLASS|SPEC_CLN")


def test_class_that_is_none(tmp_path, contents):
    content = edited(contents["sdss_spspec"], lambda hdus: hdus[0].header.set("SPEC_CLN", 77))
    refused(tmp_path / "spec.fits", content, "SPEC_CLN is 77")


@pytest.mark.parametrize(("value", "cause"), [("", "empty"), ("   ", "empty"), (True, "not text"), (3.5, "not text")])
@pytest.mark.parametrize("make", [lamost_array, lamost_table])
def test_lamost_class_that_is_worthless(tmp_path, make, value, cause):
    path = make(tmp_path / "spec.fits", CLASS=value)
    refused(path, path.read_bytes(), f"CLASS is .*{cause}")


@pytest.mark.parametrize(("value", "cause"), [("", "CLASS is empty"), ("XXXXXX", "HDU 2 contains text that cannot be")])
def test_sdss_class_that_is_worthless(tmp_path, value, cause):
    path = sdss_spec(tmp_path / "spec.fits", CLASS=value)
    refused(path, path.read_bytes().replace(b"XXXXXX", b"\xff" * 6), cause)


@pytest.mark.parametrize("value", [True, "abc"])
@pytest.mark.parametrize(
    ("make", "card"), [(lamost_array, "Z"), (lamost_array, "SNRR"), (sdss_spspec, "Z"), (sdss_spspec, "SPEC_CLN")]
)
def test_cards_that_are_no_numbers_are_named(tmp_path, make, card, value):
    path = make(tmp_path / "spec.fits", **{card: value})
    refused(path, path.read_bytes(), f"{card} is {value!r}, which is not a number")


def test_bits_a_pixel_that_fits_does_not_know(tmp_path, contents):
    refused(tmp_path / "spec.fits", with_card(contents["lamost_array"], "lamost_array", b"BITPIX  ", 7), "BITPIX is 7")


def wavelength_of(hdus):
    """View of the wavelengths of a file that lists them, which an edit can change in place."""
    if hdus[0].data is not None:
        return hdus[0].data[2]
    names = {column.upper(): column for column in hdus[1].columns.names}
    return hdus[1].data[names["LOGLAM"]] if "LOGLAM" in names else hdus[1].data[names["WAVELENGTH"]][0]


LISTED = ["lamost_array", "lamost_table", "sdss_spec"]


@pytest.mark.parametrize("name", LISTED)
def test_nan_wavelengths(tmp_path, contents, name):
    def edit(hdus):
        wavelength_of(hdus)[10:12] = np.nan

    refused(tmp_path / "spec.fits", edited(contents[name], edit), "wavelength holds 2 values that are NaN")


@pytest.mark.parametrize("name", [*LISTED, "lamost_no_wavelength_row", "sdss_spspec"])
def test_decreasing_wavelengths(tmp_path, contents, name):
    def edit(hdus):
        if name in LISTED:
            wavelength_of(hdus)[:] = wavelength_of(hdus)[::-1].copy()
        else:
            hdus[0].header["COEFF1"] = -0.0001

    refused(tmp_path / "spec.fits", edited(contents[name], edit), "wavelength must be positive and strictly increasing")


def test_wavelengths_beyond_all_numbers(tmp_path, contents):
    content = edited(contents["sdss_spspec"], lambda hdus: hdus[0].header.set("COEFF0", 1e9))
    refused(tmp_path / "spec.fits", content, "infinite")


def test_desi_nan_wavelengths(tmp_path, contents):
    def edit(hdus):
        hdus["R_WAVELENGTH"].data[5] = np.nan

    refused(tmp_path / "coadd.fits", edited(contents["desi_coadd"], edit), "camera R is not aligned")


@pytest.mark.parametrize("name", FORMATS)
def test_zero_length_arrays(tmp_path, contents, name):
    card = b"NAXIS1  " if name in ("lamost_array", "lamost_no_wavelength_row", "sdss_spspec") else b"NAXIS2  "
    refused(tmp_path / "spec.fits", with_card(contents[name], name, card, 0), "no image|0 rows|truncated")
