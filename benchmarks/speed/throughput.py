"""How fast are training and prediction of `DenseNet1DClassifier` compared with a plain PyTorch program?

The script measures for each length, growth rate and batch size:

- the rates of training and prediction, those of the same network as a plain program
  (`benchmarks/_common/plain_network.py`), which are timed in turn, and their ratios;
- the rate of exact activation maps and the peak memory;
- how much of the device's rate of matrix multiplication the convolutions reach.

The plain program computes in float32 (TF32 on a GPU) and, if the hardware multiplies bfloat16, also under autocast to
bfloat16. The faster of the two counts. PyTorch counts the floating-point operations of the plain program, and training
counts as three times prediction. `loop_share` is an upper limit for the share of an epoch that is spent outside the
network, on balanced batches with noise, the loss, the optimiser and the callbacks. It is the time of an epoch with a
network that does next to nothing. `one_spectrum_ms` is the median time of 100 predictions of one spectrum.

    python -m benchmarks.speed.throughput [--device cpu|cuda] [--precision auto] [--json throughput.json]
"""

import itertools
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks._common.command import parser_of, print_machine, save
from benchmarks._common.plain_network import PlainDenseNet, predict, train_epoch
from benchmarks._common.timing import median_seconds
from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.inspection import class_activation_map
from skspectra.neural_network import DenseNet1DClassifier, SpectrumMLPClassifier


def matrix_product_rate(device, dtype, size):
    """Return the floating-point operations per second of a large square matrix product."""
    a = torch.randn(size, size, device=device, dtype=dtype)
    seconds = min(timed(lambda: a @ a, device) for _ in range(5))
    return 2 * size**3 / seconds


def timed(function, device):
    synchronize(device)
    start = time.perf_counter()
    function()
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def reset_peak(device):
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM (Linux)


def peak_gib(device):
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 2**20


def measure(length, growth_rate, batch_size, args):
    n_spectra = args.n_spectra or {"cpu": 4 * batch_size, "cuda": 64 * batch_size}[args.device]
    rng = np.random.default_rng(0)
    X, y = rng.random((n_spectra, length), dtype=np.float32), np.arange(n_spectra) % 3
    classifier = DenseNet1DClassifier(
        growth_rate=growth_rate,
        stem_stride=args.stem_stride,
        batch_size=batch_size,
        max_epochs=2,
        device=args.device,
        precision=args.precision,
        random_state=0,
    )
    reset_peak(args.device)
    epoch_seconds = last_epoch_seconds(classifier, X, y)
    fit_peak = peak_gib(args.device)
    classifier.predict_proba(X)
    reset_peak(args.device)
    predict_seconds = [timed(lambda: classifier.predict_proba(X), args.device) for _ in range(args.repeats)]
    predict_peak = peak_gib(args.device)
    # Both programs are timed in turn, because the speed of a machine varies.
    fit_seconds, plain = [epoch_seconds], plain_program(X, y, growth_rate, batch_size, args)
    plain_seconds = [plain()]
    for _ in range(args.repeats - 1):
        fit_seconds.append(last_epoch_seconds(classifier, X, y))
        plain_seconds.append(plain())
    plain_fit, plain_predict = (min(seconds) for seconds in zip(*plain_seconds, strict=True))
    epoch_seconds, predict_rate = min(fit_seconds), n_spectra / min(predict_seconds)
    one_seconds = median_seconds(lambda: classifier.predict(X[:1]))
    map_rate = n_spectra / min(timed(lambda: class_activation_map(classifier, X), args.device) for _ in range(3))
    module = classifier.net_.module_
    flop = floating_point_operations(growth_rate, length, args)
    loop = loop_alone(batch_size, args.device)
    gemm = matrix_product_rate(args.device, module.compute_dtype, {"cpu": 2048, "cuda": 8192}[args.device])
    return {
        "length": length,
        "growth_rate": growth_rate,
        "batch_size": batch_size,
        "precision": str(module.compute_dtype).removeprefix("torch."),
        "fit_per_s": n_spectra / epoch_seconds,
        "plain_fit_per_s": n_spectra / plain_fit,
        "fit_ratio": plain_fit / epoch_seconds,
        "predict_per_s": predict_rate,
        "plain_predict_per_s": n_spectra / plain_predict,
        "predict_ratio": plain_predict * predict_rate / n_spectra,
        "one_spectrum_ms": 1000 * one_seconds,
        "map_per_s": map_rate,
        "fit_peak_gib": fit_peak,
        "predict_peak_gib": predict_peak,
        "gflop_per_spectrum": flop / 1e9,
        "matrix_product_tflops": gemm / 1e12,
        "fit_share": 3 * flop * n_spectra / epoch_seconds / gemm,
        "predict_share": flop * predict_rate / gemm,
        "loop_share": last_epoch_seconds(loop, X, y) / epoch_seconds,
    }


