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
Classify spectra and write a table. It has one row for each spectrum, with the class, the probability of each class,
the S/N, the share of the wavelengths that was measured, and the class and redshift from the survey's own pipeline. The
command reads the files of every survey that skspectra.datasets.load_spectra supports, compressed or not, and stores of
spectra.

With -o, results are kept in TABLE.part until the table is complete. After an interruption, the same command resumes.
The exit code is 0 if every file was read, 1 if some were not, and 2 if the arguments are invalid."""
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
        help="correct the probabilities to these class shares; the model must have been trained with equal shares, as "
        "the pretrained models were",
    )
    parser.add_argument(
        "--reject",
        type=float,
        metavar="RATE",
        help="classify uncertain spectra as UNKNOWN; RATE, such as .05, is the share of simulated spectra of known "
        "classes that would be rejected",
    )
    parser.add_argument(
        "--keep-bad-pixels",
        action="store_true",
        help="use the flux of pixels that the survey flags as bad, instead of interpolating over these pixels",
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
