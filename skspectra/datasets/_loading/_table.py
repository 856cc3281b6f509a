"""Table of the files that were read, and of what is known about each spectrum.

It implements the rules for duplicate spectra and for labels from other files. It is an SQLite database, in memory for
load_spectra and on disk for a store. On disk, its transactions are atomic even if the process is killed, its indexes
find a duplicate name among millions of spectra without keeping them in memory, and its lock excludes a second process
as long as the first one lives.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._readers import VOID_LABEL, Label, Labels, Spectrum, without_packing

TEXT_COLUMNS = ("target", "subclass", "survey", "object_id", "spectrum_id", "filename")
NUMBER_COLUMNS = {"redshift": np.float64, "snr": np.float64, "zwarning": np.int64}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value);
CREATE TABLE IF NOT EXISTS file (id INTEGER PRIMARY KEY, path TEXT UNIQUE, name TEXT, place TEXT, state TEXT);
CREATE TABLE IF NOT EXISTS spectrum (row INTEGER PRIMARY KEY, file INTEGER, target TEXT, subclass TEXT, redshift REAL,
    snr REAL, zwarning INTEGER, survey TEXT, object_id TEXT, spectrum_id TEXT);
CREATE UNIQUE INDEX IF NOT EXISTS one_name ON spectrum (survey, spectrum_id) WHERE spectrum_id <> '';
CREATE TABLE IF NOT EXISTS catalogue (survey TEXT, about TEXT, PRIMARY KEY (survey, about));
CREATE TABLE IF NOT EXISTS label (survey TEXT, about TEXT, object_id TEXT, target TEXT, subclass TEXT, redshift REAL,
    zwarning INTEGER, source TEXT, PRIMARY KEY (survey, about, object_id)) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS labelled AS
    SELECT spectrum.row AS row, file.name AS filename, spectrum.survey AS survey,
        spectrum.object_id AS object_id, spectrum_id, snr, spectrum.zwarning | coalesce(label.zwarning, 0) AS zwarning,
        CASE WHEN {void} THEN '' ELSE coalesce(label.target, spectrum.target) END AS target,
        CASE WHEN {void} THEN '' ELSE coalesce(label.subclass, spectrum.subclass) END AS subclass,
        CASE WHEN {void} THEN NULL WHEN label.object_id IS NULL THEN spectrum.redshift ELSE label.redshift END
            AS redshift
    FROM spectrum JOIN file ON file.id = spectrum.file
    LEFT JOIN label ON label.survey = spectrum.survey AND label.object_id = spectrum.object_id AND label.about =
        CASE WHEN EXISTS (SELECT 1 FROM catalogue WHERE survey = spectrum.survey AND about = file.place)
        THEN file.place ELSE x'' END;
""".format(void=f"(spectrum.zwarning | coalesce(label.zwarning, 0)) & {VOID_LABEL}")


