"""The bootstrap of classification_table: what is drawn, and the confidence intervals from it."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_classification_table import random_labels

from skspectra.metrics import _bootstrap as bootstrap
from skspectra.metrics import classification_table


class TestBootstrap:
    def test_support_of_each_class_is_kept(self):
        # All spectra are called "a": the accuracy of a replicate is its share of "a".
        table = classification_table(["a"] * 30 + ["b"] * 10, ["a"] * 40, random_state=0)
        assert table.accuracy_confidence_interval.tolist() == [0.75, 0.75]

    def test_outcome_of_the_first_spectrum_alone(self):
        table = classification_table(["b"] + ["a"] * 39, ["a"] * 40, random_state=0)
        assert table.accuracy_confidence_interval.tolist() == [39 / 40, 39 / 40]

    @pytest.mark.parametrize("with_groups", [False, True])
    def test_equals_resampling_rows_within_classes(self, with_groups):
        """The draw of counts has the distribution of the draw of rows, or of whole groups, that it replaces."""
        rng = np.random.RandomState(0)
        size = rng.choice([1, 2, 4], 150) if with_groups else np.ones(150, dtype=int)
        unit = np.repeat(np.arange(150), size)
        class_of_unit = rng.choice(3, 150, p=[0.6, 0.3, 0.1])
        y_true = class_of_unit[unit]
        y_pred = np.where(rng.uniform(size=150) < 0.3, rng.choice(3, 150), class_of_unit)[unit]

        members = [np.flatnonzero(unit == u) for u in range(150)]
        replicates = []
        for _ in range(3000):
            drawn = [rng.choice(np.flatnonzero(class_of_unit == c), np.sum(class_of_unit == c)) for c in range(3)]
            rows = np.concatenate([members[u] for u in np.concatenate(drawn)])
            hit = np.bincount(y_true[rows][y_true[rows] == y_pred[rows]], minlength=3)
            true, predicted = np.bincount(y_true[rows], minlength=3), np.bincount(y_pred[rows], minlength=3)
            replicates.append([np.mean(2 * hit / (true + predicted)), *(hit / predicted), *(hit / true)])
        expected = np.quantile(replicates, [0.025, 0.975], axis=0).T

        groups = unit if with_groups else None
        table = classification_table(y_true, y_pred, groups=groups, n_resamples=10_000, random_state=0)
        intervals = [
            table.mean_confidence_intervals["f1"],
            *table.confidence_intervals["precision"],
            *table.confidence_intervals["recall"],
        ]
        np.testing.assert_allclose(intervals, expected, atol=0.015)

    def test_repeated_observations_of_an_object_add_nothing(self):
        y_true, y_pred = random_labels(0)
        once = classification_table(y_true, y_pred, random_state=0)
        repeated = np.repeat(y_true, 3), np.repeat(y_pred, 3)
        by_object = classification_table(*repeated, groups=np.repeat(np.arange(len(y_true)), 3), random_state=0)
        by_row = classification_table(*repeated, random_state=0)
        np.testing.assert_allclose(by_object.mean_confidence_intervals["f1"], once.mean_confidence_intervals["f1"])
        assert np.ptp(by_row.mean_confidence_intervals["f1"]) < 0.7 * np.ptp(once.mean_confidence_intervals["f1"])
        assert by_object.n_groups == len(y_true)
        assert f"of {len(y_true)} groups" in str(by_object)

    def test_classes_with_too_few_to_draw_from_are_named(self):
        y = np.repeat(["a", "b", "c"], [30, 12, 10])
        table = classification_table(y, y, random_state=0)
        assert table.n_units.tolist() == [30, 12, 10]
        assert "too narrow" not in str(table)
        # Ten objects of "a", one of which has spectra of "b" as well, and two of "b"; "c" is never the most frequent.
        groups = np.r_[np.arange(30) // 3, [0], [10] * 6, [11] * 5, np.arange(10)]
        table = classification_table(y, y, groups=groups, random_state=0)
        assert table.n_units.tolist() == [10, 2, 0]
        assert "fewer than 10 spectra or groups: b 2.\n" in str(table)
        assert "too narrow" not in str(classification_table(y, y, groups=groups, n_resamples=0))

    def test_groups_keep_the_number_of_objects_of_each_class(self):
        # Each class has an object of two spectra and one of one: 2 to 4 of its spectra are in a replicate, never 0.
        table = classification_table(
            list("aaabbb"), ["a"] * 6, groups=[0, 0, 1, 2, 2, 3], confidence_level=0.9999, random_state=0
        )
        np.testing.assert_allclose(table.accuracy_confidence_interval, [2 / 6, 4 / 6])

    def test_class_that_a_replicate_of_mixed_groups_lacks_is_left_out_of_it(self):
        # The only "b" sits in a group of mostly "a", which a third of the replicates do not draw.
        y = ["a", "a", "b", "a", "a", "a"]
        table = classification_table(y, y, groups=[0, 0, 0, 1, 1, 2], random_state=0)
        assert table.confidence_intervals["recall"].tolist() == [[1, 1], [1, 1]]
        assert table.mean_confidence_intervals["f1"].tolist() == [1, 1]

    def test_class_that_no_replicate_holds_has_no_band(self):
        y = ["a", "a", "b", *["a"] * 20]
        groups = [0, 0, 0, *range(1, 21)]
        for seed in range(20):
            table = classification_table(y, y, groups=groups, n_resamples=1, random_state=seed)
            if np.isnan(table.confidence_intervals["recall"][1]).all():
                break
        assert np.isnan(table.confidence_intervals["recall"]).tolist() == [[False, False], [True, True]]

    def test_confidence_widens_the_band(self):
        y = random_labels(0)
        narrow = classification_table(*y, confidence_level=0.5, random_state=0).mean_confidence_intervals["f1"]
        wide = classification_table(*y, confidence_level=0.99, random_state=0).mean_confidence_intervals["f1"]
        assert wide[0] < narrow[0] < narrow[1] < wide[1]

    def test_random_state(self):
        y = random_labels(0)
        intervals = [
            classification_table(*y, random_state=seed).mean_confidence_intervals["f1"].tolist() for seed in (0, 0, 1)
        ]
        assert intervals[0] == intervals[1] != intervals[2]
        before = np.random.get_state()[1].tolist()  # noqa: NPY002
        classification_table(*y, random_state=0)
        assert np.random.get_state()[1].tolist() == before  # noqa: NPY002

    def test_none(self):
        table = classification_table(*random_labels(0), n_resamples=0)
        assert table.confidence_intervals == table.mean_confidence_intervals == {}
        assert table.accuracy_confidence_interval is None
        assert "bootstrap" not in str(table)

    def test_memory_is_bounded_by_chunks(self, monkeypatch):
        y_true, y_pred = random_labels(0)
        rng = np.random.RandomState(0)
        monkeypatch.setattr(bootstrap, "_CHUNK_ELEMENTS", 160)
        chunks = list(
            bootstrap.resampled_confusions(y_true, [y_pred, y_true], 4, groups=None, n_resamples=13, random_state=rng)
        )
        assert [chunk.shape for chunk in chunks] == [(2, 5, 4, 4), (2, 5, 4, 4), (2, 3, 4, 4)]
        for chunk in chunks:
            support = np.broadcast_to(np.bincount(y_true), chunk.shape[:3])
            np.testing.assert_array_equal(chunk.sum(axis=3), support)

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=40))
    def test_kinds_of_groups(self, rows):
        """Groups are of one kind where they hold the same outcomes equally often."""
        groups, outcome = np.array(rows).T
        groups = np.unique(groups, return_inverse=True)[1]
        content, size = bootstrap._kinds_of_groups(groups, outcome, 4)
        found = Counter({tuple(kind): n for kind, n in zip(content.toarray().tolist(), size.tolist(), strict=True)})
        expected = Counter(tuple(np.bincount(outcome[groups == g], minlength=4).tolist()) for g in np.unique(groups))
        assert found == expected
