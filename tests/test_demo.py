"""The demo on an archive of the user's own: what `make demo DATA=file.npz` runs."""

import importlib.util
import re
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.utils.fixes import parse_version

from skspectra.datasets import make_spectra

path = Path(__file__).parents[1] / "examples" / "demo.py"
spec = importlib.util.spec_from_file_location("demo", path)
demo = importlib.util.module_from_spec(spec)
spec.loader.exec_module(demo)


@pytest.fixture(scope="module")
def spectra():
    spectra = make_spectra(36, weights=(1, 1, 1), wavelength=np.linspace(3700, 9100, 130), random_state=0)
    return {"flux": spectra.data, "target": spectra.target, "wavelength": spectra.wavelength}


def run(tmp_path, arrays):
    np.savez(tmp_path / "spectra.npz", **arrays)
    demo.main(["--data", str(tmp_path / "spectra.npz"), "--epochs", "1", "--output", str(tmp_path / "output")])


def test_model_figures_and_scores(tmp_path, spectra, capsys):
    flux = spectra["flux"].copy()
    flux[:, :5] = np.nan
    run(tmp_path, {**spectra, "flux": flux})

    for name in ("model.joblib", "loss.png", "examples.png"):
        assert (tmp_path / "output" / name).stat().st_size > 0
    out = capsys.readouterr().out
    assert "Confusion matrix" in out
    assert "12 groups" in out
    assert out.splitlines()[-1].startswith("macro F1 0.")
    found = re.search(
        r"^macro F1 ([\d.]+) \(([\d.]+) to ([\d.]+)\) from (\d+) STAR, (\d+) GALAXY, (\d+) QSO$", out, re.MULTILINE
    )
    f1, low, high = map(float, found.groups()[:3])
    assert low <= f1 <= high
    n_test = list(map(int, found.groups()[3:]))
    assert n_test == [4, 4, 4] if parse_version(sklearn.__version__) >= parse_version("1.8") else sum(n_test) == 12
    assert out.splitlines()[-1] == f"macro F1 {f1:.3f} (as observed)"


def test_what_every_spectrum_covers_is_kept(tmp_path, spectra, capsys):
    flux = spectra["flux"].copy()
    flux[0, :5] = flux[1, -3:] = flux[2, 60] = np.nan
    run(tmp_path, {**spectra, "flux": flux})
    assert "Kept the 122 of 130 wavelengths that every spectrum covers." in capsys.readouterr().out
    assert joblib.load(tmp_path / "output" / "model.joblib").n_features_in_ == 122


def test_split_by_object(tmp_path, spectra, capsys):
    for name in ("object_id", "object"):
        run(tmp_path, {**spectra, name: np.arange(36) // 2})
        assert "of 18 objects" in capsys.readouterr().out


def test_only_sdss_where_there_is_sdss(tmp_path, spectra, capsys):
    survey = np.array(["SDSS/BOSS", "LAMOST DR5"]).repeat([33, 3])
    run(tmp_path, {**spectra, "survey": survey})
    assert "Read 33 SDSS spectra" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: {"spectra": a["flux"], "target": a["target"]}, r"lacks \['flux'\]; it has"),
        (lambda a: {**a, "target": np.char.lower(a["target"])}, r"the allowed classes are \['STAR', 'GALAXY', 'QSO'\]"),
        (lambda a: {**a, "target": np.full(36, "STAR")}, "needs three objects"),
    ],
    ids=["no flux", "lower case", "one class"],
)
def test_archives_that_cannot_be_used(change, message, tmp_path, spectra):
    with pytest.raises(SystemExit, match=message):
        run(tmp_path, change(spectra))
