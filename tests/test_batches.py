"""The batches of the training loop: which rows, how often, in what order, with what noise."""

import numpy as np
import pytest
import torch

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.neural_network._training._batches import SpectrumBatches, TorchRandom, _one_ahead
from skspectra.neural_network._training._samplers import BalancedSampler, RowSampler, ShuffledSampler

NOISE = CCDNoiseAugmenter(electronic_noise=0.1, cosmic_rays=1, bad_pixels=0.2)
CPU = torch.device("cpu")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def numbered(n, length=3):
    """Spectra whose first sample is the number of their row."""
    X = np.zeros((n, length), dtype=np.float32)
    X[:, 0] = np.arange(n)
    X[:, -1] = -1.0
    return X


def make_batches(n=20, y=None, rows=None, weights=None, *, X=None, generator=None, balanced=False, **params):
    X = numbered(n) if X is None else X
    y = np.zeros(len(X), dtype=np.int64) if y is None else y
    rows = np.arange(len(X)) if rows is None else rows
    if balanced:
        sampler = BalancedSampler(rows, y, generator)
    else:
        sampler = RowSampler(rows) if generator is None else ShuffledSampler(rows, generator)
    return SpectrumBatches(X, y, sampler, weights, **{"batch_size": 8, "device": CPU, **params})


def drawn_rows(batches):
    """The rows of one epoch, in order."""
    return torch.cat([flux[:, 0] for flux, _ in batches]).long().tolist()


@pytest.mark.parametrize(
    ("n", "batch_size", "sizes"),
    [
        (65, 64, [33, 32]),  # not 64 and a lone one
        (64, 64, [64]),
        (10, 64, [10]),
        (130, 64, [44, 43, 43]),
        (1, 8, [1]),
        (3, 1, [1, 1, 1]),
    ],
)
def test_batches_are_equally_long_to_one_spectrum(n, batch_size, sizes):
    batches = make_batches(n, batch_size=batch_size, generator=generator())

    assert [len(flux) for flux, _ in batches] == sizes
    assert batches.n_batches == len(sizes)
    assert len(batches) == n


@pytest.mark.parametrize("batch_size", [3, 4, 7, 64])
def test_no_batch_holds_a_single_spectrum(batch_size):
    for n in range(2, 200):
        assert min(len(flux) for flux, _ in make_batches(n, batch_size=batch_size)) > 1


def test_an_epoch_holds_every_row_once_in_a_new_order():
    batches = make_batches(50, generator=generator())

    first, second = drawn_rows(batches), drawn_rows(batches)

    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert list(range(50)) not in (first, second)


def test_without_a_generator_the_order_is_that_of_the_rows():
    batches = make_batches(20)

    assert drawn_rows(batches) == drawn_rows(batches) == list(range(20))
    assert drawn_rows(make_batches(20, rows=np.array([7, 3, 11]))) == [7, 3, 11]


@pytest.mark.parametrize("params", [{}, {"balanced": True}, {"augmenter": NOISE}])
def test_the_same_seed_gives_the_same_batches(params):
    y = np.arange(20) % 3
    first, again, other = (make_batches(y=y, generator=generator(seed), **params) for seed in (0, 0, 1))

    for _ in range(2):
        epoch, same, different = (torch.cat([flux for flux, _ in batches]) for batches in (first, again, other))
        assert torch.equal(epoch, same)
        assert not torch.equal(epoch, different)


