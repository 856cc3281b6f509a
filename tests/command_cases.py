"""Files, models and calls that the tests of the command share."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from survey_files import desi_coadd, lamost_array, lamost_table, sdss_spec, sdss_spspec

from skspectra._command import main
from skspectra.datasets import make_spectra
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator


def run_process(*arguments, **kwargs):
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "skspectra", *map(str, arguments)]
    kwargs = {"capture_output": True, "text": True, "check": False} | kwargs
    return subprocess.run(command, env={**os.environ, "MPLBACKEND": "agg"}, **kwargs)


@pytest.fixture
def run(capsys):
    """Run the command in this process; return the exit code, standard output and standard error."""

    def call(*arguments):
        try:
            code = main([*map(str, arguments)])
        except SystemExit as stop:  # of argparse
            code = stop.code
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def surveys(tmp_path):
    """A folder with a file of every survey."""
    folder = tmp_path / "surveys"
    folder.mkdir()
    lamost_array(folder / "spec-57304.fits.gz")
    lamost_table(folder / "spec-60000.fits", LMJD=60000)
    sdss_spec(folder / "spec-4055-55359-0010.fits")
    sdss_spspec(folder / "spSpec-51883-0271-171.fit")
    desi_coadd(folder / "coadd-1.fits")
    return folder


@pytest.fixture
def archives(tmp_path):
    """Four archives of ten simulated spectra each."""
    folder = tmp_path / "archives"
    folder.mkdir()
    spectra = make_spectra(40, weights=(1, 1, 1), snr=(20, 50), random_state=0)
    for k in range(4):
        rows = slice(10 * k, 10 * k + 10)
        np.savez(
            folder / f"{k}.npz",
            flux=spectra.data[rows],
            wavelength=spectra.wavelength,
            target=spectra.target[rows],
            redshift=spectra.redshift[rows],
            snr=spectra.snr[rows],
            spectrum_id=[f"s{i}" for i in range(10 * k, 10 * k + 10)],
        )
    return folder


@pytest.fixture(scope="session")
def own_pipeline():
    """A small fitted pipeline."""
    X, y = make_spectra(45, weights=(1, 1, 1), missing="survey", random_state=1, return_X_y=True)
    network = DenseNet1DClassifier(growth_rate=2, n_dense_blocks=3, stem_stride=8, max_epochs=1, random_state=0)
    return make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler(), network).fit(X, y)
