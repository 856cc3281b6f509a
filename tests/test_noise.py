"""The noise functions: hand-worked numbers, distributions, and the same result from NumPy and PyTorch."""

import numpy as np
import pytest
from scipy import stats

from skspectra import _parallel
from skspectra._noise import (
    add_ccd_noise,
    apply_bad_pixels,
    apply_cosmic_rays,
    apply_electronic_noise,
    draw_bad_pixels,
    draw_cosmic_rays,
    draw_electronic_noise,
    flux_extremes,
    write_noisy_spectra,
)

ALL_OFF = {"electronic_noise": 0.0, "cosmic_rays": 0, "bad_pixels": 0.0}
ALL_ON = {"electronic_noise": (0.01, 0.1), "cosmic_rays": 3, "bad_pixels": 0.3}


class Recorder:
    """A generator that remembers what it drew."""

    def __init__(self, seed=0):
        self.generator = np.random.default_rng(seed)
        self.drawn = []

    def random(self, size, dtype):
        self.drawn.append(self.generator.random(size, dtype=dtype))
        return self.drawn[-1].copy()

    def standard_normal(self, size, dtype):
        self.drawn.append(self.generator.standard_normal(size, dtype=dtype))
        return self.drawn[-1].copy()


class TensorReplay:
    """Gives, as tensors, the numbers that a recorder drew."""

    def __init__(self, recorder):
        self.drawn = iter(recorder.drawn)

    def random(self, size, dtype):
        torch = pytest.importorskip("torch")
        drawn = torch.from_numpy(next(self.drawn))
        assert drawn.shape == torch.Size(size)
        assert dtype == "float32"
        return drawn

    standard_normal = random


class FromList:
    """Gives the uniform numbers of a list, each time for every spectrum."""

    def __init__(self, *values):
        self.values = iter(values)

    def random(self, size, dtype):
        return np.broadcast_to(np.array(next(self.values), dtype), size).copy()


def spectra(n_samples=6, n_features=50, dtype="float32", seed=1):
    return np.random.default_rng(seed).normal(3.0, 2.0, (n_samples, n_features)).astype(dtype)


def test_electronic_noise_by_hand():
    flux = np.array([[0.0, 4.0, 2.0], [10.0, 10.0, 30.0]])
    normal = np.array([[1.0, -1.0, 0.5], [0.0, 2.0, -1.0]])
    sigma = np.array([[0.5], [0.1]])
    extent = np.array([[4.0], [20.0]])
    # 0.5 x 4 = 2 and 0.1 x 20 = 2 units of flux for one standard deviation
    expected = [[2.0, 2.0, 3.0], [10.0, 14.0, 28.0]]
    np.testing.assert_allclose(apply_electronic_noise(flux, sigma, normal, extent), expected)


def test_cosmic_rays_by_hand():
    flux = np.arange(12.0).reshape(3, 4)
    n_rays = np.array([[2], [1], [0]])
    position = np.array([[0, 2], [1, 1], [3, 3]])
    maximum = np.array([[100.0], [200.0], [300.0]])
    expected = [[100.0, 1.0, 100.0, 3.0], [4.0, 200.0, 6.0, 7.0], [8.0, 9.0, 10.0, 11.0]]
    np.testing.assert_array_equal(apply_cosmic_rays(flux, n_rays, position, maximum), expected)


def test_bad_pixels_by_hand():
    flux = np.arange(1.0, 16.0).reshape(3, 5)
    start = np.array([[1], [3], [5]])
    length = np.array([[3], [2], [0]])
    minimum = np.array([[-1.0], [-2.0], [-3.0]])
    expected = [[1.0, -1.0, -1.0, -1.0, 5.0], [6.0, 7.0, 8.0, -2.0, -2.0], [11.0, 12.0, 13.0, 14.0, 15.0]]
    np.testing.assert_array_equal(apply_bad_pixels(flux, start, length, minimum, longest=3), expected)


