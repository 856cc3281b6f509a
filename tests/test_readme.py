"""The README's examples run: training on fewer spectra and for one epoch, files with one in place of a survey's."""

import re
from pathlib import Path

from survey_files import lamost_array

from skspectra.datasets import load_spectra

README = Path(__file__).parents[1] / "README.md"
FILES, TRAINING = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_training(capsys):
    assert len([line for line in TRAINING.splitlines() if line]) <= 20

    exec(TRAINING.replace("make_spectra(3000", "make_spectra(60").replace("max_epochs=8", "max_epochs=1"), {})

    assert "Confusion matrix" in capsys.readouterr().out


def test_files(tmp_path, monkeypatch, capsys):
    (tmp_path / "spectra").mkdir()
    lamost_array(tmp_path / "spectra" / "spec-57304.fits.gz")
    monkeypatch.chdir(tmp_path)

    exec(FILES, {})

    assert load_spectra("spectra/", bad_pixels="nan").data.shape == (1, 2600)
    assert capsys.readouterr().out.strip() in {"['STAR']", "['GALAXY']", "['QSO']"}
