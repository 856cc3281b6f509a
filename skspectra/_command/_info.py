"""``skspectra info``: summary of the content of files."""

import argparse
from collections import Counter
from collections.abc import Iterable

from ._arguments import add_paths

DESCRIPTION = """\
Describe each file: its survey, number of spectra, wavelength range in angstrom, median S/N and classes.
The exit code is 0 if every file was read, and 1 if some were not."""
EXAMPLE = """\
example:
  skspectra info lamost/ sdss/*.fits"""

_LINE = "{:<44}  {:<14}  {:>7}  {:>15}  {:>6}  {}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)


def run(args: argparse.Namespace) -> int:
    from ..datasets import open_spectra_store
    from ..datasets._loading._read_files import read_into
    from ..datasets._readers import Labels, Spectrum
    from ._files import Problems, find, n_processes

    problems = Problems()
    stores, files, folders = find(args.paths, problems)
    print(_LINE.format("file", "survey", "spectra", "wavelength", "S/N", "classes"))

    def add(found: list[Spectrum] | Labels, path: str) -> None:
        if isinstance(found, Labels):
            classes = _counts(label.target for label in found.by_object_id.values())
            print(_LINE.format(path, found.survey, len(found.by_object_id), "labels", "", classes))
            return
        _print(
            path,
            [spectrum.survey for spectrum in found],
            min(spectrum.wavelength[0] for spectrum in found),
            max(spectrum.wavelength[-1] for spectrum in found),
            [spectrum.snr for spectrum in found],
            [spectrum.target for spectrum in found],
        )

    for path in stores:
        try:
            store = open_spectra_store(path)
        except (OSError, ValueError) as error:
            problems.fail(path, error)
            continue
        first, last = store.wavelength[[0, -1]].tolist()
        _print(path, store.survey.tolist(), first, last, store.snr.tolist(), store.target.tolist())
    read_into(add, files, folders, problems, grid=None, n_jobs=n_processes(args.n_jobs, len(files)))
    problems.require_spectra(0, folders, "described")
    return problems.summarise()


def _print(path: str, surveys: list[str], first: float, last: float, snr: list[float], targets: list[str]) -> None:
    import numpy as np

    known = [ratio for ratio in snr if np.isfinite(ratio)]
    median = f"{np.median(known):.1f}" if known else "-"
    wavelength = f"{first:.0f} to {last:.0f}"
    names = ", ".join(sorted(set(surveys)))
    print(_LINE.format(path, names, len(targets), wavelength, median, _counts(targets)))


def _counts(targets: Iterable[str]) -> str:
    return ", ".join(f"{target or '(none)'} {n}" for target, n in Counter(targets).most_common())
