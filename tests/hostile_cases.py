"""Damaged files that tests of the readers share."""

import gzip
import io
import os
import re
import warnings
from pathlib import Path

import pytest
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning
from survey_files import MAKERS, tianchi_spectrum

from skspectra.datasets import load_spectra

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


def with_card(content, name, card, value):
    """Content with the number in a card of the first HDU that has data replaced, and no byte moved."""
    start = 0 if name in ("lamost_array", "lamost_no_wavelength_row", "sdss_spspec") else content.index(b"XTENSION")
    place = content.index(card + b"=", start)
    return content[:place] + (card + b"=" + str(value).encode().rjust(21)).ljust(80) + content[place + 80 :]
