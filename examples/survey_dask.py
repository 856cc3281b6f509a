"""Classify a store of spectra on the workers of a Dask cluster. If a worker dies, no spectrum is lost.

    python examples/survey_dask.py survey-store model.joblib probabilities.npy [--scheduler tcp://HOST:8786]

Without a scheduler, two workers are started on this machine. Every worker reads the model and its rows of the store
itself, so both must be on a file system that all workers can access. Only probabilities are sent over the network. The
script requires Dask: `pip install "dask[array]" distributed`. docs/survey.md describes how to use several GPUs.
"""

import argparse
import os

import dask.array as da
import joblib
import numpy as np
from distributed import Client, LocalCluster

from skspectra.datasets import open_spectra_store


def classify_rows(model, store, *, block_info):
    (start, stop), _ = block_info[None]["array-location"]
    return joblib.load(model).predict_proba(open_spectra_store(store).data[start:stop])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("model", help="a fitted classifier, saved with joblib")
    parser.add_argument("output", help="npy file of the probabilities, one row per spectrum in the order of the store")
    parser.add_argument("--scheduler", help="address of the scheduler of a running cluster")
    parser.add_argument("--rows", type=int, default=4096, help="number of spectra in a task")
    args = parser.parse_args()

    # Workers that were started elsewhere have another working directory.
    model, store = os.path.abspath(args.model), os.path.abspath(args.store)
    n_classes = len(joblib.load(model).classes_)
    n_spectra = len(open_spectra_store(store).data)
    rows = (*[args.rows] * (n_spectra // args.rows), n_spectra % args.rows)
    with Client(args.scheduler or LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")):
        probabilities = da.map_blocks(
            classify_rows,
            model,
            store,
            chunks=(tuple(filter(None, rows)), n_classes),
            dtype=np.float32,
            meta=np.empty((0, 0), np.float32),
        ).compute()
    part = f"{args.output}.part"
    with open(part, "wb") as file:
        np.save(file, probabilities)
    os.replace(part, args.output)  # the name is there only when all is written


if __name__ == "__main__":
    main()
