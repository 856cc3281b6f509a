"""Does any damaged survey file crash the readers, make them hang or fill the memory?

    nice -n 19 python -m benchmarks.files.fuzz_readers --n-files 12000 --json fuzz.json

Files of every format are damaged at random. They are made by the test helpers and, if SKSPECTRA_DATA is set, taken from
that folder. Bytes are changed, cut out, repeated or zeroed, ends are cut off, numbers in FITS headers are replaced by
hostile ones, and gzip streams are broken. `load_spectra` loads each file in a process with a limited address space. It
may load a file, or refuse it with an error that names the file. Anything else is a failure, which can be reproduced
with the number of the file and ``--seed``.
"""

import bz2
import gzip
import lzma
import multiprocessing
import os
import re
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from astropy import units
from astropy.io import fits
from astropy.table import Table

from benchmarks._common.command import parser_of, save
from skspectra.datasets import load_spectra
from tests.survey_files import (
    MAKERS,
    astra,
    desi_coadd,
    joined_cameras,
    lamost_medium_resolution,
    redrock,
    sdss5_spec,
)

ADDRESS_SPACE = 512 << 20  # bytes that a worker may take beyond what it has after its imports
TIME_LIMIT = 20.0  # seconds a file

NUMBERS = [
    "0", "-1", "1", "2", "5", "7", "8", "16", "64", "-32", "-64", "999", "1000000", "800000000", "2147483647",
    "2147483648", "4294967296", "9223372036854775807", "-9223372036854775808", "99999999999999999999", "1E400",
    "NaN", "T", "'x'",
]  # fmt: skip
CARDS = [
    "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "PCOUNT", "GCOUNT", "TFIELDS", "EXTEND", "BSCALE", "BZERO",
    "TDIM1", "TDIM2", "TNULL2", "TSCAL2", "TZERO1",
    "COEFF0", "COEFF1", "ZNAXIS1", "ZNAXIS2", "ZTILE1", "ZBITPIX", "THEAP", "SPEC_CLN", "VACUUM", "CLASS", "Z",
    "LMJD", "EXTEN0",
]  # fmt: skip
FORMATS = [
    "'E'", "'0E'", "'999999999E'", "'1PE(9)'", "'1QJ'", "'12X'", "'J'", "'D'", "'32A'", "'?'", "'-3E'",
]  # fmt: skip


