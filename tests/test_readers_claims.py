# ruff: noqa: F811 - pytest takes fixtures by the names of arguments
"""Damaged files: sizes that they state; files and folders that are none."""

import csv
import gzip
import os
import re
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hostile_cases import (
    FORMATS,
    REAL,
    contents,  # noqa: F401
    refused,
    with_card,
)
from survey_files import desi_coadd, lamost_array, sdss_spec, sdss_spspec, tianchi_spectrum

from skspectra.datasets import load_spectra
from skspectra.datasets._readers import _limits

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
    refused(path, path.read_bytes(), "bytes after gzip decompression")


def test_a_zip_bomb(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flux.npy", bytes(90 << 20))
        archive.writestr("wavelength.npy", b"")
    assert traced(path) < 2**22
    refused(path, path.read_bytes(), "flux states .* after decompression")


def test_an_npy_that_claims_three_gigabytes(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.zeros((1, 2600)))
    content = path.read_bytes().replace(b"(1, 2600), }     ", b"(144230, 2600), }")
    path.write_bytes(content)
    assert traced(path) < 2**22
    refused(path, path.read_bytes(), r"an array of shape \(144230, 2600\) needs 2999984000 bytes, but .* has 20800")


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
    refused(path, path.read_bytes(), "it states 12000000 pixels per spectrum, more than the limit of 1000000")


def test_a_table_of_too_many_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(_limits, "MOST_PIXELS", 3999)
    path = sdss_spec(tmp_path / "spec.fits.gz", n=4000)
    refused(path, path.read_bytes(), "it states 4000 pixels")


def test_a_spectrum_of_a_user_with_too_many_pixels(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, flux=np.zeros(1_000_001, "i1"), wavelength=np.arange(1, 1_000_002, dtype="i4"))
    refused(path, path.read_bytes(), "it states 1000001 pixels")


@pytest.mark.parametrize("line", [b"1,1\n", b"1," * 1_000_001 + b"1\n"])
def test_millions_of_lines_or_columns_compressed_to_nothing(tmp_path, monkeypatch, line):
    monkeypatch.setattr(_limits, "MOST_PIXELS", 10_000)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"wavelength,flux\n" + line * (8_000_000 // len(line)), 1))
    assert path.stat().st_size < 100_000
    assert traced(path) < 40e6
    refused(path, path.read_bytes(), "it states [0-9]+ pixels")


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
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of columns that a table of no survey does not use
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
    refused(path, path.read_bytes(), "7-59300.25 of DESI is a duplicate of one in")


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
