"""Train on a store of spectra on disk, which may be larger than memory, with whole objects held out for a test.

    python examples/survey_store.py "spectra/**/*.fits.gz" survey-store [--model model.joblib]

If it is interrupted, the same command resumes. The spectra are scaled once, when they are written.
"""

import argparse
import os

import joblib
import numpy as np
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import write_spectra_store
from skspectra.metrics import classification_table
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator


def copy_rows(X, rows, path, n_at_once=4096):
    """Copy rows of a memory-mapped array to an npy file, a few at a time, and return it memory-mapped.

    Indexing with rows would copy them into memory. The file has its name only when it is complete.
    """
    part = f"{path}.part"
    header = {"descr": X.dtype.str, "fortran_order": False, "shape": (len(rows), X.shape[1])}
    with open(part, "wb") as file:  # written, not mapped: a full disk is an error then, and kills no process
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(rows), n_at_once):
            file.write(X[rows[start : start + n_at_once]])
    os.replace(part, path)
    return np.load(path, mmap_mode="r")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", help="files, folders and patterns of survey spectra")
    parser.add_argument("store", help="folder to create, or to complete")
    parser.add_argument("--model", default="model.joblib")
    parser.add_argument("--max-epochs", type=int, default=8)
    args = parser.parse_args()

    prepare = make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler())
    spectra = write_spectra_store(
        args.paths, args.store, bad_pixels="nan", transformer=prepare, n_jobs=-1, on_error="warn", progress=True
    )
    y = np.array(spectra.target)
    labelled = np.flatnonzero(np.isin(y, ["STAR", "GALAXY", "QSO"]))
    objects = np.unique(spectra.object_id, return_inverse=True)[1]
    nameless = np.flatnonzero(spectra.object_id == "")
    objects[nameless] = -1 - nameless  # where a file names no objects, each spectrum is one
    split = GroupShuffleSplit(1, test_size=0.2, random_state=0)
    train, test = (labelled[rows] for rows in next(split.split(labelled, groups=objects[labelled])))
    store = os.path.abspath(args.store)  # without a slash at the end
    X_train = copy_rows(spectra.data, train, f"{store}-train.npy")
    X_test = copy_rows(spectra.data, test, f"{store}-test.npy")

    network = DenseNet1DClassifier(
        growth_rate=8,
        stem_stride=4,
        lr_schedule="one-cycle",
        max_epochs=args.max_epochs,
        sampling="balanced",
        augmenter=CCDNoiseAugmenter(),
        verbose=1,
        random_state=0,
    ).fit(X_train, y[train])
    print(classification_table(y[test], network.predict(X_test), random_state=0))
    joblib.dump(network, args.model)


if __name__ == "__main__":
    main()
