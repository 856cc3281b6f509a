"""class_activation_map: exact maps, finer maps from earlier layers, and how cells become samples."""

import copy

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from imblearn.pipeline import Pipeline as SamplerPipeline
from imblearn.under_sampling import RandomUnderSampler
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from skspectra.inspection import _class_activation_map, class_activation_map
from skspectra.inspection._upsample import cell_centres, upsample_cells
from skspectra.neural_network import DenseNet1DClassifier, Maps
from skspectra.neural_network._modules._blocks import _halve, concatenate
from skspectra.preprocessing import MinMaxSpectrumScaler

LENGTH = 43  # odd, and odd again after the first halving
NAMES = np.array(["GALAXY", "QSO", "STAR"])


def small(**params):
    defaults = {
        "n_dense_blocks": 3,
        "n_conv_blocks_per_dense_block": 1,
        "growth_rate": 3,
        "stem_channels": 4,
        "stem_kernel_size": 3,
        "kernel_sizes": (1, 5),
        "max_epochs": 1,
        "batch_size": 10,
        "lr_schedule": None,
        "device": "cpu",
        "precision": "float32",
        "random_state": 0,
    }
    return DenseNet1DClassifier(**{**defaults, **params})


def make_data(n=30, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    centre = rng.uniform(0.3 * LENGTH, 0.7 * LENGTH, (n, 1))
    line = np.exp(-0.5 * ((np.arange(LENGTH) - centre) / 1.5) ** 2)
    X = 0.5 + np.array([0.5, 0, -0.5])[y][:, None] * line + rng.normal(0, 0.05, (n, LENGTH))
    return X.astype(np.float32), NAMES[y]


X, Y = make_data()

# What makes the network the unchanged DenseNet.
PLAIN = {"conv_block": "bottleneck", "kernel_sizes": (3,), "cross_transitions": False, "se_reduction": None}


@pytest.fixture(scope="module")
def fitted():
    return small(max_epochs=25).fit(X, Y)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"stem_stride": 2},
        PLAIN,
        {**PLAIN, "stem_stride": 2, "n_conv_blocks_per_dense_block": 2},
        {"conv_block": "bottleneck", "kernel_sizes": (5,)},
        {"precision": "bfloat16"},
        {"n_dense_blocks": 1},
        {"n_dense_blocks": 8},
    ],
    ids=[
        "default",
        "stride",
        "unchanged DenseNet",
        "unchanged DenseNet, stride",
        "bottleneck with the rest",
        "bfloat16",
        "one block",
        "one cell",
    ],
)
def test_mean_of_the_exact_map_and_bias_are_the_logit(params):
    classifier = small(**params).fit(X, Y)
    logits = classifier.decision_function(X)
    bias = classifier.net_.module_.classifier.bias.detach().numpy()
    for code, name in enumerate(NAMES):
        maps = class_activation_map(classifier, X, name, normalize=False, upsample=False)
        assert maps.dtype == np.float32
        assert_allclose(maps.mean(axis=1) + bias[code], logits[:, code], rtol=0, atol=1e-4)


def test_unchanged_densenet_has_all_kinds_of_maps():
    classifier = small(**PLAIN, max_epochs=5).fit(X, Y)
    plain = DenseNet1DClassifier.plain().get_params()
    assert {name: plain[name] for name in PLAIN} == PLAIN
    for layer, n_cells in ((0, 43), (1, 21), (2, 10)):
        maps = class_activation_map(classifier, X, "QSO", layer=layer, normalize=False, upsample=False)
        assert maps.shape == (30, n_cells)
        assert (maps >= 0).all()
        assert maps.max() > 0
    assert class_activation_map(classifier, X, layer="all").shape == X.shape


def test_predicted_is_the_predicted_class_and_labels_may_differ_by_spectrum(fitted):
    predicted = fitted.predict(X)
    assert len(set(predicted)) > 1
    maps = class_activation_map(fitted, X, normalize=False)
    assert_array_equal(maps, class_activation_map(fitted, X, predicted, normalize=False))
    assert_array_equal(maps, class_activation_map(fitted, X, list(predicted), normalize=False))
    each = {name: class_activation_map(fitted, X, name, normalize=False) for name in NAMES}
    assert_array_equal(maps, [each[name][i] for i, name in enumerate(predicted)])
    layer = class_activation_map(fitted, X, layer=0)
    assert_array_equal(layer, class_activation_map(fitted, X, predicted, layer=0))
    assert np.abs(layer - class_activation_map(fitted, X, np.roll(predicted, 1), layer=0)).max() > 0.1


