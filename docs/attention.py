"""Draw attention.png: an observed star, galaxy and quasar, coloured by what the pretrained network looks at.

.venv/bin/python docs/attention.py
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from skspectra.datasets import load_sdss_sample
from skspectra.inspection import ClassActivationDisplay, class_activation_map, line_attention
from skspectra.pretrained import load_classifier

LAYER = 1  # cells of 16 samples, which resolve lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("attention.png"))
    args = parser.parse_args()

    sample, model = load_sdss_sample(), load_classifier()
    right = model.predict(sample.data) == sample.target
    snr = np.nan_to_num(sample.snr)
    # Of each class the one with the best signal among those that are classified correctly.
    rows = [max(np.flatnonzero(right & (sample.target == name)), key=snr.__getitem__) for name in sample.target_names]
    display = ClassActivationDisplay.from_estimator(
        model,
        sample.data[rows],
        layer=LAYER,
        wavelength=sample.wavelength,
        y_true=sample.target[rows],
        redshift=sample.redshift[rows],
    )
    display.figure_.set_size_inches(9, 7)
    display.figure_.savefig(args.output, dpi=130)
    plt.close(display.figure_)

    # Whether what the caption says is true of the class, and not only of the spectrum that is shown.
    maps = class_activation_map(model, sample.data[right], sample.target[right], layer=LAYER)
    found = line_attention(maps, sample.wavelength, sample.redshift[right], sample.target[right], random_state=0)
    for name, enrichment, p_value in zip(found.target_names, found.enrichment, found.p_value, strict=True):
        print(f"{name:7} attention at lines over that at random redshifts {enrichment:.2f}, p = {p_value:.3f}")


if __name__ == "__main__":
    main()
