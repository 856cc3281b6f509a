"""Write a file of simulated spectra for `compare simulated` and `compare real`.

The file contains flux, wavelength, target, object, z and snr. Every spectrum is its own object. Use files with
different seeds for training and testing.

    python -m benchmarks.classifiers.simulate OUT.npz [--n 6000] [--weights 1 1 1] [--seed 0]
"""

import numpy as np

from benchmarks._common.command import parser_of
from skspectra.datasets import make_spectra


def main(argv=None):
    parser = parser_of(__doc__, json=False)
    parser.add_argument("out", metavar="OUT.npz")
    parser.add_argument("--n", type=int, default=6000, help="number of spectra")
    parser.add_argument(
        "--weights",
        type=float,
        nargs=3,
        default=[1, 1, 1],
        metavar=("STAR", "GALAXY", "QSO"),
        help="class mix",
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(argv)
    spectra = make_spectra(args.n, weights=args.weights, random_state=args.seed)
    np.savez(
        args.out,
        flux=spectra.data,
        wavelength=spectra.wavelength,
        target=spectra.target,
        object=[f"simulated-{args.seed}-{i}" for i in range(args.n)],
        z=spectra.redshift,
        snr=spectra.snr,
    )


if __name__ == "__main__":
    main()