def test_maps_are_scaled_to_0_and_1_and_constant_maps_to_0(fitted):
    for layer in (None, 0, "all"):
        maps = class_activation_map(fitted, X, layer=layer)
        assert maps.shape == X.shape
        assert maps.dtype == np.float32
        assert_array_equal(maps.min(axis=1), 0)
        # Spectra of class QSO have no line, and the network learns to see nothing in them.
        assert_array_equal(maps[Y != "QSO"].max(axis=1), 1)
    one_cell = small(n_dense_blocks=8).fit(X, Y)
    assert_array_equal(class_activation_map(one_cell, X), 0)


def _transit(transition, maps):
    return transition(transition.activate(maps))


def layer_cam_by_hand(classifier, layer, code):
    """LayerCAM from its formula, the network behind the layer written out."""
    module = copy.deepcopy(classifier.net_.module_).eval()
    assert len(module.dense_blocks) == 3
    with torch.no_grad():
        before = []
        x = Maps.measure(torch.from_numpy(X).unsqueeze(2), False)
        maps = Maps.measure(_conv(x.values, module.stem), False)
        for i in range(3):
            before.append((maps, module.dense_blocks[i](maps)))
            if i < 2:
                parts = [_transit(module.transitions[i], before[i][1])]
                if i > 0:
                    parts.append(_transit(module.cross_transitions[i - 1], maps))
                maps = concatenate(parts)
        reader = module.last_activation if layer == 2 else module.transitions[layer].pre_activation
        activation = reader.activate(before[layer][1])
    activation.requires_grad_()
    features = activation
    if layer < 2:
        halved = _halve(activation) @ module.transitions[layer].weight.squeeze(2).T
        maps = Maps.measure(halved, False)
        if layer == 1:
            maps = concatenate([maps, _transit(module.cross_transitions[0], before[1][0])])
        else:
            after = module.dense_blocks[1](maps)
            maps = concatenate([_transit(module.transitions[1], after), _transit(module.cross_transitions[0], maps)])
        features = module.last_activation.activate(module.dense_blocks[2](maps))
    module.classifier(features.mean(1))[:, code].sum().backward()
    return (activation.detach() * activation.grad.clamp(min=0)).sum(2).numpy()


def _conv(x, weight):
    padded = torch.nn.functional.pad(x.transpose(1, 2), (1, 1))
    return torch.nn.functional.conv1d(padded, weight).transpose(1, 2)


@pytest.mark.parametrize(("layer", "n_cells"), [(0, 43), (1, 21), (2, 10)])
def test_layer_maps_follow_the_formula_of_layer_cam(fitted, layer, n_cells):
    maps = class_activation_map(fitted, X, "QSO", layer=layer, normalize=False, upsample=False)
    expected = layer_cam_by_hand(fitted, layer, 1)
    assert maps.shape == (30, n_cells)
    assert expected.max() > 0
    assert_allclose(maps, expected, rtol=1e-3, atol=1e-5 * expected.max())


def test_map_behind_the_last_block_is_the_exact_one_of_the_positive_weights(fitted):
    positive = copy.deepcopy(fitted)
    with torch.no_grad():
        positive.net_.module_.classifier.weight.clamp_(min=0)
    exact = class_activation_map(positive, X, "STAR", normalize=False, upsample=False)
    layer = class_activation_map(fitted, X, "STAR", layer=2, normalize=False, upsample=False)
    assert_allclose(layer * exact.shape[1], exact, rtol=1e-4, atol=1e-6)


def test_all_is_the_mean_of_the_layers_by_their_largest_values(fitted):
    single = [class_activation_map(fitted, X, "QSO", layer=i, normalize=False) for i in range(3)]
    assert all((maps.max(axis=1) > 0).any() for maps in single)
    # A map without positive values is 0.
    largest = [np.where(maps.max(axis=1) > 0, maps.max(axis=1), 1)[:, np.newaxis] for maps in single]
    expected = np.mean([maps / high for maps, high in zip(single, largest, strict=True)], axis=0)
    assert_allclose(class_activation_map(fitted, X, "QSO", layer="all", normalize=False), expected, rtol=1e-5)


