"""Files per second of `load_spectra`, beside astropy alone and specutils.

    python benchmarks/load_spectra.py --json load_spectra.json

The files are gzipped LAMOST spectra, as the survey hands them out: real ones where SKSPECTRA_DATA is set, each written
again and again as observations of other nights, and files made by the test helpers otherwise. astropy alone reads the
flux and three cards of the header and does not resample. specutils, where it is installed, reads real SDSS files, on
which the values of both are compared.
"""

import argparse
import gzip
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
from _machine import describe
from astropy.io import fits

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from survey_files import lamost_array

from skspectra.datasets import load_spectra


def lamost_files(folder: Path, n_files: int) -> list[Path]:
    """Gzipped LAMOST files, each of a night of its own."""
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


def rates(tasks: dict[str, tuple[Callable[[], object], int]], repeats: int) -> dict[str, float]:
    """Files per second of each task: the best of `repeats` rounds, in which the tasks take turns."""
    seconds = {name: float("inf") for name in tasks}
    for _ in range(repeats):
        for name, (task, _) in tasks.items():
            began = time.perf_counter()
            task()
            seconds[name] = min(seconds[name], time.perf_counter() - began)
    return {name: n_files / seconds[name] for name, (_, n_files) in tasks.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-files", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result: dict = {"machine": describe(), "n_files": options.n_files, "real": "SKSPECTRA_DATA" in os.environ}
    cores = joblib.cpu_count()
    with tempfile.TemporaryDirectory() as folder:
        lamost = lamost_files(Path(folder), options.n_files)
        n = len(lamost)
        load_spectra(lamost[: 4 * cores], n_jobs=cores)  # starts the processes
        tasks: dict[str, tuple[Callable[[], object], int]] = {
            f"load_spectra, {cores} processes": (lambda: load_spectra(lamost, n_jobs=cores), n),
            "load_spectra, 1 process": (lambda: load_spectra(lamost), n),
            "astropy alone, no resampling": (lambda: astropy_alone(lamost), n),
        }
        result["lamost_files_per_second"] = rates(tasks, options.repeats)
    if result["real"]:
        sdss = sorted(Path(os.environ["SKSPECTRA_DATA"], "fits").glob("spec-[0-9][0-9][0-9][0-9]-*.fits"))
        tasks = {"load_spectra, 1 process": (lambda: load_spectra(sdss), len(sdss))}
        try:
            import specutils  # noqa: F401
        except ImportError:
            pass
        else:
            tasks["specutils, no class, no resampling"] = (lambda: specutils_alone(sdss), len(sdss))
            for path, (flux, wavelength) in zip(sdss, specutils_alone(sdss), strict=True):
                spectrum = load_spectra(path, wavelength=None)
                np.testing.assert_array_equal(spectrum.data[0], flux)
                np.testing.assert_allclose(spectrum.wavelength, wavelength, rtol=1e-6)
            result["equal_to_specutils"] = len(sdss)
        result["sdss_files_per_second"] = rates(tasks, options.repeats)
    for title, value in result.items():
        if not isinstance(value, dict):
            print(f"{title}: {value}")
            continue
        print(f"{title}:")
        for name, number in value.items():
            print(f"  {name:42} {number if isinstance(number, str | int) else f'{number:.1f}'}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
