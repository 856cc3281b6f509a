"""Files that are replaced in one step."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def unfinished(path: Path) -> Path:
    """Return the file beside `path` that holds its new content until it is complete."""
    return path.with_name(f"{path.name}.tmp")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file to write, which then replaces `path` in one step; if this fails, `path` is unchanged."""
    part = unfinished(path)
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):  # the first error is the one that matters
            part.unlink(missing_ok=True)
        raise


def replace_file(path: Path, content: bytes | memoryview) -> None:
    """Replace the content of a file in one step."""
    with replacing(path) as part:
        part.write_bytes(content)