def test_cells_stand_at_the_middle_of_the_samples_that_were_averaged():
    # 7 samples: pairs (0, 1), (2, 3), (4, 5), sample 6 left out; then (0.5, 2.5), 4.5 left out.
    assert_array_equal(cell_centres(7, 1, 7), np.arange(7))
    assert_array_equal(cell_centres(7, 1, 3), [0.5, 2.5, 4.5])
    assert_array_equal(cell_centres(7, 1, 1), [1.5])
    # A stem of stride 2 stands at samples 0, 2, 4 and 6.
    assert_array_equal(cell_centres(7, 2, 2), [1, 5])
    assert_array_equal(cell_centres(2600, 1, 40), 31.5 + 64 * np.arange(40))


def test_upsampling_by_hand():
    maps, centres = np.array([[0, 4, 8]], dtype=np.float32), np.array([0.5, 2.5, 4.5])
    assert_array_equal(upsample_cells(maps, centres, 7), [[0, 1, 3, 5, 7, 8, 8]])
    assert_array_equal(upsample_cells(np.float32([[3]]), np.array([1.5]), 4), [[3, 3, 3, 3]])


def test_maps_are_upsampled_from_their_cells(fitted):
    cells = class_activation_map(fitted, X, normalize=False, upsample=False)
    maps = class_activation_map(fitted, X, normalize=False)
    assert cells.shape == (30, 10)
    assert_array_equal(maps, upsample_cells(cells, 1.5 + 4 * np.arange(10), LENGTH))
    assert_array_equal(maps[:, 40:], np.repeat(cells[:, -1:], 3, axis=1))


def test_a_line_is_found_where_it_stands():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    flux = rng.normal(0, 0.05, (60, 64)).astype(np.float32)
    flux[y == 1, 20] += 2
    classifier = small(
        n_dense_blocks=2, cross_transitions=False, se_reduction=None, kernel_sizes=(1, 3), max_epochs=15
    ).fit(flux, y)
    assert classifier.score(flux, y) == 1
    for layer in (None, 0, "all"):
        peak = class_activation_map(classifier, flux[y == 1], 1, layer=layer).argmax(axis=1)
        assert np.abs(np.median(peak) - 20) <= 3


def test_steps_of_a_pipeline_are_applied(fitted):
    scaler = MinMaxSpectrumScaler()
    inner = small().fit(scaler.fit_transform(X), Y)
    expected = class_activation_map(inner, scaler.transform(7 * X))
    plain = Pipeline([("scale", scaler), ("nothing", "passthrough"), ("none", None), ("net", inner)])
    nested = make_pipeline(scaler, make_pipeline(MinMaxSpectrumScaler().fit(X), inner))
    sampled = SamplerPipeline([("scale", scaler), ("sample", RandomUnderSampler()), ("net", inner)])
    for pipeline in (plain, nested, sampled):
        assert_allclose(class_activation_map(pipeline, 7 * X), expected, atol=1e-5)


@pytest.mark.parametrize("layer", [None, 1, "all"])
def test_batches_change_nothing(fitted, monkeypatch, layer):
    whole = class_activation_map(fitted, X, layer=layer)
    sizes = []

    def in_batches_of_7(length, device):
        sizes.append((length, device))
        return 7

    monkeypatch.setattr(_class_activation_map, "prediction_batch_size", in_batches_of_7)
    assert_allclose(class_activation_map(fitted, X, layer=layer), whole, atol=1e-4)
    assert sizes == [(LENGTH, torch.device("cpu"))]
    assert_allclose(class_activation_map(fitted, X[:1], layer=layer), whole[:1], atol=1e-4)


