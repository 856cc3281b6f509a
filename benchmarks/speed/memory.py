"""How much memory do a fit and a prediction on memory-mapped spectra take, with a limit that does not allow a copy?

The script writes spectra of noise with a line for each class to a file (4 GB by default), which is removed at the end.
For each classifier it starts a process whose data may not exceed ``--limit`` (RLIMIT_DATA). The process trains for one
epoch with a tenth held out for validation, and predicts every spectrum. The table has the peaks of RssAnon, which is
the memory of the process without that of the file, sampled from /proc/self/status every 10 ms. It also has RssAnon
after the imports and after the fit. The networks are as small as possible, because the memory does not depend on the
training time. A run with a quarter of the spectra shows which part of the memory grows with their number. Finally, the
script fits fewer spectra both in memory and memory-mapped, and prints whether the results agree to the last bit.

    python -m benchmarks.speed.memory [--n-spectra 400000] [--folder /tmp] [--json memory.json]
"""

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks._common.command import parser_of, save

CLASSIFIERS = {
    "DenseNet1DClassifier": {
        "n_dense_blocks": 1,
        "n_conv_blocks_per_dense_block": 1,
        "growth_rate": 2,
        "stem_channels": 4,
        "stem_stride": 26,
        "kernel_sizes": (1, 3),
    },
    "SpectrumMLPClassifier": {"hidden_layer_sizes": (8,)},
    "DBNClassifier": {"hidden_layer_sizes": (8,), "pretrain_epochs": 1},
}
TRAINING = {"max_epochs": 1, "batch_size": 512, "validation_fraction": 0.1, "random_state": 0}
CLASSES = np.array(["GALAXY", "QSO", "STAR"])


def write_spectra(path, n_spectra, n_features):
    """Write uniform noise with a line at a different place for each class. The file has no holes."""
    flux = np.lib.format.open_memmap(path, "w+", np.float32, (n_spectra, n_features))
    rng = np.random.default_rng(0)
    for start in range(0, n_spectra, 4096):
        rows = np.arange(start, min(start + 4096, n_spectra))
        flux[rows] = rng.random((len(rows), n_features), dtype=np.float32)
        flux[rows, (rows % 3 + 1) * n_features // 4] = 1.0
    flux.flush()


def make_classifier(name, **params):
    import skspectra.neural_network

    return getattr(skspectra.neural_network, name)(**CLASSIFIERS[name], **TRAINING, **params)


def status(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


class Peak:
    """The highest RssAnon in MiB during a block of code, sampled by a thread."""

    def __enter__(self):
        self.mib = self.before = status("RssAnon")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def _sample(self):
        while not self._end.wait(0.01):
            self.mib = max(self.mib, status("RssAnon"))

    def __exit__(self, *exception):
        self._end.set()
        self._thread.join()


def measure(name, path, n_spectra, limit):
    """Fit and predict in this process, and print the figures."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    classifier = make_classifier(name)
    X = np.load(path, mmap_mode="r")[:n_spectra]
    y = CLASSES[np.arange(n_spectra) % 3]
    with Peak() as fit:
        start = time.perf_counter()
        classifier.fit(X, y)
        fit_seconds = time.perf_counter() - start
    ctypes.CDLL(None).malloc_trim(0)  # returns free memory, which the peak would count
    in_use = status("RssAnon")
    with Peak() as predict:
        start = time.perf_counter()
        accuracy = (classifier.predict_proba(X).argmax(1) == np.arange(n_spectra) % 3).mean()
        predict_seconds = time.perf_counter() - start
    figures = {
        "classifier": name,
        "n_spectra": n_spectra,
        "data_mib": X.nbytes / 2**20,
        "imports_mib": fit.before,
        "fit_peak_mib": fit.mib,
        "in_use_mib": in_use,
        "predict_peak_mib": predict.mib,
        "fit_s": fit_seconds,
        "predict_s": predict_seconds,
        "accuracy": accuracy,
    }
    print(json.dumps(figures))


def same_in_memory(name, path, n_spectra):
    """Return whether spectra in memory and memory-mapped give the same probabilities to the last bit."""
    mapped = np.load(path, mmap_mode="r")[:n_spectra]
    y = CLASSES[np.arange(n_spectra) % 3]
    probabilities = [make_classifier(name).fit(X, y).predict_proba(X) for X in (mapped, np.array(mapped))]
    return bool(np.array_equal(*probabilities))


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n-spectra", type=int, default=400_000)
    parser.add_argument("--n-features", type=int, default=2600)
    parser.add_argument("--n-compared", type=int, default=6000, help="spectra that are also fitted in memory")
    parser.add_argument("--limit", type=int, default=2 * 10**9, help="RLIMIT_DATA in bytes")
    parser.add_argument("--classifiers", nargs="+", choices=CLASSIFIERS, default=list(CLASSIFIERS))
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)  # classifier, file, number of spectra
    args = parser.parse_args()
    if args.measure:
        measure(args.measure[0], args.measure[1], int(args.measure[2]), args.limit)
        return

    results = []
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = os.path.join(folder, "flux.npy")
        write_spectra(path, args.n_spectra, args.n_features)
        for name in args.classifiers:
            for n_spectra in (args.n_spectra // 4, args.n_spectra):
                command = [sys.executable, "-m", "benchmarks.speed.memory", "--limit", str(args.limit)]
                command += ["--measure", name, path, str(n_spectra)]
                output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                row = json.loads(output.stdout)
                if not results:
                    print(" ".join(f"{column:>22}" for column in row))
                print(" ".join(f"{x:22.3f}" if isinstance(x, float) else f"{x:>22}" for x in row.values()), flush=True)
                results.append(row)
        same = {name: same_in_memory(name, path, args.n_compared) for name in args.classifiers}
    print("Result in memory equal to the last bit:", same)
    save(args, results=results, same=same)


if __name__ == "__main__":
    main()