def test_draws_by_hand():
    # Three possible counts, 0, 1 and 2, from thirds of the unit interval; ten positions from tenths.
    n_rays, position = draw_cosmic_rays(FromList([[0.1], [0.5], [0.9]], [0.05, 0.99]), (3, 10), 2)
    np.testing.assert_array_equal(n_rays, [[0], [1], [2]])
    np.testing.assert_array_equal(position, [[0, 0], [0, 0], [0, 9]])
    # Up to 40 % of ten samples: lengths 0 to 4; a run of 4 has seven places, a run of 0 eleven.
    start, length = draw_bad_pixels(FromList([[0.1], [0.99]], 0.99), (2, 10), 0.4)
    np.testing.assert_array_equal(length, [[0], [4]])
    np.testing.assert_array_equal(start, [[10], [6]])


def test_extremes_leave_nan_out():
    flux = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, -2.0]])
    minimum, maximum = flux_extremes(flux)
    np.testing.assert_array_equal(minimum, [[1.0], [-2.0]])
    np.testing.assert_array_equal(maximum, [[3.0], [-2.0]])


def test_electronic_noise_is_gaussian_with_the_stated_deviation():
    flux = np.tile([0.0, 8.0], (200, 500))
    noise = (add_ccd_noise(flux, **ALL_OFF | {"electronic_noise": 0.25}, rng=np.random.default_rng(0)) - flux).ravel()
    assert stats.kstest(noise / 2.0, "norm").pvalue > 0.01
    # Independent from sample to sample: the correlation of 200 000 pairs is normal with deviation 1 / sqrt(200 000).
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 4 / np.sqrt(noise.size)


def test_pair_draws_a_deviation_for_each_spectrum():
    flux = np.tile(np.float32([0.0, 1.0]), (2000, 500))
    noisy = add_ccd_noise(flux, **ALL_OFF | {"electronic_noise": (0.1, 0.3)}, rng=np.random.default_rng(0))
    sigma = (noisy - flux).std(axis=1)
    assert stats.kstest(sigma, stats.uniform(0.1, 0.2).cdf).statistic < 0.05
    sigma, _ = draw_electronic_noise(np.random.default_rng(0), (5000, 1), (0.1, 0.3))
    assert 0.1 <= sigma.min() < 0.11
    assert 0.29 < sigma.max() <= 0.3


def test_number_and_place_of_rays_are_uniform():
    flux = np.linspace(0.0, 1.0, 40) * np.ones((20_000, 1))
    hit = add_ccd_noise(flux, **ALL_OFF | {"cosmic_rays": 1}, rng=np.random.default_rng(0)) != flux
    # A ray on the last sample, where the maximum is, does not show.
    n_rays, position = hit.sum(axis=1), np.nonzero(hit)[1]
    assert abs(n_rays.mean() - 0.5 * 39 / 40) < 0.02
    assert stats.chisquare(np.bincount(position, minlength=39)[:39]).pvalue > 0.01
    counts, _ = draw_cosmic_rays(np.random.default_rng(0), (30_000, 40), 2)
    assert stats.chisquare(np.bincount(counts.ravel())).pvalue > 0.01


def test_length_of_dead_runs_is_uniform_and_runs_are_unbroken():
    flux = np.ones((20_000, 40))
    flux[:, 7] = 0.0  # the minimum, which dead pixels take
    noisy = add_ccd_noise(flux, **ALL_OFF | {"bad_pixels": 0.25}, rng=np.random.default_rng(0))
    noisy[:, 7] = np.where(noisy[:, 6] + noisy[:, 8] == 0, 0.0, 1.0)  # dead, or the minimum that was there
    length = (noisy == 0).sum(axis=1)
    assert length.max() == 10
    edges = np.abs(np.diff(np.pad(noisy, [(0, 0), (1, 1)], constant_values=1.0), axis=1)).sum(axis=1)
    assert set(edges[length > 0]) == {2.0}
    start, length = draw_bad_pixels(np.random.default_rng(0), (30_000, 40), 0.25)
    assert stats.chisquare(np.bincount(length.ravel())).pvalue > 0.01
    assert start.min() == 0
    assert (start + length).max() == 40
    full = length.ravel() == 10
    assert stats.chisquare(np.bincount(start[full].ravel())).pvalue > 0.01


