"""Which sampling do the pretrained weights need? Compare their features on coarser and finer wavelength grids.

    python -m benchmarks.classifiers.sampling

The SDSS sample is resampled to grids of the same range. A logistic regression on `PretrainedFeatures` predicts each
spectrum once, in five folds. No object is in two folds.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._common.command import parser_of, print_machine, save
from benchmarks.classifiers._real import folds_of
from skspectra.datasets import LAMOST_WAVELENGTH, load_sdss_sample, resample_spectra
from skspectra.pretrained import PretrainedFeatures

N_SAMPLES = (1300, 2600, 5200)


def main():
    args = parser_of(__doc__).parse_args()
    print_machine()
    sample = load_sdss_sample()
    model = make_pipeline(
        PretrainedFeatures(), StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=5000)
    )
    folds = folds_of(sample.target, sample.object_id)
    results = []
    print("| samples | angstrom a sample | macro F1 | accuracy |\n| --- | --- | --- | --- |")
    for n_samples in N_SAMPLES:
        grid = np.linspace(*LAMOST_WAVELENGTH[[0, -1]], n_samples)
        flux = np.asarray(resample_spectra(sample.data, LAMOST_WAVELENGTH, grid))
        predicted = cross_val_predict(model, flux, sample.target, cv=folds)
        f1 = f1_score(sample.target, predicted, average="macro")
        accuracy = accuracy_score(sample.target, predicted)
        print(f"| {n_samples} | {grid[1] - grid[0]:.2f} | {f1:.3f} | {accuracy:.3f} |", flush=True)
        results.append({"n_samples": n_samples, "f1": f1, "accuracy": accuracy})
    save(args, results=results)


if __name__ == "__main__":
    main()
