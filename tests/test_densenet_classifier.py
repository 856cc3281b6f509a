# ruff: noqa: F811 - pytest takes fixtures by the names of arguments
"""DenseNet1DClassifier: architecture, life as a scikit-learn estimator and bad input."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
from densenet_cases import (
    BARE,
    LENGTH,
    NAMES,
    X_VAL,
    Y_VAL,
    Recorder,
    X,
    Y,
    assert_same_model,
    fitted,  # noqa: F401
    make_lines,
    small,
)
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from skorch.callbacks import Checkpoint, EarlyStopping

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.neural_network import DenseNet1D, DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler

# --- Architecture ---


def test_architecture_parameters_reach_the_network():
    default = small(n_dense_blocks=3).fit(X, Y).n_parameters_

    def count(**params):
        return small(**{"n_dense_blocks": 3, "max_epochs": 1, **params}).fit(X, Y).n_parameters_

    assert count(growth_rate=4) > default
    assert count(n_conv_blocks_per_dense_block=2) > default
    assert count(stem_channels=6) > default
    assert count(stem_kernel_size=9) == default + 3 * 6
    assert count(kernel_sizes=(1, 7)) > default
    assert count(compression=1.0) > default
    assert count(se_reduction=1) > default
    assert count(cross_transitions=False) < default
    assert count(se_reduction=None) < default
    assert count(stem_stride=2) == default


def test_compression_keeps_whole_channels():
    # 29 hundredths of 100 channels are 29, though 0.29 * 100 is 28.999... in floating point.
    module = DenseNet1D(
        2, n_dense_blocks=2, n_conv_blocks_per_dense_block=1, growth_rate=50, stem_channels=50, compression=0.29
    )
    assert module.transitions[0].weight.shape[:2] == (29, 100)


def test_architecture_is_documented_by_defaults():
    expected = {
        "n_dense_blocks": 7,
        "n_conv_blocks_per_dense_block": 2,
        "growth_rate": 12,
        "stem_channels": 24,
        "stem_kernel_size": 11,
        "stem_stride": 1,
        "kernel_sizes": (1, 11, 25, 41),
        "compression": 0.5,
        "se_reduction": 4,
        "cross_transitions": True,
        "batch_size": 64,
        "weight_decay": 0.0,
    }
    params = DenseNet1DClassifier().get_params()
    assert {name: params[name] for name in expected} == expected


def test_plain_is_the_unchanged_densenet():
    classifier = DenseNet1DClassifier.plain(growth_rate=2, max_epochs=1)
    params = {name: value for name, value in classifier.get_params().items() if value != getattr(BARE, name)}

    assert params == {
        "conv_block": "bottleneck",
        "kernel_sizes": (3,),
        "se_reduction": None,
        "cross_transitions": False,
        "growth_rate": 2,
        "max_epochs": 1,
    }
    assert classifier.fit(X, Y).n_layers_ == 36
    assert not classifier.net_.module_.cross_transitions
    assert sorted({p.shape[2] for p in classifier.net_.module_.dense_blocks.parameters() if p.ndim == 3}) == [1, 3]


def test_plain_takes_any_parameter():
    assert DenseNet1DClassifier.plain(kernel_sizes=(5,), cross_transitions=True).kernel_sizes == (5,)


def test_a_bottleneck_has_one_kernel():
    with pytest.raises(
        ValueError, match=r"kernel_sizes=\(1, 5\) is not allowed: conv_block='bottleneck' takes one width"
    ):
        small(conv_block="bottleneck").fit(X, Y)


def test_kernel_sizes_as_an_array():
    assert_same_model(small(kernel_sizes=np.array([1, 5])).fit(X, Y), small(kernel_sizes=[1, 5]).fit(X, Y))


# --- Life as a scikit-learn estimator ---


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_unfitted(method):
    with pytest.raises(NotFittedError, match="DenseNet1DClassifier"):
        getattr(small(), method)(X)


def dump_with_joblib(classifier):
    buffer = io.BytesIO()
    joblib.dump(classifier, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


@pytest.mark.parametrize("round_trip", [lambda c: pickle.loads(pickle.dumps(c)), dump_with_joblib, copy.deepcopy])
def test_round_trips(fitted, round_trip):
    loaded = round_trip(fitted)

    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.history_ == fitted.history_
    assert loaded.best_epoch_ == fitted.best_epoch_


@pytest.mark.parametrize("params", [{}, {"lr_schedule": "one-cycle", "augmenter": CCDNoiseAugmenter(), "verbose": 1}])
def test_a_pickle_holds_no_training_data(params):
    def size(n):
        flux, y = make_lines(n=n)
        classifier = small(max_epochs=1, batch_size=n // 3, validation_fraction=0.3, **params).fit(flux, y)
        return len(pickle.dumps(classifier))

    spectra = 900 * LENGTH * 4
    assert abs(size(930) - size(30)) < 1000 < spectra / 10


def test_a_pickle_is_a_few_times_the_size_of_the_weights():
    classifier = small(growth_rate=16, stem_channels=64, max_epochs=1, validation_fraction=0.3).fit(X, Y)

    assert len(pickle.dumps(classifier)) < 1.5 * 4 * classifier.n_parameters_ + 60_000


def test_clone_is_unfitted(fitted):
    copied = clone(fitted)

    assert copied.get_params() == fitted.get_params()
    assert not hasattr(copied, "net_")


def test_grid_search_in_a_pipeline_in_two_processes():
    pipeline = Pipeline(
        [("scale", MinMaxSpectrumScaler()), ("network", small(augmenter=CCDNoiseAugmenter(), max_epochs=1))]
    )
    grid = {"network__augmenter__electronic_noise": [0.0, (0.0, 0.1)], "network__growth_rate": [1, 3]}

    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2, error_score="raise").fit(100 * X, NAMES[Y])

    assert len(search.cv_results_["params"]) == 4
    assert search.best_params_.keys() == grid.keys()
    assert search.predict(100 * X).shape == (30,)
    alone = clone(search.best_estimator_).fit(100 * X, NAMES[Y])
    assert_same_model(search.best_estimator_[-1], alone[-1])


# --- Bad input ---


def with_value(value):
    flux = X.copy()
    flux[3, 5] = value
    return flux


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_flux_must_be_finite(value, fitted):
    expected = "contains NaN" if np.isnan(value) else "contains infinity"
    flux = with_value(value)

    with pytest.raises(ValueError, match=f"Input X {expected}"):
        small().fit(flux, Y)
    with pytest.raises(ValueError, match=f"Input X_val {expected}"):
        small().fit(X, Y, X_val=flux, y_val=Y)
    with pytest.raises(ValueError, match=f"Input X {expected}"):
        fitted.predict(flux)


def test_missing_flux_names_what_fills_it():
    with pytest.raises(ValueError, match=r"Input X contains NaN\. Fill missing flux with .*MissingFluxInterpolator\.$"):
        small().fit(with_value(np.nan), Y)


def test_a_failed_refit_leaves_the_fitted_classes():
    classifier = small(max_epochs=1).fit(X, Y)
    with pytest.raises(ValueError, match="kernel_sizes"):
        classifier.set_params(kernel_sizes=(2,)).fit(X, Y + 10)

    assert set(classifier.predict(X)) <= set(Y)


def test_callbacks_must_be_callbacks():
    with pytest.raises(ValueError, match=r"callbacks has 'x'; callbacks must be instances of skorch"):
        small(callbacks=["x"]).fit(X, Y)


def test_skorch_s_checkpoint_and_early_stopping(tmp_path):
    checkpoint = Checkpoint(dirname=tmp_path)
    small(callbacks=[checkpoint, EarlyStopping(patience=1)], max_epochs=20).fit(
        X, Y, X_val=X_VAL, y_val=np.roll(Y_VAL, 1)
    )

    assert (tmp_path / "params.pt").exists()


def test_the_net_predicts_arrays_on_its_own(fitted):
    np.testing.assert_allclose(fitted.net_.predict_proba(X), fitted.predict_proba(X), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"kernel_sizes": (1, 4)}, r"kernel_sizes=\(1, 4\) is not allowed: widths are odd positive integers"),
        ({"kernel_sizes": (1, 0)}, r"kernel_sizes=\(1, 0\) .* odd positive"),
        ({"kernel_sizes": (1, -3)}, r"kernel_sizes=\(1, -3\) .* odd positive"),
        ({"kernel_sizes": (1, 3.0)}, r"kernel_sizes=\(1, 3.0\) .* odd positive integers"),
        ({"kernel_sizes": ()}, r"kernel_sizes=\(\) .* odd positive"),
        ({"kernel_sizes": 3}, "'kernel_sizes' parameter of DenseNet1DClassifier must be an array-like. Got 3"),
        ({"stem_kernel_size": 4}, "stem_kernel_size=4 .* odd positive"),
        ({"stem_kernel_size": 0}, r"'stem_kernel_size' .* in the range \[1, inf\). Got 0"),
        ({"stem_stride": 0}, r"'stem_stride' .* in the range \[1, inf\). Got 0"),
        ({"n_dense_blocks": 0}, r"'n_dense_blocks' .* in the range \[1, inf\). Got 0"),
        ({"n_conv_blocks_per_dense_block": 0}, r"'n_conv_blocks_per_dense_block' .* in the range \[1, inf\). Got 0"),
        ({"growth_rate": 1.5}, r"'growth_rate' .* must be an int .* Got 1.5"),
        ({"stem_channels": 0}, r"'stem_channels' .* in the range \[1, inf\). Got 0"),
        ({"compression": 0}, r"'compression' .* in the range \(0.0, 1.0\]. Got 0"),
        ({"compression": 1.01}, r"'compression' .* in the range \(0.0, 1.0\]. Got 1.01"),
        ({"compression": -0.5}, r"'compression' .* in the range \(0.0, 1.0\]. Got -0.5"),
        ({"se_reduction": 0}, r"'se_reduction' .* in the range \[1, inf\) or None. Got 0"),
        ({"max_epochs": 0}, r"'max_epochs' .* in the range \[1, inf\). Got 0"),
        ({"batch_size": 0}, r"'batch_size' .* in the range \[1, inf\). Got 0"),
        ({"lr": 0.0}, r"'lr' .* in the range \(0.0, inf\). Got 0.0"),
        ({"lr_schedule": "cosine"}, "'lr_schedule' .* among {.*} or None. Got 'cosine'"),
        ({"lr_milestones": 10}, "'lr_milestones' .* must be an array-like. Got 10"),
        ({"weight_decay": -1.0}, r"'weight_decay' .* in the range \[0.0, inf\). Got -1.0"),
        ({"class_weight": "even"}, "'class_weight' .* {'balanced'}.* Got 'even'"),
        ({"sampling": "even"}, "'sampling' .* {'balanced'} or None. Got 'even'"),
        ({"augmenter": MinMaxSpectrumScaler()}, r"'augmenter' .* implementing 'augment' or None. Got MinMax"),
        ({"augmenter": CCDNoiseAugmenter}, r"'augmenter' .* implementing 'augment' or None. Got <class"),
        ({"augmenter": CCDNoiseAugmenter(cosmic_rays=-1)}, r"'cosmic_rays' .* in the range \[0, inf\). Got -1"),
        ({"validation_fraction": 0.0}, r"'validation_fraction' .* in the range \(0.0, 1.0\) or None. Got 0.0"),
        ({"validation_fraction": 1.0}, r"'validation_fraction' .* in the range \(0.0, 1.0\) or None. Got 1.0"),
        ({"patience": 0, "validation_fraction": 0.3}, r"'patience' .* in the range \[1, inf\) or None. Got 0"),
        ({"patience": 3}, "patience=3 needs validation_fraction, or X_val and y_val"),
        ({"device": "cuda:99"}, "device='cuda:99' is not available. It must be 'auto' or .*'cpu'"),
        ({"device": "abacus"}, "device='abacus' is not available. It must be 'auto' or .*'cpu'"),
        ({"device": 0}, "'device' .* Got 0"),
        ({"precision": "float16"}, "'precision' .* among {.*}. Got 'float16'"),
        ({"callbacks": Recorder()}, "'callbacks' .* 'list' or None"),
        ({"random_state": "zero"}, "'random_state' .* Got 'zero'"),
    ],
    ids=str,
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        small(**params).fit(X, Y)


@pytest.mark.parametrize(
    ("fraction", "part"), [(0.01, "validation"), (0.99, "training")], ids=["none to validate", "none to train"]
)
def test_validation_fraction_must_leave_no_class_empty(fraction, part):
    y = np.repeat(["STAR", "QSO"], [27, 3])

    with pytest.raises(
        ValueError,
        match=rf"validation_fraction={fraction} leaves class .*'QSO'.*, with 3 spectra, empty in the {part} part",
    ):
        small(validation_fraction=fraction).fit(X, y)


@pytest.mark.parametrize("given", [{"X_val": X_VAL}, {"y_val": Y_VAL}], ids=["X_val", "y_val"])
def test_validation_spectra_and_labels_come_together(given):
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        small().fit(X, Y, **given)


def test_validation_labels_must_be_known():
    with pytest.raises(ValueError, match=r"y_val has labels \[3\], but the classes are \[0, 1, 2\]"):
        small().fit(X, Y, X_val=X_VAL, y_val=Y_VAL + 1)


def test_validation_labels_must_be_of_the_same_type():
    with pytest.raises(ValueError, match=r"y_val has labels \[0, 1, 2\], but the classes are \['0', '1', '2'\]"):
        small().fit(X, Y.astype(str), X_val=X_VAL, y_val=Y_VAL)


def test_validation_spectra_must_have_the_same_width():
    with pytest.raises(ValueError, match=f"X_val has {LENGTH - 1} features, but X has {LENGTH}"):
        small().fit(X, Y, X_val=X_VAL[:, 1:], y_val=Y_VAL)


def test_validation_spectra_and_labels_must_be_equally_many():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small().fit(X, Y, X_val=X_VAL, y_val=Y_VAL[1:])


def test_validation_labels_are_one_column():
    with pytest.raises(ValueError, match="y should be a 1d array"):
        small().fit(X, Y, X_val=X_VAL, y_val=np.column_stack([Y_VAL, Y_VAL]))


def test_one_class_alone():
    with pytest.raises(ValueError, match=r"requires at least two classes; y has one class: \['STAR'\]"):
        small().fit(X, np.full(30, "STAR"))


def test_continuous_labels():
    with pytest.raises(ValueError, match="Unknown label type"):
        small().fit(X, np.linspace(0, 1, 30))


def test_other_width_at_predict(fitted):
    with pytest.raises(ValueError, match=f"X has {LENGTH - 1} features, but .* is expecting {LENGTH}"):
        fitted.predict(X[:, 1:])


def test_negative_sample_weights():
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        small().fit(X, Y, sample_weight=np.linspace(-1, 1, 30))


def test_sample_weights_of_another_length():
    with pytest.raises(ValueError, match="sample_weight"):
        small().fit(X, Y, sample_weight=np.ones(29))


@pytest.mark.parametrize(
    ("class_weight", "sample_weight"),
    [(None, np.zeros(30)), ({0: 0, 1: 0, 2: 0}, None), ({0: 0}, np.where(Y == 0, 1.0, 0.0))],
    ids=["sample_weight", "class_weight", "both"],
)
def test_some_weight_must_be_positive(class_weight, sample_weight):
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        small(class_weight=class_weight).fit(X, Y, sample_weight=sample_weight)


def test_a_loss_that_is_no_number_names_the_learning_rate():
    with pytest.raises(ValueError, match=r"epoch \d+.*Lower lr \(now 1e\+30\) or scale the spectra"):
        small(lr=1e30).fit(X, Y)


def test_weights_that_are_no_numbers_name_the_learning_rate():
    with pytest.raises(ValueError, match=r"Lower lr \(now 1e\+30\)"):
        small(lr=1e30, max_epochs=1, batch_size=64).fit(X, Y)


@pytest.mark.parametrize("milestones", [("a",), (0.5,), (-1,), ((1, 2),)], ids=str)
def test_milestones_must_be_whole_numbers_of_epochs(milestones):
    with pytest.raises(ValueError, match="lr_milestones"):
        small(lr_schedule="step", lr_milestones=milestones).fit(X, Y)


def test_class_weights_must_not_be_negative():
    with pytest.raises(ValueError, match="class_weight"):
        small(class_weight={0: -1.0}).fit(X, Y)
