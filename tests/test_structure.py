"""Files and functions stay short: those of the package, its tests, benchmarks, examples and documentation."""

import ast
from pathlib import Path

import pytest

import skspectra

PACKAGE = Path(skspectra.__file__).parent
ROOT = Path(__file__).parents[1]
FOLDERS = (PACKAGE, *(ROOT / name for name in ("tests", "benchmarks", "examples", "docs")))
FILES = [path for folder in FOLDERS for path in sorted(folder.rglob("*.py")) if "_build" not in path.parts]
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function without decorators and docstring; functions inside it count."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function) is not None:
        lines -= function.body[0].end_lineno - function.body[0].lineno + 1
    return lines


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_lengths(path):
    text = path.read_text(encoding="utf-8")
    n_lines = len(text.splitlines())
    assert n_lines <= MOST_LINES_OF_A_FILE
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {function.name: length(function) for function in functions}
    assert not {name: n for name, n in lengths.items() if n > MOST_LINES_OF_A_FUNCTION}
