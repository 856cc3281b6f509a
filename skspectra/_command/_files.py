"""The files that the command reads: survey files of any kind, and stores of spectra."""

import os
import sys

import joblib
from tqdm import tqdm

from ..datasets._loading._find_files import find_files
from ..datasets._loading._in_memory import File
from ..datasets._loading._report import Report
from ._arguments import UsageError

# Fewer are read before other processes have started: on two cores 300 files take 6.1 to 6.5 s with one process and 6.4
# to 7.9 s with two.
_MANY_FILES = 400


def n_processes(n_jobs: int | None, n_files: int) -> int:
    if n_jobs == 0:
        raise UsageError("--n-jobs 0 is not allowed; give a number of processes, or -1 for one per processor.")
    if n_jobs is not None:
        return n_jobs
    return joblib.effective_n_jobs(-1) if n_files >= _MANY_FILES else 1


class Problems(Report):
    """Report of files that cannot be read: each is named on standard error at once, and all in one line at the end."""

    def __init__(self) -> None:
        super().__init__("warn")

    def require_spectra(self, n_spectra: int, bare_folders: set[str], action: str) -> None:
        for folder in sorted(bare_folders):
            self.fail(folder, ValueError("the folder holds no spectra"))

    def fail(self, path: str, error: Exception) -> None:
        super().fail(path, error)
        write_error(f"{path}: {self.failures[-1][1]}")

    def summarise(self) -> int:
        """Write the last line and return the exit code."""
        if not self.failures:
            return 0
        names = list(dict.fromkeys(path for path, _ in self.failures))
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        write_error(f"Files that could not be read completely ({len(names)}): {', '.join(names[:10])}{more}")
        return 1


def write_error(line: str) -> None:
    """Write a line to standard error above a progress bar, whatever characters a file name has."""
    encoding = sys.stderr.encoding or "utf-8"
    tqdm.write(line.encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr)


def is_store(path: str) -> bool:
    return os.path.isfile(os.path.join(path, "manifest.json"))


def find(paths: list[str], problems: Report) -> tuple[list[str], list[File], set[str]]:
    """Return the stores, the files, and the folders among the paths."""
    stores = [path for path in paths if is_store(path)]
    files, folders = find_files([path for path in paths if path not in stores], problems, "skspectra")
    return stores, files, folders
