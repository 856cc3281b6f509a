import numpy as np
import pytest
from sklearn.metrics import f1_score

from skspectra.metrics import classification_table, paired_bootstrap


def three_predictions(seed=0, n=(100, 60, 40)):
    """True classes, a fair and a poorer prediction."""
    rng = np.random.RandomState(seed)
    y_true = np.repeat(["GALAXY", "QSO", "STAR"], n)
    guess = rng.choice(["GALAXY", "QSO", "STAR"], len(y_true))
    luck = rng.uniform(size=len(y_true))
    return y_true, np.where(luck < 0.15, guess, y_true), np.where(luck < 0.3, guess, y_true)


def test_difference_is_that_of_the_macro_f1():
    y_true, a, b = three_predictions()
    expected = f1_score(y_true, a, average="macro") - f1_score(y_true, b, average="macro")
    result = paired_bootstrap(y_true, a, b, random_state=0)
    assert result.difference == pytest.approx(expected)
    assert result.low < result.difference < result.high


def test_difference_at_stated_shares():
    y_true, a, b = three_predictions()
    priors = {"STAR": 0.985, "GALAXY": 0.012, "QSO": 0.003}
    f1 = [classification_table(y_true, y, class_priors=priors, n_resamples=0).mean["f1"] for y in (a, b)]
    result = paired_bootstrap(y_true, a, b, class_priors=priors, random_state=0)
    assert result.difference == pytest.approx(f1[0] - f1[1])


def test_equals_resampling_rows():
    y_true, a, b = three_predictions()
    rng = np.random.RandomState(0)
    members = [np.flatnonzero(y_true == label) for label in np.unique(y_true)]
    differences = []
    for _ in range(1000):
        rows = np.concatenate([rng.choice(m, len(m)) for m in members])
        f1 = [
            np.mean(
                [
                    2
                    * np.sum((y_true[rows] == c) & (y[rows] == c))
                    / (np.sum(y_true[rows] == c) + np.sum(y[rows] == c))
                    for c in np.unique(y_true)
                ]
            )
            for y in (a, b)
        ]
        differences.append(f1[0] - f1[1])
    result = paired_bootstrap(y_true, a, b, random_state=0)
    np.testing.assert_allclose(result[1:3], np.quantile(differences, [0.025, 0.975]), atol=0.01)


def test_pairing_makes_the_band_of_the_difference_narrower_than_that_of_each_score():
    y_true, a, b = three_predictions()
    result = paired_bootstrap(y_true, a, b, random_state=0)
    alone = [np.ptp(classification_table(y_true, y, random_state=0).mean_confidence_intervals["f1"]) for y in (a, b)]
    assert result.high - result.low < 0.8 * np.hypot(*alone)


def test_swapped_predictions_swap_the_sign():
    y_true, a, b = three_predictions()
    result, swapped = paired_bootstrap(y_true, a, b, random_state=0), paired_bootstrap(y_true, b, a, random_state=0)
    assert swapped.difference == -result.difference
    np.testing.assert_allclose([-swapped.high, -swapped.low], [result.low, result.high], atol=0.005)
    assert swapped.p_value == result.p_value


def test_same_predictions_do_not_differ():
    y_true, a, _ = three_predictions()
    assert paired_bootstrap(y_true, a, a, random_state=0) == (0, 0, 0, 1)


@pytest.mark.parametrize("n_resamples", [9, 99])
def test_smallest_p_value(n_resamples):
    y_true = np.repeat([0, 1], 50)
    result = paired_bootstrap(y_true, y_true, 1 - y_true, n_resamples=n_resamples, random_state=0)
    assert result == (1, 1, 1, pytest.approx(2 / (n_resamples + 1)))


@pytest.mark.parametrize("seed", range(5))
def test_p_value_says_whether_the_band_excludes_zero(seed):
    y_true, a, b = three_predictions(seed, n=(40, 20, 20))
    for confidence_level in (0.5, 0.9, 0.99):
        low, high, p_value = paired_bootstrap(y_true, a, b, confidence_level=confidence_level, random_state=0)[1:]
        if abs(p_value - (1 - confidence_level)) > 0.001:
            assert (low > 0 or high < 0) == (p_value < 1 - confidence_level)


def test_equal_classifiers_differ_in_one_of_twenty_tests():
    rng = np.random.RandomState(0)
    y_true = np.repeat([0, 1, 2], [150, 40, 30])
    rejected = 0
    for _ in range(300):
        a, b = (np.where(rng.uniform(size=220) < 0.2, rng.choice(3, 220), y_true) for _ in "ab")
        rejected += paired_bootstrap(y_true, a, b, n_resamples=400, random_state=rng).p_value < 0.05
    assert 0.02 < rejected / 300 < 0.08


def test_warns_of_classes_with_too_few_to_resample():
    y_true, a, b = three_predictions(n=(30, 10, 9))
    with pytest.warns(UserWarning, match=r"fewer than 10 spectra or groups: STAR 9\.$"):
        paired_bootstrap(y_true, a, b, n_resamples=9, random_state=0)
    objects = np.r_[np.arange(30) // 5, np.arange(100, 119)]  # six galaxies
    with pytest.warns(UserWarning, match=r"fewer than 10 spectra or groups: GALAXY 6, STAR 9\.$"):
        paired_bootstrap(y_true, a, b, groups=objects, n_resamples=9, random_state=0)


def test_repeated_observations_of_an_object_add_nothing():
    y_true, a, b = three_predictions()
    once = paired_bootstrap(y_true, a, b, random_state=0)
    repeated = [np.repeat(y, 4) for y in (y_true, a, b)]
    by_object = paired_bootstrap(*repeated, groups=np.repeat(np.arange(200), 4), random_state=0)
    by_row = paired_bootstrap(*repeated, random_state=0)
    np.testing.assert_allclose(by_object[:3], once[:3], atol=0.005)
    assert by_row.high - by_row.low < 0.6 * (once.high - once.low)


def test_label_that_is_not_among_the_classes_is_an_error():
    y_true, a, _ = three_predictions()
    unknown = np.where(a == y_true, a, "UNKNOWN")
    scores = classification_table(y_true, unknown, n_resamples=0)
    result = paired_bootstrap(y_true, y_true, unknown, random_state=0)
    assert result.difference == pytest.approx(1 - scores.mean["f1"])
    # Shares are those of the classes of y_true.
    paired_bootstrap(y_true, y_true, unknown, class_priors=[0.2, 0.3, 0.5], random_state=0)


def test_wrong_input():
    y = ["a", "b", "a"]
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[3, 3, 2\]"):
        paired_bootstrap(y, y, ["a", "b"])
    with pytest.raises(ValueError, match="y_pred_b has 1 missing labels among 3"):
        paired_bootstrap(y, y, ["a", None, "b"])
    with pytest.raises(ValueError, match="numbers in y_pred_a"):
        paired_bootstrap(y, [0, 1, 0], y)
    with pytest.raises(ValueError, match="'n_resamples' parameter of paired_bootstrap must be an int in the range"):
        paired_bootstrap(y, y, y, n_resamples=0)
    with pytest.raises(ValueError, match="class_priors must be shares"):
        paired_bootstrap(y, y, y, class_priors=[0.5, 0.6])
    with pytest.raises(ValueError, match="groups must hold at least two"):
        paired_bootstrap(y, y, y, groups=[1, 1, 1])
