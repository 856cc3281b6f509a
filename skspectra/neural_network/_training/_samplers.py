"""Which spectra an epoch consists of, and in which order."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class RowSampler:
    """The rows of a data set in their order. Subclasses draw anew for every epoch.

    Parameters
    ----------
    rows : ndarray of shape (n_rows,), int64
        Every epoch has this number of rows.
    generator : torch.Generator or None, default=None
        A generator on the CPU, for samplers that draw.
    """

    def __init__(self, rows: np.ndarray, generator: torch.Generator | None = None):
        self.rows = torch.from_numpy(rows)
        self.generator = generator

    def __len__(self) -> int:
        return len(self.rows)

    def draw(self) -> Tensor:
        """Return the rows of the next epoch."""
        return self.rows

    def _shuffle(self, rows: Tensor) -> Tensor:
        return rows[torch.randperm(len(rows), generator=self.generator)]


class ShuffledSampler(RowSampler):
    """Every row once, in random order."""

    def draw(self) -> Tensor:
        return self._shuffle(self.rows)


class BalancedSampler(RowSampler):
    """Equally many rows of each class: a random part of the frequent ones, and all of the rare ones several times.

    Parameters
    ----------
    rows : ndarray of shape (n_rows,), int64
    codes : ndarray of shape (n_samples,), int64
        The class of each sample.
    generator : torch.Generator
    """

    def __init__(self, rows: np.ndarray, codes: np.ndarray, generator: torch.Generator):
        super().__init__(rows, generator)
        codes = codes[rows]
        self.class_rows = [torch.from_numpy(rows[codes == code]) for code in np.unique(codes)]

    def draw(self) -> Tensor:
        # Remainders of the division go to random classes.
        n_each, n_left = divmod(len(self), len(self.class_rows))
        lucky = torch.randperm(len(self.class_rows), generator=self.generator)[:n_left].tolist()
        return self._shuffle(
            torch.cat([self._draw_evenly(rows, n_each + (i in lucky)) for i, rows in enumerate(self.class_rows)])
        )

    def _draw_evenly(self, rows: Tensor, n_draws: int) -> Tensor:
        n_repeats = -(-n_draws // len(rows))
        return torch.cat([rows.repeat(n_repeats - 1), self._shuffle(rows)])[:n_draws]
