"""Results of single runs, kept on disk so that a benchmark that was stopped goes on where it was."""

import json
import os
from collections.abc import Callable
from pathlib import Path


def read_or_run(path: Path, settings: dict, run: Callable[[], dict]) -> dict:
    """Return the result in the file if these settings made it, else run and write it, whole or not at all."""
    settings = json.loads(json.dumps(settings))  # as they come back from a file
    if path.exists():
        kept = json.loads(path.read_text())
        if kept["settings"] == settings:
            return kept["result"]
    result = run()
    write_json(path, {"settings": settings, "result": result})
    return result


def write_json(path: Path, content: object) -> None:
    """Write a file that is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(content, indent=2) + "\n")
    part.replace(path)
