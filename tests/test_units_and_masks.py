"""Arrays with units, and arrays with masks."""

import numpy as np
import pytest
from astropy import units
from astropy.table import Column, MaskedColumn
from astropy.utils.masked import Masked

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import (
    Spectrum,
    air_to_vacuum,
    load_spectra,
    make_spectra,
    register_reader,
    resample_spectra,
    vacuum_to_air,
    write_spectra_store,
)
from skspectra.datasets._readers import _registry
from skspectra.export import to_onnx
from skspectra.inspection import ClassActivationDisplay, line_attention
from skspectra.neural_network import SpectrumMLPClassifier
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

GRID = np.linspace(4000.0, 8000.0, 401)
IN_UNITS = {
    "Quantity in nm": GRID / 10 * units.nm,
    "Quantity in angstrom": GRID * units.AA,
    "Column in micron": Column(GRID / 1e4, unit="micron"),
    "Column in A, meant as angstrom": Column(GRID, unit="A"),
    "without": GRID.tolist(),
}


@pytest.fixture(params=IN_UNITS)
def grid(request):
    return IN_UNITS[request.param]


@pytest.fixture
def archive(tmp_path):
    np.savez(tmp_path / "a.npz", flux=GRID, wavelength=GRID, target="STAR")
    return tmp_path / "a.npz"


def test_a_grid_with_a_unit_is_taken_in_angstrom(grid, archive, tmp_path):
    np.testing.assert_allclose(load_spectra(archive, wavelength=grid).data[0], GRID, rtol=1e-6)
    np.testing.assert_allclose(write_spectra_store(archive, tmp_path / "s", wavelength=grid).wavelength, GRID)
    np.testing.assert_allclose(make_spectra(3, wavelength=grid, random_state=0).wavelength, GRID)
    np.testing.assert_allclose(resample_spectra(GRID, grid, GRID), GRID, rtol=1e-6)
    np.testing.assert_allclose(resample_spectra(GRID, GRID, grid), GRID, rtol=1e-6)


def test_the_grid_of_a_reader_may_have_a_unit(grid, monkeypatch, tmp_path):
    monkeypatch.setattr(_registry, "_user_readers", [])
    register_reader("MySurvey")(lambda file: Spectrum(flux=GRID * units.Unit("erg/(s cm2 AA)"), wavelength=grid))
    (tmp_path / "a.txt").write_text("any")
    np.testing.assert_allclose(load_spectra(tmp_path / "a.txt", wavelength=GRID).data[0], GRID, rtol=1e-6)


def test_air_and_vacuum_with_units():
    np.testing.assert_allclose(vacuum_to_air(656.4614 * units.nm), 6562.801, atol=0.004)
    np.testing.assert_allclose(air_to_vacuum([0.6562801] * units.micron), [6564.614], atol=0.004)


def test_displays_line_attention_and_the_model_card_take_units(grid, tmp_path):
    pytest.importorskip("matplotlib")
    flux, maps = np.ones((2, 401)), np.tile(np.exp(-(((GRID - 6564) / 20) ** 2)), (2, 1))
    display = ClassActivationDisplay(flux=flux, maps=maps, wavelength=grid).plot()
    np.testing.assert_allclose(np.ravel(display.ax_)[0].get_xlim()[0], 4000.0, atol=300)
    plain = line_attention(maps, GRID, [0.0, 0.0], ["STAR"] * 2, random_state=0, n_permutations=20)
    given = line_attention(maps, grid, [0.0, 0.0], ["STAR"] * 2, random_state=0, n_permutations=20)
    assert str(plain) == str(given)
    X = np.random.default_rng(0).random((20, 401), np.float32)
    net = SpectrumMLPClassifier(hidden_layer_sizes=(2,), max_epochs=1).fit(X, np.repeat(["A", "B"], 10))
    to_onnx(net, tmp_path / "m.onnx", wavelength=grid)
    assert "4000" in (tmp_path / "m.md").read_text()


class OfAnotherLibrary(np.ndarray):
    units = "nm"


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        (GRID * units.Hz, "must be in a unit of length; it has the unit Hz"),
        (GRID * units.km / units.s, "must be in a unit of length; it has the unit km / s"),
        (GRID * units.eV, "must be in a unit of length; it has the unit eV"),
        (np.log10(GRID) * units.dimensionless_unscaled, "must be in a unit of length; it has the unit "),
        (Column(GRID, unit=units.Unit("furlonggs", parse_strict="silent")), "must be in a unit of length"),
        (GRID.view(OfAnotherLibrary), "must be in angstrom, without a unit or with one of astropy; it has the unit nm"),
        (np.ma.array(GRID, mask=GRID > 7000), "must have no masked values"),
        (Masked(GRID * units.AA, mask=GRID > 7000), "must have no masked values"),
    ],
)
def test_other_units_and_masks_are_refused_by_name(wrong, cause, archive):
    for call in (
        lambda: load_spectra(archive, wavelength=wrong),
        lambda: make_spectra(3, wavelength=wrong),
        lambda: resample_spectra(GRID, wrong, GRID),
        lambda: air_to_vacuum(wrong),
        lambda: vacuum_to_air(wrong),
    ):
        with pytest.raises(ValueError, match=rf"wavelength {cause}"):
            call()


# --- masks

