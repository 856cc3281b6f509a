"""The noise functions: hand-worked numbers, distributions, and the same result from NumPy and PyTorch."""

import numpy as np
import pytest
from scipy import stats

from skspectra import _parallel
from skspectra.augmentation import BadPixels, CosmicRays, ElectronicNoise
from skspectra.augmentation._add_noise import add_noise, flux_extremes, write_noisy_spectra

ALL_OFF = [ElectronicNoise(0), CosmicRays(0), BadPixels(0)]
ALL_ON = [ElectronicNoise((0.01, 0.1)), CosmicRays(3), BadPixels(0.3)]


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

    standard_normal = random


def spectra(n_samples=6, n_features=50, dtype="float32", seed=1):
    return np.random.default_rng(seed).normal(3.0, 2.0, (n_samples, n_features)).astype(dtype)


def test_electronic_noise_by_hand():
    flux = np.array([[0.0, 4.0, 2.0], [10.0, 10.0, 30.0]])
    minimum, maximum = np.array([[0.0], [10.0]]), np.array([[4.0], [30.0]])
    # Deviations from 0.1 to 0.5: the first is drawn at the upper end, the second at the lower one.
    rng = FromList([[1.0], [0.0]], [[1.0, -1.0, 0.5], [0.0, 2.0, -1.0]])
    ElectronicNoise((0.1, 0.5)).apply(flux, minimum, maximum, rng)
    # 0.5 x 4 = 2 and 0.1 x 20 = 2 units of flux for one standard deviation
    np.testing.assert_allclose(flux, [[2.0, 2.0, 3.0], [10.0, 14.0, 28.0]], rtol=1e-6)


def test_cosmic_rays_by_hand():
    flux = np.arange(12.0).reshape(3, 4)
    # Two, one and no rays of at most two; positions are quarters of the unit interval.
    rng = FromList([[0.9], [0.5], [0.1]], [[0.1, 0.6], [0.3, 0.9], [0.9, 0.9]])
    CosmicRays(2).apply(flux, None, np.array([[100.0], [200.0], [300.0]]), rng)
    np.testing.assert_array_equal(flux, [[100.0, 1.0, 100.0, 3.0], [4.0, 200.0, 6.0, 7.0], [8.0, 9.0, 10.0, 11.0]])


def test_bad_pixels_by_hand():
    flux = np.arange(1.0, 16.0).reshape(3, 5)
    # Lengths 3, 2 and 0 of at most 3; a run of 3 has three places, one of 2 four, one of 0 six.
    rng = FromList([[0.9], [0.6], [0.1]], [[0.5], [0.9], [0.9]])
    BadPixels(0.6).apply(flux, np.array([[-1.0], [-2.0], [-3.0]]), None, rng)
    expected = [[1.0, -1.0, -1.0, -1.0, 5.0], [6.0, 7.0, 8.0, -2.0, -2.0], [11.0, 12.0, 13.0, 14.0, 15.0]]
    np.testing.assert_array_equal(flux, expected)


def test_draws_by_hand():
    # Three possible counts, 0, 1 and 2, from thirds of the unit interval; ten positions from tenths.
    n_rays, position = CosmicRays(2)._draw((3, 10), FromList([[0.1], [0.5], [0.9]], [0.05, 0.99]))
    np.testing.assert_array_equal(n_rays, [[0], [1], [2]])
    np.testing.assert_array_equal(position, [[0, 0], [0, 0], [0, 9]])
    # Up to 40 % of ten samples: lengths 0 to 4; a run of 4 has seven places, a run of 0 eleven.
    start, length = BadPixels(0.4)._draw((2, 10), FromList([[0.1], [0.99]], 0.99))
    np.testing.assert_array_equal(length, [[0], [4]])
    np.testing.assert_array_equal(start, [[10], [6]])


def test_extremes_leave_nan_out():
    flux = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, -2.0]])
    minimum, maximum = flux_extremes(flux)
    np.testing.assert_array_equal(minimum, [[1.0], [-2.0]])
    np.testing.assert_array_equal(maximum, [[3.0], [-2.0]])


def test_electronic_noise_is_gaussian_with_the_stated_deviation():
    flux = np.tile([0.0, 8.0], (200, 500))
    noise = (add_noise(flux, effects=[ElectronicNoise(0.25)], rng=np.random.default_rng(0)) - flux).ravel()
    assert stats.kstest(noise / 2.0, "norm").pvalue > 0.01
    # Independent from sample to sample: the correlation of 200 000 pairs is normal with deviation 1 / sqrt(200 000).
    assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 4 / np.sqrt(noise.size)


