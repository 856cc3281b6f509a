"""The README's example runs as it stands, on fewer spectra and for one epoch."""

import re
from pathlib import Path


def test_example(capsys):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    assert len([line for line in example.splitlines() if line]) <= 20

    exec(example.replace("make_spectra(3000", "make_spectra(60").replace("max_epochs=8", "max_epochs=1"), {})

    assert "Confusion matrix" in capsys.readouterr().out
