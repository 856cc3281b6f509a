"""``skspectra classify``: from files of spectra to a table of their classes."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from ._arguments import add_model, add_paths

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._results import Results

DESCRIPTION = """\
Classify spectra and write a table: one row a spectrum, with the class, the probability of each class, the S/N, the
share of the wavelengths that was measured, and what the survey's own pipeline says. It reads the files of every survey
that skspectra.datasets.load_spectra reads, compressed or not, and stores of spectra.

With -o the work is kept in TABLE.part until it is complete: the same command resumes after an interruption.
The exit code is 0 if every file was read, 1 if some were not, and 2 for wrong usage."""
EXAMPLE = """\
examples:
  skspectra classify spec-4055-55359-0010.fits
  skspectra classify lamost/ -o classes.csv --priors STAR=.985,GALAXY=.012,QSO=.003"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_paths(parser)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="TABLE", help="file to write: .csv, .ecsv, .fits or .parquet"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace TABLE if it exists")
    add_model(parser)
    parser.add_argument(
        "--priors",
        metavar="CLASS=SHARE,...",
        help="class mix of the survey; the probabilities of the model must be for equal shares, as those of the "
        "pretrained models are",
    )
    parser.add_argument(
        "--reject",
        type=float,
        metavar="RATE",
        help="answer UNKNOWN where the model is less sure than of all but this share of simulated spectra, such as .05",
    )
    parser.add_argument(
        "--keep-bad-pixels",
        action="store_true",
        help="use the flux of pixels that the survey flags as bad, instead of interpolating over them",
    )


def run(args: argparse.Namespace) -> int:
    from ._output import check_output, print_table, write_table

    if args.output is None:
        with tempfile.TemporaryDirectory() as folder:
            return _classify(args, Path(folder, "results"), print_table)
    check_output(args.output, args.overwrite)
    part = args.output.with_name(f"{args.output.name}.part")
    code = _classify(args, part, lambda results: write_table(results, args.output))
    part.unlink()
    return code


def _classify(args: argparse.Namespace, database: Path, write: Callable[[Results], None]) -> int:
    from ..datasets._loading._table import told_as_os_error
    from ._classifier import Classifier
    from ._files import Problems, find
    from ._results import Results
    from ._streaming import Stream

    classifier = Classifier(args)
    problems = Problems()
    stores, files, folders = find(args.paths, problems)
    with (
        told_as_os_error(
            database,
            "it",
            "the results could not be recorded",
            "Those that were recorded before are safe, and the same command resumes with them.",
        ),
        closing(Results(database, list(map(str, classifier.classes)))) as results,
    ):
        stream = Stream(classifier, results, problems, keep_bad_pixels=args.keep_bad_pixels)
        stream.read(stores, files, folders, database, args.n_jobs)
        problems.require_spectra(results.n_spectra, folders, "classified")
        write(results)
    return problems.summarise()
