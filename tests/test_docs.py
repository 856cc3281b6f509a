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
GUIDE = [
    "quick",
    "few_labels",
    "scaling",
    "noise",
    "network",
    "comparing",
    "explaining",
    "files",
    "survey",
    "trust",
    "export",
]
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


def names_in(docstring, *sections):
    """Return the names that the sections of a docstring describe, each at the start of a line: `a, b : float`."""
    parts = re.split(r"^(\w+(?: \w+)?)\n-+\n", docstring, flags=re.M)
    text = "\n".join(body for title, body in zip(parts[1::2], parts[2::2], strict=True) if title in sections)
    lines = re.findall(r"^((?:\*{0,2}\w+, )*\*{0,2}\w+)(?: :.*)?$", text, re.M)
    return {name.strip(" *") for line in lines for name in line.split(",")}


def says_what_it_returns(function):
    nothing = inspect.signature(function).return_annotation in (None, "None")
    return nothing or bool(re.search("^(Returns|Yields)\n-", inspect.getdoc(function), re.M))


@pytest.mark.parametrize(
    ("docstring", "names"),
    [
        ("Fit.\n\nParameters\n----------\nX : array\n    Spectra with y.\n", {"X"}),
        (
            "Fit.\n\nParameters\n----------\nlow, high : float\n    Ends.\n**fit_params : dict\n",
            {"low", "high", "fit_params"},
        ),
        ("Fit.\n\nReturns\n-------\nself : object\n", set()),
    ],
)
def test_names_in_a_docstring(docstring, names):
    assert names_in(docstring, "Parameters") == names


@pytest.mark.parametrize(("package", "name"), NAMES, ids=[name for _, name in NAMES])
def test_docstring_is_complete(package, name):
    if name in CONSTANTS:
        return
    member = getattr(importlib.import_module(f"skspectra.{package}"), name)
    docstring = inspect.getdoc(member)
    assert ">>> " in docstring.partition("Examples\n--------\n")[2]
    parameters = inspect.signature(member).parameters
    if not inspect.isclass(member):
        assert set(parameters) <= names_in(docstring, "Parameters")
        assert says_what_it_returns(member)
        return
    # The fields of what a function returns are attributes, and no user fills them.
    assert set(parameters) <= names_in(docstring, "Parameters", "Attributes")
    for method_name, method in inspect.getmembers(member, callable):
        own = (getattr(method, "__module__", None) or "").startswith("skspectra")  # not of scikit-learn's base classes
        if own and not method_name.startswith("_") and not inspect.isclass(method):
            described = names_in(inspect.getdoc(method), "Parameters")
            assert set(inspect.signature(method).parameters) - {"self"} <= described, method_name
            assert says_what_it_returns(method), method_name