@pytest.mark.parametrize("layer", [None, 0, "all"])
def test_estimator_is_left_as_it_was_found(fitted, layer):
    estimator = copy.deepcopy(fitted)
    module = estimator.net_.module_
    for number, parameter in enumerate(module.parameters()):
        parameter.grad = torch.full_like(parameter, number)
        parameter.requires_grad_(number % 2 == 0)
    module.train()
    module.dense_blocks[0].eval()
    state = {name: value.clone() for name, value in module.state_dict().items()}
    modes = [part.training for part in module.modules()]
    random_state = torch.get_rng_state()
    with torch.inference_mode():
        maps = class_activation_map(estimator, X, layer=layer)
    assert_array_equal(maps, class_activation_map(fitted, X, layer=layer))
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    for number, parameter in enumerate(module.parameters()):
        assert torch.equal(parameter.grad, torch.full_like(parameter, number))
        assert parameter.requires_grad == (number % 2 == 0)
    assert not any("activate" in vars(part) for part in module.modules())
    assert torch.equal(torch.get_rng_state(), random_state)


def test_input_of_other_kinds(fitted, tmp_path):
    expected = class_activation_map(fitted, X, layer=0)
    read_only = X.copy()
    read_only.flags.writeable = False
    np.save(tmp_path / "flux.npy", X)
    mapped = np.load(tmp_path / "flux.npy", mmap_mode="r")
    for flux in (X.astype(np.float64), X.tolist(), read_only, mapped, np.asfortranarray(X)):
        # The order of a sum may depend on how the array lies in memory.
        assert_allclose(class_activation_map(fitted, flux, layer=0), expected, atol=1e-5)
    for frame in (pd.DataFrame(X).rename(columns=str), pl.DataFrame(X)):
        classifier = small().fit(frame, Y)
        assert class_activation_map(classifier, frame).shape == X.shape
    constant = class_activation_map(fitted, np.ones((1, LENGTH), dtype=int), layer="all")
    assert np.isfinite(constant).all()


def test_labels_of_other_kinds():
    codes = np.searchsorted(NAMES, Y)
    classifier = small().fit(X, codes)
    by_array = class_activation_map(classifier, X, np.full(30, 2))
    assert_array_equal(class_activation_map(classifier, X, 2), by_array)
    assert_array_equal(class_activation_map(classifier, X, pd.Series([2] * 30)), by_array)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"target": "COMET"}, r"target has labels \['COMET'\], but the classes are"),
        ({"target": ["QSO"] * 29 + ["COMET"]}, r"target has labels \['COMET'\]"),
        ({"target": 1}, r"target has labels \[1\], but the classes are"),
        ({"target": ["QSO"] * 3}, r"target must be .* 30 spectra, got shape \(3,\)"),
        ({"layer": 3}, "layer=3 is not allowed; it must be None, 'all' or an integer from 0 to 2"),
        ({"layer": -1}, "layer=-1"),
        ({"layer": "first"}, "layer='first'"),
        ({"layer": True}, "layer=True"),
        ({"layer": 1.0}, "layer=1.0"),
        ({"layer": "all", "upsample": False}, "cells of several sizes"),
        ({"upsample": "cubic"}, "upsample='cubic' is not allowed; it must be True or False"),
        ({"normalize": "yes"}, "normalize='yes'"),
    ],
)
def test_bad_parameters(fitted, params, message):
    with pytest.raises(ValueError, match=message):
        class_activation_map(fitted, X, **params)


def test_bad_spectra(fitted):
    with pytest.raises(ValueError, match="42 features"):
        class_activation_map(fitted, X[:, :-1])
    with pytest.raises(ValueError, match="MissingFluxInterpolator"):
        class_activation_map(fitted, np.full_like(X, np.nan))
    with pytest.raises(ValueError, match="0 sample"):
        class_activation_map(fitted, X[:0])


def test_estimators_without_a_map(fitted):
    with pytest.raises(NotFittedError):
        class_activation_map(small(), X)
    with pytest.raises(NotFittedError):
        class_activation_map(make_pipeline(MinMaxSpectrumScaler(), small()), X)
    for other in (LogisticRegression().fit(X, Y), make_pipeline(LogisticRegression()).fit(X, Y)):
        with pytest.raises(TypeError, match="estimator=LogisticRegression has no class activation map"):
            class_activation_map(other, X)
    without = copy.deepcopy(fitted)
    without.net_.module_ = torch.nn.Sequential(torch.nn.Linear(LENGTH, 3))
    with pytest.raises(TypeError, match="its network is not a DenseNet1D"):
        class_activation_map(without, X)
