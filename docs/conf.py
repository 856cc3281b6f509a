"""Configuration of the site. `make docs` builds it into docs/_build/html."""

import importlib
import os
import pkgutil
import sys
from pathlib import Path

import skspectra

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import architecture  # noqa: E402

project = "skspectra"
author = "skspectra developers"
version = release = skspectra.__version__
project_copyright = author

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]

# Pages

myst_enable_extensions = ["attrs_block", "colon_fence"]
myst_heading_anchors = 3

# Reference

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings have the types, with shapes and units
CONSTANTS = {
    "skspectra.datasets.LAMOST_WAVELENGTH": "Common wavelength grid: ndarray of 2600 wavelengths in vacuum, in "
    "angstrom, from 3690 to 9100 in equal steps.",
}
numpydoc_show_class_members = False  # the template of a class has them
numpydoc_xref_param_type = False
default_role = "literal"  # numpydoc names parameters in single backticks

# Links to other projects stay text, so that the site builds without a network, unless INTERSPHINX=1 asks for them.
nitpick_ignore_regex = [
    ("py:.*", r"(imblearn|joblib|matplotlib|numpy|pandas|sklearn|skorch|torch)(\..*)?"),
    ("py:class", r"skspectra\.neural_network\._modules\..*"),  # the module_class of the classifiers
]
if os.environ.get("INTERSPHINX") == "1":
    extensions.append("sphinx.ext.intersphinx")
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "scipy": ("https://docs.scipy.org/doc/scipy", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
    "torch": ("https://docs.pytorch.org/docs/stable", None),
    "skorch": ("https://skorch.readthedocs.io/en/stable", None),
    "imblearn": ("https://imbalanced-learn.org/stable", None),
    "matplotlib": ("https://matplotlib.org/stable", None),
    "pandas": ("https://pandas.pydata.org/docs", None),
}

# Gallery

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "ignore_pattern": r"^(?!.*plot_).*\.py$",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skspectra",),
    "abort_on_example_error": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,
}

# Look

html_theme = "pydata_sphinx_theme"
html_title = f"skspectra {version}"
html_static_path = ["_static"]
html_css_files = ["skspectra.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
# Pages without pages below them.
html_sidebars = {
    page: []
    for page in (
        "index",
        "paper",
        "benchmarks",
        "benchmarks_trust",
        "benchmarks_speed",
        "benchmark_methods",
        "comparison",
        "contributing",
        "changelog",
    )
}


def write_reference(path: Path) -> None:
    """List every public name of every public package, in the order of `__all__`."""
    lines = ["API reference", "=============", ""]
    for module in pkgutil.iter_modules(skspectra.__path__, "skspectra."):
        if module.name.rpartition(".")[2].startswith("_"):
            continue
        lines += [module.name, "-" * len(module.name), "", f".. automodule:: {module.name}", "   :no-members:", ""]
        lines += [
            f".. currentmodule:: {module.name}",
            "",
            ".. autosummary::",
            "   :toctree: .",
            "   :nosignatures:",
            "",
        ]
        lines += [f"   {name}" for name in importlib.import_module(module.name).__all__] + [""]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


def skip_inherited(app, what, name, member, skip, options) -> bool | None:
    """Leave out the methods that come from scikit-learn: its own documentation has them."""
    module = getattr(member, "__module__", None) or getattr(getattr(member, "fget", None), "__module__", None)
    return True if what == "class" and module is not None and not module.startswith("skspectra") else None


def describe_constant(app, what, name, obj, options, lines) -> None:
    """Replace the docstring of a constant, which is that of its type."""
    if what == "data":
        lines[:] = [CONSTANTS[name]]


def generate(app, config) -> None:
    write_reference(HERE / "generated" / "reference.rst")
    architecture.draw(HERE / "generated" / "architecture")


def setup(app) -> None:
    app.connect("config-inited", generate)
    app.connect("autodoc-process-docstring", describe_constant, priority=1)
    app.connect("autodoc-skip-member", skip_inherited)
