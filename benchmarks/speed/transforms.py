"""How much time and memory do scaling, noise, oversampling and simulation take?

    python -m benchmarks.speed.transforms [--json PATH]

Each transformer and its alternatives are timed in turn in one process, several times. The best time of each counts. The
memory is the peak that NumPy allocates during one further call (tracemalloc).
"""

import gc
import tracemalloc
from collections.abc import Callable

import numpy as np
from imblearn.over_sampling import SMOTE, RandomOverSampler

from benchmarks._common.command import parser_of, print_machine, save
from benchmarks._common.timing import best_seconds
from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import make_spectra
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

SURVEY_MIX = (0.985, 0.012, 0.003)


def peak_memory(function: Callable[[], object]) -> int:
    """Return the largest number of bytes allocated at one time during a call, its result included."""
    gc.collect()
    tracemalloc.start()
    result = function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del result
    return peak


def plain_scaling(X: np.ndarray) -> np.ndarray:
    low, high = X.min(axis=1, keepdims=True), X.max(axis=1, keepdims=True)
    return (X - low) / (high - low)


def scaling(n_spectra: int, n_features: int, rounds: int) -> list[dict]:
    X = np.random.default_rng(0).standard_normal((n_spectra, n_features), dtype=np.float32)
    with_gaps = X.copy()
    with_gaps[:, : n_features // 20] = np.nan
    candidates = {
        "memory copy": X.copy,
        "plain NumPy expression": lambda: plain_scaling(X),
        "MinMaxSpectrumScaler": lambda: MinMaxSpectrumScaler().fit_transform(X),
        "MinMaxSpectrumScaler, 5 % NaN": lambda: MinMaxSpectrumScaler().fit_transform(with_gaps),
        "MinMaxSpectrumScaler(quantile_range=(0.1, 99.9))": lambda: MinMaxSpectrumScaler(
            quantile_range=(0.1, 99.9)
        ).fit_transform(X),
        "MissingFluxInterpolator, 5 % NaN": lambda: MissingFluxInterpolator().fit_transform(with_gaps),
    }
    seconds = best_seconds(candidates, rounds)
    return [
        {
            "name": name,
            "seconds": seconds[name],
            "spectra_per_second": n_spectra / seconds[name],
            "over_plain": seconds["plain NumPy expression"] / seconds[name],
            "times_a_copy": seconds[name] / seconds["memory copy"],
            "peak_over_input": peak_memory(function) / X.nbytes,
        }
        for name, function in candidates.items()
    ]


def noise(n_spectra: int, n_features: int, rounds: int) -> list[dict]:
    X = np.random.default_rng(0).standard_normal((n_spectra, n_features), dtype=np.float32)
    candidates = {
        "NumPy, as many float32 normals": lambda: np.random.default_rng(0).standard_normal(X.shape, dtype=np.float32),
        "CCDNoiseAugmenter": lambda: CCDNoiseAugmenter(random_state=0).augment(X),
        "CCDNoiseAugmenter(electronic_noise=0)": lambda: CCDNoiseAugmenter(electronic_noise=0, random_state=0).augment(
            X
        ),
    }
    seconds = best_seconds(candidates, rounds)
    normals = seconds["NumPy, as many float32 normals"]
    return [
        {
            "name": name,
            "seconds": seconds[name],
            "spectra_per_second": n_spectra / seconds[name],
            "rate_over_normals": normals / seconds[name],
            "peak_over_input": peak_memory(function) / X.nbytes,
        }
        for name, function in candidates.items()
    ]


def over_sampling(n_spectra: int, n_features: int, rounds: int) -> list[dict]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_spectra, n_features), dtype=np.float32)
    y = rng.permutation(np.repeat([0, 1, 2], np.round(np.array(SURVEY_MIX) * n_spectra).astype(int)))
    samplers = [RandomOverSampler(random_state=0), SMOTE(random_state=0), PhysicsNoiseOverSampler(random_state=0)]
    candidates = {type(sampler).__name__: lambda s=sampler: s.fit_resample(X, y) for sampler in samplers}
    seconds = best_seconds(candidates, rounds)
    X_new, y_new = PhysicsNoiseOverSampler(random_state=0).fit_resample(X, y)
    n_bytes = X_new.nbytes + y_new.nbytes
    del X_new
    return [
        {
            "name": name,
            "seconds": seconds[name],
            "spectra_per_second": len(y_new) / seconds[name],
            "peak_over_output": peak_memory(function) / n_bytes,
        }
        for name, function in candidates.items()
    ]


def simulation(n_spectra: int, rounds: int) -> list[dict]:
    candidates = {"make_spectra": lambda: make_spectra(n_spectra, random_state=0)}
    seconds = best_seconds(candidates, rounds)["make_spectra"]
    return [{"name": "make_spectra", "seconds": seconds, "spectra_per_second": n_spectra / seconds}]


def show(title: str, rows: list[dict]) -> None:
    columns = [column for column in rows[0] if column != "name"]
    width = max(len(row["name"]) for row in rows)
    print(f"\n{title}\n{'':{width}}  " + "  ".join(column.replace("_", " ") for column in columns))
    for row in rows:
        cells = (f"{row[column]:,.{0 if row[column] > 100 else 3}f}".rjust(len(column)) for column in columns)
        print(f"{row['name']:{width}}  " + "  ".join(cells))


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--n-scale", type=int, default=100_000, help="spectra to scale")
    parser.add_argument("--n-noise", type=int, default=20_000, help="spectra to add noise to")
    parser.add_argument("--n-oversample", type=int, default=20_000, help="spectra to balance, at 98.5 : 1.2 : 0.3")
    parser.add_argument("--n-simulate", type=int, default=4_000, help="spectra to simulate")
    parser.add_argument("--n-features", type=int, default=2600, help="samples of a spectrum")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()

    print_machine()
    n = args.n_features
    figures = {
        f"scaling, {args.n_scale} x {n} float32": scaling(args.n_scale, n, args.rounds),
        f"noise, {args.n_noise} x {n} float32": noise(args.n_noise, n, args.rounds),
        f"oversampling, {args.n_oversample} x {n} float32": over_sampling(args.n_oversample, n, min(args.rounds, 3)),
        f"simulation, {args.n_simulate} x 2600": simulation(args.n_simulate, min(args.rounds, 3)),
    }
    for title, rows in figures.items():
        show(title, rows)
    save(args, figures=figures)


if __name__ == "__main__":
    main()
