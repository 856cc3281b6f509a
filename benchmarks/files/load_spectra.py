"""How many files per second does `load_spectra` read, compared with astropy alone and with specutils?

    python -m benchmarks.files.load_spectra --json load_spectra.json

The files are gzipped LAMOST spectra, as the survey distributes them. If SKSPECTRA_DATA is set, they are real spectra,
which are written several times as observations of different nights. Otherwise they are made by the test helpers.
astropy alone reads the flux and three cards of the header and does not resample. If specutils is installed, it reads
real SDSS files, and its values are compared with those of `load_spectra`.
"""

import gzip
import importlib.util
import os
import tempfile
import warnings
from pathlib import Path

import joblib
import numpy as np
from astropy.io import fits

from benchmarks._common.command import parser_of, print_machine, save
from benchmarks._common.timing import best_seconds
from skspectra.datasets import load_spectra
from tests.survey_files import lamost_array


def lamost_files(folder: Path, n_files: int) -> list[Path]:
    """Write gzipped LAMOST files, each of a different night, and return their paths."""
    if "SKSPECTRA_DATA" in os.environ:
        paths = sorted(Path(os.environ["SKSPECTRA_DATA"], "fits").glob("*.fits.gz"))
        contents = [gzip.decompress(path.read_bytes()) for path in paths]
    else:
        contents = [lamost_array(folder / f"{i}.fits", fiber=i).read_bytes() for i in range(20)]
    result = []
    for i in range(n_files):
        content = contents[i % len(contents)]
        place = content.index(b"LMJD    =")
        card = f"LMJD    = {70000 + i:20}".ljust(80).encode()
        result.append(folder / f"spec-{i:06}.fits.gz")
        result[-1].write_bytes(gzip.compress(content[:place] + card + content[place + 80 :], 6))
    return result


def astropy_alone(paths: list[Path]) -> None:
    for path in paths:
        with fits.open(path) as hdus:
            header = hdus[0].header
            _ = header["CLASS"], header["SUBCLASS"], header["Z"]
            _ = hdus[0].data[0] if hdus[0].data is not None else hdus[1].data["FLUX"][0]


def specutils_alone(paths: list[Path]) -> list[tuple[np.ndarray, np.ndarray]]:
    from specutils import Spectrum

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spectra = [Spectrum.read(path, format="SDSS-III/IV spec") for path in paths]
    return [(spectrum.flux.value, spectrum.spectral_axis.to_value("Angstrom")) for spectrum in spectra]


def lamost_rates(n_files: int, rounds: int) -> dict[str, float]:
    """Return the rates of several readers for gzipped LAMOST files, in files per second."""
    cores = joblib.cpu_count()
    with tempfile.TemporaryDirectory() as folder:
        paths = lamost_files(Path(folder), n_files)
        load_spectra(paths[: 4 * cores], n_jobs=cores)  # starts the processes
        tasks = {
            f"load_spectra, {cores} processes": lambda: load_spectra(paths, n_jobs=cores),
            "load_spectra, 1 process": lambda: load_spectra(paths),
            "astropy alone, no resampling": lambda: astropy_alone(paths),
        }
        return {name: n_files / seconds for name, seconds in best_seconds(tasks, rounds).items()}


def sdss_rates(folder: Path, rounds: int) -> dict[str, float]:
    """Return the rates for real SDSS files, in files per second.

    If specutils is installed, its values are compared with those of `load_spectra` first.
    """
    paths = sorted(folder.glob("spec-[0-9][0-9][0-9][0-9]-*.fits"))
    tasks = {"load_spectra, 1 process": lambda: load_spectra(paths)}
    if importlib.util.find_spec("specutils"):
        tasks["specutils, no class, no resampling"] = lambda: specutils_alone(paths)
        for path, (flux, wavelength) in zip(paths, specutils_alone(paths), strict=True):
            spectrum = load_spectra(path, wavelength=None)
            np.testing.assert_array_equal(spectrum.data[0], flux)
            np.testing.assert_allclose(spectrum.wavelength, wavelength, rtol=1e-6)
        print(f"equal to specutils: {len(paths)} files")
    return {name: len(paths) / seconds for name, seconds in best_seconds(tasks, rounds).items()}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--n-files", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    data = os.environ.get("SKSPECTRA_DATA")
    print_machine()
    print(f"{args.n_files} files, {'real' if data else 'made by the test helpers'}")
    rates = {"LAMOST": lamost_rates(args.n_files, args.repeats)}
    if data:
        rates["SDSS"] = sdss_rates(Path(data, "fits"), args.repeats)
    for survey, of_survey in rates.items():
        print(f"{survey}, files/s:")
        for name, rate in of_survey.items():
            print(f"  {name:42} {rate:.1f}")
    save(args, real=bool(data), files_per_second=rates)


if __name__ == "__main__":
    main()
