"""What may import what: light imports, and arrows that point one way; the map of the code."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skspectra
from skspectra import datasets
from skspectra.datasets import _public

PACKAGE = Path(skspectra.__file__).parent
HEAVY = {"torch", "skorch", "matplotlib", "astropy", "onnx", "onnxruntime", "pandas", "polars"}
LIGHT_SUBPACKAGES = (
    "augmentation",
    "calibration",
    "datasets",
    "export",
    "metrics",
    "outliers",
    "over_sampling",
    "preprocessing",
    "pretrained",
)
TORCH_MAY_BE_IN = ("neural_network", "inspection", "pretrained")
COMMAND = ("_command", "__main__")  # they use everything

# A subpackage may import those named here, and every private module of the package's top level; what is not named
# here may import anything.
MAY_IMPORT = {
    "preprocessing": set(),
    "augmentation": set(),
    "over_sampling": {"augmentation"},
    "datasets": set(),
    "metrics": set(),
    "calibration": set(),
    "outliers": set(),
}
MAY_NOT_IMPORT = {"datasets": {"_base", "_unwrap"}}
# The rooms inside a subpackage, and what a room (or "", the modules beside the rooms) may not import from it.
ROOMS = {
    "datasets": {
        "": {"_simulator", "_readers", "_loading", "_store"},
        "_simulator": {"_readers", "_loading", "_store"},
        "_readers": {"_simulator", "_loading", "_store"},
        "_loading": {"_simulator", "_store"},
        "_store": {"_simulator"},
    },
    "neural_network": {
        "_modules": {"_training", "_base", "_fitted", "_densenet", "_mlp", "_dbn", "_inference", "_device"},
        "_training": {"_base", "_fitted", "_densenet", "_mlp", "_dbn", "_inference"},
    },
}
# Modules of the top level that every subpackage may import, and what they may import themselves: public parts of these.
LEAVES = {"_checks.py": {"numpy", "sklearn"}, "_atomic_file.py": set()}


def loaded_by(statement: str) -> set[str]:
    """Return the names of the modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def imports(path: Path) -> set[tuple[str, bool]]:
    """Return what a file imports, as absolute dotted names, and whether it does so when it is itself imported."""
    found = set()

    def visit(node: ast.AST, on_import: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.update((alias.name, on_import) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
                base = list(parts[: -child.level]) if child.level else []
                module = ".".join(base + ([child.module] if child.module else []))
                found.update((f"{module}.{alias.name}", on_import) for alias in child.names)
            elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
                continue
            else:
                visit(child, on_import and not isinstance(child, ast.FunctionDef | ast.Lambda))

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


def subpackage(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_import_of_the_package_loads_neither_heavy_libraries_nor_its_own_parts():
    loaded = loaded_by("import skspectra")
    assert not loaded & (HEAVY | {"sklearn", "imblearn", "scipy"})
    assert not {name for name in loaded if name.startswith("skspectra.")}


@pytest.mark.parametrize("name", LIGHT_SUBPACKAGES)
def test_light_subpackages_load_no_heavy_library(name):
    loaded_by_scikit_learn = {"pandas", "polars"}
    assert not loaded_by(f"import skspectra.{name}") & (HEAVY - loaded_by_scikit_learn)


def test_processes_that_read_files_load_no_scikit_learn():
    assert not loaded_by("import skspectra.datasets._loading._read_files") & {"sklearn", "torch", "pandas", "astropy"}


def test_names_of_datasets_load_on_first_use():
    assert set(datasets.__all__) == {name for name in vars(_public) if not name.startswith("__")}
    assert set(datasets.__all__) <= set(dir(datasets))
    assert all(hasattr(datasets, name) for name in datasets.__all__)
    with pytest.raises(AttributeError, match=r"'skspectra.datasets' has no attribute 'telescope'"):
        _ = datasets.telescope


def test_subpackages_load_on_first_use():
    loaded = loaded_by("import skspectra; skspectra.preprocessing.MinMaxSpectrumScaler")
    assert "skspectra.preprocessing" in loaded
    assert "skspectra.over_sampling" not in loaded
    assert set(skspectra.__all__) <= set(dir(skspectra))
    with pytest.raises(AttributeError, match="no attribute 'telescope'"):
        _ = skspectra.telescope


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_are_imported_only_where_they_may_be(path):
    for name, on_import in imports(path):
        library = name.partition(".")[0]
        if library in {"torch", "skorch"}:
            inside_export = subpackage(path) == "export" and not on_import
            assert subpackage(path) in TORCH_MAY_BE_IN or inside_export, f"{name} in {path}"
        elif library in HEAVY:
            assert not on_import, f"{name} belongs into the function that needs it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_within_the_package_point_one_way(path):
    here = subpackage(path)
    for name, _ in imports(path):
        if not name.startswith("skspectra."):
            continue
        there = name.split(".")[1]
        assert there not in MAY_NOT_IMPORT.get(here, ()), f"{name} in {path}"
        if there == here or there.startswith("_"):
            continue
        if here.startswith("_") and here not in COMMAND:
            assert here == "__init__", f"{name}: a module that all share imports no subpackage"
        assert here not in MAY_IMPORT or there in MAY_IMPORT[here], f"{name} in {path}"


@pytest.mark.parametrize(("package", "room"), [(package, room) for package, rooms in ROOMS.items() for room in rooms])
def test_rooms_import_one_way(package, room):
    lists_of_names = set() if room else {"__init__.py", "_public.py"}
    files = [path for path in (PACKAGE / package / room).glob("*.py") if path.name not in lists_of_names]
    assert files
    for path in files:
        for name, _ in imports(path):
            if name.startswith(f"skspectra.{package}."):
                assert name.split(".")[2] not in ROOMS[package][room], f"{name} in {path}"


@pytest.mark.parametrize(("name", "libraries"), LEAVES.items())
def test_modules_that_import_no_other_module_of_the_package(name, libraries):
    roots = {name.partition(".")[0] for name, _ in imports(PACKAGE / name)}
    assert roots - set(sys.stdlib_module_names) <= libraries


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_private_parts_of_scikit_learn_are_imported_in_one_place(path):
    if path.name == "_validation.py":
        return
    for name, _ in imports(path):
        if name.startswith("sklearn."):
            assert not any(part.startswith("_") for part in name.split(".")), f"{name}: see _validation.py"


PUBLIC = [path for path in FILES if path.name == "__init__.py" and not path.parent.name.startswith("_")]


@pytest.mark.parametrize("path", PUBLIC, ids=lambda path: path.parent.name)
def test_public_names_are_listed(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert any(
        isinstance(node, ast.Assign | ast.AnnAssign)
        and "__all__" in {ast.unparse(t) for t in getattr(node, "targets", [getattr(node, "target", None)]) if t}
        for node in tree.body
    )


def test_map_of_the_code_names_every_folder():
    contributing = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    map_of_the_code = re.search(r"## Map of the code\n\n```\n(.*?)```", contributing, re.S).group(1)
    folders = {path.parent.name for path in FILES}
    assert set(re.findall(r"(\w+)/", map_of_the_code)) == folders | {"tests", "benchmarks", "examples", "docs"}
    named = set(re.findall(r"\w+\.py", map_of_the_code))
    assert named <= {path.name for path in FILES}
    assert named >= {path.name for path in PACKAGE.glob("_*.py")} - {"__init__.py"}
