"""Arguments that several subcommands share, and the error for invalid arguments."""

import argparse

DEFAULT_MODEL = "star-galaxy-qso"


class UsageError(ValueError):
    """Error for invalid arguments of the command, raised before anything is done."""


def add_paths(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="file, folder, glob pattern or store of spectra")
    parser.add_argument(
        "--n-jobs",
        type=int,
        metavar="N",
        help="number of processes that read files (default: one for each processor if there are many files)",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME|FILE",
        help="pretrained model, or file of a saved pipeline: .onnx, .skops, or .joblib with --trust-model (default: "
        f"{DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--trust-model",
        action="store_true",
        help="allow a .joblib file, which can execute arbitrary code when it is loaded; use it for your own files only",
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda or cuda:N, for a pretrained model (default: auto)")
