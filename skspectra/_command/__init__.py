"""The command ``skspectra``: its arguments and the reporting of errors."""

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence

from .. import __version__
from ._arguments import UsageError

_SUBCOMMANDS = {
    "classify": "classify spectra and write a table",
    "plot": "draw one spectrum, coloured by the attention of the network",
    "info": "describe the content of files",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    It is 0 for success, 1 if something could not be read or written and for any other error, 2 for invalid arguments,
    and 130 for an interrupt from the keyboard.
    """
    args = _parser().parse_args(argv)
    run = importlib.import_module(f"._{args.subcommand}", __name__).run
    try:
        return run(args)
    except UsageError as error:
        return _fail(args, error, 2)
    except KeyboardInterrupt:
        print("skspectra: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output is gone; the interpreter would report this when it exits
        return 1
    except Exception as error:
        return _fail(args, error, 1)


def _fail(args: argparse.Namespace, error: Exception, code: int) -> int:
    if args.debug:
        traceback.print_exception(error)
    else:
        message = " ".join(str(error).split()) or type(error).__name__
        print(f"skspectra {args.subcommand}: error: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="skspectra", description="Classification of astronomical spectra.")
    parser.add_argument("--version", action="version", version=f"skspectra {__version__}")
    subcommands = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    for name, summary in _SUBCOMMANDS.items():
        module = importlib.import_module(f"._{name}", __name__)
        subparser = subcommands.add_parser(
            name,
            help=summary,
            description=module.DESCRIPTION,
            epilog=module.EXAMPLE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(subparser)
        subparser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser
