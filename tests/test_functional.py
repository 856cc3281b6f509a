"""The fused operation of the networks against plain convolutions of PyTorch in (n_spectra, n_channels, length)."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from skspectra.neural_network._modules import _functional
from skspectra.neural_network._modules._convolutions import (
    DirectConvolution,
    conv_same,
    crop_kernel,
    merge_kernels,
    split_kernels,
)
from skspectra.neural_network._modules._fourier import FourierConvolution, make_plan
from skspectra.neural_network._modules._functional import affine_relu_conv, make_convolution, moments_over_length

WIDTHS = [(1,), (3,), (11,), (41,), (1, 3, 11, 41)]
# Shorter than every kernel but the narrowest, odd, even, divisible by two only, by four.
# The last one has several parts of a Fourier transform.
LENGTHS = [1, 2, 5, 37, 38, 64, 301]
# From less than one spectrum (one at a time) to the whole batch at once.
CHUNK_SIZES = [1, 300, 1 << 19]


def random_input(length, widths, n_spectra=5, in_channels=3, out_channels=4, seed=0):
    """Return x, scale, shift and the kernels; scales of both signs, and a channel that the ReLU silences."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    x = normal(n_spectra, length, in_channels)
    scale, shift = normal(n_spectra, in_channels), normal(n_spectra, in_channels)
    scale[:, 0], shift[:, 0] = 0.0, -1.0
    return x, scale, shift, [normal(out_channels + i, in_channels, width) for i, width in enumerate(widths)]


def force(form, monkeypatch):
    monkeypatch.setattr(_functional, "make_convolution", lambda weights, length, for_gradients: form(weights, length))


@pytest.fixture(params=[DirectConvolution, FourierConvolution])
def form(request, monkeypatch):
    """A form of the convolutions, which is used whether it is the faster one or not."""
    force(request.param, monkeypatch)