@pytest.mark.parametrize("n_features", [1, 3, 100])
def test_longest_run_is_the_stated_fraction(n_features):
    flux = np.ones((3000, n_features))
    flux[:, 0] = 0.0
    for fraction in (0.0, 0.29, 0.5, 1.0):
        _, length = draw_bad_pixels(np.random.default_rng(0), flux.shape, fraction)
        assert length.max() == round(fraction * n_features, 9) // 1


def test_order_of_the_effects():
    """Rays and dead pixels are exact, so they come after the electronic noise, and dead pixels overwrite rays."""
    flux = spectra(300, 20)
    noisy = add_ccd_noise(flux, electronic_noise=0.5, cosmic_rays=40, bad_pixels=1.0, rng=np.random.default_rng(0))
    rng = np.random.default_rng(0)
    draw_electronic_noise(rng, flux.shape, 0.5)
    n_rays, position = draw_cosmic_rays(rng, flux.shape, 40)
    start, length = draw_bad_pixels(rng, flux.shape, 1.0)
    for i in range(300):
        dead = np.arange(start[i, 0], start[i, 0] + length[i, 0])
        hit = np.setdiff1d(position[i, : n_rays[i, 0]], dead)
        assert (noisy[i, dead] == flux[i].min()).all()
        assert (noisy[i, hit] == flux[i].max()).all()


