"""Does the memory of a process grow if it trains and predicts many times?

    python -m benchmarks.speed.cycles [--cycles 1000] [--json PATH]

In each cycle, a tiny network is fitted, saved, loaded and used for a prediction. The resident memory is printed after
each tenth of the cycles.
"""

import gc
import os
import pickle

import numpy as np
from sklearn.pipeline import make_pipeline

from benchmarks._common.command import parser_of, save
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--cycles", type=int, default=1000)
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 200)).astype(np.float32), np.arange(30) % 3
    network = DenseNet1DClassifier(
        n_dense_blocks=2, growth_rate=2, stem_channels=3, kernel_sizes=(1, 5), max_epochs=1, device="cpu"
    )
    megabytes = {}
    for cycle in range(1, args.cycles + 1):
        pipeline = make_pipeline(MinMaxSpectrumScaler(), network).fit(X, y)
        pickle.loads(pickle.dumps(pipeline)).predict(X)
        if cycle % max(args.cycles // 10, 1) == 0:
            gc.collect()
            megabytes[cycle] = resident_memory() / 1e6
            print(f"{cycle:6} cycles {megabytes[cycle]:8.1f} MB", flush=True)
    save(args, megabytes=megabytes)


def resident_memory() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
