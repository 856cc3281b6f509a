"""Writing of the files of a store, in steps such that nothing written before is lost."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from sklearn import config_context

from .._loading._in_memory import File
from .._loading._read_files import refuse_other_grid
from .._loading._resume import files_to_read
from .._loading._table import NUMBER_COLUMNS, TEXT_COLUMNS, SpectraTable
from .._readers import Labels, Spectrum
from ._open import FORMAT, MANIFEST

_FLUX = "data.npy"
_ROWS_AT_ONCE = 2**13  # of the table


class Transformer(Protocol):
    def transform(self, X: np.ndarray) -> np.ndarray: ...


class StoreWriter:
    """Writer of the flux of an unfinished store and, in the same steps, of its table."""

    def __init__(
        self,
        part: Path,
        table: SpectraTable,
        grid: np.ndarray | None,
        parameters: dict[str, str],
        bad_is_nan: bool,
        transformer: Transformer | None,
    ) -> None:
        self.part = part
        self.table = table
        self.grid = grid  # that of the reading; None for that of the first file
        self.parameters = parameters
        self.bad_is_nan = bad_is_nan
        self.transformer = transformer
        self.wavelength = grid
        self.first_path = ""
        self._block: list[np.ndarray] = []  # flux that was added and is not written yet

    def resume(self, files: list[File], folders: set[str]) -> list[File]:
        """Check the data of an earlier call, remove what it did not commit, and return the files left to read."""
        (self.part / MANIFEST).unlink(missing_ok=True)
        table = self.table
        to_read = files_to_read(table, files, folders, self.parameters, self.part, "store")
        if table.n_spectra:
            self.wavelength = np.frombuffer(table["wavelength"], np.float64)
            self.first_path = os.fsdecode(table["first_path"])
            flux = self.part / _FLUX
            size, expected = os.path.getsize(flux) if flux.exists() else 0, self._flux_end()
            if size < expected:
                raise ValueError(
                    f"{flux}: it is truncated: it has {size} bytes, but {expected} were written; delete {self.part} to "
                    "start again"
                )
            os.truncate(flux, expected)
        return to_read

    def add(self, found: list[Spectrum] | Labels, path: str) -> None:
        """Add the content of a file; it is kept only if `commit` follows."""
        if isinstance(found, Labels):
            self.table.add_labels(found, path)
        else:
            self._block.append(self._add_spectra(found, path))

    def commit(self) -> None:
        """Write the spectra that were added to the disk, and then their rows of the table."""
        if self._block:
            self._write_flux(self._block, self.table.n_spectra - sum(map(len, self._block)))
            self._block = []
        self.table.commit()

    def finish(self, failures: list[tuple[str, str]], names: str) -> None:
        """Write everything except the flux; the manifest is written last, when all else is safe on disk."""
        assert self.wavelength is not None  # there is a spectrum
        with self._disk_errors(self.table.n_spectra):
            with open(self.part / _FLUX, "r+b") as file:
                file.write(_npy_header((self.table.n_spectra, len(self.wavelength)), np.dtype(np.float32)))
                _sync(file)
            with open(self.part / "wavelength.npy", "wb") as file:
                np.save(file, self.wavelength)
                _sync(file)
            self._write_columns()
            manifest: dict[str, Any] = {
                "format": FORMAT,
                "n_samples": self.table.n_spectra,
                "n_features": len(self.wavelength),
                "bytes": {path.name: os.path.getsize(path) for path in sorted(self.part.glob("*.npy"))},
                "parameters": self.parameters,
                "names": names,
                "failures": failures,
            }
            with open(self.part / MANIFEST, "w", encoding="utf-8") as text:
                json.dump(manifest, text, indent=1)
                _sync(text)
            sync_folder(self.part)

    def _add_spectra(self, spectra: list[Spectrum], path: str) -> np.ndarray:
        """Add the spectra of a file to the table, and return the flux to write."""
        first = spectra[0].wavelength if self.wavelength is None else self.wavelength
        if self.grid is None:
            refuse_other_grid(spectra, path, Spectrum(flux=None, wavelength=first), self.first_path or path)
        flux = self._prepare(spectra, path)
        self.table.add_spectra(spectra, path)
        if not self.first_path:
            self.wavelength, self.first_path = first, path
            self.table["wavelength"], self.table["first_path"] = first.tobytes(), os.fsencode(path)
        return flux

    def _prepare(self, spectra: list[Spectrum], path: str) -> np.ndarray:
        flux = np.stack([spectrum.flux for spectrum in spectra])
        if self.bad_is_nan:
            flux[np.stack([spectrum.mask for spectrum in spectra])] = np.nan
        if self.transformer is not None:
            shape = flux.shape
            try:
                with config_context(transform_output="default"):  # a frame would need names for the samples
                    flux = np.asarray(self.transformer.transform(flux))
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
            if flux.shape != shape:
                raise ValueError(
                    f"{path}: {self.transformer!r} changed the shape of an array from {shape} to {flux.shape}"
                )
        return np.ascontiguousarray(flux, np.float32)

    def _write_flux(self, flux: list[np.ndarray], start: int) -> None:
        assert self.wavelength is not None
        with self._disk_errors(start), open(self.part / _FLUX, "r+b" if start else "wb") as file:
            if start == 0:
                # The length in the header is wrong until the end. NumPy leaves room for the digits of the final length.
                file.write(_npy_header((0, len(self.wavelength)), np.dtype(np.float32)))
            file.seek(self._flux_end(start))
            for rows in flux:
                file.write(rows.data)
            _sync(file)

    @contextmanager
    def _disk_errors(self, n_safe: int) -> Iterator[None]:
        """Add to an error of the disk how much of the work is safe."""
        try:
            yield
        except OSError as error:
            free = shutil.disk_usage(self.part).free
            raise OSError(
                error.errno,
                f"{error.strerror}, with {free} bytes free; {n_safe} spectra are safe, and the same call resumes",
                str(self.part),
            ) from error

    def _flux_end(self, n_samples: int | None = None) -> int:
        """Return the position in the file after `n_samples` spectra, by default after all in the table."""
        assert self.wavelength is not None
        n_samples = self.table.n_spectra if n_samples is None else n_samples
        header = _npy_header((0, len(self.wavelength)), np.dtype(np.float32))
        return len(header) + n_samples * len(self.wavelength) * np.dtype(np.float32).itemsize

    def _write_columns(self) -> None:
        lengths = self.table.lengths(TEXT_COLUMNS)
        columns = dict(zip(TEXT_COLUMNS, (np.dtype(f"U{max(1, n)}") for n in lengths), strict=True))
        columns |= {name: np.dtype(dtype) for name, dtype in NUMBER_COLUMNS.items()}
        with ExitStack() as stack:
            files = [stack.enter_context(open(self.part / f"{name}.npy", "wb")) for name in columns]
            for file, dtype in zip(files, columns.values(), strict=True):
                file.write(_npy_header((self.table.n_spectra,), dtype))
            for rows in self.table.chunks(tuple(columns), _ROWS_AT_ONCE):
                for file, dtype, values in zip(files, columns.values(), zip(*rows, strict=True), strict=True):
                    file.write(np.array(values, dtype).tobytes())  # None becomes NaN
            for file in files:
                _sync(file)


def _npy_header(shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    header = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    return header.getvalue()


def _sync(file: Any) -> None:
    """Wait until the written data are on the disk itself."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
