"""Labels that the survey calls void, and its warning flags."""

import numpy as np
import pytest
from astropy.io import fits
from survey_files import desi_arrays, desi_coadd, lamost_array, redrock, sdss_spec, sdss_spspec

from skspectra.datasets import Label, Labels, Spectrum, load_spectra, open_spectra_store, write_spectra_store
from skspectra.datasets._loading._table import SpectraTable

SMALL_DELTA_CHI2 = 1 << 2
VOID = [1 << 0, 1 << 7, 1 << 8, 1 << 9]  # sky, unplugged, bad target, no data


def flagged(path, **columns):
    """The SDSS or redrock file at `path` with the columns of its table of labels replaced."""
    with fits.open(path) as hdus:
        number = next(i for i, hdu in enumerate(hdus) if isinstance(hdu, fits.BinTableHDU) and "Z" in hdu.columns.names)
        kept = [column for column in hdus[number].columns if column.name not in columns]
        added = [fits.Column(name, form, array=array) for name, (form, array) in columns.items()]
        hdus[number] = fits.BinTableHDU.from_columns([*kept, *added], name=hdus[number].name)
        hdus.writeto(path, overwrite=True)
    return path


@pytest.mark.parametrize("bit", VOID)
def test_sdss_flags_make_the_class_void(tmp_path, bit):
    path = flagged(sdss_spec(tmp_path / "a.fits"), ZWARNING=("K", [bit | SMALL_DELTA_CHI2]))
    spectra = load_spectra(path)
    assert (spectra.target.tolist(), spectra.subclass.tolist()) == ([""], [""])
    assert np.isnan(spectra.redshift).all()
    assert spectra.zwarning.tolist() == [bit | SMALL_DELTA_CHI2]


def test_other_flags_leave_the_class(tmp_path):
    path = flagged(sdss_spec(tmp_path / "a.fits"), ZWARNING=("K", [SMALL_DELTA_CHI2]))
    spectra = load_spectra(path)
    assert spectra.target.tolist() == ["GALAXY"]
    assert spectra.zwarning.dtype == np.int64
    assert spectra.zwarning.tolist() == [SMALL_DELTA_CHI2]


def test_sdss_fibres_on_the_sky_have_no_class_and_need_none(tmp_path):
    path = flagged(sdss_spec(tmp_path / "a.fits", CLASS=""), OBJTYPE=("16A", ["SKY"]))
    spectra = load_spectra(path)
    assert (spectra.target.tolist(), spectra.zwarning.tolist()) == ([""], [1])


def test_the_first_sdss_pipeline_has_a_class_for_the_sky(tmp_path):
    assert load_spectra(sdss_spspec(tmp_path / "a.fit", SPEC_CLN=5)).target.tolist() == ["SKY"]


@pytest.mark.parametrize(("fibre", "zwarning"), [("Sky", 1), ("Unused", 1 << 7), ("PosErr", 1 << 8), ("Obj", 0)])
def test_lamost_fibres_on_no_object(tmp_path, fibre, zwarning):
    spectra = load_spectra(lamost_array(tmp_path / "a.fits", FIBERTYP=fibre))
    assert spectra.target.tolist() == ["" if zwarning else "STAR"]
    assert spectra.zwarning.tolist() == [zwarning]


def coadd_with(path, objtypes):
    """DESI coadd whose fibres were on targets of these types."""
    n = len(objtypes)
    desi_coadd(path, desi_arrays(n), targetids=list(range(1, n + 1)))
    with fits.open(path) as hdus:
        hdus["FIBERMAP"].data["OBJTYPE"] = objtypes
        hdus.writeto(path, overwrite=True)
    return path


def test_desi_fibres_on_no_target_have_no_class_whatever_redrock_says(tmp_path):
    coadd = coadd_with(tmp_path / "coadd-1.fits", ["TGT", "SKY", "BAD", "TGT"])
    labels = redrock(tmp_path / "redrock-1.fits", [1, 2, 3, 4], ["GALAXY", "QSO", "STAR", "QSO"], [0.1, 3.8, 0.0, 1.0])
    flagged(labels, ZWARN=("K", [SMALL_DELTA_CHI2, 0, 0, 1 << 9]))
    spectra = load_spectra([coadd, labels])
    assert spectra.target.tolist() == ["GALAXY", "", "", ""]
    assert spectra.zwarning.tolist() == [SMALL_DELTA_CHI2, 1 << 0, 1 << 8, 1 << 9]
    np.testing.assert_array_equal(spectra.redshift, [0.1, np.nan, np.nan, np.nan])


def test_flags_of_a_file_and_of_its_catalogue_are_joined():
    table = SpectraTable()
    one = Spectrum([1.0], [1.0], zwarning=SMALL_DELTA_CHI2, object_id="1", survey="S")
    other = Spectrum([1.0], [1.0], target="STAR", subclass="K5", redshift=0.1, object_id="2", survey="S")
    table.add_spectra([one, other], "a.fits")
    table.add_labels(Labels({"1": Label("QSO", "BROADLINE", 2.0, 1 << 4)}, survey="S"), "labels.fits")
    [rows] = table.chunks(("target", "subclass", "redshift", "zwarning"), 10)
    table.close()
    assert rows == [("QSO", "BROADLINE", 2.0, SMALL_DELTA_CHI2 | 1 << 4), ("STAR", "K5", 0.1, 0)]


def test_flags_survive_an_archive_and_a_store(tmp_path):
    path = flagged(sdss_spec(tmp_path / "a.fits"), ZWARNING=("K", [SMALL_DELTA_CHI2]))
    spectra = load_spectra(path)
    np.savez(tmp_path / "a.npz", **{name: spectra[name] for name in ("data", "wavelength", "target", "zwarning")})
    assert load_spectra(tmp_path / "a.npz").zwarning.tolist() == [SMALL_DELTA_CHI2]
    write_spectra_store(path, tmp_path / "store")
    assert open_spectra_store(tmp_path / "store").zwarning.tolist() == [SMALL_DELTA_CHI2]


def test_flags_that_are_no_whole_number_are_refused(tmp_path):
    path = flagged(sdss_spec(tmp_path / "a.fits"), ZWARNING=("D", [0.5]))
    with pytest.raises(ValueError, match=r"a\.fits: ZWARNING is .*0\.5.*, which is not a whole number"):
        load_spectra(path)