def floating_point_operations(growth_rate, length, args):
    """Return the number of floating-point operations of the plain program for the prediction of one spectrum."""
    network = PlainDenseNet(growth_rate=growth_rate, stem_stride=args.stem_stride)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, length))
    return counter.get_total_flops()


def loop_alone(batch_size, device):
    """Return a classifier whose network does next to nothing."""
    return SpectrumMLPClassifier(
        hidden_layer_sizes=(1,),
        batch_size=batch_size,
        max_epochs=2,
        sampling="balanced",
        augmenter=CCDNoiseAugmenter(),
        device=device,
        random_state=0,
    )


def plain_program(X, y, growth_rate, batch_size, args):
    """Return a function that trains the plain program for an epoch, predicts, and returns the seconds of both."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    X, y = torch.from_numpy(X).to(args.device), torch.from_numpy(y).to(args.device)
    network = PlainDenseNet(growth_rate=growth_rate, stem_stride=args.stem_stride).to(args.device)
    optimizer = torch.optim.Adam(network.parameters())
    # If the hardware does not multiply bfloat16, autocast is only slower.
    kinds = [False, True] if args.device == "cuda" or torch.cpu._is_avx512_bf16_supported() else [False]
    train_epoch(network, optimizer, X[:batch_size], y[:batch_size], batch_size, False)

    def run():
        fit = [timed(lambda on=on: train_epoch(network, optimizer, X, y, batch_size, on), args.device) for on in kinds]
        return min(fit), min(timed(lambda on=on: predict(network, X, batch_size, on), args.device) for on in kinds)

    return run


def last_epoch_seconds(classifier, X, y):
    return classifier.fit(X, y).history_[-1]["seconds"]


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    parser.add_argument("--stem-stride", type=int, default=1)
    parser.add_argument("--lengths", type=int, nargs="+", default=[1300, 2600, 5200])
    parser.add_argument("--growth-rates", type=int, nargs="+", default=[8, 12, 16])
    parser.add_argument("--batch-sizes", type=int, nargs="+", help="default: 64 on a CPU; 64, 256 and 1024 on a GPU")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of a measurement; the fastest counts")
    parser.add_argument("--n-spectra", type=int, help="default: 4 batches on a CPU, 64 on a GPU")
    args = parser.parse_args()

    batch_sizes = args.batch_sizes or {"cpu": [64], "cuda": [64, 256, 1024]}[args.device]
    print_machine()
    print(f"capability {torch.backends.cpu.get_cpu_capability()}, threads {torch.get_num_threads()}")
    results = []
    for setting in itertools.product(args.lengths, args.growth_rates, batch_sizes):
        row = measure(*setting, args)
        if not results:
            print(" ".join(f"{name:>22}" for name in row))
        print(" ".join(f"{value:22.3f}" if isinstance(value, float) else f"{value:>22}" for value in row.values()))
        results.append(row)
    gpu = torch.cuda.get_device_name() if args.device == "cuda" else None
    save(args, threads=torch.get_num_threads(), gpu=gpu, results=results)


if __name__ == "__main__":
    main()
