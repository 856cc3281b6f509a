"""Draw attention.png: a simulated star, galaxy and quasar, coloured by what the network of `make demo` looks at.

make demo && .venv/bin/python docs/attention.py demo-output/model.joblib
"""

import argparse
from pathlib import Path

import joblib
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from skspectra.datasets import make_spectra
from skspectra.inspection import ClassActivationDisplay

CLASSES = ("STAR", "GALAXY", "QSO")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("attention.png"))
    args = parser.parse_args()

    spectra = make_spectra(300, weights=(1, 1, 1), random_state=5)
    model = joblib.load(args.model)
    right = model.predict(spectra.data) == spectra.target
    # Of each class the one with the best signal among those that are classified correctly.
    rows = [max(np.flatnonzero(right & (spectra.target == name)), key=spectra.snr.__getitem__) for name in CLASSES]
    display = ClassActivationDisplay.from_estimator(
        model,
        spectra.data[rows],
        layer=2,
        wavelength=spectra.wavelength,
        y_true=spectra.target[rows],
        redshift=spectra.redshift[rows],
    )
    display.figure_.set_size_inches(9, 7)
    display.figure_.savefig(args.output, dpi=130)
    plt.close(display.figure_)


if __name__ == "__main__":
    main()