class SpectraTable:
    """Table of spectra, open for one process; only committed changes are kept.

    Labels that a flag of `VOID_LABEL` makes void are "". In the database, NaN is stored as NULL, and paths are stored
    as bytes because a file name need not be UTF-8.

    Parameters
    ----------
    path : str or path-like, default=":memory:"
        Path of the database, which is in memory by default.
    """

    def __init__(self, path: str | os.PathLike = ":memory:") -> None:
        self._database = sqlite3.connect(path, isolation_level=None, timeout=0.0)
        try:
            self._execute("PRAGMA locking_mode = EXCLUSIVE")
            self._execute("BEGIN EXCLUSIVE")
            for statement in _SCHEMA.split(";"):
                self._execute(statement)
            self.n_spectra: int = self._value("SELECT count(*) FROM spectrum")
            self.n_files: int = self._value("SELECT count(*) FROM file")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._database.close()

    def commit(self) -> None:
        self._execute("COMMIT")
        self._execute("BEGIN EXCLUSIVE")

    def __getitem__(self, name: str) -> Any:
        return self._value("SELECT value FROM setting WHERE name = ?", name)

    def __setitem__(self, name: str, value: Any) -> None:
        self._execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, value)

    def state_when_read(self, path: str) -> str | None:
        """Return the state of a file when it was read; None if it was not read."""
        return self._value("SELECT state FROM file WHERE path = ?", os.fsencode(os.path.abspath(path)))

    def add_spectra(self, spectra: list[Spectrum], path: str) -> None:
        """Add the spectra of a file; raise ValueError and add none if one of them is a duplicate."""
        with self._all_or_nothing():
            self._add_file(path)
            file = self._value("SELECT last_insert_rowid()")
            for row, spectrum in enumerate(spectra, self.n_spectra):
                self._add_spectrum(row, file, spectrum, path)
        self.n_spectra += len(spectra)

    def add_labels(self, labels: Labels, path: str) -> None:
        """Add the labels of a catalogue; raise ValueError and add none if they disagree with earlier ones."""
        about = os.fsencode(file_described(labels, path))
        columns = "target, subclass, redshift, zwarning, source"
        select = f"SELECT {columns} FROM label WHERE survey = ? AND about = ? AND object_id = ?"
        for object_id, label in labels.by_object_id.items():
            known = self._execute(select, labels.survey, about, object_id).fetchone()
            if known is not None:
                target, subclass, redshift, zwarning, source = known
                other = Label(target, subclass, np.nan if redshift is None else redshift, zwarning)
                refuse_other_label(object_id, label, path, other, os.fsdecode(source))
        rows = ((labels.survey, about, name, *label, os.fsencode(path)) for name, label in labels.by_object_id.items())
        with self._all_or_nothing():
            self._add_file(path)
            self._execute("INSERT OR IGNORE INTO catalogue VALUES (?, ?)", labels.survey, about)
            self._database.executemany("INSERT OR IGNORE INTO label VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def first_filename(self) -> str:
        """Return the file of the first spectrum."""
        return os.fsdecode(self._value("SELECT name FROM file JOIN spectrum ON file = id WHERE row = 0"))

    def lengths(self, columns: tuple[str, ...]) -> list[int]:
        """Return the length of the longest text in each column."""
        selected = ", ".join(f"max(length({column}))" for column in columns)
        return list(self._execute(f"SELECT {selected} FROM labelled").fetchone())

    def chunks(self, columns: tuple[str, ...], size: int) -> Iterator[list[tuple]]:
        """Yield the rows of the columns in order, with the labels of the catalogues, `size` rows at a time."""
        cursor = self._execute(f"SELECT {', '.join(columns)} FROM labelled ORDER BY row")
        while rows := cursor.fetchmany(size):
            yield [tuple(os.fsdecode(v) if isinstance(v, bytes) else v for v in row) for row in rows]

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        self._execute("SAVEPOINT this_file")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK TO this_file")
            raise
        finally:
            self._execute("RELEASE this_file")

    def _add_file(self, path: str) -> None:
        insert = "INSERT INTO file (path, name, place, state) VALUES (?, ?, ?, ?)"
        paths = map(os.fsencode, (os.path.abspath(path), path, place(path)))
        self._execute(insert, *paths, file_state(path))

    def _add_spectrum(self, row: int, file: int, spectrum: Spectrum, path: str) -> None:
        values = [getattr(spectrum, name) for name in ("target", "subclass", "redshift", "snr", "zwarning")]
        name = (spectrum.survey, spectrum.spectrum_id)
        try:
            insert = "INSERT INTO spectrum VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            self._execute(insert, row, file, *values, spectrum.survey, spectrum.object_id, spectrum.spectrum_id)
        except sqlite3.IntegrityError as error:
            other = self._value(
                "SELECT name FROM file JOIN spectrum ON file = id WHERE survey = ? AND spectrum_id = ? "
                "AND spectrum_id <> ''",
                *name,
            )
            raise ValueError(
                f"{path}: the spectrum {spectrum.spectrum_id} of {spectrum.survey} is a duplicate of one in "
                f"{os.fsdecode(other)}"
            ) from error

    def _execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        return self._database.execute(statement, values)

    def _value(self, statement: str, *values: Any) -> Any:
        row = self._execute(statement, *values).fetchone()
        return None if row is None else row[0]


@contextmanager
def told_as_os_error(path: str | os.PathLike, written: str, failure: str, advice: str) -> Iterator[None]:
    """Convert an error of the database at `path` to an OSError that says what happened to the work."""
    try:
        yield
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise OSError(f"{path}: another process is writing {written}") from error
        raise OSError(f"{path}: {failure}: {error}. {advice}") from error


def file_state(path: str) -> str:
    """Return the size and modification time of a file as text; "" if there is no such file."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_size} bytes, changed at {status.st_mtime_ns} ns"


def place(path: str) -> str:
    """Return the absolute path without compression suffixes, in which a file and its catalogue may differ."""
    return without_packing(os.path.abspath(path))


def file_described(labels: Labels, path: str) -> str:
    """Return the file of spectra to which a catalogue at `path` applies, or "" if it applies to any."""
    return place(os.path.join(os.path.dirname(path), labels.about)) if labels.about else ""


def refuse_other_label(object_id: str, label: Label, path: str, known: Label, known_path: str) -> None:
    """Raise ValueError if a catalogue disagrees with an earlier one."""
    if str(label) != str(known):  # as text, because NaN is not equal to NaN
        raise ValueError(f"{path}: its label {label} for {object_id} differs from the label {known} in {known_path}")
