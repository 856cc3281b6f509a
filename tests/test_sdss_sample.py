"""The observed spectra that come with the package."""

import os
from pathlib import Path

import numpy as np
import pytest

from skspectra.datasets import LAMOST_WAVELENGTH, load_sdss_sample
from skspectra.datasets import _sdss_sample as module


@pytest.fixture(scope="module")
def sample():
    return load_sdss_sample()


def test_it_has_the_columns_of_load_spectra(sample):
    assert sample.data.shape == (346, 2600)
    assert sample.data.dtype == np.float32
    np.testing.assert_array_equal(sample.wavelength, LAMOST_WAVELENGTH)
    for name in ("target", "subclass", "redshift", "snr", "survey", "object_id", "spectrum_id"):
        assert sample[name].shape == (346,)
    assert set(sample.target) == set(sample.target_names)
    assert np.unique(sample.spectrum_id).size == 346
    assert np.unique(sample.object_id).size == 263
    assert np.isfinite(sample.redshift).all()
    assert "Alfred P. Sloan Foundation" in sample.DESCR


def test_flux_is_missing_at_ends_alone(sample):
    missing = np.isnan(sample.data)
    assert missing.any()
    inner = missing.sum(axis=1) - np.argmin(missing, axis=1) - np.argmin(missing[:, ::-1], axis=1)
    assert not inner.any()


def test_spectra_of_one_object_have_one_class(sample):
    for name in np.unique(sample.object_id):
        assert len(set(sample.target[sample.object_id == name])) == 1


def test_the_caller_may_change_what_it_gets(sample):
    first = load_sdss_sample()
    first.data[:], first.wavelength[:], first.target[:] = 0, 0, ""
    np.testing.assert_array_equal(load_sdss_sample().data, sample.data)
    np.testing.assert_array_equal(load_sdss_sample().wavelength, LAMOST_WAVELENGTH)


def test_data_and_target_alone(sample):
    X, y = load_sdss_sample(return_X_y=True)
    np.testing.assert_array_equal(X, sample.data)
    np.testing.assert_array_equal(y, sample.target)
    with pytest.raises(ValueError, match="return_X_y"):
        load_sdss_sample(return_X_y="yes")


def test_rounding_is_far_below_the_noise(sample):
    folder = os.environ.get("SKSPECTRA_DATA")
    if folder is None:
        pytest.skip("SKSPECTRA_DATA is not set: there is nothing to compare with")
    with np.load(Path(folder) / "real_spectra.npz") as archive:
        sdss = np.char.startswith(archive["survey"], "SDSS")
        flux = archive["flux"][sdss]
        np.testing.assert_array_equal(archive["name"][sdss], sample.spectrum_id)
    noise = 1.4826 * np.nanmedian(np.abs(np.diff(flux, 2, axis=1)), axis=1) / np.sqrt(6)
    np.testing.assert_array_equal(np.isnan(flux), np.isnan(sample.data))
    assert np.nanmax(np.abs(sample.data - flux) / noise[:, np.newaxis]) < 0.1


def test_the_file_is_small_and_holds_no_objects():
    path = Path(module.__file__).with_name("data") / "sdss_sample.npz"
    assert path.stat().st_size < 1.5e6
    with np.load(path, allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind in "ifU" for name in archive.files)
