"""How fast are random batches of spectra read from disk with a memory-mapped npy file and with Zarr?

The script writes the same spectra as one npy file and as Zarr arrays with several chunk sizes, with one file per chunk
or with chunks of one spectrum in shards. Then it reads random batches, as in training, and all spectra in order, as in
prediction. "cold" is the first reading after the operating system was asked to forget the files, and "warm" is a second
reading of the same rows. The script also measures how fast `write_spectra_store` writes a store from npz files, and how
long it takes to open this store.

    python -m benchmarks.files.store [--n-spectra 100000] [--folder /tmp] [--json store.json]

It needs zarr (`pip install ".[bench]"` in a clone).
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import zarr

from benchmarks._common.command import parser_of, save
from skspectra.datasets import LAMOST_WAVELENGTH, open_spectra_store, write_spectra_store
from skspectra.preprocessing import MinMaxSpectrumScaler

ROWS_WRITTEN = 4096
BATCH = 64


def blocks(args):
    """Yield the same random spectra at every call."""
    rng = np.random.default_rng(0)
    for start in range(0, args.n_spectra, ROWS_WRITTEN):
        stop = min(start + ROWS_WRITTEN, args.n_spectra)
        yield slice(start, stop), rng.random((stop - start, args.n_features), dtype=np.float32)


def write_npy(path, args):
    array = np.lib.format.open_memmap(path, "w+", np.float32, (args.n_spectra, args.n_features))
    for rows, flux in blocks(args):
        array[rows] = flux
    array.flush()


def write_zarr(path, args, *, rows_in_chunk, sharded=False, compressors=None):
    array = zarr.create_array(
        path,
        shape=(args.n_spectra, args.n_features),
        dtype="float32",
        chunks=(rows_in_chunk, args.n_features),
        shards=(ROWS_WRITTEN, args.n_features) if sharded else None,
        compressors=compressors,
    )
    for rows, flux in blocks(args):
        array[rows] = flux


def forget(path):
    """Ask the operating system to drop a file, or all files in a folder, from memory."""
    os.sync()
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def rate_of_random_batches(array, n_batches, seed):
    """Return the spectra per second."""
    rng = np.random.default_rng(seed)
    read = array.oindex if isinstance(array, zarr.Array) else array
    start = time.perf_counter()
    for _ in range(n_batches):
        rows = rng.choice(array.shape[0], BATCH, replace=False)
        batch = read[rows] if isinstance(array, np.ndarray) else read[rows, :]
        assert np.isfinite(batch[:, 0]).all()
    return n_batches * BATCH / (time.perf_counter() - start)


def rate_in_order(array):
    start = time.perf_counter()
    for first in range(0, array.shape[0], ROWS_WRITTEN):
        np.asarray(array[first : first + ROWS_WRITTEN]).sum()
    return array.shape[0] / (time.perf_counter() - start)


def measure(name, path, write, args):
    start = time.perf_counter()
    write(path)
    os.sync()
    written = args.n_spectra / (time.perf_counter() - start)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]

    def opened():
        return np.load(path, mmap_mode="r") if path.is_file() else zarr.open_array(path, mode="r")

    forget(path)
    cold = rate_of_random_batches(opened(), args.n_batches, 1)
    warm = rate_of_random_batches(opened(), args.n_batches, 1)
    forget(path)
    in_order = rate_in_order(opened())
    return {
        "store": name,
        "files": len(files),
        "mib": sum(file.stat().st_size for file in files) / 2**20,
        "written_per_s": written,
        "random_cold_per_s": cold,
        "random_warm_per_s": warm,
        "in_order_cold_per_s": in_order,
    }


def measure_write_spectra_store(folder, args):
    """Return the rate of writing a store of scaled spectra from npz files of 100 spectra, and the time to open it."""
    flux = np.random.default_rng(0).random((100, args.n_features), dtype=np.float32)
    wavelength = np.linspace(LAMOST_WAVELENGTH[0], LAMOST_WAVELENGTH[-1], args.n_features)
    (folder / "files").mkdir()
    for i in range(args.n_spectra // 1000):
        names = [f"{i}-{j}" for j in range(100)]
        np.savez(folder / "files" / f"{i:06}.npz", flux=flux, wavelength=wavelength, spectrum_id=names)
    start = time.perf_counter()
    store = write_spectra_store(folder / "files", folder / "store", wavelength=None, transformer=MinMaxSpectrumScaler())
    written = len(store.data) / (time.perf_counter() - start)
    start = time.perf_counter()
    open_spectra_store(folder / "store")
    return {"n_spectra": len(store.data), "written_per_s": written, "open_ms": 1e3 * (time.perf_counter() - start)}


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--n-spectra", type=int, default=100_000)
    parser.add_argument("--n-features", type=int, default=2600)
    parser.add_argument("--n-batches", type=int, default=20)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    args = parser.parse_args()
    zstd = zarr.codecs.ZstdCodec(level=1)
    stores = {
        "npy, memory-mapped": lambda path: write_npy(path, args),
        "zarr, 64 a chunk": lambda path: write_zarr(path, args, rows_in_chunk=64),
        "zarr, 64 a chunk, zstd": lambda path: write_zarr(path, args, rows_in_chunk=64, compressors=zstd),
        "zarr, 1024 a chunk": lambda path: write_zarr(path, args, rows_in_chunk=1024),
        "zarr, 1 a chunk, shards": lambda path: write_zarr(path, args, rows_in_chunk=1, sharded=True),
    }
    results = []
    for i, (name, write) in enumerate(stores.items()):
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            row = measure(name, Path(folder, f"{i}.npy" if i == 0 else "array.zarr"), write, args)
        if not results:
            print(" ".join(f"{column:>24}" for column in row))
        print(" ".join(f"{x:24.0f}" if isinstance(x, float) else f"{x:>24}" for x in row.values()), flush=True)
        results.append(row)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        whole = measure_write_spectra_store(Path(folder), args)
    print("write_spectra_store:", whole)
    save(args, zarr=zarr.__version__, results=results, store=whole)


if __name__ == "__main__":
    main()
