"""A caller who makes NumPy raise at underflow, overflow and the like gets answers all the same."""

import numpy as np
import pytest

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.calibration import MacroF1ThresholdClassifier, PriorCorrectedClassifier, estimate_class_priors
from skspectra.datasets import air_to_vacuum, load_spectra, make_spectra, resample_spectra, vacuum_to_air
from skspectra.inspection import class_activation_map, occlusion_map
from skspectra.metrics import classification_table, compare_classifiers
from skspectra.neural_network import DBNClassifier, DenseNet1DClassifier, SpectrumMLPClassifier
from skspectra.outliers import UnknownRejector
from skspectra.over_sampling import PhysicsNoiseOverSampler
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

GRID = np.linspace(3690.0, 9100.0, 120)
FLUX, Y = make_spectra(60, weights=(1, 1, 1), wavelength=GRID, random_state=0, return_X_y=True)
SCALED = MinMaxSpectrumScaler().fit_transform(FLUX)
# Scaled to the least and the greatest numbers, and nothing.
EXTREME = np.vstack([FLUX, 0 * FLUX, FLUX.astype(np.float64) * 1e-307, FLUX.astype(np.float64) * 1e150])
SINGLE = np.vstack([FLUX, 0 * FLUX, FLUX * np.float32(1e-37)])
GAPS = np.where(np.arange(120) % 9 == 4, np.nan, FLUX)


def mlp(**params):
    return SpectrumMLPClassifier(hidden_layer_sizes=(4,), max_epochs=1, random_state=0, **params)


NETWORK = DenseNet1DClassifier(
    n_dense_blocks=2, growth_rate=2, kernel_sizes=(1, 5), stem_stride=2, max_epochs=1, random_state=0,
    augmenter=CCDNoiseAugmenter(), class_weight="balanced",
)  # fmt: skip
FITTED = NETWORK.fit(SCALED, Y)

CALLS = {
    "make_spectra": lambda: make_spectra(40, weights=(1, 1, 1), random_state=1),
    "resample": lambda: resample_spectra(EXTREME, GRID, np.linspace(3000, 9000, 77), ivar=np.ones_like(EXTREME)),
    "resample float32": lambda: resample_spectra(SINGLE, GRID, GRID + 3, ivar=np.full_like(SINGLE, 1e38)),
    "resample gaps": lambda: resample_spectra(GAPS, GRID, GRID + 3, ivar=np.zeros_like(GAPS)),
    "scaler": lambda: MinMaxSpectrumScaler().fit_transform(EXTREME),
    "scaler float32": lambda: MinMaxSpectrumScaler(quantile_range=(1, 99)).fit_transform(SINGLE),
    "interpolator": lambda: MissingFluxInterpolator().fit_transform(GAPS),
    "augmenter": lambda: CCDNoiseAugmenter(random_state=0).fit_transform(SINGLE),
    "sampler": lambda: PhysicsNoiseOverSampler(random_state=0).fit_resample(FLUX[3:], Y[3:]),
    "mlp": lambda: mlp(sampling="balanced", validation_fraction=0.2).fit(SCALED, Y).predict_proba(SCALED * 1e20),
    "dbn": lambda: (
        DBNClassifier(hidden_layer_sizes=(4,), pretrain_epochs=1, max_epochs=1).fit(SCALED, Y).predict(SCALED)
    ),
    "densenet": lambda: NETWORK.fit(SCALED, Y).predict_proba(SCALED),
    "priors": lambda: PriorCorrectedClassifier(mlp(), class_priors=[1 - 1e-9, 1e-9, 0]).fit(SCALED, Y).predict(SCALED),
    "estimated priors": lambda: estimate_class_priors(np.array([[1 - 1e-300, 1e-300], [1.0, 0.0]]), [0.5, 0.5]),
    "macro F1": lambda: MacroF1ThresholdClassifier(mlp(), random_state=0).fit(SCALED, Y).predict(SCALED),
    "rejector": lambda: UnknownRejector(mlp(), method="energy", random_state=0).fit(SCALED, Y).predict(SCALED * 1e3),
    "distance": lambda: UnknownRejector(mlp(), method="distance", random_state=0).fit(SCALED, Y).predict(SCALED * 1e3),
    "table": lambda: classification_table(Y, Y, n_resamples=50, random_state=0),
    "comparison": lambda: compare_classifiers({"a": mlp()}, SCALED, Y, cv=2, n_resamples=9, verbose=False).scores,
    "maps": lambda: (
        class_activation_map(FITTED, SCALED, layer="all"),
        occlusion_map(FITTED, SCALED[:2], width=40, step=40),
    ),
    "air": lambda: (air_to_vacuum([1000.0, np.nan, 5000.0]), vacuum_to_air([300.0, np.nan, 5000.0])),
}


@pytest.mark.parametrize("name", CALLS)
def test_nothing_raises_that_is_harmless(name):
    with np.errstate(all="raise"):
        CALLS[name]()


def test_files_load(tmp_path):
    np.savez(tmp_path / "a.npz", flux=FLUX * 1e-17, ivar=np.full(FLUX.shape, 1e35), wavelength=GRID)
    with np.errstate(all="raise"):
        assert len(load_spectra(tmp_path / "a.npz").data) == 60
