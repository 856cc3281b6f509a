"""Networks among threads, other libraries' modes, pipelines with validation data, and unscaled spectra."""

import io
import threading
import warnings

import joblib
import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import BatchScoring, Callback, EpochScoring, InputShapeSetter, PassthroughScoring
from torch import nn

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.inspection import class_activation_map
from skspectra.neural_network import DBNClassifier, DenseNet1D, DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.neural_network._evaluation_mode import evaluation_mode
from skspectra.neural_network._training._seeded_random import SeededRandom
from skspectra.outliers import UnknownRejector
from skspectra.preprocessing import MinMaxSpectrumScaler

RNG = np.random.default_rng(0)
Y = np.repeat(["STAR", "GALAXY", "QSO"], 20)
X = (RNG.random((60, 100)) + np.arange(3).repeat(20)[:, None] * 0.2).astype(np.float32)

NETWORKS = {
    "mlp": SpectrumMLPClassifier(hidden_layer_sizes=(8,), max_epochs=2, random_state=0),
    "dbn": DBNClassifier(hidden_layer_sizes=(8, 4), max_epochs=1, pretrain_epochs=1, random_state=0),
    "densenet": DenseNet1DClassifier(
        n_dense_blocks=2, growth_rate=2, kernel_sizes=(1, 5), stem_stride=2, max_epochs=2, random_state=0,
        augmenter=CCDNoiseAugmenter(), sampling="balanced", validation_fraction=0.2,
    ),
}  # fmt: skip


def mlp(**params):
    return clone(NETWORKS["mlp"]).set_params(**params)


# --- random numbers


def drawn():
    """Whatever modules draw when they are made."""
    layers = [nn.Linear(5, 4), nn.Conv1d(3, 4, 3), nn.Embedding(4, 3), nn.LSTM(3, 4), nn.MultiheadAttention(4, 2)]
    nn.init.trunc_normal_(layers[0].weight)
    nn.init.orthogonal_(layers[1].weight)
    numbers = [torch.randn(3), torch.rand(2), torch.randint(5, (2,)), torch.randperm(5), torch.normal(0.0, 1.0, (3,))]
    numbers += [torch.bernoulli(torch.full((9,), 0.5)), torch.rand_like(torch.ones(3)), torch.randn_like(torch.ones(2))]
    numbers += [torch.empty(3).exponential_(), torch.empty(9).bernoulli_(), torch.randint_like(torch.ones(3), 7)]
    return [parameter for layer in layers for parameter in layer.parameters()] + numbers


def test_numbers_are_those_of_the_seed_and_the_process_keeps_its_own():
    before = torch.get_rng_state()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = drawn()
    with SeededRandom(3):
        given = drawn()
    assert all(torch.equal(one, other) for one, other in zip(given, expected, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_generator_that_is_given_is_used():
    with SeededRandom(3):
        one = torch.rand(3, generator=torch.Generator().manual_seed(5))
    assert torch.equal(one, torch.rand(3, generator=torch.Generator().manual_seed(5)))


@pytest.mark.parametrize("name", NETWORKS)
def test_fits_in_threads_equal_the_fit_alone_and_the_callers_seed_stays(name):
    def fit():
        return clone(NETWORKS[name]).fit(X, Y).predict_proba(X)

    alone, state = fit(), torch.get_rng_state()
    with joblib.parallel_config(backend="threading"):
        together = joblib.Parallel(n_jobs=4)(joblib.delayed(fit)() for _ in range(12))
    assert [np.array_equal(one, alone) for one in together] == [True] * 12
    assert torch.equal(torch.get_rng_state(), state)


def test_fits_while_another_thread_loads_a_model_equal_the_fit_alone():
    fitted, file = mlp().fit(X, Y), io.BytesIO()
    joblib.dump(fitted, file)
    ended = threading.Event()

    def load():
        while not ended.is_set():
            joblib.load(io.BytesIO(file.getvalue()))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        together = [mlp().fit(X, Y).predict_proba(X) for _ in range(4)]
    finally:
        ended.set()
        thread.join()
    assert all(np.array_equal(one, fitted.predict_proba(X)) for one in together)


class DropoutModule(DenseNet1D):
    def forward_features(self, x):
        return nn.functional.dropout(super().forward_features(x), 0.2, self.training)


class DropoutClassifier(DenseNet1DClassifier):
    module_class = DropoutModule


def test_dropout_in_a_module_of_ones_own_draws_from_the_fits_generator():
    params = {"growth_rate": 2, "n_dense_blocks": 2, "stem_stride": 2, "max_epochs": 3}
    network, state = DropoutClassifier(random_state=0, **params), torch.get_rng_state()
    alone = clone(network).fit(X, Y)
    assert alone.net_.draws_
    with joblib.parallel_config(backend="threading"):
        together = joblib.Parallel(n_jobs=4)(joblib.delayed(clone(network).fit)(X, Y) for _ in range(4))
    assert all(np.array_equal(one.predict_proba(X), alone.predict_proba(X)) for one in together)
    other = clone(network).set_params(random_state=1).fit(X, Y)
    assert not np.array_equal(other.predict_proba(X), alone.predict_proba(X))
    assert torch.equal(torch.get_rng_state(), state)


class InterruptTheSecondEpoch(Callback):
    def on_batch_begin(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_dropout_goes_on_alike_after_an_interruption(tmp_path):
    params = {"growth_rate": 2, "n_dense_blocks": 2, "stem_stride": 2, "max_epochs": 3, "random_state": 0}
    whole = DropoutClassifier(**params).fit(X, Y)
    network = DropoutClassifier(checkpoint_dir=tmp_path, **params)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        clone(network).set_params(callbacks=[InterruptTheSecondEpoch()]).fit(X, Y)
    resumed = clone(network).fit(X, Y)
    assert len(resumed.history_) == 3
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))


def test_a_fit_that_fails_leaves_the_callers_seed():
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match="loss became"):
        mlp(lr=1e30).fit(X * 1e3, Y)
    assert torch.equal(torch.get_rng_state(), state)


