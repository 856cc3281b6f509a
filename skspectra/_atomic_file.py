"""Files that are replaced in one step."""

import os
from contextlib import suppress
from pathlib import Path


def unfinished(path: Path) -> Path:
    """Return the file beside `path` that holds its new content until it is complete."""
    return path.with_name(f"{path.name}.tmp")


def replace_file(path: Path, content: bytes | memoryview) -> None:
    """Write beside the file and put the content in its place at once; if that fails, the file stays as it was."""
    part = unfinished(path)
    try:
        with open(part, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):  # the first error is the one that matters
            part.unlink(missing_ok=True)
        raise
