"""Report of files that could not be read completely."""

import warnings
from collections import Counter


class Report:
    """Collect the errors of files that could not be loaded, or raise the first one.

    Parameters
    ----------
    on_error : {"raise", "warn"}
        "raise" raises the first error.
    """

    def __init__(self, on_error: str) -> None:
        self.raises = on_error == "raise"
        self.failures: list[tuple[str, str]] = []
        self.passed_over: list[str] = []  # files without spectra in folders
        self.unused: Counter[str] = Counter()  # arrays that no reader uses, and their numbers of files

    def fail(self, path: str, error: Exception) -> None:
        """Record that a file could not be read, or raise the error."""
        if self.raises:
            raise error
        self.failures.append((path, str(error).removeprefix(f"{path}: ")))

    def require_spectra(self, n_spectra: int, bare_folders: set[str], action: str) -> None:
        """Raise ValueError if there are no spectra, and report each folder without spectra as a failure."""
        for folder in sorted(bare_folders):
            self.fail(folder, ValueError(f"{folder}: the folder holds no spectra"))
        if n_spectra == 0:
            causes = "; ".join(f"{path}: {cause}" for path, cause in self.failures[:3])
            raise ValueError(f"No spectra could be {action}. {causes}".rstrip())

    def warn(self, n_files: int) -> None:
        """Warn once about failures and once about unused arrays, at the line that called load_spectra or its like."""
        if self.failures:
            path, cause = self.failures[0]
            n_failed = len({path for path, _ in self.failures})
            warnings.warn(
                f"{n_failed} of {n_files} files could not be loaded, in part or at all, and are listed in `failures`. "
                f"The first is {path}: {cause}",
                stacklevel=4,
            )
        if self.unused:
            names = [f"{name!r} (files: {n_files})" for name, n_files in self.unused.most_common(10)]
            more = "" if len(self.unused) <= 10 else f" and {len(self.unused) - 10} more"
            warnings.warn(f"Arrays in the files that are not used: {', '.join(names)}{more}.", stacklevel=4)