def test_pair_draws_a_deviation_for_each_spectrum():
    flux = np.tile(np.float32([0.0, 1.0]), (2000, 500))
    noisy = add_noise(flux, effects=[ElectronicNoise((0.1, 0.3))], rng=np.random.default_rng(0))
    sigma = (noisy - flux).std(axis=1)
    assert stats.kstest(sigma, stats.uniform(0.1, 0.2).cdf).statistic < 0.05
    assert 0.09 < sigma.min() < 0.12
    assert 0.28 < sigma.max() < 0.32


def test_number_and_place_of_rays_are_uniform():
    flux = np.linspace(0.0, 1.0, 40) * np.ones((20_000, 1))
    hit = add_noise(flux, effects=[CosmicRays(1)], rng=np.random.default_rng(0)) != flux
    # A ray on the last sample, where the maximum is, does not show.
    n_rays, position = hit.sum(axis=1), np.nonzero(hit)[1]
    assert abs(n_rays.mean() - 0.5 * 39 / 40) < 0.02
    assert stats.chisquare(np.bincount(position, minlength=39)[:39]).pvalue > 0.01
    counts, _ = CosmicRays(2)._draw((30_000, 40), np.random.default_rng(0))
    assert stats.chisquare(np.bincount(counts.ravel())).pvalue > 0.01


def test_length_of_dead_runs_is_uniform_and_runs_are_unbroken():
    flux = np.ones((20_000, 40))
    flux[:, 7] = 0.0  # the minimum, which dead pixels take
    noisy = add_noise(flux, effects=[BadPixels(0.25)], rng=np.random.default_rng(0))
    noisy[:, 7] = np.where(noisy[:, 6] + noisy[:, 8] == 0, 0.0, 1.0)  # dead, or the minimum that was there
    length = (noisy == 0).sum(axis=1)
    assert length.max() == 10
    edges = np.abs(np.diff(np.pad(noisy, [(0, 0), (1, 1)], constant_values=1.0), axis=1)).sum(axis=1)
    assert set(edges[length > 0]) == {2.0}
    start, length = BadPixels(0.25)._draw((30_000, 40), np.random.default_rng(0))
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
        _, length = BadPixels(fraction)._draw(flux.shape, np.random.default_rng(0))
        assert length.max() == round(fraction * n_features, 9) // 1


def test_order_of_the_effects():
    """Rays and dead pixels are exact, so they come after the electronic noise, and dead pixels overwrite rays."""
    flux = spectra(300, 20)
    noisy = add_noise(
        flux, effects=[ElectronicNoise(0.5), CosmicRays(40), BadPixels(1.0)], rng=np.random.default_rng(0)
    )
    rng = np.random.default_rng(0)
    rng.standard_normal(flux.shape, dtype="float32")
    n_rays, position = CosmicRays(40)._draw(flux.shape, rng)
    start, length = BadPixels(1.0)._draw(flux.shape, rng)
    for i in range(300):
        dead = np.arange(start[i, 0], start[i, 0] + length[i, 0])
        hit = np.setdiff1d(position[i, : n_rays[i, 0]], dead)
        assert (noisy[i, dead] == flux[i].min()).all()
        assert (noisy[i, hit] == flux[i].max()).all()


def test_amplitudes_follow_the_range_of_each_spectrum():
    flux = spectra()
    extent = np.ptp(flux, axis=1, keepdims=True)
    scaled = (flux - flux.min(axis=1, keepdims=True)) / extent
    noisy = add_noise(flux, effects=ALL_ON, rng=np.random.default_rng(3))
    noisy_scaled = add_noise(scaled, effects=ALL_ON, rng=np.random.default_rng(3))
    np.testing.assert_allclose((noisy - flux.min(axis=1, keepdims=True)) / extent, noisy_scaled, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-60, 1e60])
