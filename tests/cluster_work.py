"""What the workers of a cluster do in test_survey_scale.py. They import this module, and PyTorch only where needed."""

import multiprocessing
import os
import signal

import numpy as np
from sklearn.neighbors import NearestCentroid


def die_once(flag):
    """Kill this process, if no other did before."""
    # With one worker left joblib calls no worker at all, and this would end the tests.
    assert multiprocessing.parent_process() is not None
    try:
        open(flag, "x").close()
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def read_rows(path, *, block_info):
    (start, stop), _ = block_info[None]["array-location"]
    return np.load(path, mmap_mode="r")[start:stop]


def predict_block(X, classifier, flag, *, block_info):
    if block_info[0]["chunk-location"][0] == 3:
        die_once(flag)
    return classifier.predict_proba(X)


def predict_and_count_threads(X, classifier):
    """Return the probabilities, and the number of threads that computed them as a last column."""
    import torch

    return np.insert(classifier.predict_proba(X), 3, torch.get_num_threads(), axis=1)


class DiesOnce(NearestCentroid):
    """A classifier whose first fit kills its process."""

    def __init__(self, flag=None, metric="euclidean", shrink_threshold=None):
        super().__init__(metric=metric, shrink_threshold=shrink_threshold)
        self.flag = flag

    def fit(self, X, y):
        if self.flag is not None:
            die_once(self.flag)
        return super().fit(X, y)
