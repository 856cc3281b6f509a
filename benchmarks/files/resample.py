"""How fast is `resample_spectra` compared with the library spectres, and do the values agree?

    python -m benchmarks.files.resample --json resample.json

Spectra are resampled from the native grid of LAMOST to the common grid of 2600 pixels, both a single spectrum and many
spectra that share the grid. The script needs spectres.
"""

import numpy as np
import spectres

from benchmarks._common.command import parser_of, print_machine, save
from benchmarks._common.timing import best_seconds
from skspectra.datasets import LAMOST_WAVELENGTH, resample_spectra


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--n-spectra", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    wavelength = 10 ** (3.5682 + 0.0001 * np.arange(3909))
    rng = np.random.default_rng(0)
    rows = []
    for n in args.n_spectra:
        flux, ivar = rng.normal(1.0, 0.1, (n, len(wavelength))), rng.uniform(50.0, 200.0, (n, len(wavelength)))

        def ours(flux: np.ndarray = flux, ivar: np.ndarray = ivar) -> tuple[np.ndarray, np.ndarray]:
            return resample_spectra(flux, wavelength, LAMOST_WAVELENGTH, ivar=ivar)

        def theirs(flux: np.ndarray = flux, ivar: np.ndarray = ivar) -> tuple[np.ndarray, np.ndarray]:
            errors = ivar**-0.5
            return spectres.spectres(LAMOST_WAVELENGTH, wavelength, flux, errors, fill=np.nan, verbose=False)

        flux_ours, ivar_ours = ours()
        flux_theirs, errors_theirs = theirs()
        inside = np.isfinite(flux_theirs)
        assert (inside == np.isfinite(flux_ours)).all()
        seconds = best_seconds({"ours": ours, "theirs": theirs}, args.repeats)
        rows.append(
            {
                "n_spectra": n,
                "skspectra_ms": 1e3 * seconds["ours"],
                "spectres_ms": 1e3 * seconds["theirs"],
                "largest_difference_flux": float(np.abs(flux_ours - flux_theirs)[inside].max()),
                "largest_relative_difference_ivar": float(
                    np.abs(ivar_ours[inside] * errors_theirs[inside] ** 2 - 1.0).max()
                ),
            }
        )
    print_machine()
    titles = ("spectra", "skspectra ms", "spectres ms", "ratio", "flux differs", "ivar differs")
    print("{:>8} {:>13} {:>12} {:>6} {:>13} {:>13}".format(*titles))
    for row in rows:
        n, ours_ms, theirs_ms, flux_difference, ivar_difference = row.values()
        print(
            f"{n:8} {ours_ms:13.2f} {theirs_ms:12.2f} {theirs_ms / ours_ms:6.1f} {flux_difference:13.1e} "
            f"{ivar_difference:13.1e}"
        )
    save(args, rows=rows)


if __name__ == "__main__":
    main()