def seed_files(folder: Path) -> list[bytes]:
    """Return the contents of undamaged files: those of the tests, and a real one of each layout if there are any."""
    for name, maker in MAKERS.items():
        maker(folder / name)
    desi_coadd(folder / "plain.fits", compressed_mask=False)
    redrock(folder / "redrock.fits", [1, 2], ["STAR", "QSO"], [0.0, 1.0])
    np.savez(
        folder / "a.npz",
        flux=np.ones((3, 50), np.float32),
        wavelength=np.linspace(4000, 5000, 50),
        target=["a", "b", "c"],
    )
    np.savez_compressed(folder / "b.npz", flux=np.ones((3, 50)), wavelength=np.linspace(4000, 5000, 50))
    np.save(folder / "c.npy", np.ones((2, 2600)))
    (folder / "d.csv").write_text("wavelength,flux,ivar\n" + "".join(f"{4000 + i},{i}.5,1\n" for i in range(60)))
    (folder / "e.csv").write_text("target,redshift,4000,4001,4002\nSTAR,0.1,1,2,3\nQSO,,4,5,6\n")
    (folder / "f.csv").write_text("id,type\n1,star\n2,qso\n")
    for maker in (sdss5_spec, astra, lamost_medium_resolution, joined_cameras):
        maker(folder / f"{maker.__name__}.fits")
    table = Table({"wave": np.linspace(400, 900, 60) * units.nm, "flux": np.ones(60), "mask": np.zeros(60, bool)})
    for name, file_format in (("g.fits", "fits"), ("h.ecsv", "ascii.ecsv"), ("i.vot", "votable")):
        table.write(folder / name, format=file_format)
    ragged = np.empty(1, object)
    ragged[0] = np.linspace(4000, 5000, 60)
    columns = [fits.Column(name, "PD()", array=ragged) for name in ("wave", "flux")]
    fits.BinTableHDU.from_columns(columns).writeto(folder / "j.fits")
    np.savez(folder / "k.npz", flux=np.ones((2, 50)), wave=np.linspace(4000, 5000, 50), label=np.array(["a", None]))
    (folder / "l.fits.bz2").write_bytes(bz2.compress((folder / "g.fits").read_bytes()))
    (folder / "m.fits.xz").write_bytes(lzma.compress((folder / "g.fits").read_bytes()))
    paths = sorted(folder.iterdir())
    if "SKSPECTRA_DATA" in os.environ:
        layouts: dict[tuple, Path] = {}
        for path in sorted(Path(os.environ["SKSPECTRA_DATA"], "fits").glob("*.fit*")):
            layouts.setdefault((path.suffixes[-1], path.stat().st_size // 40_000), path)
        paths += [path for path in layouts.values() if path.stat().st_size < 1_000_000]
    return [path.read_bytes() for path in paths]


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Return the content with one to four random changes."""
    if content[:2] == b"\x1f\x8b" and rng.random() < 0.7:
        return gzip.compress(mutate(gzip.decompress(content), rng), 1)
    damaged = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        if not damaged:
            break
        start = int(rng.integers(len(damaged)))
        # Headers decide what is read, so half of the damage goes to the first bytes.
        if rng.random() < 0.5:
            start = int(rng.integers(min(len(damaged), 6000)))
        length = int(rng.integers(1, 3000))
        kind = rng.integers(8)
        if kind == 0:
            for position in rng.integers(len(damaged), size=rng.integers(1, 50)):
                damaged[position] = rng.integers(256)
        elif kind == 1:
            del damaged[start:]
        elif kind == 2:
            del damaged[start : start + length]
        elif kind == 3:
            damaged[start:start] = damaged[start : start + length]
        elif kind == 4:
            damaged[start : start + length] = bytes(length)
        elif kind == 5:
            damaged[start : start + 4] = rng.choice(
                [b"\x7f\xc0\0\0", b"\x7f\x80\0\0", b"\xff\xff\xff\xff", b"\x80\0\0\0"]
            )
        else:
            damaged = hostile_card(damaged, rng)
    return bytes(damaged)


def hostile_card(content: bytearray, rng: np.random.Generator) -> bytearray:
    """Replace the value of one card of a FITS header, anywhere in the file, by a hostile one."""
    card, values = (r"TFORM\d+ *", FORMATS) if rng.random() < 0.2 else (f"{rng.choice(CARDS):8}", NUMBERS)
    places = list(re.finditer(f"{card}= (.{{70}})".encode(), bytes(content), re.DOTALL))
    if places:
        place = places[rng.integers(len(places))]
        content[place.start(1) : place.end(1)] = f"{rng.choice(values):>20}".ljust(70).encode()
    return content


def work(connection: Connection, contents: list[bytes], seed: int) -> None:
    """Load the files whose numbers arrive through the connection, and send back the outcomes."""
    import pandas as pd  # noqa: F401  imported before the limit is set

    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ADDRESS_SPACE,) * 2)
    with tempfile.TemporaryDirectory() as folder:
        for number in iter(connection.recv, None):
            rng = np.random.default_rng([seed, number])
            path = Path(folder, "mutated")
            path.write_bytes(mutate(contents[number % len(contents)], rng))
            began = time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # about arrays that are not used
                    spectra = load_spectra(path)
                assert spectra.data.shape == spectra.mask.shape == spectra.ivar.shape
                assert spectra.data.shape == (len(spectra.target), 2600)
                outcome = "loaded"
            except (ValueError, OSError) as error:
                outcome = "refused" if str(path) in str(error) else f"does not name the file: {error}"
                if "MemoryError" in str(error):
                    outcome = f"memory: {error}"
            except BaseException:
                outcome = traceback.format_exc()
            connection.send((outcome, time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


class Worker:
    """A process that loads files. It is replaced when it dies or hangs."""

    def __init__(self, contents: list[bytes], seed: int) -> None:
        self.arguments = contents, seed
        self.start()

    def start(self) -> None:
        self.connection, other = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=work, args=(other, *self.arguments), daemon=True)
        self.process.start()
        other.close()

    def load(self, number: int) -> tuple[str, float, int]:
        self.connection.send(number)
        try:
            if self.connection.poll(TIME_LIMIT):
                return self.connection.recv()
            outcome = "hung"
        except EOFError:
            outcome = "crashed"
        self.process.kill()
        self.process.join()
        self.start()
        return outcome, TIME_LIMIT, 0


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--n-files", type=int, default=12_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        contents = seed_files(Path(folder))
    worker = Worker(contents, args.seed)
    counts: Counter[str] = Counter()
    failures, seconds, memory = {}, [], 0
    began = time.perf_counter()
    for number in range(args.first, args.first + args.n_files):
        outcome, duration, peak = worker.load(number)
        seconds.append(duration)
        memory = max(memory, peak)
        if outcome not in ("loaded", "refused"):
            failures[number] = outcome
            print(f"file {number}: {outcome}", flush=True)
            outcome = "failed"
        counts[outcome] += 1
    result = {
        "n_seeds": len(contents),
        **{outcome: counts[outcome] for outcome in ("loaded", "refused", "failed")},
        "slowest_seconds": max(seconds),
        "median_seconds": float(np.median(seconds)),
        "peak_memory_mib": memory / 1024,
        "minutes": (time.perf_counter() - began) / 60,
        "failures": failures,
    }
    for name, value in result.items():
        print(f"{name:18} {value}")
    save(args, **result)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
