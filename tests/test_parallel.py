"""Calls in threads, and chunks of rows."""

import threading

import numpy as np
import pytest

from skspectra import _parallel
from skspectra._parallel import for_each_chunk, map_in_threads


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_calls_run_in_as_many_threads_as_may_be(monkeypatch, n_threads):
    monkeypatch.setattr(_parallel, "_openmp_effective_n_threads", lambda: n_threads)
    meeting = threading.Barrier(n_threads, timeout=20)  # passed once n_threads calls are under way together
    threads = set()

    def power(base, exponent):
        meeting.wait()
        threads.add(threading.get_ident())
        return base**exponent

    assert map_in_threads(power, range(6), [2, 1, 2, 1, 2, 1]) == [0, 1, 4, 3, 16, 5]
    assert len(threads) == n_threads
    assert (threads == {threading.get_ident()}) == (n_threads == 1)


def test_no_calls_and_iterables_of_different_lengths():
    assert map_in_threads(abs, []) == []
    with pytest.raises(ValueError, match="shorter"):
        map_in_threads(pow, [1, 2], [3])


def test_chunks_cover_every_row_once(monkeypatch):
    monkeypatch.setattr(_parallel, "_openmp_effective_n_threads", lambda: 3)
    for n_samples, n_features in [(0, 5), (1, 5), (1000, 2600), (7, 100_000), (26, 2600)]:
        seen = np.zeros(n_samples, int)

        def count(start, stop, seen=seen):
            assert start < stop <= len(seen)
            seen[start:stop] += 1

        for_each_chunk(count, n_samples, n_features)
        assert (seen == 1).all()


def test_an_error_in_a_thread_reaches_the_caller(monkeypatch):
    monkeypatch.setattr(_parallel, "_openmp_effective_n_threads", lambda: 2)

    def fail(start, stop):
        raise ValueError("from a thread")

    with pytest.raises(ValueError, match="from a thread"):
        for_each_chunk(fail, 1000, 2600)
