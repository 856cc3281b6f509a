"""Classification of files and stores in blocks; each block is safe on disk before the next is read."""

import os
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch
from tqdm import tqdm

from ..datasets import open_spectra_store, resample_spectra
from ..datasets._loading._in_memory import File
from ..datasets._loading._read_files import read_into
from ..datasets._loading._resume import blocks, files_to_read
from ..datasets._loading._table import file_state
from ..datasets._readers import Labels, Spectrum
from ._classifier import Classifier
from ._files import Problems, n_processes
from ._results import Results

_BYTES_AT_ONCE = 2**25  # of files
_ROWS_AT_ONCE = 2048  # of a store
_STORE_COLUMNS = ("target", "subclass", "redshift", "snr", "zwarning", "survey", "object_id", "spectrum_id")


class Stream:
    """Stream of spectra from files and stores to results.

    Parameters
    ----------
    classifier : Classifier
    results : Results
        Results so far; spectra in them are not read again.
    problems : Problems
        Report of what cannot be read.
    keep_bad_pixels : bool
        Whether flux that the survey flags as bad is used.
    """

    def __init__(self, classifier: Classifier, results: Results, problems: Problems, *, keep_bad_pixels: bool) -> None:
        self._classifier = classifier
        self._results = results
        self._problems = problems
        self._keep_bad_pixels = keep_bad_pixels
        self._flux: list[np.ndarray] = []  # of spectra that were added and are not classified yet

    def read(self, stores: list[str], files: list[File], folders: set[str], database: Path, n_jobs: int | None) -> None:
        """Read and classify everything."""
        parts = [part for store in stores for part in self._parts(store)]
        # A store that was rewritten under the same name counts as another one.
        manifests = {store: file_state(os.path.join(store, "manifest.json")) for store in stores}
        settings = self._classifier.settings | {"stores": str(manifests)}
        part_files = [File(name) for name, _, _ in parts]
        to_read = files_to_read(self._results, [*files, *part_files], folders, settings, database, "work")
        left = {file.path for file in to_read}
        with tqdm(total=len(files) + len(parts), initial=len(files) + len(parts) - len(left), disable=None) as bar:
            grid, n_jobs = self._classifier.wavelength, n_processes(n_jobs, len(files))
            for block in blocks([file for file in files if file.path in left], _BYTES_AT_ONCE):
                read_into(self._add, block, folders, self._problems, grid=grid, n_jobs=n_jobs)
                self._commit()
                bar.update(len(block))
            for name, store, rows in parts:
                if name in left:
                    self._add_rows(name, store, rows)
                    self._commit()
                    bar.update()

    def _parts(self, path: str) -> list[tuple[str, Bunch, slice]]:
        """Return a name, the store and the rows of each part of a store."""
        try:
            store = open_spectra_store(path)
        except (OSError, ValueError) as error:
            self._problems.fail(path, error)
            return []
        ends = range(_ROWS_AT_ONCE, len(store.data) + _ROWS_AT_ONCE, _ROWS_AT_ONCE)
        runs = [slice(end - _ROWS_AT_ONCE, min(end, len(store.data))) for end in ends]
        return [(f"{path}[{rows.start}:{rows.stop}]", store, rows) for rows in runs]

    def _add_rows(self, name: str, store: Bunch, rows: slice) -> None:
        """Add rows of a store."""
        grid = self._classifier.wavelength
        flux = np.asarray(resample_spectra(store.data[rows], store.wavelength, grid))
        columns = [store[column][rows].tolist() for column in _STORE_COLUMNS]
        spectra = [
            Spectrum(flux=row, wavelength=grid, **dict(zip(_STORE_COLUMNS, values, strict=True)))
            for row, *values in zip(flux, *columns, strict=True)
        ]
        try:
            self._add([spectrum for spectrum in spectra if np.isfinite(spectrum.flux).any()], name)
        except ValueError as error:
            self._problems.fail(name, error)

    def _add(self, found: list[Spectrum] | Labels, path: str) -> None:
        """Add the content of a file; it is kept only if `_commit` follows."""
        if isinstance(found, Labels):
            self._results.add_labels(found, path)
            return
        self._results.add_spectra(found, path)
        flux = np.stack([spectrum.flux for spectrum in found]).astype(np.float32, copy=False)
        if not self._keep_bad_pixels:
            for row, spectrum in zip(flux, found, strict=True):
                if spectrum.mask is not None and not spectrum.mask.all():
                    row[spectrum.mask] = np.nan
        self._flux.append(flux)

    def _commit(self) -> None:
        """Classify the spectra that were added, and save the results."""
        if self._flux:
            flux = np.concatenate(self._flux)
            self._flux = []
            labels, probabilities = self._classifier(flux)
            self._results.add_predictions(labels, np.isfinite(flux).mean(axis=1), probabilities)
        self._results.commit()