def test_amplitudes_follow_the_range_of_each_spectrum():
    flux = spectra()
    extent = np.ptp(flux, axis=1, keepdims=True)
    scaled = (flux - flux.min(axis=1, keepdims=True)) / extent
    noisy = add_ccd_noise(flux, **ALL_ON, rng=np.random.default_rng(3))
    noisy_scaled = add_ccd_noise(scaled, **ALL_ON, rng=np.random.default_rng(3))
    np.testing.assert_allclose((noisy - flux.min(axis=1, keepdims=True)) / extent, noisy_scaled, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_float64_beyond_the_range_of_float32(scale):
    flux = spectra(dtype="float64")
    noisy = add_ccd_noise(flux, **ALL_ON, rng=np.random.default_rng(3))
    far = add_ccd_noise(flux * scale, **ALL_ON, rng=np.random.default_rng(3))
    np.testing.assert_allclose(far / scale, noisy, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_input_is_left_alone_and_dtype_kept(dtype):
    flux = spectra(dtype=dtype)
    flux.flags.writeable = False
    noisy = add_ccd_noise(flux, **ALL_ON, rng=np.random.default_rng(0))
    assert noisy.dtype == dtype
    assert not np.shares_memory(noisy, flux)
    assert (noisy != flux).any()


def test_each_effect_is_off_at_zero():
    class Silent:
        """Fails when asked for a random number."""

    flux = spectra()
    np.testing.assert_array_equal(add_ccd_noise(flux, **ALL_OFF, rng=Silent()), flux)
    np.testing.assert_array_equal(
        add_ccd_noise(flux, **ALL_OFF | {"electronic_noise": (0.0, 0.0)}, rng=np.random.default_rng(0)), flux
    )


def test_nan_stays_nan_also_under_rays_and_dead_pixels():
    flux = spectra(500, 20)
    missing = np.random.default_rng(0).random(flux.shape) < 0.3
    missing[0] = True
    flux[missing] = np.nan
    noisy = add_ccd_noise(flux, electronic_noise=0.1, cosmic_rays=20, bad_pixels=1.0, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(np.isnan(noisy), missing)


def test_constant_spectra_stay_constant():
    flux = np.full((50, 30), 2.5)
    np.testing.assert_array_equal(add_ccd_noise(flux, **ALL_ON, rng=np.random.default_rng(0)), flux)


@pytest.mark.parametrize("with_nan", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numpy_and_torch_agree_for_the_same_draws(dtype, with_nan):
    torch = pytest.importorskip("torch")
    flux = spectra(200, 60, dtype)
    if with_nan:
        flux[np.random.default_rng(0).random(flux.shape) < 0.2] = np.nan
        flux[0] = np.nan
    recorder = Recorder()
    noisy = add_ccd_noise(flux, **ALL_ON, rng=recorder)
    tensor = torch.from_numpy(flux.copy())
    noisy_tensor = add_ccd_noise(tensor, **ALL_ON, rng=TensorReplay(recorder))
    assert noisy_tensor.dtype == tensor.dtype
    np.testing.assert_array_equal(tensor.numpy(), flux)
    np.testing.assert_array_equal(noisy_tensor.numpy(), noisy)


def test_numpy_scalars_as_strengths_work_with_tensors():
    """A search over ``np.linspace`` and ``np.arange`` hands NumPy scalars to the training loop."""
    torch = pytest.importorskip("torch")
    flux = spectra(20, 30)
    strengths = {"electronic_noise": np.float64(0.1), "cosmic_rays": np.int64(2), "bad_pixels": np.float64(0.2)}
    recorder = Recorder()
    noisy = add_ccd_noise(flux, **strengths, rng=recorder)
    noisy_tensor = add_ccd_noise(torch.from_numpy(flux), **strengths, rng=TensorReplay(recorder))
    assert isinstance(noisy_tensor, torch.Tensor)
    np.testing.assert_array_equal(noisy_tensor.numpy(), noisy)


def test_no_drawn_number_is_looked_at_from_python():
    """On PyTorch's meta device there are shapes only: what would wait for a GPU to finish is an error here."""
    torch = pytest.importorskip("torch")

    class Meta:
        def random(self, size, dtype):
            return torch.empty(size, dtype=getattr(torch, dtype), device="meta")

        standard_normal = random

    noisy = add_ccd_noise(torch.empty(8, 100, device="meta"), **ALL_ON, rng=Meta())
    assert (noisy.shape, noisy.dtype, noisy.device.type) == ((8, 100), torch.float32, "meta")


def test_result_does_not_depend_on_the_number_of_threads(monkeypatch):
    flux = spectra(400, 1000)
    results = []
    for n_threads in (1, 2, 5):
        monkeypatch.setattr(_parallel, "_openmp_effective_n_threads", lambda n=n_threads: n)
        results.append(np.empty_like(flux))
        write_noisy_spectra(flux, results[-1], **ALL_ON, random_state=np.random.RandomState(0))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    noise = results[0] - flux
    assert len(np.unique(noise[:, 0])) == len(flux)  # no chunk repeats the pattern of another


def test_noisy_rows_are_written_where_asked():
    flux = spectra(10, 30)
    out = np.full((4, 30), np.nan, "float32")
    indices = np.array([7, 7, 0, 3])
    write_noisy_spectra(flux, out, **ALL_OFF, random_state=np.random.RandomState(0), indices=indices)
    np.testing.assert_array_equal(out, flux[indices])


def test_whole_numbers_are_rounded_and_kept_within_their_dtype():
    flux = np.tile(np.array([0, 255], np.uint8), (50, 20))
    out = np.empty_like(flux)
    write_noisy_spectra(flux, out, **ALL_OFF | {"electronic_noise": 0.1}, random_state=np.random.RandomState(0))
    change = out.astype(int) - flux
    assert (change[:, ::2] >= 0).all()  # a value below 0 would have come out near 255
    assert (change[:, 1::2] <= 0).all()
    assert abs(change[:, ::2][change[:, ::2] > 0]).mean() == pytest.approx(25.5 * np.sqrt(2 / np.pi), rel=0.1)