def test_only_the_given_generator_is_drawn_from():
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002

    for _ in make_batches(y=np.arange(20) % 3, balanced=True, augmenter=NOISE, generator=generator()):
        pass

    assert torch.equal(torch.get_rng_state(), torch_before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_a_batch_holds_spectra_labels_and_weights_of_the_same_rows():
    y, weights = np.arange(20) % 3, np.arange(20) / 10

    for flux, (labels, batch_weights) in make_batches(y=y, weights=weights, generator=generator()):
        rows = flux[:, 0].long()
        assert flux.dtype == batch_weights.dtype == torch.float32
        assert labels.dtype == torch.int64
        assert labels.tolist() == y[rows].tolist()
        torch.testing.assert_close(batch_weights, torch.from_numpy(weights[rows]).float())


def test_without_weights_a_batch_has_none():
    assert all(weights is None for _, (_, weights) in make_batches())


@pytest.mark.parametrize("balanced", [False, True])
def test_labels_and_weights_of_a_subset_are_those_of_its_rows(balanced):
    y, weights = np.arange(20) % 3, np.arange(20) / 10
    subset = np.array([2, 3, 5, 7, 11, 13, 17, 19])
    batches = make_batches(y=y, rows=subset, weights=weights, balanced=balanced, generator=generator())

    assert len(batches) == 8
    for flux, (labels, batch_weights) in batches:
        rows = flux[:, 0].long().numpy()
        assert set(rows) <= set(subset)
        assert labels.tolist() == y[rows].tolist()
        torch.testing.assert_close(batch_weights, torch.from_numpy(weights[rows]).float())
    if not balanced:
        assert sorted(drawn_rows(batches)) == subset.tolist()


# --- Balanced draws ---


@pytest.mark.parametrize("counts", [(90, 8, 2), (5, 5), (97, 1, 1, 1), (3, 200)])
def test_balanced_epochs_hold_equally_many_spectra_of_each_class(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    batches = make_batches(y=y, X=numbered(len(y)), balanced=True, generator=generator())

    for _ in range(3):
        rows = drawn_rows(batches)
        shares = np.bincount(y[rows], minlength=len(counts))
        assert len(rows) == len(y)
        assert shares.max() - shares.min() <= 1
        assert shares.min() == len(y) // len(counts)


def test_what_is_left_of_the_division_goes_to_random_classes():
    y = np.repeat([0, 1, 2], [6, 2, 2])  # ten draws of three classes
    batches = make_batches(y=y, X=numbered(10), balanced=True, generator=generator())

    larger = {int(np.bincount(y[drawn_rows(batches)]).argmax()) for _ in range(30)}

    assert larger == {0, 1, 2}


def test_balanced_epochs_use_every_source_about_equally_often():
    y = np.repeat([0, 1, 2], [90, 7, 3])
    batches = make_batches(y=y, X=numbered(100), balanced=True, generator=generator())

    for _ in range(3):
        uses = np.bincount(drawn_rows(batches), minlength=100)
        for label in range(3):
            of_class = uses[y == label]
            assert of_class.max() - of_class.min() <= 1
        # 33 or 34 draws
        assert set(uses[y == 0]) == {0, 1}
        assert set(uses[y == 1]) <= {4, 5}
        assert set(uses[y == 2]) <= {11, 12}


def test_which_spectra_of_a_frequent_class_are_left_out_changes():
    y = np.repeat([0, 1], [90, 10])
    batches = make_batches(y=y, X=numbered(100), balanced=True, generator=generator())

    first, second = (set(drawn_rows(batches)) - set(range(90, 100)) for _ in range(2))

    assert len(first) == len(second) == 50
    assert first != second


def test_which_spectra_of_a_rare_class_come_once_more_changes():
    y = np.repeat([0, 1], [9, 4])  # 6 or 7 draws of the four
    batches = make_batches(y=y, X=numbered(13), balanced=True, generator=generator())

    more = {tuple(np.bincount(drawn_rows(batches), minlength=13)[9:]) for _ in range(20)}

    assert len(more) > 2


def test_balanced_epochs_mix_the_classes():
    y = np.repeat([0, 1], [50, 50])
    batches = make_batches(y=y, X=numbered(100), balanced=True, generator=generator())

    assert all(set(labels.tolist()) == {0, 1} for _, (labels, _) in batches)


# --- Noise ---


def by_row(batches, clean):
    """One epoch in the order of the rows, which the labels tell."""
    epoch = np.empty_like(clean)
    for flux, (labels, _) in batches:
        epoch[labels.numpy()] = flux.numpy()
    return epoch


def test_noise_is_new_in_every_epoch_and_leaves_the_spectra_as_they_are():
    clean = np.random.default_rng(0).random((20, 50), dtype=np.float32)
    X = clean.copy()
    batches = make_batches(X=X, y=np.arange(20), augmenter=NOISE, generator=generator())

    first, second = by_row(batches, clean), by_row(batches, clean)

    for epoch in (first, second):
        assert ((epoch != clean).mean(axis=1) > 0.5).all()
        # A deviation of a tenth of the range, up to a ray and 10 dead pixels aside.
        assert 0.05 < np.abs(epoch - clean).mean() < 0.2
    assert ((first != second).mean(axis=1) > 0.5).all()
    np.testing.assert_array_equal(X, clean)


def test_copies_of_one_spectrum_have_noise_of_their_own():
    X = np.random.default_rng(0).random((11, 50), dtype=np.float32)
    y = np.repeat([0, 1], [10, 1])  # the last spectrum is drawn five times or six
    batches = make_batches(X=X, y=y, balanced=True, augmenter=NOISE, generator=generator(), batch_size=11)

    [(flux, (labels, _))] = batches

    copies = flux[labels == 1]
    assert len(copies) >= 5
    assert len(copies.unique(dim=0)) == len(copies)


def test_without_noise_the_spectra_come_as_they_are():
    X = np.random.default_rng(0).random((20, 50), dtype=np.float32)

    np.testing.assert_array_equal(by_row(make_batches(X=X, y=np.arange(20), generator=generator()), X), X)


def test_another_seed_gives_other_noise():
    X = numbered(20, length=50)

    first, other = (
        by_row(make_batches(X=X, y=np.arange(20), augmenter=NOISE, generator=generator(i)), X) for i in (0, 1)
    )

    assert ((first != other).mean(axis=1) > 0.5).all()


def test_torch_random_draws_like_a_numpy_generator():
    rng = TorchRandom(generator(), CPU)

    uniform, normal = rng.random((5000, 2), dtype="float32"), rng.standard_normal((5000, 2), dtype="float32")

    assert uniform.shape == normal.shape == (5000, 2)
    assert uniform.dtype == normal.dtype == torch.float32
    assert 0 <= uniform.min() < 0.01 < 0.99 < uniform.max() < 1
    assert abs(normal.mean()) < 0.05
    assert abs(normal.std() - 1) < 0.05


# --- Arrays that must not be copied ---


def test_read_only_spectra():
    X = numbered(20)
    X.flags.writeable = False

    batches = make_batches(X=X, augmenter=NOISE, generator=generator())

    assert len(drawn_rows(batches)) == 20
    assert np.shares_memory(batches.X, X)


def test_memory_mapped_spectra_stay_on_disk(tmp_path):
    numbered(20).tofile(tmp_path / "spectra.f4")
    X = np.memmap(tmp_path / "spectra.f4", dtype=np.float32, mode="r", shape=(20, 3))

    batches = make_batches(X=X, generator=generator())

    assert sorted(drawn_rows(batches)) == list(range(20))
    assert batches.X is X


def test_writing_into_a_batch_leaves_the_spectra_as_they_are():
    X = numbered(20)

    for flux, _ in make_batches(X=X):
        flux.zero_()

    np.testing.assert_array_equal(X, numbered(20))


# --- The next batch is made while one is in use ---


def test_one_ahead_keeps_the_order():
    assert list(_one_ahead(lambda item: item * 10, range(5))) == [0, 10, 20, 30, 40]
    assert list(_one_ahead(lambda item: item * 10, [])) == []


def test_one_ahead_makes_the_next_batch_before_one_is_handed_out():
    asked = []

    def items():
        for item in range(4):
            asked.append(item)
            yield item

    batches = _one_ahead(lambda item: item, items())

    assert next(batches) == 0
    assert asked == [0, 1]
    assert next(batches) == 1
    assert asked == [0, 1, 2]
    assert list(batches) == [2, 3]


def test_one_ahead_passes_on_an_exception_after_the_batches_before_it():
    def fail_at_two(item):
        if item == 2:
            raise OSError("the disk is gone")
        return item

    batches = _one_ahead(fail_at_two, range(5))

    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)


def test_one_ahead_can_be_left_early():
    made = []
    batches = _one_ahead(made.append, range(100))

    next(batches)
    batches.close()

    assert len(made) == 2


def test_batches_sent_one_ahead_are_those_taken_at_once():
    y = np.arange(20) % 3
    at_once, ahead = (make_batches(y=y, augmenter=NOISE, weights=y / 2, generator=generator()) for _ in range(2))

    sent = list(_one_ahead(ahead._take, torch.tensor_split(ahead.sampler.draw(), ahead.n_batches)))

    for (flux, (labels, weights)), (sent_flux, (sent_labels, sent_weights)) in zip(at_once, sent, strict=True):
        assert torch.equal(flux, sent_flux)
        assert torch.equal(labels, sent_labels)
        assert torch.equal(weights, sent_weights)
