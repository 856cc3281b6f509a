"""Results of single runs, which are kept on disk so that a stopped benchmark continues where it ended."""

import hashlib
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import skspectra


@cache
def code_version(*scripts: str | Path) -> str:
    """Return a short hash of the code that a training depends on: parts of the package, and these scripts."""
    package = Path(skspectra.__file__).parent
    folders = [
        package / name for name in ("augmentation", "neural_network", "over_sampling", "preprocessing", "pretrained")
    ]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    return fingerprint_of_files(*sorted(package.glob("*.py")), *files, *map(Path, scripts))


def fingerprint_of_files(*paths: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:12]


def read_or_run(path: Path, settings: dict, run: Callable[[], dict]) -> dict:
    """Return the result in the file if it has these settings. Otherwise run, write the result and return it."""
    settings = json.loads(json.dumps(settings))  # JSON turns tuples into lists
    if path.exists():
        kept = json.loads(path.read_text())
        if kept["settings"] == settings:
            return kept["result"]
    result = run()
    write_json(path, {"settings": settings, "result": result})
    return result


def write_json(path: Path, content: object) -> None:
    """Write a JSON file atomically, so that no other process reads a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(content, indent=2) + "\n")
    part.replace(path)
