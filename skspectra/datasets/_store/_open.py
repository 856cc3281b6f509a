"""Layout of a store of spectra in npy files, and opening of a store."""

import json
import os
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from .._loading._table import NUMBER_COLUMNS, TEXT_COLUMNS

MANIFEST = "manifest.json"
FORMAT = "skspectra spectra store 2"


def open_spectra_store(store: str | os.PathLike) -> Bunch:
    """Open a store of spectra, without reading it into memory.

    All arrays except `wavelength` are memory-mapped: their rows are read from disk when they are indexed, and the
    operating system keeps as many in memory as there is room for. Pass `data` directly to `fit` and `predict_proba`.

    Parameters
    ----------
    store : str or path-like
        Folder that :func:`write_spectra_store` wrote.

    Returns
    -------
    spectra : :class:`~sklearn.utils.Bunch`
        data : memmap of float32, (n_samples, n_features)
            Read-only.
        wavelength : ndarray of float64, (n_features,)
            In vacuum, in angstrom.
        target, subclass, survey, object_id, spectrum_id, filename : memmap of str, (n_samples,)
            As returned by :func:`load_spectra`.
        redshift, snr : memmap of float64, (n_samples,)
            NaN where there is none.
        zwarning : memmap of int64, (n_samples,)
            Warning flags of the label, as returned by :func:`load_spectra`.
        transformer : str
            Transformer that was applied to the spectra before they were written; "None" if there was none.
        failures : list of (str, str)
            Each file that could not be loaded, and the cause.

    Raises
    ------
    OSError
        If there is no such folder.
    ValueError
        If the folder is not a complete store: it is still being written, or a file is missing, truncated, not an npy
        file or of another shape than was written. Changes on disk that keep the size of a file are not detected.

    See Also
    --------
    write_spectra_store : Make a store from survey files.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skspectra.datasets import open_spectra_store, write_spectra_store
    >>> folder = tempfile.TemporaryDirectory()
    >>> mine, store = Path(folder.name, "mine.npy"), Path(folder.name, "store")
    >>> np.save(mine, np.ones((5, 2600)))
    >>> written = write_spectra_store(mine, store)
    >>> spectra = open_spectra_store(store)
    >>> spectra.data.shape, spectra.data.dtype, type(spectra.data).__name__
    ((5, 2600), dtype('float32'), 'memmap')
    >>> del written, spectra
    >>> folder.cleanup()
    """
    folder = Path(store)
    manifest = read_manifest(folder)
    n_samples, n_features = manifest["n_samples"], manifest["n_features"]
    spectra = Bunch()
    shapes = {"data": (n_samples, n_features), "wavelength": (n_features,)}
    shapes |= dict.fromkeys((*TEXT_COLUMNS, *NUMBER_COLUMNS), (n_samples,))
    for name, shape in shapes.items():
        path = folder / f"{name}.npy"
        size, expected = os.path.getsize(path) if path.exists() else None, manifest["bytes"][path.name]
        if size != expected:
            state = "missing" if size is None else f"truncated: {size} bytes" if size < expected else f"{size} bytes"
            raise ValueError(f"{folder}: the store is damaged: {path.name} is {state}, {expected} bytes were written")
        try:
            array = np.load(path, mmap_mode=None if name == "wavelength" else "r")
        except (ValueError, SyntaxError, TokenError) as error:
            raise ValueError(f"{folder}: the store is damaged: {path.name} is not a valid npy file") from error
        if array.shape != shape:
            raise ValueError(f"{folder}: the store is damaged: {path.name} has shape {array.shape}, not {shape}")
        spectra[name] = array
    spectra.transformer = manifest["parameters"]["transformer"]
    spectra.failures = [tuple(failure) for failure in manifest["failures"]]
    return spectra


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a complete store."""
    path = folder / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        if unfinished(folder).exists() and not folder.exists():
            raise ValueError(
                f"{folder}: the store is not complete, only {unfinished(folder).name} exists: call "
                "write_spectra_store again with the same arguments to complete it"
            ) from error
        if not folder.exists():
            raise
        raise ValueError(f"{folder}: it is not a complete store of spectra, because it has no {MANIFEST}") from error
    try:
        manifest = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path}: it is damaged: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f"{path}: it does not have the format {FORMAT!r}")
    return manifest


def unfinished(folder: Path) -> Path:
    """Return the folder of a store until it is complete."""
    return folder.with_name(folder.name + ".part")
