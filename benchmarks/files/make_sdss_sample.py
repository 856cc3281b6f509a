"""Write the sample of SDSS spectra that the package ships, from an archive of survey spectra.

    python -m benchmarks.files.make_sdss_sample ARCHIVE.npz skspectra/datasets/data/sdss_sample.npz

The archive has ``flux`` on LAMOST_WAVELENGTH with its ``survey``, ``target``, ``subclass``, ``z``, ``snr``,
``object`` and ``name``. Only the SDSS spectra are used.
"""

import numpy as np

from benchmarks._common.command import parser_of

STEPS_IN_NOISE = 8
LARGEST_LEVEL = 32_000  # of int16


def main():
    parser = parser_of(__doc__, json=False)
    parser.add_argument("archive")
    parser.add_argument("out")
    args = parser.parse_args()
    with np.load(args.archive) as archive:
        sdss = np.char.startswith(archive["survey"], "SDSS")
        data = {name: archive[name][sdss] for name in archive.files if len(archive[name]) == len(sdss)}
    flux = data["flux"].astype(np.float64)
    # The noise is estimated from second differences, which the shape of a smooth spectrum hardly changes.
    noise = 1.4826 * np.nanmedian(np.abs(np.diff(flux, 2, axis=1)), axis=1) / np.sqrt(6)
    step = np.maximum(noise / STEPS_IN_NOISE, np.nanmax(np.abs(flux), axis=1) / LARGEST_LEVEL).astype(np.float32)
    level = np.rint(flux / step[:, None])
    missing = np.iinfo(np.int16).min
    np.savez_compressed(
        args.out,
        level=np.where(np.isnan(level), missing, level).astype(np.int16),
        step=step,
        target=data["target"],
        subclass=data["subclass"],
        redshift=data["z"],
        snr=data["snr"],
        survey=data["survey"],
        object_id=data["object"],
        spectrum_id=data["name"],
    )


if __name__ == "__main__":
    main()
