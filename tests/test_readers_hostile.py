"""Damaged files: an error that names the file and the cause, or the rest loaded and the failures listed.

The files that are damaged are real ones where SKSPECTRA_DATA is set, and made after the surveys' formats otherwise.
"""

import csv
import gzip
import io
import os
import re
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from survey_files import MAKERS, desi_coadd, lamost_array, lamost_table, sdss_spec, sdss_spspec, tianchi_spectrum

from skspectra.datasets import load_spectra
from skspectra.datasets._readers import _limits

MADE = {
    "lamost_array": "lamost_array.fits",
    "lamost_no_wavelength_row": "lamost_no_wavelength_row.fits",
    "lamost_table": "lamost_table.fits.gz",
    "sdss_spec": "sdss_spec.fits",
    "sdss_spspec": "sdss_spspec.fit",
    "desi_coadd": "desi_coadd.fits",
}
REAL = {
    "lamost_array": "spec-57304-EG025335S013827V01_sp12-220.fits.gz",
    "lamost_no_wavelength_row": "spec-55862-B6212_sp10-079.fits",
    "lamost_table": "spec-55859-F5902_sp01-001.fits.gz",
    "sdss_spec": "spec-6064-56097-0980.fits",
    "sdss_spspec": "spSpec-51883-0271-171.fit",
}
FORMATS = list(MADE)
ONE_SPECTRUM = [name for name in FORMATS if name != "desi_coadd"]


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """Undamaged content of a file of each format, unzipped."""
    folder = tmp_path_factory.mktemp("undamaged")
    result = {}
    for name, made in MADE.items():
        MAKERS[made](folder / made)
        result[name] = (folder / made).read_bytes()
    if "SKSPECTRA_DATA" in os.environ:
        for name, file in REAL.items():
            result[name] = Path(os.environ["SKSPECTRA_DATA"], "fits", file).read_bytes()
    return {name: gzip.decompress(c) if c[:2] == b"\x1f\x8b" else c for name, c in result.items()}


def refused(path, content, cause):
    """The file is refused with an error that names it and the cause, and others beside it are loaded."""
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}: (?s:.*){cause}"):
        load_spectra(path)
    beside = path.with_name("undamaged.txt")
    tianchi_spectrum(beside)
    with pytest.warns(UserWarning, match=f"1 of 2 files could not be loaded.*{re.escape(str(path))}"):
        spectra = load_spectra([path, beside], on_error="warn")
    assert spectra.filename.tolist() == [str(beside)]
    [(name, listed)] = spectra.failures
    assert name == str(path)
    assert re.search(cause, listed)