def plain(x, scale, shift, *weights):
    """The definition, in PyTorch's own order of axes: values, mean and variance."""
    activation = F.relu(x.transpose(1, 2) * scale.unsqueeze(2) + shift.unsqueeze(2))
    outputs = [F.conv1d(activation, weight, padding=weight.shape[2] // 2) for weight in weights]
    values = torch.cat(outputs, dim=1).transpose(1, 2)
    return values, plain_moments(values)


def plain_moments(x):
    variance, mean = torch.var_mean(x, dim=1, correction=0)
    return torch.stack([mean, variance])


def fused(x, scale, shift, *weights):
    return affine_relu_conv(x, scale, shift, weights)


def results_and_gradients(function, inputs):
    """What a function returns, followed by the gradients of a random sum of that."""
    inputs = [tensor.clone().requires_grad_() for tensor in inputs]
    results = function(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    generator = torch.Generator().manual_seed(1)
    upstream = [torch.randn(r.shape, generator=generator, dtype=torch.float64).to(r.dtype) for r in results]
    return [*(r.detach() for r in results), *torch.autograd.grad(results, inputs, upstream)]


def assert_all_close(actual, expected, **tolerance):
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, b, **tolerance)


@pytest.mark.parametrize("chunk_size", CHUNK_SIZES)
@pytest.mark.parametrize(
    ("form", "widths", "length"),
    [
        *itertools.product([DirectConvolution], WIDTHS, LENGTHS),
        *itertools.product([FourierConvolution], WIDTHS[1:], LENGTHS[1:]),  # kernels of more than one sample
    ],
    ids=str,
)
def test_results_and_gradients_are_those_of_plain_convolutions(monkeypatch, widths, length, chunk_size, form):
    monkeypatch.setattr(_functional, "CHUNK_SIZE", chunk_size)
    force(form, monkeypatch)
    x, scale, shift, weights = random_input(length, widths)
    inputs = [x, scale, shift, *weights]

    expected = results_and_gradients(plain, inputs)
    assert_all_close(results_and_gradients(fused, inputs), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
def test_one_merged_kernel_has_the_results_of_all(widths):
    x, _, _, weights = random_input(37, widths)

    merged = conv_same(x, merge_kernels(weights))

    torch.testing.assert_close(merged, torch.cat([conv_same(x, weight) for weight in weights], dim=2))


@pytest.mark.parametrize(("length", "width"), [(1, 1), (2, 3), (3, 5), (4, 5), (100, 5)])
def test_a_kernel_reaches_no_further_than_the_spectrum(length, width):
    weight = torch.arange(5.0).reshape(1, 1, 5)

    cropped = crop_kernel(weight, length)

    margin = (5 - width) // 2
    assert cropped.flatten().tolist() == list(range(margin, 5 - margin))


def test_the_parts_of_a_merged_kernel():
    weights = random_input(5, (1, 3, 11))[3]

    parts = split_kernels(merge_kernels(weights), [weight.shape for weight in weights])

    assert_all_close(parts, weights, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("length", "widths", "forward", "backward"),
    [
        (2600, (1, 11, 25, 41), FourierConvolution, FourierConvolution),
        (40, (1, 11, 25, 41), FourierConvolution, FourierConvolution),
        (20, (1, 11, 25, 39), DirectConvolution, FourierConvolution),
        (2600, (1, 11), DirectConvolution, DirectConvolution),
        (2600, (1,), DirectConvolution, DirectConvolution),
    ],
)
def test_wide_kernels_are_applied_by_fourier_transforms(length, widths, forward, backward):
    weights = [torch.zeros(12, 24, width) for width in widths]

    assert type(make_convolution(weights, length, for_gradients=False)) is forward
    assert type(make_convolution(weights, length, for_gradients=True)) is backward


def test_operations_of_a_plan_by_hand():
    plan = make_plan(length=100, width=11, in_channels=3, out_channels=4)

    # Spectra of 100 samples and 10 zeros, in parts that overlap by 10 samples.
    n_results = plan.size - 10
    assert (plan.n_parts - 1) * n_results < 110 <= plan.n_parts * n_results
    # Real and imaginary parts of size / 2 + 1 frequencies; a complex product has four real ones; two for each sum.
    n_rows = plan.size + 2
    products = n_rows * plan.size * 3 + n_rows // 2 * 4 * 3 * 4 + n_results * n_rows * 4
    assert plan.n_operations == 2 * plan.n_parts * products
    # Parts that are much shorter or longer need more.
    assert 22 <= plan.size < 60


@pytest.mark.parametrize("offset", [0, 100])
def test_fourier_transforms_are_as_exact_as_sums_of_products(monkeypatch, offset):
    x, scale, shift, weights = random_input(2600, (1, 11, 25, 41), in_channels=24, out_channels=12)
    x += offset
    exact, _ = plain(x, scale, shift, *weights)
    errors = []
    for form in DirectConvolution, FourierConvolution:
        force(form, monkeypatch)
        values, _ = fused(x.float(), scale.float(), shift.float(), *(weight.float() for weight in weights))
        errors.append((values - exact).abs().max() / exact.abs().max())
    of_sums, of_transforms = errors

    assert of_sums < 2e-6
    assert of_transforms < 2e-6


@pytest.mark.parametrize("value", [1e6, torch.inf, torch.nan])
@pytest.mark.parametrize("length", [5, 301])
def test_a_spectrum_does_not_change_the_others_of_its_batch(form, length, value):
    inputs = random_input(length, (3, 41))
    x, scale, shift, weights = inputs
    changed = x.clone()
    changed[2] = value

    before, after = (results_and_gradients(fused, [maps, scale, shift, *weights]) for maps in (x, changed))

    # Values and moments, and the gradients of the maps and their scales and shifts.
    others = [0, 1, 3, 4]
    for a, b in zip(after[:5], before[:5], strict=True):
        first = 1 if len(a) == 2 else 0  # the moments are (2, n_spectra, n_channels)
        assert torch.equal(a.index_select(first, torch.tensor(others)), b.index_select(first, torch.tensor(others)))


def test_only_the_maps_need_gradients(form):
    # As for activation maps.
    x, scale, shift, weights = random_input(24, (1, 5))
    x.requires_grad_()

    gradient = torch.autograd.grad(fused(x, scale, shift, *weights)[0].sum(), x)

    assert_all_close(gradient, torch.autograd.grad(plain(x, scale, shift, *weights)[0].sum(), x))


def test_training_after_a_prediction_in_inference_mode(form):
    # 21 and 27 are used by no other test, so that the matrices of the transforms are made in the first call.
    x, scale, shift, weights = random_input(27, (21,))
    inputs = [x, scale, shift, *weights]

    with torch.inference_mode():
        _functional._AffineReluConv.apply(True, x, scale[:, None], shift[:, None], *weights)

    assert_all_close(results_and_gradients(fused, inputs), results_and_gradients(plain, inputs))


def test_autocast_does_not_change_the_precision(form):
    x, scale, shift, weights = random_input(37, (1, 11))
    inputs = [tensor.float() for tensor in (x, scale, shift, *weights)]

    with torch.autocast("cpu", torch.bfloat16):
        actual = results_and_gradients(fused, inputs)

    assert_all_close(actual, results_and_gradients(fused, inputs))


@pytest.mark.parametrize("small", [0, 1 << 30])
def test_few_spectra_have_the_results_of_many(monkeypatch, small):
    monkeypatch.setattr(_functional, "_SMALL", small)
    x, scale, shift, weights = random_input(37, (1, 5, 11))

    with torch.no_grad():
        actual = fused(x, scale, shift, *weights)

    assert_all_close(actual, plain(x, scale, shift, *weights))


@pytest.mark.parametrize("out_channels", [1, 2, 7, 12, 16, 33])
def test_any_number_of_output_channels(form, out_channels):
    x, scale, shift, weights = random_input(24, (1, 5, 11), in_channels=6, out_channels=out_channels)
    inputs = [x, scale, shift, *weights]

    expected = results_and_gradients(plain, inputs)
    assert_all_close(results_and_gradients(fused, inputs), expected, rtol=1e-10, atol=1e-10)


def test_without_the_variance(form):
    # In prediction only the mean is needed, also where gradients are, as for an activation map.
    x, scale, shift, weights = random_input(24, (1, 5, 11))
    inputs = [x, scale, shift, *weights]

    def plain_mean(*inputs):
        values, moments = plain(*inputs)
        return values, moments[:1]

    def fused_mean(x, scale, shift, *weights):
        return affine_relu_conv(x, scale, shift, weights, with_variance=False)

    assert_all_close(results_and_gradients(fused_mean, inputs), results_and_gradients(plain_mean, inputs))


@pytest.mark.parametrize("which", [0, 1], ids=["values", "moments"])
def test_one_of_the_results_is_used(which):
    x, scale, shift, weights = random_input(24, (1, 5))
    inputs = [x, scale, shift, *weights]

    expected = results_and_gradients(lambda *inputs: plain(*inputs)[which], inputs)
    assert_all_close(results_and_gradients(lambda *inputs: fused(*inputs)[which], inputs), expected)


def test_inputs_in_any_memory_order(form):
    x, scale, shift, weights = random_input(20, (1, 3, 11))
    strided = x.transpose(1, 2).contiguous().transpose(1, 2)
    # Without squeeze-and-excitation every spectrum has the same map.
    scale, shift = scale[:1].expand_as(scale), shift[:1].expand_as(shift)
    assert not strided.is_contiguous()

    assert_all_close(fused(strided, scale, shift, *weights), plain(x, scale, shift, *weights))


def test_an_upstream_gradient_that_was_broadcast(form):
    # As the mean over the length gives it.
    x, scale, shift, weights = random_input(20, (1, 3))
    inputs = [x, scale, shift, *weights]

    expected = results_and_gradients(lambda *inputs: plain(*inputs)[0].mean(1), inputs)
    assert_all_close(results_and_gradients(lambda *inputs: fused(*inputs)[0].mean(1), inputs), expected)


def test_only_the_kernels_need_gradients(form):
    x, scale, shift, weights = random_input(20, (1, 3))
    weights = [weight.requires_grad_() for weight in weights]

    gradients = torch.autograd.grad(fused(x, scale, shift, *weights)[0].sum(), weights)

    assert_all_close(gradients, torch.autograd.grad(plain(x, scale, shift, *weights)[0].sum(), weights))


def test_inputs_are_left_as_they_are(form):
    x, scale, shift, weights = random_input(20, (1, 11))
    inputs = [x, scale, shift, *weights]
    before = [tensor.clone() for tensor in inputs]

    fused(*inputs)[0].sum()
    results_and_gradients(fused, inputs)

    assert_all_close(inputs, before, rtol=0, atol=0)


@pytest.mark.parametrize("length", [5, 38, 64])
def test_bfloat16_values_to_their_precision(form, length):
    # Every number is rounded to 8 bits at most three times on the way (product, activation, result), and the sums are
    # float32: no result is off by more than that share of the sum of the magnitudes.
    x, scale, shift, weights = random_input(length, (1, 11, 41))
    inputs = [tensor.bfloat16() for tensor in (x, scale, shift, *weights)]

    values, moments = fused(*inputs)

    assert values.dtype == torch.bfloat16
    assert moments.dtype == torch.float32
    exact = [tensor.double() for tensor in inputs]
    magnitude, _ = plain(*(tensor.abs() for tensor in exact))
    assert ((values.double() - plain(*exact)[0]).abs() <= 3 * 2**-8 * magnitude).all()
    torch.testing.assert_close(moments, plain_moments(values.float()))


@pytest.mark.parametrize("length", [5, 38, 64])
def test_bfloat16_gradients_to_their_precision(form, length):
    x, scale, shift, weights = random_input(length, (1, 11, 41))
    inputs = [tensor.bfloat16() for tensor in (x, scale, shift, *weights)]

    _, _, *gradients = results_and_gradients(fused, inputs)

    _, _, *expected = results_and_gradients(plain, [tensor.double() for tensor in inputs])
    for gradient, exact in zip(gradients, expected, strict=True):
        assert gradient.dtype == torch.bfloat16
        assert (gradient.double() - exact).norm() <= 0.02 * exact.norm()


def test_scale_and_kernels_are_taken_in_the_precision_of_the_maps():
    x, scale, shift, weights = random_input(20, (1, 3))

    values, _ = affine_relu_conv(x.bfloat16(), scale.float(), shift.float(), [weight.float() for weight in weights])

    assert values.dtype == torch.bfloat16


@pytest.mark.parametrize("stride", [1, 2, 3, 8])
@pytest.mark.parametrize("width", [1, 3, 11, 41])
@pytest.mark.parametrize("length", [1, 7, 40])
def test_conv_same_is_a_padded_convolution(length, width, stride):
    x, _, _, [weight] = random_input(length, (width,))

    def plain_conv(x, weight):
        return F.conv1d(x.transpose(1, 2), weight, stride=stride, padding=width // 2).transpose(1, 2)

    results = results_and_gradients(lambda x, weight: conv_same(x, weight, stride), [x, weight])

    assert results[0].shape == (5, -(-length // stride), 4)
    assert_all_close(results, results_and_gradients(plain_conv, [x, weight]))


def test_conv_same_by_hand():
    # One channel, kernel (1, 10, 100) over 1, 2, 3 with a zero at either end: no flip, as in every network.
    x = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    weight = torch.tensor([1.0, 10.0, 100.0]).reshape(1, 1, 3)

    assert conv_same(x, weight).flatten().tolist() == [210.0, 321.0, 32.0]
    assert conv_same(x, weight, stride=2).flatten().tolist() == [210.0, 32.0]


@pytest.mark.parametrize("length", [1, 2, 37])
def test_moments_are_mean_and_population_variance(length):
    x, *_ = random_input(length, (1,))

    results = results_and_gradients(moments_over_length, [x])

    assert results[0].shape == (2, 5, 3)
    assert_all_close(results, results_and_gradients(plain_moments, [x]))
    torch.testing.assert_close(moments_over_length(x, with_variance=False), plain_moments(x)[:1])


def test_variance_of_maps_far_from_zero():
    # The difference of the mean square and the squared mean would keep no digit here.
    x = 1e4 + random_input(1000, (1,))[0].float()

    _, variance = moments_over_length(x)

    expected = torch.var(x.double(), dim=1, correction=0).float()
    torch.testing.assert_close(variance, expected, rtol=1e-3, atol=0)


def test_moments_of_bfloat16_maps_are_float32():
    # In bfloat16 the running sum of a thousand ones would stop at 256.
    x = torch.ones(2, 1000, 3, dtype=torch.bfloat16)
    x[:, ::2] = 3

    moments, gradient = results_and_gradients(moments_over_length, [x])

    assert moments.dtype == moments_over_length(x, with_variance=False).dtype == torch.float32
    torch.testing.assert_close(moments, torch.stack([torch.full((2, 3), 2.0), torch.ones(2, 3)]))
    assert gradient.dtype == torch.bfloat16
