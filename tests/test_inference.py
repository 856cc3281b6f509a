"""The network's answers in threads are those of one thread."""

from threading import Thread

import numpy as np
import pytest
import torch

from skspectra.neural_network._inference import compute_in_batches

CPU = torch.device("cpu")


class Recorder(torch.nn.Module):
    """Answers with sum and length of each spectrum, and notes how it was called."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, x):
        self.calls.append((len(x), torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return torch.stack([x.sum(1), torch.full((len(x),), x.shape[1])], dim=1)


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def answers_to(n_samples, batch_size):
    flux = np.arange(n_samples * 2, dtype=np.float32).reshape(n_samples, 2)
    module = Recorder()
    logits = compute_in_batches(module, flux, 2, batch_size=batch_size, device=CPU)
    np.testing.assert_array_equal(logits, np.column_stack([flux.sum(1), np.full(n_samples, 2)]))
    assert logits.dtype == np.float32
    return module.calls


@pytest.mark.usefixtures("three_threads")
def test_every_thread_computes_batches_of_its_own_alone():
    calls = answers_to(n_samples=20, batch_size=4)
    assert sorted(n for n, _, _ in calls) == [3, 3, 3, 3, 4, 4]  # six batches: two for each thread
    assert {threads for _, threads, _ in calls} == {1}
    assert all(inference for _, _, inference in calls)
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_one_batch_gets_all_threads():
    assert answers_to(n_samples=4, batch_size=4) == [(4, 3, True)]


@pytest.mark.usefixtures("three_threads")
def test_no_batch_is_empty():
    calls = answers_to(n_samples=4, batch_size=1)  # four batches are not divided evenly among three threads
    assert [n for n, _, _ in calls] == [1, 1, 1, 1]


@pytest.mark.usefixtures("three_threads")
def test_threads_that_start_later_keep_their_number():
    answers_to(n_samples=9, batch_size=2)
    numbers = []

    thread = Thread(target=lambda: numbers.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert numbers == [3]


@pytest.mark.usefixtures("three_threads")
def test_an_error_in_a_thread_reaches_the_caller():
    class Broken(torch.nn.Module):
        def forward(self, x):
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        compute_in_batches(Broken(), np.zeros((9, 2), dtype=np.float32), 2, batch_size=2, device=CPU)
    assert torch.get_num_threads() == 3
