"""Command-line arguments and the file of results, which are the same for all scripts."""

import argparse
import os
from pathlib import Path

from benchmarks._common.machine import describe
from benchmarks._common.runs import write_json


def parser_of(description: str, *, json: bool = True) -> argparse.ArgumentParser:
    """Return a parser that shows the docstring of a script unchanged, and accepts ``--json`` unless `json` is False."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if json:
        add_json(parser)
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="F.json", help="file for the machine, arguments and results")


def add_data(parser: argparse.ArgumentParser, content: str) -> None:
    """Add ``--data``, the folder of the real spectra."""
    default = os.environ.get("SKSPECTRA_DATA")
    parser.add_argument("--data", type=Path, default=default and Path(default), help=f"folder of {content}")


def data_folder(args: argparse.Namespace) -> Path:
    if args.data is None:
        raise SystemExit("Set --data or the environment variable SKSPECTRA_DATA.")
    return args.data


def print_machine() -> None:
    print(", ".join(f"{key} {value}" for key, value in describe().items()))


def save(args: argparse.Namespace, **content: object) -> None:
    """Write the machine, the arguments and the results, if ``--json`` names a file."""
    if args.json:
        arguments = {name: str(value) if isinstance(value, Path) else value for name, value in vars(args).items()}
        write_json(args.json, {"machine": describe(), "arguments": arguments, **content})
