"""A survey from outside the package, by public names alone; and what every reader of the package owes the others."""

import os

import numpy as np
import pytest
from astropy.io import fits
from survey_files import MAKERS, redrock

from skspectra.datasets import Label, Labels, Spectrum, SurveyFile, load_spectra, register_reader
from skspectra.datasets._readers import _registry

GRID = np.linspace(4000.0, 5000.0, 50)


@pytest.fixture
def my_survey(monkeypatch):
    """Readers of spectra and of a catalogue of "MySurvey"; they are forgotten after the test."""
    monkeypatch.setattr(_registry, "_user_readers", [])

    @register_reader("MySurvey")
    def read_my_survey(file: SurveyFile) -> Spectrum | Labels | None:
        if file.text_start is not None and file.text_start.startswith("# MySurvey"):
            lines = [line.split() for line in file.lines() if not line.startswith("#")]
            return Labels({name: Label(target, redshift=float(redshift)) for name, target, redshift in lines})
        if file.header.get("TELESCOP") != "MYSCOPE" or not file.has_table(1, {"FLUX", "WAVE"}):
            return None
        table = file.table(1)
        mask = file.image("MASK") > 0
        return Spectrum(flux=table["FLUX"], wavelength=table["WAVE"], mask=mask, object_id=file.header["OBJECT"])


def write_spectrum(path, name, **columns):
    primary = fits.PrimaryHDU()
    primary.header["TELESCOP"], primary.header["OBJECT"] = "MYSCOPE", name
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("flux", "E", array=np.arange(50.0)),
            fits.Column("wave", "D", array=GRID),
            *(fits.Column(name, array=np.arange(50), **column) for name, column in columns.items()),
        ]
    )
    mask = fits.ImageHDU(np.array([1] + [0] * 49, np.int16), name="mask")
    fits.HDUList([primary, table, mask]).writeto(path)


def test_spectra_and_labels_of_ones_own_survey(my_survey, tmp_path):
    for name in ("a", "b"):
        write_spectrum(tmp_path / f"{name}.fits", name)
    (tmp_path / "catalogue.txt").write_text("# MySurvey\na STAR 0.0\nb QSO 2.1\n")

    spectra = load_spectra([tmp_path / "a.fits", tmp_path / "b.fits", tmp_path / "catalogue.txt"], wavelength=GRID)

    assert spectra.survey.tolist() == ["MySurvey"] * 2
    assert spectra.target.tolist() == ["STAR", "QSO"]
    assert spectra.redshift.tolist() == [0.0, 2.1]
    np.testing.assert_array_equal(spectra.data[0], np.arange(50))
    assert np.flatnonzero(spectra.mask[0]).tolist() == [0]


def one_reader(monkeypatch, function):
    monkeypatch.setattr(_registry, "_user_readers", [])
    register_reader("MySurvey")(function)


def test_spectra_of_one_file_on_two_grids_need_a_grid(monkeypatch, tmp_path):
    one_reader(monkeypatch, lambda file: [Spectrum(np.ones(50), GRID), Spectrum(np.ones(50), GRID + 300)])
    (tmp_path / "a.txt").write_text("two")
    with pytest.raises(ValueError, match=r"a\.txt: its grid \(50 pixels from 4300"):
        load_spectra(tmp_path / "a.txt", wavelength=None)
    assert load_spectra(tmp_path / "a.txt", wavelength=GRID).data.shape == (2, 50)


def labelled_by(monkeypatch, tmp_path, labels, on_error="raise"):
    """Load a spectrum of the object "1" and the labels of another file."""
    one_reader(
        monkeypatch, lambda file: labels if file.stem == "labels" else Spectrum(np.ones(50), GRID, object_id="1")
    )
    for name in ("labels.txt", "one.txt"):
        (tmp_path / name).write_text("any")
    return load_spectra([tmp_path / "one.txt", tmp_path / "labels.txt"], wavelength=GRID, on_error=on_error)


@pytest.mark.parametrize(
    "by_object_id",
    [
        {"1": Label("STAR", "", np.float32(0.5))},
        {1: Label(b"STAR", redshift=0.5)},
        {np.int64(1): ("STAR", "", 0.5)},
        {10**30: Label("QSO"), "1": Label("STAR", redshift=0.5)},
    ],
)
def test_labels_may_have_names_and_numbers_of_any_kind(monkeypatch, tmp_path, by_object_id):
    spectra = labelled_by(monkeypatch, tmp_path, Labels(by_object_id))
    assert (spectra.target.tolist(), spectra.redshift.tolist()) == (["STAR"], [0.5])


@pytest.mark.parametrize(
    ("second", "cause"),
    [
        (Label("QSO", redshift="far"), "the redshift is 'far', which is not a number"),
        (Label("Q\0SO"), "contains a zero byte, which is not allowed"),
        (Label("Q\udcff"), "surrogates not allowed"),
    ],
)
def test_a_file_with_a_label_that_is_none_is_refused_whole(monkeypatch, tmp_path, second, cause):
    labels = Labels({"1": Label("STAR"), "2": second})
    with pytest.raises(ValueError, match=rf"labels\.txt: .*{cause}"):
        labelled_by(monkeypatch, tmp_path, labels)
    with pytest.warns(UserWarning, match=r"labels\.txt") as record:
        spectra = labelled_by(monkeypatch, tmp_path, labels, on_error="warn")
    assert spectra.target.tolist() == [""]
    assert record[0].filename == __file__


def test_a_file_name_need_not_be_utf_8(monkeypatch, tmp_path):
    one_reader(monkeypatch, lambda file: Spectrum(np.ones(50), GRID, object_id="1"))
    path = os.fsdecode(os.fsencode(tmp_path) + b"/a\xff.txt")
    with open(path, "w") as file:
        file.write("any")
    spectra = load_spectra(path, wavelength=GRID)
    assert spectra.filename.tolist() == [path]


@pytest.mark.parametrize("name", [*MAKERS, "redrock"])
def test_one_reader_knows_each_file_whatever_the_order_of_readers(name, tmp_path):
    if name == "redrock":
        path = redrock(tmp_path / "redrock-1.fits", [1, 2], ["STAR", "QSO"], [0.0, 1.0])
    else:
        path = MAKERS[name](tmp_path / "file.fits")
    with SurveyFile(path) as file:
        knowing = [function for _, function in _registry._readers if function(file) is not None]
    assert len(knowing) == 1


def test_a_text_file_has_no_tables(tmp_path):
    (tmp_path / "a.txt").write_text("5000.0 1.0\n")
    with SurveyFile(tmp_path / "a.txt") as file:
        assert (file.header, file.hdu_names(), file.has_table(1, {"FLUX"})) == ({}, [], False)
        with pytest.raises(ValueError, match="it has no HDU 1, because it is not a FITS file"):
            file.table(1)
