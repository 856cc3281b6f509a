"""How fast is prediction from an exported file, and what would quantisation change?

    OMP_NUM_THREADS=1 python -m benchmarks.speed.export [--json PATH]

A pipeline of MinMaxSpectrumScaler and a DenseNet1DClassifier is trained on simulated spectra and exported. Three
classifiers predict other simulated spectra in turn: the network in PyTorch, OnnxClassifier, and OnnxClassifier with
weights that onnxruntime dynamically quantised to 8 bits. The best time of each counts. "one" is the median
time of 100 predictions of a single spectrum.
"""

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from onnxruntime.quantization import QuantType, quantize_dynamic
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from benchmarks._common.command import parser_of, save
from benchmarks._common.timing import best_seconds, median_seconds
from skspectra.datasets import make_spectra
from skspectra.export import OnnxClassifier, to_onnx
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--train", type=int, default=600, help="training spectra")
    parser.add_argument("--test", type=int, default=300, help="test spectra")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--growth-rate", type=int, default=8)
    parser.add_argument("--stem-stride", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()

    equal = (1, 1, 1)
    X, y = make_spectra(args.train, weights=equal, random_state=0, return_X_y=True)
    X_test, y_test = make_spectra(args.test, weights=equal, random_state=1, return_X_y=True)
    network = DenseNet1DClassifier(
        growth_rate=args.growth_rate,
        stem_stride=args.stem_stride,
        max_epochs=args.epochs,
        lr_schedule="one-cycle",
        device="cpu",
        random_state=0,
    )
    pipeline = make_pipeline(MinMaxSpectrumScaler(), network).fit(X, y)
    with tempfile.TemporaryDirectory() as folder:
        exact, quantised = Path(folder) / "float32.onnx", Path(folder) / "8-bit.onnx"
        start = time.perf_counter()
        to_onnx(pipeline, exact)
        seconds = time.perf_counter() - start
        quantize_dynamic(exact, quantised, weight_type=QuantType.QUInt8)
        rows = compare(
            {
                "PyTorch": (pipeline, None),
                "OnnxClassifier": (OnnxClassifier(exact), exact),
                "OnnxClassifier, 8 bits": (OnnxClassifier(quantised), quantised),
            },
            X_test,
            y_test,
            args.repeats,
        )
    print(f"export {seconds:.2f} s")
    print(f"{'':24}{'spectra/s':>10}{'ratio':>8}{'one, ms':>9}{'macro F1':>10}{'largest difference':>20}{'kB':>8}")
    for row in rows:
        size = "" if row["bytes"] is None else f"{row['bytes'] / 1000:.0f}"
        print(
            f"{row['name']:24}{row['spectra_per_second']:10.1f}{row['ratio']:8.2f}{row['one_spectrum_ms']:9.1f}"
            f"{row['macro_f1']:10.4f}{row['largest_difference']:20.1e}{size:>8}"
        )
    save(args, export_seconds=seconds, rows=rows)


def compare(classifiers: dict, X: np.ndarray, y: np.ndarray, repeats: int) -> list[dict]:
    probabilities = {name: classifier.predict_proba(X) for name, (classifier, _) in classifiers.items()}
    predict = {name: partial(classifier.predict_proba, X) for name, (classifier, _) in classifiers.items()}
    seconds = best_seconds(predict, repeats)
    classes = classifiers["PyTorch"][0].classes_
    return [
        {
            "name": name,
            "spectra_per_second": len(X) / seconds[name],
            "ratio": seconds["PyTorch"] / seconds[name],
            "one_spectrum_ms": 1000 * median_seconds(partial(classifier.predict, X[:1])),
            "macro_f1": f1_score(y, classes[probabilities[name].argmax(axis=1)], average="macro"),
            "largest_difference": float(np.abs(probabilities[name] - probabilities["PyTorch"]).max()),
            "bytes": None if path is None else path.stat().st_size,
        }
        for name, (classifier, path) in classifiers.items()
    ]


if __name__ == "__main__":
    main()
