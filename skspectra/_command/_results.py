"""Database on disk of the spectra that were classified so far, and the table of results."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..datasets._loading._table import SpectraTable

if TYPE_CHECKING:
    from astropy.table import Table

_ROWS_AT_ONCE = 2**14
_TEXTS = ("file", "spectrum_id", "object_id", "survey", "class", "survey_class", "survey_subclass")
_FORMATS = {"snr": "%.2f", "measured": "%.3f", "survey_redshift": "%.7g"}
_SELECT = """SELECT filename, spectrum_id, object_id, survey, class, target, subclass, snr, redshift, measured,
    probabilities FROM labelled JOIN prediction ON prediction.row = labelled.row ORDER BY labelled.row"""


class Results(SpectraTable):
    """The table of the spectra that were read, with a prediction for each.

    Parameters
    ----------
    path : str or path-like
        Path of the database. Its committed content is kept.
    classes : list of str
        The classes in the order of the probabilities.
    """

    def __init__(self, path: str | os.PathLike, classes: list[str]) -> None:
        super().__init__(path)
        self.classes = classes
        self._execute(
            "CREATE TABLE IF NOT EXISTS prediction "
            "(row INTEGER PRIMARY KEY, class TEXT, measured REAL, probabilities BLOB)"
        )

    def add_predictions(self, labels: np.ndarray, measured: np.ndarray, probabilities: np.ndarray) -> None:
        """Add the predictions of the spectra that were added last."""
        rows = range(self.n_spectra - len(labels), self.n_spectra)
        values = (row.astype(np.float32).tobytes() for row in probabilities)
        self._database.executemany(
            "INSERT INTO prediction VALUES (?, ?, ?, ?)",
            zip(rows, map(str, labels.tolist()), measured.tolist(), values, strict=True),
        )

    def tables(self) -> Iterator[Table]:
        """Yield the results as astropy tables of some thousand rows, and at least one."""
        cursor = self._execute(_SELECT)
        rows = cursor.fetchmany(_ROWS_AT_ONCE)
        while True:
            yield self._as_table(rows)
            rows = cursor.fetchmany(_ROWS_AT_ONCE)
            if not rows:
                return

    def table(self) -> Table:
        """Return all results as one table."""
        from astropy.table import vstack

        return vstack(list(self.tables()))

    def _as_table(self, rows: list[tuple]) -> Table:
        from astropy.table import Table

        columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 11
        *texts, snr, redshift, measured, probabilities = columns
        texts[0] = [_printable(os.fsdecode(name)) for name in texts[0]]
        result = {name: np.array(values, dtype=str) for name, values in zip(_TEXTS, texts, strict=True)}
        of_classes = np.frombuffer(b"".join(probabilities), np.float32).reshape(-1, len(self.classes))
        formats = dict(_FORMATS)
        for k, label in enumerate(self.classes):
            result[f"p_{label}"] = of_classes[:, k]
            formats[f"p_{label}"] = "%.5f"
        numbers = {"snr": snr, "measured": measured, "survey_redshift": redshift}
        result |= {name: np.array(values, dtype=np.float64) for name, values in numbers.items()}  # None becomes NaN
        order = ("file", "spectrum_id", "object_id", "survey", "class", *(f"p_{label}" for label in self.classes))
        table = Table({name: result[name] for name in (*order, *(n for n in result if n not in order))})
        for name, text in formats.items():
            table[name].info.format = text
        return table


def _printable(name: str) -> str:
    """Return a file name that can be written as UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
