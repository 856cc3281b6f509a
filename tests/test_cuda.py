"""The classifier on an NVIDIA GPU: the same model as on the processor, to rounding."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import GradientNormClipping

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier, _device
from skspectra.neural_network._modules._functional import affine_relu_conv
from skspectra.neural_network._training import _passes
from skspectra.neural_network._training._batches import SpectrumBatches
from skspectra.neural_network._training._net import SpectrumNet
from skspectra.neural_network._training._samplers import BalancedSampler

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA device"),
]

LENGTH = 64


@pytest.fixture(scope="module", autouse=True)
def exact_products():
    """Full single precision in products and convolutions, so that two devices can be compared."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def make_lines(n=120, seed=0):
    """Spectra with an emission line, none, or an absorption line."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    centre = rng.uniform(0.3 * LENGTH, 0.7 * LENGTH, (n, 1))
    line = np.exp(-0.5 * ((np.arange(LENGTH) - centre) / 1.5) ** 2)
    X = 0.5 + 0.5 * (1 - y[:, None]) * line + rng.normal(0, 0.05, (n, LENGTH))
    return X.astype(np.float32), y


X, Y = make_lines()


def small(**params):
    defaults = {
        "n_dense_blocks": 3,
        "n_conv_blocks_per_dense_block": 1,
        "growth_rate": 4,
        "stem_channels": 4,
        "kernel_sizes": (1, 5, 11),
        "max_epochs": 2,
        "lr": 0.005,
        "lr_schedule": None,
        "batch_size": 32,
        "precision": "float32",
        "device": "cuda",
        "random_state": 0,
    }
    return DenseNet1DClassifier(**{**defaults, **params})


def parameters(classifier):
    return [parameter.detach().cpu() for parameter in classifier.net_.module_.parameters()]


def test_auto_is_cuda():
    for device in ("auto", "cuda", "cuda:0", torch.device("cuda")):
        classifier = small(device=device, max_epochs=1).fit(X, Y)
        assert all(parameter.is_cuda for parameter in classifier.net_.module_.parameters())


def test_fused_operation_is_that_of_the_processor():
    generator = torch.Generator().manual_seed(0)
    shapes = [(5, 37, 3), (5, 3), (5, 3), (4, 3, 1), (4, 3, 11)]
    inputs = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]

    def results(device):
        on_device = [tensor.to(device).requires_grad_() for tensor in inputs]
        values, moments = affine_relu_conv(*on_device[:3], on_device[3:])
        loss = values.square().sum() + moments.square().sum()
        return [tensor.detach().cpu() for tensor in (values, moments, *torch.autograd.grad(loss, on_device))]

    for actual, expected in zip(results("cuda"), results("cpu"), strict=True):
        torch.testing.assert_close(actual, expected)


def test_training_is_that_of_the_processor():
    on_gpu, on_cpu = (small(device=device).fit(X, Y, X_val=X, y_val=Y) for device in ("cuda", "cpu"))

    for row, expected in zip(on_gpu.history_, on_cpu.history_, strict=True):
        assert row["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-2)
        assert row["valid_loss"] == pytest.approx(expected["valid_loss"], rel=1e-2)


def test_one_step_moves_the_weights_as_on_the_processor():
    # A sum of rounding differs between devices, and Adam's first steps keep the sign of a gradient alone: where it is
    # nearly nothing a weight may move the other way, by twice the learning rate and no more.
    params = {"max_epochs": 1, "batch_size": 200, "lr": 1e-3}
    on_gpu, on_cpu = (parameters(small(device=device, **params).fit(X, Y)) for device in ("cuda", "cpu"))

    moves = torch.cat([(a - b).abs().flatten() for a, b in zip(on_gpu, on_cpu, strict=True)])
    assert moves.max() <= 2.01e-3
    assert (moves < 1e-5).float().mean() > 0.95


def test_prediction_is_that_of_the_processor():
    classifier = small().fit(X, Y)
    on_gpu = classifier.predict_proba(X)

    classifier.net_.module_.cpu()
    classifier.net_.device = "cpu"

    assert on_gpu.dtype == np.float32
    np.testing.assert_allclose(on_gpu, classifier.predict_proba(X), atol=1e-4)


def test_learns():
    classifier = small(
        max_epochs=15, lr=0.02, lr_schedule="one-cycle", augmenter=CCDNoiseAugmenter(), sampling="balanced"
    )
    X_new, y_new = make_lines(seed=1)

    assert classifier.fit(X, Y).score(X_new, y_new) > 0.9


def test_bfloat16_agrees_with_float32_to_its_precision():
    rounded, exact = (small(precision=precision).fit(X, Y) for precision in ("bfloat16", "float32"))

    for row, expected in zip(rounded.history_, exact.history_, strict=True):
        assert row["train_loss"] == pytest.approx(expected["train_loss"], rel=0.05)
    assert rounded.predict_proba(X).dtype == np.float32


def test_pickle_round_trip():
    classifier = small().fit(X, Y)

    loaded = pickle.loads(pickle.dumps(classifier))

    assert all(parameter.is_cuda for parameter in loaded.net_.module_.parameters())
    np.testing.assert_allclose(loaded.predict_proba(X), classifier.predict_proba(X), atol=1e-6)


def test_the_global_random_states_are_left_alone():
    before = torch.get_rng_state(), torch.cuda.get_rng_state()

    small(augmenter=CCDNoiseAugmenter(), sampling="balanced", validation_fraction=0.3).fit(X, Y).predict(X)

    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.equal(torch.cuda.get_rng_state(), before[1])


def make_batches(**params):
    augmenter = CCDNoiseAugmenter(electronic_noise=0.1, cosmic_rays=2, bad_pixels=0.1)
    generator = torch.Generator().manual_seed(0)
    return SpectrumBatches(
        X,
        Y,
        BalancedSampler(np.arange(len(X)), Y, generator),
        batch_size=32,
        device=torch.device("cuda"),
        augmenter=augmenter,
        **params,
    )


def test_spectra_stay_on_the_device_and_noise_is_drawn_there():
    batches = make_batches()

    assert batches.X.is_cuda
    for flux, (labels, _) in batches:
        assert flux.is_cuda
        assert labels.is_cuda
    assert torch.equal(batches.X.cpu(), torch.from_numpy(X))


def without_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (1000, 1 << 40))


def test_spectra_that_do_not_fit_are_sent_a_batch_ahead(monkeypatch):
    resident = [(flux.cpu(), labels.cpu()) for flux, (labels, _) in make_batches()]
    without_memory(monkeypatch)
    batches = make_batches()
    assert batches.X is X

    sent = [(flux.cpu(), labels.cpu()) for flux, (labels, _) in batches]

    assert len(sent) == len(resident) == 4
    for (flux, labels), (expected_flux, expected_labels) in zip(sent, resident, strict=True):
        torch.testing.assert_close(flux, expected_flux, rtol=0, atol=0)
        assert torch.equal(labels, expected_labels)


def test_spectra_that_do_not_fit_give_the_same_model(monkeypatch):
    params = {"sampling": "balanced", "augmenter": CCDNoiseAugmenter(), "max_epochs": 1}
    resident = small(**params).fit(X, Y, sample_weight=Y + 1.0, X_val=X, y_val=Y)
    without_memory(monkeypatch)

    sent = small(**params).fit(X, Y, sample_weight=Y + 1.0, X_val=X, y_val=Y)

    assert sent.history_[0]["train_loss"] == pytest.approx(resident.history_[0]["train_loss"], rel=1e-3)
    assert sent.history_[0]["valid_loss"] == pytest.approx(resident.history_[0]["valid_loss"], rel=1e-2)


def test_read_only_spectra():
    flux = X.copy()
    flux.flags.writeable = False

    assert small(max_epochs=1).fit(flux, Y).predict_proba(flux).shape == (120, 3)


# --- Captured steps ---

OPTIONS = {
    "plain": {},
    "class weights": {"class_weight": {0: 1, 1: 5, 2: 0.5}},
    "balanced draws": {"sampling": "balanced"},
    "noise": {"augmenter": CCDNoiseAugmenter()},
    "one cycle": {"lr_schedule": "one-cycle"},
    "validation": {"validation_fraction": 0.3, "patience": 3},
    "batches that differ by one spectrum": {"batch_size": 23},
    "bfloat16": {"precision": "bfloat16"},
    "clipped gradients": {"callbacks": [GradientNormClipping(0.1)]},
}


@pytest.mark.parametrize("params", OPTIONS.values(), ids=OPTIONS)
def test_captured_steps_are_those_of_kernels_launched_one_by_one(params, monkeypatch):
    params = {"max_epochs": 4, **params}
    with monkeypatch.context() as patch:
        patch.setattr(_passes, "can_be_replayed", lambda module, device, draws: False)
        expected = small(**params).fit(X, Y)

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a capture that fails
        captured = small(**params).fit(X, Y)

    tolerance = 0.05 if params.get("precision") == "bfloat16" else 1e-3
    for row, expected_row in zip(captured.history_, expected.history_, strict=True):
        assert row["train_loss"] == pytest.approx(expected_row["train_loss"], rel=tolerance)


def test_trainings_in_two_threads():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ThreadPoolExecutor(2) as pool:
            fitted = list(pool.map(lambda seed: small(max_epochs=4, random_state=seed).fit(X, Y), (0, 0)))

    for row, expected in zip(fitted[0].history_, fitted[1].history_, strict=True):
        assert row["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-3)


def test_many_trainings_leave_no_memory_behind():
    small(max_epochs=4).fit(X, Y)
    before = torch.cuda.memory_allocated()

    for _ in range(20):
        small(max_epochs=4).fit(X, Y)

    assert torch.cuda.memory_allocated() <= before


def test_prediction_of_many_batches(monkeypatch):
    classifier = small().fit(X, Y)
    expected = classifier.predict_proba(X)
    monkeypatch.setattr(_device, "_SAMPLES_PER_BATCH", {"cpu": LENGTH, "cuda": 7 * LENGTH})

    np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=1e-5)


# --- The other networks ---

OTHERS = [
    SpectrumMLPClassifier(hidden_layer_sizes=(16, 8)),
    DBNClassifier(hidden_layer_sizes=(16, 8), pretrain_epochs=2),
]
OTHER_IDS = ["mlp", "dbn"]


def other(classifier, **params):
    fixed = {"max_epochs": 2, "lr_schedule": None, "batch_size": 32, "precision": "float32", "random_state": 0}
    return clone(classifier).set_params(**{"device": "cuda", **fixed, **params})


def test_other_networks_train_as_on_the_processor():
    # Without pre-training, whose hidden units each device draws with its own generator.
    for classifier in (OTHERS[0], clone(OTHERS[1]).set_params(pretrain_epochs=0)):
        on_gpu, on_cpu = (other(classifier, device=device).fit(X, Y, X_val=X, y_val=Y) for device in ("cuda", "cpu"))

        for row, expected in zip(on_gpu.history_, on_cpu.history_, strict=True):
            assert row["train_loss"] == pytest.approx(expected["train_loss"], rel=1e-2)
            assert row["valid_loss"] == pytest.approx(expected["valid_loss"], rel=1e-2)


def test_pre_training_on_the_device():
    on_gpu, on_cpu = (
        other(OTHERS[1], device=device, pretrain_epochs=10, max_epochs=1).fit(X, Y) for device in ("cuda", "cpu")
    )

    first, second = zip(on_gpu.reconstruction_errors_, on_cpu.reconstruction_errors_, strict=True)
    np.testing.assert_allclose(*first, rtol=0.1)
    # The second layer reads what the generator of the device drew. Its errors differ by a third between seeds, and fall
    # by a third with every one.
    assert all(errors[-1] < 0.8 * errors[0] for errors in second)


@pytest.mark.parametrize("classifier", OTHERS, ids=OTHER_IDS)
def test_other_networks_with_everything(classifier):
    params = {"augmenter": CCDNoiseAugmenter(), "sampling": "balanced", "validation_fraction": 0.3, "precision": "auto"}
    fitted = other(classifier, **params).fit(X, Y)

    assert all(parameter.is_cuda for parameter in fitted.net_.module_.parameters())
    assert np.isfinite(fitted.predict_proba(X)).all()


# --- Checkpoints ---


@pytest.mark.parametrize("classifier", [small(), *OTHERS], ids=["densenet", *OTHER_IDS])
def test_a_training_goes_on_from_its_checkpoint(classifier, tmp_path, monkeypatch):
    classifier = other(classifier, max_epochs=4, augmenter=CCDNoiseAugmenter(), sampling="balanced")
    expected = clone(classifier).fit(X, Y)
    classifier.set_params(checkpoint_dir=tmp_path)
    run_single_epoch = SpectrumNet.run_single_epoch

    def crash(net, *args, **kwargs):
        if len(net.history) == 3:
            raise MemoryError("crash")
        return run_single_epoch(net, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(SpectrumNet, "run_single_epoch", crash)
        with pytest.raises(MemoryError, match="crash"):
            classifier.fit(X, Y)
    classifier.fit(X, Y)

    # The order of sums on a GPU may differ between two runs, on from a checkpoint or not.
    for row, expected_row in zip(classifier.history_, expected.history_, strict=True):
        assert row["train_loss"] == pytest.approx(expected_row["train_loss"], rel=1e-2)
    assert list(tmp_path.iterdir()) == []
