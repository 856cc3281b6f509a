"""Check that saved pipelines give the same probabilities with another version of PyTorch.

    LOWEST/python -m benchmarks.files.roundtrip_torch save FOLDER
    NEWEST/python -m benchmarks.files.roundtrip_torch load FOLDER

`save` trains small pipelines and writes them with pickle, joblib and skops, together with their probabilities. `load`
uses another PyTorch, compares the probabilities and continues the training. Pickle and joblib need the same version of
scikit-learn on both sides.
"""

import pickle
import sys
from pathlib import Path

import joblib
import numpy as np
import skops.io
import torch
from sklearn.pipeline import make_pipeline

from benchmarks._common.command import parser_of
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler

# Versions of PyTorch sum in different orders.
TOLERANCE = 1e-5
TRAINING = {"max_epochs": 2, "warm_start": True, "device": "cpu", "precision": "float32", "random_state": 0}
NETWORKS = {
    "densenet": DenseNet1DClassifier(n_dense_blocks=3, growth_rate=2, **TRAINING),
    "plain": DenseNet1DClassifier.plain(n_dense_blocks=3, growth_rate=2, **TRAINING),
    "perceptron": SpectrumMLPClassifier(hidden_layer_sizes=(8, 4), **TRAINING),
    "dbn": DBNClassifier(hidden_layer_sizes=(8, 4), pretrain_epochs=1, **TRAINING),
}


def main() -> None:
    parser = parser_of(__doc__, json=False)
    parser.add_argument("action", choices=["save", "load"])
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    X = np.cumsum(rng.normal(size=(30, 100)), axis=1).astype(np.float32)
    y = np.array(["STAR", "GALAXY", "QSO"])[np.arange(30) % 3]
    print(f"{args.action} with torch {torch.__version__}")
    if args.action == "save":
        save(args.folder, X, y)
    elif not load(args.folder, X, y):
        sys.exit(1)


def save(folder: Path, X: np.ndarray, y: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, network in NETWORKS.items():
        pipeline = make_pipeline(MinMaxSpectrumScaler(), network).fit(X, y)
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(pipeline))
        joblib.dump(pipeline, folder / f"{name}.joblib")
        skops.io.dump(pipeline, folder / f"{name}.skops")
        np.save(folder / f"{name}.npy", pipeline.predict_proba(X))


def load(folder: Path, X: np.ndarray, y: np.ndarray) -> bool:
    same = True
    for name in NETWORKS:
        expected = np.load(folder / f"{name}.npy")
        for path in (folder / f"{name}.{ending}" for ending in ("pickle", "joblib", "skops")):
            pipeline = read(path)
            difference = np.abs(pipeline.predict_proba(X) - expected).max()
            pipeline.fit(X, y)
            print(f"{path.name:20} largest difference {difference:.1e}")
            same = same and difference <= TOLERANCE
    return same


def read(path: Path):
    if path.suffix == ".pickle":
        return pickle.loads(path.read_bytes())
    if path.suffix == ".joblib":
        return joblib.load(path)
    trusted = [name for name in skops.io.get_untrusted_types(file=path) if name.startswith("skspectra.")]
    return skops.io.load(path, trusted=trusted)


if __name__ == "__main__":
    main()
