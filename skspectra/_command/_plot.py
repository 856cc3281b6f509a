"""``skspectra plot``: one spectrum, coloured by the attention of the network."""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np

from ._arguments import UsageError, add_model

DESCRIPTION = """\
Draw one spectrum, coloured by the attention of the network, with its class and probability in the title. If the file
states a redshift, the lines of the class are marked."""
EXAMPLE = """\
example:
  skspectra plot spec-4055-55359-0010.fits -o spectrum.png"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="file of spectra, or store")
    parser.add_argument(
        "--row", type=int, default=0, metavar="N", help="number of the spectrum in the file, from 0 (default: 0)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FIGURE", help="file to write, such as spectrum.png (default: a window)"
    )
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    try:
        import matplotlib
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise UsageError("plot needs matplotlib, which is not installed: pip install matplotlib.") from error
    from ..inspection import ClassActivationDisplay
    from ._model import load_model

    if args.output is None:
        if matplotlib.get_backend().lower() in ("agg", "pdf", "ps", "svg", "cairo"):
            raise UsageError("a window cannot be opened, because there is no screen. Give -o FIGURE.")
    elif (kind := args.output.suffix.lstrip(".")) not in plt.figure().canvas.get_supported_filetypes():
        raise UsageError(f"-o {args.output}: {kind or 'no suffix'!r} is not a format that matplotlib writes.")
    model, wavelength = load_model(args)
    flux, redshift = _spectrum(args, wavelength)
    try:
        display = ClassActivationDisplay.from_estimator(model, flux, layer=1, wavelength=wavelength, redshift=redshift)
    except TypeError as error:
        raise UsageError(f"--model {args.model} has no attention to draw: {error}") from error
    display.figure_.set_size_inches(10, 4)
    if args.output is None:
        plt.show()
    else:
        display.figure_.savefig(args.output, dpi=150)
    return 0


def _spectrum(args: argparse.Namespace, wavelength: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the flux of the spectrum asked for, and its redshift where the file states one."""
    from ..datasets import load_spectra, open_spectra_store, resample_spectra
    from ._files import is_store

    if is_store(args.file):
        spectra = open_spectra_store(args.file)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of arrays in the file that are not used
            spectra = load_spectra(args.file, wavelength=wavelength)
    n_spectra = len(spectra.data)
    if not 0 <= args.row < n_spectra:
        raise UsageError(f"--row {args.row}: {args.file} has {n_spectra} spectra, numbered from 0.")
    row = slice(args.row, args.row + 1)
    flux = np.asarray(resample_spectra(spectra.data[row], spectra.wavelength, wavelength))
    redshift = spectra.redshift[row]
    return flux, redshift if np.isfinite(redshift).all() else None
