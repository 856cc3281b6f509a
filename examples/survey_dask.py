"""Classify a store of spectra on the workers of a Dask cluster; a worker that dies loses no spectrum.

    python examples/survey_dask.py survey-store model.joblib probabilities.npy [--scheduler tcp://HOST:8786]

Without a scheduler two workers are started on this machine. Every worker reads its rows from the store itself, and the
model too, so both must be on a file system that all of them see; only probabilities travel. It needs Dask: `pip install
"dask[array]" distributed`. On a machine with several GPUs start one worker for each, with CUDA_VISIBLE_DEVICES set.
"""

import argparse

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
    parser.add_argument("output", help="npy file of the probabilities, a row a spectrum in the order of the store")
    parser.add_argument("--scheduler", help="address of the scheduler of a running cluster")
    parser.add_argument("--rows", type=int, default=4096, help="spectra in a task")
    args = parser.parse_args()

    n_classes = len(joblib.load(args.model).classes_)
    n_spectra = len(open_spectra_store(args.store).data)
    rows = (*[args.rows] * (n_spectra // args.rows), n_spectra % args.rows)
    with Client(args.scheduler or LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)):
        probabilities = da.map_blocks(
            classify_rows,
            args.model,
            args.store,
            chunks=(tuple(filter(None, rows)), n_classes),
            dtype=np.float32,
            meta=np.empty((0, 0), np.float32),
        ).compute()
    np.save(args.output, probabilities)


if __name__ == "__main__":
    main()