MASK = np.array([[False, False, True, False, False]])
FLUX = np.array([[1.0, 2.0, 1e20, 3.0, 1.0]])
MASKED = {
    "numpy.ma": np.ma.array(FLUX, mask=MASK),
    "MaskedColumn": MaskedColumn(FLUX, mask=MASK),
    "Masked": Masked(FLUX, mask=MASK),
    "Masked Quantity": Masked(FLUX * units.ct, mask=MASK),
}


@pytest.mark.parametrize("name", MASKED)
def test_masked_samples_are_missing_to_the_transformers(name):
    X = MASKED[name]
    np.testing.assert_array_equal(MissingFluxInterpolator().fit_transform(X), [[1.0, 2.0, 2.5, 3.0, 1.0]])
    np.testing.assert_array_equal(MinMaxSpectrumScaler().fit_transform(X), [[0.0, 0.5, np.nan, 1.0, 0.0]])
    noiseless = CCDNoiseAugmenter(electronic_noise=0, cosmic_rays=0, bad_pixels=0)
    np.testing.assert_array_equal(noiseless.fit_transform(X), [[1.0, 2.0, np.nan, 3.0, 1.0]])
    assert np.asarray(X).max() == 1e20


@pytest.mark.parametrize("name", MASKED)
def test_masked_samples_are_missing_to_resampling(name):
    flux, ivar = resample_spectra(MASKED[name], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], ivar=np.ones((1, 5)))
    np.testing.assert_array_equal(flux, [[1.0, 2.0, np.nan, 3.0, 1.0]])
    np.testing.assert_array_equal(ivar, [[1.0, 1.0, 0.0, 1.0, 1.0]])


def test_a_masked_inverse_variance_is_none():
    _, ivar = resample_spectra(
        np.ones((1, 5)), [1, 2, 3, 4, 5], [1, 2, 3, 4, 5], np.ma.array(np.ones((1, 5)), mask=MASK)
    )
    np.testing.assert_array_equal(ivar, [[1.0, 1.0, 0.0, 1.0, 1.0]])


def test_types_of_masked_arrays():
    single = np.ma.array(FLUX.astype(np.float32), mask=MASK)
    assert MinMaxSpectrumScaler().fit_transform(single).dtype == np.float32
    whole = np.ma.array([[1, 2, 99, 3, 1]], mask=MASK)
    np.testing.assert_array_equal(MinMaxSpectrumScaler().fit_transform(whole), [[0.0, 0.5, np.nan, 1.0, 0.0]])


def test_a_mask_of_nothing_changes_nothing():
    X = np.ma.array(FLUX, mask=False)
    np.testing.assert_array_equal(MinMaxSpectrumScaler().fit_transform(X), MinMaxSpectrumScaler().fit_transform(FLUX))


def test_frames_of_pandas_have_a_method_mask_and_no_mask():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(FLUX)
    np.testing.assert_array_equal(MinMaxSpectrumScaler().fit_transform(frame)[:, 0], [0.0])


def training_set():
    rng = np.random.default_rng(0)
    return rng.random((20, 30)).astype(np.float32), np.repeat(["STAR", "QSO"], [14, 6])


def test_masked_samples_are_missing_to_the_sampler():
    X, y = training_set()
    mask = np.zeros(X.shape, bool)
    mask[:, 4] = True
    resampled, _ = PhysicsNoiseOverSampler(random_state=0).fit_resample(np.ma.array(X, mask=mask), y)
    assert np.isnan(resampled[:, 4]).all()
    assert not np.isnan(np.delete(resampled, 4, axis=1)).any()


def test_networks_refuse_masked_samples_as_they_refuse_nan():
    X, y = training_set()
    masked = np.ma.array(X, mask=X > 0.9)
    net = SpectrumMLPClassifier(hidden_layer_sizes=(2,), max_epochs=1, random_state=0)
    fitted = SpectrumMLPClassifier(hidden_layer_sizes=(2,), max_epochs=1, random_state=0).fit(X, y)
    for name, call in {
        "X": lambda: net.fit(masked, y),
        "X_val": lambda: net.fit(X, y, X_val=masked, y_val=y),
    }.items():
        with pytest.raises(ValueError, match=f"Input {name} contains NaN. Fill missing flux with .*Interpolator"):
            call()
    with pytest.raises(ValueError, match="Input X contains NaN"):
        fitted.predict(masked)


def test_masked_samples_of_a_reader_are_bad(monkeypatch, tmp_path):
    monkeypatch.setattr(_registry, "_user_readers", [])
    bad, worthless = GRID > 7900, GRID < 4100
    register_reader("MySurvey")(
        lambda file: Spectrum(
            flux=np.ma.array(np.ones(401), mask=bad),
            wavelength=np.ma.array(GRID),
            ivar=np.ma.array(np.ones(401), mask=worthless),
            mask=np.ma.array(np.zeros(401, bool), mask=GRID == 6000),
        )
    )
    (tmp_path / "a.txt").write_text("any")
    spectra = load_spectra(tmp_path / "a.txt", wavelength=GRID)
    np.testing.assert_array_equal(spectra.mask[0], bad | worthless | (GRID == 6000))
    np.testing.assert_array_equal(spectra.ivar[0], np.where(bad | worthless, 0, 1))
    np.testing.assert_array_equal(np.isnan(spectra.data[0]), bad)