# --- evaluation mode


@pytest.fixture
def fitted():
    return clone(NETWORKS["densenet"]).fit(X, Y)


def test_predictions_do_not_depend_on_the_mode_of_the_module_and_leave_it(fitted):
    calls = [fitted.predict_proba, fitted.embed, fitted.decision_function, lambda X: class_activation_map(fitted, X)]
    calls.append(UnknownRejector(sklearn.frozen.FrozenEstimator(fitted), method="distance").fit(X, Y).score_samples)
    before = [call(X) for call in calls]
    module = fitted.net_.module_
    module.train()
    first_part = next(module.children())
    first_part.eval()
    modes = [part.training for part in module.modules()]
    for call, expected in zip(calls, before, strict=True):
        np.testing.assert_array_equal(call(X), expected)
        np.testing.assert_allclose(call(X[:2]), expected[:2], atol=1e-5)
    assert [part.training for part in module.modules()] == modes
    module.eval()
    for call, expected in zip(calls, before, strict=True):
        np.testing.assert_array_equal(call(X), expected)


def test_the_mode_is_restored_after_an_error(fitted):
    module = fitted.net_.module_.train()

    def fail():
        with evaluation_mode(module):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert all(part.training for part in module.modules())


def test_the_last_of_several_threads_restores_the_mode(fitted):
    module = fitted.net_.module_.train()
    with evaluation_mode(module):
        with evaluation_mode(module):
            assert not module.training
        assert not module.training
    assert module.training


# --- validation data and scale


def routed(network):
    return make_pipeline(MinMaxSpectrumScaler(), network, transform_input=["X_val"])


def test_validation_data_go_through_the_pipeline():
    scaled = MinMaxSpectrumScaler().fit_transform(X)
    alone = mlp().fit(scaled[::2], Y[::2], X_val=scaled[1::2], y_val=Y[1::2])
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = routed(mlp()).fit(X[::2] * 1e-15, Y[::2], X_val=X[1::2] * 1e-15, y_val=Y[1::2])
    assert [row["valid_score"] for row in pipeline[-1].history_] == [row["valid_score"] for row in alone.history_]


def test_validation_data_go_through_a_search_of_pipelines():
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(routed(mlp()), {"spectrummlpclassifier__lr": [0.01]}, cv=2)
        search.fit(X, Y, X_val=X, y_val=Y)
    assert search.best_estimator_[-1].history_[-1]["valid_score"] > 0


def test_validation_data_that_are_not_scaled_are_named_with_the_remedy():
    raw = X * 1e-15
    pipeline = make_pipeline(MinMaxSpectrumScaler(), mlp())
    with pytest.warns(
        UserWarning, match=r"X_val have a median range of 9.*e-16 .*\. A pipeline .*transform_input=\[\"X_val\"\]"
    ) as record:
        pipeline.fit(raw[::2], Y[::2], spectrummlpclassifier__X_val=raw[1::2], spectrummlpclassifier__y_val=Y[1::2])
    assert len(record) == 1


@pytest.mark.parametrize("change", [lambda X: X * 1e4, lambda X: X * 1e-4, lambda X: X + 1e4])
def test_validation_data_far_from_the_training_data(change):
    with pytest.warns(UserWarning, match="The spectra in X_val have a median range") as record:
        mlp().fit(X, Y, X_val=change(X), y_val=Y)
    assert record[0].filename == __file__


@pytest.mark.parametrize("factor", [1e-50, 1e-17, 1e-4, 1e5])
def test_spectra_that_are_not_scaled(factor):
    with pytest.warns(UserWarning, match=r"The median range .* in X is .*\. Scale the spectra, for example") as record:
        mlp().fit(X * factor, Y)
    assert record[0].filename == __file__


def spiked(X):
    """With a cosmic ray in every tenth spectrum."""
    X = X.copy()
    X[::10, 50] = 1e6
    return X


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X,
        lambda X: (X - X.mean(axis=0)) / X.std(axis=0),
        lambda X: 2 * X - 1,
        spiked,
        lambda X: X * 50,
        lambda X: np.where(np.arange(60)[:, None] % 2, X, 1.0).astype(np.float32),
        lambda X: np.ones_like(X),
    ],
    ids=["scaled", "standardised", "-1 to 1", "spikes", "counts", "constants", "all constant"],
)
def test_usual_spectra_raise_no_warning(change):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mlp(lr=1e-6).fit(change(X), Y, X_val=X, y_val=Y)


# --- skorch's callbacks


@pytest.mark.parametrize("callback", [EpochScoring("f1"), ("mine", BatchScoring("f1")), InputShapeSetter()])
def test_callbacks_that_need_skorchs_batches_are_refused_by_name(callback):
    name = type(callback[1] if isinstance(callback, tuple) else callback).__name__
    with pytest.raises(ValueError, match=f"callbacks has {name}, which needs skorch's own batches.*history_"):
        mlp(callbacks=[callback]).fit(X, Y)


def test_scores_of_the_network_itself_can_be_passed_through():
    network = mlp(validation_fraction=0.2, callbacks=[PassthroughScoring("valid_loss")]).fit(X, Y)
    assert len(network.history_) == 2
