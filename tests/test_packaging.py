"""The lowest versions that are tested are those that pyproject.toml allows."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Needed by an old version of a package in the ranges: newer ones warn of how it uses them.
INDIRECT = {"pyparsing"}


def test_data_files_are_part_of_the_wheel():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    packed = {
        path for pattern in setuptools["package-data"]["skspectra"] for path in (ROOT / "skspectra").glob(pattern)
    }
    folders = [path.parent for path in (ROOT / "skspectra").rglob("*") if path.suffix in {".npz", ".csv", ".onnx"}]
    assert {folder.name for folder in folders} == {"data", "models"}
    assert all(set(folder.iterdir()) <= packed for folder in folders)


def test_lowest_versions_are_those_of_the_ranges():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    ranges = {*project["dependencies"], *extras["files"], *extras["plot"], *extras["test"]}
    lowest = dict(re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", requirement).groups() for requirement in ranges)

    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))

    assert set(pinned) - INDIRECT == set(lowest)
    for name, version in lowest.items():
        assert re.fullmatch(re.escape(version) + r"(\.0)*", pinned[name])
