"""The gallery: every example has its form, and those that take no time run from end to end."""

import ast
import runpy
from pathlib import Path

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
from matplotlib import pyplot as plt  # noqa: E402

FILES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))
TOPICS = {
    "class_activation",
    "class_shares",
    "compare_classifiers",
    "conformal",
    "few_labels",
    "grid_search",
    "line_attention",
    "noise",
    "scaling",
    "training_history",
}
# The others train networks, search a grid or need crepes.
FAST = {"class_activation", "class_shares", "compare_classifiers", "few_labels", "noise", "scaling"}


def topic(path):
    return path.stem.removeprefix("plot_")


def test_every_topic_has_its_example():
    assert {topic(path) for path in FILES} >= TOPICS


@pytest.mark.parametrize("path", FILES, ids=topic)
def test_an_example_has_the_form_of_a_gallery(path):
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    compile(tree, path, "exec")
    over, title, under, blank = ast.get_docstring(tree, clean=False).split("\n")[1:5]
    assert set(over) == {"="}
    assert over == under
    assert len(over) >= len(title)
    assert blank == ""
    lines = source.splitlines()
    cells = [i for i, line in enumerate(lines) if line == "# %%"]
    assert len(cells) >= 2
    for i in cells:
        heading, underline = lines[i + 1], lines[i + 2]
        assert underline == "# " + "-" * (len(heading) - 2)
    assert "plt.show()" in source


@pytest.mark.parametrize("path", FILES, ids=topic)
def test_an_example_needs_no_file(path):
    source = path.read_text(encoding="utf-8")
    assert "make_spectra" in source or "load_sdss_sample" in source
    for word in ("open(", "np.load", "read_csv", "load_spectra", "savefig", "environ"):
        assert word not in source


@pytest.mark.parametrize("path", [path for path in FILES if topic(path) in FAST], ids=topic)
def test_a_fast_example_runs(path, monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(plt.get_fignums()))
    runpy.run_path(str(path), run_name="__main__")
    assert all(shown)
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")
    assert "nan" not in capsys.readouterr().out
