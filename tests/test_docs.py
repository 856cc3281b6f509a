"""The pages of the documentation: their snippets run, and the reference has every public name, described in full."""

import doctest
import importlib
import inspect
import pkgutil
import re
import runpy
from pathlib import Path

import pytest

import skspectra

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
from matplotlib import pyplot as plt  # noqa: E402

DOCS = Path(__file__).parents[1] / "docs"
# The pages with snippets, which run as they stand.
GUIDE = ["scaling", "noise", "network", "comparing", "explaining", "files", "survey", "trust", "export"]
PACKAGES = [m.name for m in pkgutil.iter_modules(skspectra.__path__) if not m.name.startswith("_")]
NAMES = [(package, name) for package in PACKAGES for name in importlib.import_module(f"skspectra.{package}").__all__]
# They have no docstring of their own.
CONSTANTS = {"LAMOST_WAVELENGTH"}


@pytest.mark.parametrize("page", GUIDE)
def test_snippets_run_one_after_another(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL | re.M)
    assert blocks
    names: dict = {}
    for number, block in enumerate(blocks):
        if not block.startswith(">>>"):
            exec(block, names)
            continue
        parsed = doctest.DocTestParser().get_doctest(block, names, f"{page}.md[{number}]", None, 0)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        report: list[str] = []
        runner.run(parsed, out=report.append, clear_globs=False)
        assert runner.summarize(verbose=False).failed == 0, "".join(report)
        names |= parsed.globs
    plt.close("all")


def test_reference_lists_every_public_name(tmp_path):
    runpy.run_path(str(DOCS / "conf.py"))["write_reference"](tmp_path / "reference.rst")
    reference = (tmp_path / "reference.rst").read_text(encoding="utf-8")
    for package, name in NAMES:
        section = reference.partition(f".. currentmodule:: skspectra.{package}\n")[2].partition("automodule")[0]
        assert f"   {name}\n" in section


@pytest.mark.parametrize(("package", "name"), NAMES, ids=[name for _, name in NAMES])
def test_docstring_is_complete(package, name):
    if name in CONSTANTS:
        return
    member = getattr(importlib.import_module(f"skspectra.{package}"), name)
    sections = set(re.findall(r"^(\w+(?: \w+)?)\n-+$", inspect.getdoc(member), re.M))
    assert sections & {"Parameters", "Attributes", "Returns"}
    assert "Examples" in sections
    if inspect.isclass(member):
        public = [n for n, m in vars(member).items() if not n.startswith("_") and callable(getattr(member, n))]
        assert all(inspect.getdoc(getattr(member, n)) for n in public)
    else:
        assert "Returns" in sections or inspect.signature(member).return_annotation in (None, "None")
        assert all(f"{parameter}" in inspect.getdoc(member) for parameter in inspect.signature(member).parameters)
