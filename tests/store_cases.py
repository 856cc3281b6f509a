"""Files and stores that the tests of stores share."""

import filecmp
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from skspectra.datasets import write_spectra_store

COLUMNS = ("target", "subclass", "survey", "object_id", "spectrum_id", "filename", "redshift", "snr")

GRID = np.linspace(4000.0, 5000.0, 40)


def write_file(path, n=3, seed=0, grid=GRID, **fields):
    flux = np.random.default_rng(seed).normal(5.0, 1.0, (n, len(grid))).astype(np.float32)
    fields = {"target": np.array(["STAR", "GALAXY", "QSO"])[np.arange(n) % 3]} | fields
    names = [f"{Path(path).stem}-{i}" for i in range(n)]
    np.savez(path, flux=flux, wavelength=grid, **{"spectrum_id": names, "object_id": names} | fields)
    return path


@pytest.fixture
def files(tmp_path):
    """Four files of 3, 5, 1 and 4 spectra."""
    folder = tmp_path / "files"
    folder.mkdir()
    return [
        write_file(folder / "a.npz", 3, 1, redshift=[0.1, np.nan, 2.0]),
        write_file(folder / "b.npz", 5, 2, subclass=["M0", "", "", "G2", ""]),
        write_file(folder / "c.npz", 1, 3, snr=[7.5]),
        write_file(folder / "d.npz", 4, 4),
    ]


def write(files, store, **params):
    return write_spectra_store(files, store, **{"wavelength": None, "block_bytes": 1} | params)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """Processes are killed here, not machines: what was written need not be on the disk itself."""
    connect = sqlite3.connect

    def connect_without_sync(*args, **kwargs):
        database = connect(*args, **kwargs)
        database.execute("PRAGMA synchronous = OFF")
        return database

    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(sqlite3, "connect", connect_without_sync)


def same_folders(one, other):
    names = sorted(path.name for path in Path(one).iterdir())
    assert names == sorted(path.name for path in Path(other).iterdir())
    return filecmp.cmpfiles(one, other, names, shallow=False)[0] == names


# A store that was damaged later


@pytest.fixture
def store(files, tmp_path):
    write(files, tmp_path / "store")
    return tmp_path / "store"