def test_float64_beyond_the_range_of_float32(scale):
    flux = spectra(dtype="float64")
    noisy = add_noise(flux, effects=ALL_ON, rng=np.random.default_rng(3))
    far = add_noise(flux * scale, effects=ALL_ON, rng=np.random.default_rng(3))
    np.testing.assert_allclose(far / scale, noisy, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_input_is_left_alone_and_dtype_kept(dtype):
    flux = spectra(dtype=dtype)
    flux.flags.writeable = False
    noisy = add_noise(flux, effects=ALL_ON, rng=np.random.default_rng(0))
    assert noisy.dtype == dtype
    assert not np.shares_memory(noisy, flux)
    assert (noisy != flux).any()


def test_each_effect_is_off_at_zero():
    class Silent:
        """Fails when asked for a random number."""

    flux = spectra()
    np.testing.assert_array_equal(add_noise(flux, effects=ALL_OFF, rng=Silent()), flux)
    np.testing.assert_array_equal(
        add_noise(flux, effects=[ElectronicNoise((0.0, 0.0))], rng=np.random.default_rng(0)), flux
    )


def test_nan_stays_nan_also_under_rays_and_dead_pixels():
    flux = spectra(500, 20)
    missing = np.random.default_rng(0).random(flux.shape) < 0.3
    missing[0] = True
    flux[missing] = np.nan
    noisy = add_noise(
        flux, effects=[ElectronicNoise(0.1), CosmicRays(20), BadPixels(1.0)], rng=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(np.isnan(noisy), missing)


def test_constant_spectra_stay_constant():
    flux = np.full((50, 30), 2.5)
    np.testing.assert_array_equal(add_noise(flux, effects=ALL_ON, rng=np.random.default_rng(0)), flux)


@pytest.mark.parametrize("with_nan", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numpy_and_torch_agree_for_the_same_draws(dtype, with_nan):
    torch = pytest.importorskip("torch")
    flux = spectra(200, 60, dtype)
    if with_nan:
        flux[np.random.default_rng(0).random(flux.shape) < 0.2] = np.nan
        flux[0] = np.nan
    recorder = Recorder()
    noisy = add_noise(flux, effects=ALL_ON, rng=recorder)
    tensor = torch.from_numpy(flux.copy())
    noisy_tensor = add_noise(tensor, effects=ALL_ON, rng=TensorReplay(recorder))
    assert noisy_tensor.dtype == tensor.dtype
    np.testing.assert_array_equal(tensor.numpy(), flux)
    np.testing.assert_array_equal(noisy_tensor.numpy(), noisy)


def test_numpy_scalars_as_strengths_work_with_tensors():
    """A search over ``np.linspace`` and ``np.arange`` hands NumPy scalars to the training loop."""
    torch = pytest.importorskip("torch")
    flux = spectra(20, 30)
    effects = [ElectronicNoise(np.float64(0.1)), CosmicRays(np.int64(2)), BadPixels(np.float64(0.2))]
    recorder = Recorder()
    noisy = add_noise(flux, effects=effects, rng=recorder)
    noisy_tensor = add_noise(torch.from_numpy(flux), effects=effects, rng=TensorReplay(recorder))
    assert isinstance(noisy_tensor, torch.Tensor)
    np.testing.assert_array_equal(noisy_tensor.numpy(), noisy)


def test_no_drawn_number_is_looked_at_from_python():
    """On PyTorch's meta device there are shapes only: what would wait for a GPU to finish is an error here."""
    torch = pytest.importorskip("torch")

    class Meta:
        def random(self, size, dtype):
            return torch.empty(size, dtype=getattr(torch, dtype), device="meta")

        standard_normal = random

    noisy = add_noise(torch.empty(8, 100, device="meta"), effects=ALL_ON, rng=Meta())
    assert (noisy.shape, noisy.dtype, noisy.device.type) == ((8, 100), torch.float32, "meta")


def test_result_does_not_depend_on_the_number_of_threads(monkeypatch):
    flux = spectra(400, 1000)
    results = []
    for n_threads in (1, 2, 5):
        monkeypatch.setattr(_parallel, "_openmp_effective_n_threads", lambda n=n_threads: n)
        results.append(np.empty_like(flux))
        write_noisy_spectra(flux, results[-1], effects=ALL_ON, random_state=np.random.RandomState(0))
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
    noise = results[0] - flux
    assert len(np.unique(noise[:, 0])) == len(flux)  # no chunk repeats the pattern of another


def test_noisy_rows_are_written_where_asked():
    flux = spectra(10, 30)
    out = np.full((4, 30), np.nan, "float32")
    indices = np.array([7, 7, 0, 3])
    write_noisy_spectra(flux, out, effects=ALL_OFF, random_state=np.random.RandomState(0), indices=indices)
    np.testing.assert_array_equal(out, flux[indices])


def test_whole_numbers_are_rounded_and_kept_within_their_dtype():
    flux = np.tile(np.array([0, 255], np.uint8), (50, 20))
    out = np.empty_like(flux)
    write_noisy_spectra(flux, out, effects=[ElectronicNoise(0.1)], random_state=np.random.RandomState(0))
    change = out.astype(int) - flux
    assert (change[:, ::2] >= 0).all()  # a value below 0 would have come out near 255
    assert (change[:, 1::2] <= 0).all()
    assert abs(change[:, ::2][change[:, ::2] > 0]).mean() == pytest.approx(25.5 * np.sqrt(2 / np.pi), rel=0.1)
