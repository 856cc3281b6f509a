"""The checks of scikit-learn and imbalanced-learn, unmodified, on every estimator as its users get it.

An estimator is one line in ESTIMATORS; a check that cannot hold is one line in EXPECTED_FAILURES, with the reason;
one that holds or not with the rounding of the processor stands in LAST_DIGIT.
"""

from contextlib import contextmanager

import numpy as np
import pytest
from imblearn.utils.estimator_checks import estimator_checks_generator
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.outliers import UnknownRejector
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator
from skspectra.pretrained import PretrainedFeatures

ESTIMATORS = [
    MinMaxSpectrumScaler(),
    MinMaxSpectrumScaler((-1, 2), quantile_range=(1.0, 99.0), copy=False),
    MissingFluxInterpolator(),
    MissingFluxInterpolator(n_neighbors=3, copy=False),
    CCDNoiseAugmenter(),
    PretrainedFeatures(),
    # Few blocks and epochs, since the checks fit it some 90 times.
    DenseNet1DClassifier(
        n_dense_blocks=2,
        n_conv_blocks_per_dense_block=1,
        growth_rate=4,
        stem_channels=8,
        kernel_sizes=(1, 3),
        max_epochs=8,
        batch_size=24,
        lr=0.05,
        lr_schedule="one-cycle",
        augmenter=CCDNoiseAugmenter(),
        random_state=0,
    ),
    SpectrumMLPClassifier(
        hidden_layer_sizes=(32, 16),
        max_epochs=15,
        batch_size=12,
        lr=0.02,
        lr_schedule="one-cycle",
        augmenter=CCDNoiseAugmenter(),
        random_state=0,
    ),
    DBNClassifier(
        hidden_layer_sizes=(16, 8),
        pretrain_epochs=2,
        max_epochs=30,
        batch_size=12,
        lr=0.05,
        lr_schedule="one-cycle",
        augmenter=CCDNoiseAugmenter(),
        random_state=0,
    ),
    PriorCorrectedClassifier(LogisticRegression()),
    PriorCorrectedClassifier(LogisticRegression(), training_priors="balanced"),
    MacroF1ThresholdClassifier(LogisticRegression(), random_state=0),
    UnknownRejector(LogisticRegression(), random_state=0),
    UnknownRejector(LogisticRegression(), method="distance", random_state=0),
    PhysicsNoiseOverSampler(random_state=0),  # imbalanced-learn's checks compare two runs, its own samplers have a seed
]

FIT_TRANSFORM_ADDS_NOISE = (
    "the check requires fit_transform(X) to equal fit(X).transform(X), but noise is for training, so only the first "
    "adds it: scikit-learn issue 1687"
)
# scikit-learn's own estimators that split or resample rows have the same expected failures: its issue 16298.
SPLITS_ROWS = {
    f"check_sample_weight_equivalence_on_{kind}_data": (
        "a random part of the rows is held out, which depends on their number: scikit-learn issue 16298"
    )
    for kind in ("dense", "sparse")
}
ANSWERS_UNKNOWN = (
    "the check requires labels of y, and a rejector also predicts UNKNOWN, for which scikit-learn has no convention: "
    "its issue 34628"
)
NETWORK = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a repeated spectrum changes the batches and their statistics, and a weight does not: scikit-learn issue 16298"
    ),
}
EXPECTED_FAILURES: dict[str, dict[str, str]] = {
    "CCDNoiseAugmenter": {
        "check_transformer_general": FIT_TRANSFORM_ADDS_NOISE,
        "check_transformer_data_not_an_array": FIT_TRANSFORM_ADDS_NOISE,
    },
    "DenseNet1DClassifier": NETWORK,
    "SpectrumMLPClassifier": NETWORK,
    "DBNClassifier": NETWORK,
    "MacroF1ThresholdClassifier": {
        **SPLITS_ROWS,
        "check_classifiers_train": (
            "the check requires the class of the greatest score, and a tuned threshold chooses another one: "
            "scikit-learn issue 13211"
        ),
    },
    "UnknownRejector": {
        **SPLITS_ROWS,
        "check_classifiers_classes": ANSWERS_UNKNOWN,
        "check_classifiers_train": ANSWERS_UNKNOWN,
    },
    "PhysicsNoiseOverSampler": {
        "check_samplers_pandas_sparse": (
            "spectra are dense, and noise leaves no zero, so sparse data are refused; the check ignores the tag that "
            "says so: imbalanced-learn pull request 1054"
        ),
    },
}

# Where the check's bound is too tight, a test of ours has one that holds: test_order_of_the_spectra_does_not_matter
# (rtol 1e-5) of each network.
_NETWORKS = "DenseNet1DClassifier", "SpectrumMLPClassifier", "DBNClassifier", "PretrainedFeatures"
LAST_DIGIT = {
    (network, "check_methods_sample_order_invariance"): (
        "in single precision the place of a spectrum in its batch can change the last digit; the check allows 1e-9: "
        "scikit-learn issue 8695"
    )
    for network in _NETWORKS
} | {
    (network, "check_methods_subset_invariance"): (
        "in single precision the size of a batch can change the last digit, and features near 0 may differ by 1e-7: "
        "scikit-learn issue 10420"
    )
    for network in _NETWORKS
}


def expected_failures(estimator: BaseEstimator) -> dict[str, str]:
    return EXPECTED_FAILURES.get(type(estimator).__name__, {})


@pytest.fixture(autouse=True)
def seeded():
    """Some checks of imbalanced-learn draw their data from the global random state."""
    np.random.seed(0)  # noqa: NPY002


@contextmanager
def up_to_the_last_digit(estimator, check):
    """An assertion that fails in the last digit is an expected failure; where the check passes, it is a usual test."""
    try:
        yield
    except AssertionError:
        reason = LAST_DIGIT.get((type(estimator).__name__, check.func.__name__))
        if reason is None:
            raise
        pytest.xfail(reason)


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learn_checks(estimator, check):
    with up_to_the_last_digit(estimator, check):
        check(estimator)


# imbalanced-learn's own parametrize_with_checks hands pytest a generator, which pytest 9 warns about.
@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        case
        for estimator in ESTIMATORS
        for case in estimator_checks_generator(
            estimator, expected_failed_checks=expected_failures(estimator), mark="xfail"
        )
    ],
    ids=lambda value: value.func.__name__ if hasattr(value, "func") else type(value).__name__,
)
def test_imbalanced_learn_checks(estimator, check):
    with up_to_the_last_digit(estimator, check):
        check(estimator)