def edited(content, edit):
    """Content after `edit` changed the HDUs that astropy read from it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)
        with fits.open(io.BytesIO(content), disable_image_compression=True) as hdus:
            for hdu in hdus:
                _ = hdu.data
            hdus = edit(hdus) or hdus
            out = io.BytesIO()
            hdus.writeto(out, output_verify="ignore")
    return out.getvalue()


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
    refused(tmp_path / "spec.fits", content, "no format")


def test_fits_of_something_else(tmp_path):
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((10, 10))).writeto(path)
    refused(path, path.read_bytes(), "no format")


def test_a_survey_of_which_this_is_another_product(tmp_path, contents):
    # Medium-resolution LAMOST files have neither a primary array nor a COADD table.
    content = edited(contents["lamost_table"], lambda hdus: hdus[1].header.set("EXTNAME", "COADD_B"))
    refused(tmp_path / "med.fits", content, "no HDU 'COADD'")


@pytest.mark.parametrize(
    ("name", "cause"), [("lamost_table", "no HDU 'COADD', only 1"), ("sdss_spec", "no HDU 2, only 2")]
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
    refused(path, path.read_bytes(), r"the primary array has no row \['andmask'\]: it has \['flux', 'inverse'")


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


@pytest.mark.parametrize(("value", "cause"), [("", "empty"), ("   ", "empty"), (True, "no text"), (3.5, "no text")])
@pytest.mark.parametrize("make", [lamost_array, lamost_table])
def test_lamost_class_that_is_worthless(tmp_path, make, value, cause):
    path = make(tmp_path / "spec.fits", CLASS=value)
    refused(path, path.read_bytes(), f"CLASS is .*{cause}")


@pytest.mark.parametrize(("value", "cause"), [("", "CLASS is empty"), ("XXXXXX", r"CLASS is .*xff.*no text")])
def test_sdss_class_that_is_worthless(tmp_path, value, cause):
    path = sdss_spec(tmp_path / "spec.fits", CLASS=value)
    refused(path, path.read_bytes().replace(b"XXXXXX", b"\xff" * 6), cause)


@pytest.mark.parametrize("value", [True, "abc"])
@pytest.mark.parametrize(
    ("make", "card"), [(lamost_array, "Z"), (lamost_array, "SNRR"), (sdss_spspec, "Z"), (sdss_spspec, "SPEC_CLN")]
)
def test_cards_that_are_no_numbers_are_named(tmp_path, make, card, value):
    path = make(tmp_path / "spec.fits", **{card: value})
    refused(path, path.read_bytes(), f"{card} is {value!r}, which is no number")


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


def with_card(content, name, card, value):
    """Content with the number in a card of the first HDU that has data replaced, and no byte moved."""
    start = 0 if name in ("lamost_array", "lamost_no_wavelength_row", "sdss_spspec") else content.index(b"XTENSION")
    place = content.index(card + b"=", start)
    return content[:place] + (card + b"=" + str(value).encode().rjust(21)).ljust(80) + content[place + 80 :]


# --- claims


def traced(path):
    """Peak of the memory that loading a file takes, in bytes; the file must be refused."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=re.escape(str(path))):
            load_spectra(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_three_gigabytes_claimed_by_a_header_are_not_allocated(tmp_path, contents, name, zipped):
    if name in ("lamost_array", "lamost_no_wavelength_row", "sdss_spspec"):
        content = with_card(contents[name], name, b"NAXIS1  ", 3_000_000_000 // 20)
    else:
        row_bytes = int(re.search(rb"NAXIS1  = +(\d+)", contents[name][contents[name].index(b"XTENSION") :])[1])
        content = with_card(contents[name], name, b"NAXIS2  ", 3_000_000_000 // row_bytes)
    refused(tmp_path / "spec.fits", gzip.compress(content) if zipped else content, "truncated")
    assert traced(tmp_path / "spec.fits") < 3 * len(content) + 2**22


@pytest.mark.parametrize(
    ("card", "value"),
    [(b"NAXIS   ", 2_000_000_000), (b"NAXIS1  ", -1), (b"NAXIS1  ", 2**62), (b"BITPIX  ", 10**9), (b"PCOUNT  ", -5760)],
)
def test_headers_that_would_keep_a_reader_busy_for_ever(tmp_path, contents, card, value):
    name = "lamost_table" if card == b"PCOUNT  " else "lamost_array"
    refused(
        tmp_path / "spec.fits", with_card(contents[name], name, card, value), card.decode().strip() + " is|truncated"
    )


def test_a_column_that_claims_more_than_its_row(tmp_path, contents):
    content = contents["sdss_spec"]
    place = content.index(b"TFORM1  =")
    content = content[:place] + b"TFORM1  = '750000000E'".ljust(80) + content[place + 80 :]
    refused(tmp_path / "spec.fits", content, r"rows of \d+ bytes, and its columns have 30000000\d\d bytes")


def test_a_gzip_bomb(tmp_path, contents):
    path = tmp_path / "spec.fits.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(with_card(contents["lamost_array"], "lamost_array", b"NAXIS1  ", 3_000_000_000 // 20)[:-2880])
        for _ in range(90):
            file.write(bytes(1 << 20))
    assert path.stat().st_size < 600_000
    assert traced(path) < 200e6
    refused(path, path.read_bytes(), "gzip compression holds more than")


def test_a_zip_bomb(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flux.npy", bytes(90 << 20))
        archive.writestr("wavelength.npy", b"")
    assert traced(path) < 2**22
    refused(path, path.read_bytes(), "flux claims")


def test_an_npy_that_claims_three_gigabytes(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((1, 2600)))
    content = path.read_bytes().replace(b"(1, 2600), }     ", b"(144230, 2600), }")
    path.write_bytes(content)
    assert traced(path) < 2**22
    refused(path, path.read_bytes(), r"an array of shape \(144230, 2600\) has 2999984000 bytes, and the file 20800")


def test_a_compressed_image_with_many_columns(tmp_path, contents):
    content = contents["desi_coadd"]
    start = content.index(b"'B_MASK")
    place = content.index(b"TFIELDS =", content.rindex(b"XTENSION", 0, start))
    content = content[:place] + f"TFIELDS = {2**31:20}".ljust(80).encode() + content[place + 80 :]
    refused(tmp_path / "coadd.fits", content, "TFIELDS is 2147483648")


def test_an_npy_of_python_objects_is_not_unpickled(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    refused(path, path.read_bytes(), "Python objects")


@pytest.mark.parametrize("maker", [lamost_array, sdss_spspec])
def test_millions_of_pixels_that_are_there_but_compressed_to_nothing(tmp_path, maker):
    n = 12_000_000
    whole = tmp_path / "whole.fits"
    maker(whole)
    header = fits.getheader(whole)
    header.update(BITPIX=8, NAXIS1=n, NAXIS2=4)
    path = tmp_path / "spec.fits.gz"
    path.write_bytes(gzip.compress(header.tostring().encode() + bytes(-(-4 * n // 2880) * 2880)))
    assert path.stat().st_size < 100_000
    assert traced(path) < 250e6
    refused(path, path.read_bytes(), "it claims 12000000 pixels a spectrum, which no survey has: the limit is 1000000")


def test_a_table_of_too_many_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(_limits, "MOST_PIXELS", 3999)
    path = sdss_spec(tmp_path / "spec.fits.gz", n=4000)
    refused(path, path.read_bytes(), "it claims 4000 pixels")


def test_a_spectrum_of_a_user_with_too_many_pixels(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, flux=np.zeros(1_000_001, "i1"), wavelength=np.arange(1, 1_000_002, dtype="i4"))
    refused(path, path.read_bytes(), "it claims 1000001 pixels")


@pytest.mark.parametrize("line", [b"1,1\n", b"1," * 1_000_001 + b"1\n"])
def test_millions_of_lines_or_columns_compressed_to_nothing(tmp_path, monkeypatch, line):
    monkeypatch.setattr(_limits, "MOST_PIXELS", 10_000)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"wavelength,flux\n" + line * (8_000_000 // len(line)), 1))
    assert path.stat().st_size < 100_000
    assert traced(path) < 40e6
    refused(path, path.read_bytes(), "it claims (10001|1000001) pixels")


def test_a_list_of_millions_of_fluxes(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"1," * 5_000_000 + b"1"))
    assert traced(path) < 50e6
    refused(path, path.read_bytes(), "it has 5000001 fluxes, not 2600")


def test_a_text_in_a_folder_is_not_read_whole_to_be_passed_over(tmp_path):
    tianchi_spectrum(tmp_path / "a.txt")
    (tmp_path / "log.txt").write_bytes(b"1 epoch, loss 0.5\n" * 1_000_000)
    tracemalloc.start()
    try:
        assert len(load_spectra(tmp_path).data) == 1
        assert tracemalloc.get_traced_memory()[1] < 3e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", FORMATS)
def test_random_damage_ends_in_spectra_or_in_an_error_that_names_the_file(tmp_path, contents, name):
    rng = np.random.default_rng(0)
    path = tmp_path / "spec.fits"
    for _ in range(15):
        content = bytearray(contents[name])
        for place in rng.integers(min(len(content), 20_000), size=rng.integers(1, 30)):
            content[place] = rng.choice(bytearray(b"\0\xff '=-0123456789ETFX"))
        path.write_bytes(content)
        try:
            assert load_spectra(path).data.shape[1] == 2600
        except ValueError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017


# --- files, folders and surveys


def test_two_surveys_on_their_native_grids(tmp_path):
    lamost_array(tmp_path / "a.fits")
    sdss_spec(tmp_path / "b.fits")
    with pytest.raises(ValueError, match=rf"{tmp_path}/b\.fits: its grid .* is not that of {tmp_path}/a\.fits"):
        load_spectra(tmp_path, wavelength=None)


def test_one_target_twice_in_a_coadd(tmp_path):
    path = desi_coadd(tmp_path / "coadd.fits", targetids=[7, 8, 7])
    refused(path, path.read_bytes(), "7-59300.25 of DESI a second time")


def test_unreadable(tmp_path):
    path = lamost_array(tmp_path / "spec.fits")
    beside = tianchi_spectrum(tmp_path / "a.txt")
    load_spectra(beside)  # imports what it needs, which another user may be unable to
    path.chmod(0)
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root can read all
    try:
        with pytest.raises(PermissionError, match=re.escape(str(path))):
            load_spectra(path)
        with pytest.warns(UserWarning, match="Permission denied"):
            spectra = load_spectra([path, beside], on_error="warn")
    finally:
        os.seteuid(user)
    assert spectra.failures[0][0] == str(path)
    assert len(spectra.data) == 1


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    beside = tianchi_spectrum(tmp_path / "a.txt")
    folder = tmp_path / "closed"
    folder.mkdir()

    def refuse(name):
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="closed"):
        load_spectra([folder, beside])
    with pytest.warns(UserWarning, match="Permission denied"):
        spectra = load_spectra([folder, beside], on_error="warn")
    assert spectra.filename.tolist() == [str(beside)]
    assert [path for path, _ in spectra.failures] == [str(folder)]


def test_not_there(tmp_path):
    path = tmp_path / "spec.fits"
    beside = tianchi_spectrum(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
        load_spectra(path)
    with pytest.warns(UserWarning, match="No such file"):
        assert load_spectra([path, beside], on_error="warn").failures[0][0] == str(path)


def test_a_named_pipe_is_refused_and_not_waited_for(tmp_path):
    path = tmp_path / "spec.fits"
    os.mkfifo(path)
    beside = tianchi_spectrum(tmp_path / "a.txt")
    with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}: it is not a regular file"):
        load_spectra(path)
    with pytest.warns(UserWarning, match="1 of 2 files could not be loaded"):
        assert load_spectra([path, beside], on_error="warn").failures == [(str(path), "it is not a regular file")]


def test_a_folder_without_spectra(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "notes.txt").write_text("Nothing here.")
    tianchi_spectrum(tmp_path / "full" / "a.txt")
    with pytest.raises(ValueError, match=rf"^{tmp_path}/bare: the folder holds no spectra"):
        load_spectra([tmp_path / "full", tmp_path / "bare"])
    with pytest.warns(UserWarning, match="no spectra"):
        spectra = load_spectra([tmp_path / "full", tmp_path / "bare"], on_error="warn")
    assert spectra.failures == [(str(tmp_path / "bare"), "the folder holds no spectra")]


@pytest.mark.skipif("SKSPECTRA_DATA" not in os.environ, reason="SKSPECTRA_DATA, the folder of real files, is not set")
def test_the_real_files_that_are_damaged_here_are_of_the_layouts_named():
    with open(Path(os.environ["SKSPECTRA_DATA"], "fits", "MANIFEST.csv"), newline="") as file:
        layouts = {row["file"]: row["layout"] for row in csv.DictReader(file)}
    assert [layouts[file] for file in REAL.values()] == [
        "primary(5, 3909)", "primary(5, 3908)", "COADD-bintable", "spec-SPALL-10hdu", "spSpec"
    ]  # fmt: skip
