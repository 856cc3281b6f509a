"""The figures of skspectra.inspection: what they show, and that it can be read."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skspectra.augmentation import CCDNoiseAugmenter
from skspectra.datasets import LAMOST_WAVELENGTH, load_lines
from skspectra.inspection import (
    ClassActivationDisplay,
    NoiseDisplay,
    ScalingDisplay,
    TrainingHistoryDisplay,
    class_activation_map,
)
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
from matplotlib import pyplot as plt  # noqa: E402

RNG = np.random.default_rng(0)
FLUX = RNG.random((3, 2600))
MAPS = RNG.random((3, 2600))
X, Y = RNG.random((30, 24)).astype(np.float32), np.array(["GALAXY", "QSO", "STAR"])[np.arange(30) % 3]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    network = DenseNet1DClassifier(
        n_dense_blocks=2,
        n_conv_blocks_per_dense_block=1,
        growth_rate=2,
        kernel_sizes=(1, 3),
        max_epochs=2,
        validation_fraction=0.3,
        device="cpu",
        precision="float32",
        random_state=0,
    )
    return make_pipeline(MinMaxSpectrumScaler(), network).fit(X, Y)


def test_activation_display_colours_each_spectrum_by_its_map(fitted):
    wavelength = np.linspace(4000, 9000, 24)
    display = ClassActivationDisplay.from_estimator(
        fitted, X[:2], wavelength=wavelength, y_true=Y[:2], redshift=[0.1, 0.2], layer=0
    )
    maps = class_activation_map(fitted, X[:2], layer=0)
    assert_array_equal(display.maps, maps)
    assert display.ax_.shape == (2,)
    probabilities = fitted.predict_proba(X[:2])
    for i, ax in enumerate(display.ax_):
        [line] = ax.collections
        assert_allclose(line.get_array(), (maps[i, :-1] + maps[i, 1:]) / 2)
        assert_allclose(line.get_segments()[0], [[wavelength[0], X[i, 0]], [wavelength[1], X[i, 1]]], rtol=1e-6)
        assert ax.get_title() == f"true {Y[i]}, predicted {fitted.predict(X[:2])[i]} ({probabilities[i].max():.2f})"
        assert ax.get_xlabel() == "Vacuum wavelength (Å)"
    assert display.colorbar_.ax.get_ylabel() == "Attention"
    display.figure_.canvas.draw()


def test_activation_display_names_the_lines_of_the_class_where_they_stand():
    display = ClassActivationDisplay(FLUX, MAPS, y_true=["STAR", "GALAXY", "QSO"], redshift=[0, 0.1, 2.5]).plot()
    table = load_lines()
    for ax, redshift in zip(display.ax_, [0, 0.1, 2.5], strict=True):
        assert len(ax.texts) >= 4
        for text in ax.texts:
            rest = table.wavelength_vacuum[table.name == text.get_text()]
            assert_allclose(text.get_position()[0], rest[0] * (1 + redshift))
    assert {text.get_text() for text in display.ax_[2].texts} == {"Ly alpha", "Si IV", "C IV", "C III]"}
    assert "H alpha" in {text.get_text() for text in display.ax_[1].texts}


@pytest.mark.parametrize("label", ["STAR", "GALAXY", "QSO"])
def test_labels_of_lines_do_not_overlap(label):
    for redshift in (0.05, 2.2):
        display = ClassActivationDisplay(FLUX[:1], MAPS[:1], y_true=[label], redshift=[redshift]).plot()
        display.figure_.canvas.draw()
        boxes = [text.get_window_extent() for text in display.ax_.texts]
        overlaps = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
        assert not overlaps
        top = display.ax_.transData.transform([0, FLUX[0].max()])[1]
        assert all(box.y0 > top for box in boxes)


def test_fewer_lines_are_named_on_narrow_axes():
    wide = ClassActivationDisplay(FLUX[:1], MAPS[:1], y_true=["GALAXY"], redshift=[0.1]).plot()
    assert {"H beta", "[O III] 5007"} <= {text.get_text() for text in wide.ax_.texts}
    _, axes = plt.subplots(1, 3, figsize=(7, 2.5), layout="constrained")
    narrow = ClassActivationDisplay(FLUX, MAPS, y_true=["STAR", "GALAXY", "QSO"], redshift=[0, 0.1, 0.4]).plot(axes)
    narrow.figure_.canvas.draw()
    for ax in axes:
        assert len(ax.texts) >= 3
        boxes = [text.get_window_extent() for text in ax.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_all_colours_of_attention_stand_out_from_white_and_darken_evenly():
    display = ClassActivationDisplay(FLUX[:1], MAPS[:1]).plot()
    rgb = display.ax_.collections[0].get_cmap()(np.linspace(0, 1, 50))[:, :3]
    # Relative luminance and contrast as in WCAG 2.1.
    luminance = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]
    assert (1.05 / (luminance + 0.05) > 2).all()
    assert (np.diff(luminance) > 0).all()


def test_missing_flux_is_a_gap():
    flux = FLUX[:1].copy()
    flux[0, :300] = np.nan
    display = ClassActivationDisplay(flux, MAPS[:1], y_true=["STAR"], redshift=[0]).plot()
    display.figure_.canvas.draw()
    bottom, top = display.ax_.get_ylim()
    assert bottom < np.nanmin(flux) < np.nanmax(flux) < top
    assert display.ax_.get_xlim() == (LAMOST_WAVELENGTH[0], LAMOST_WAVELENGTH[-1])


def test_activation_display_without_the_rest():
    display = ClassActivationDisplay(FLUX[:1], MAPS[:1]).plot()
    assert_array_equal(display.wavelength, LAMOST_WAVELENGTH)
    assert display.ax_.get_title() == ""
    short = ClassActivationDisplay(FLUX[:1, :9], MAPS[:1, :9], y_pred=["STAR"], redshift=[0]).plot()
    assert short.ax_.get_xlabel() == "Sample"
    assert short.ax_.get_title() == "predicted STAR"
    unknown = ClassActivationDisplay(FLUX[:1], MAPS[:1], y_true=["UNKNOWN"], redshift=[0.0]).plot()
    assert not unknown.ax_.texts
    without_redshift = ClassActivationDisplay(FLUX[:1], MAPS[:1], y_true=["STAR"], redshift=[np.nan]).plot()
    assert not without_redshift.ax_.texts


def test_displays_draw_on_given_axes():
    figure, axes = plt.subplots(1, 3)
    display = ClassActivationDisplay(FLUX, MAPS)
    assert display.plot(axes, cmap="cividis") is display
    assert display.figure_ is figure
    assert list(display.ax_) == list(axes)
    assert display.colorbar_.mappable.get_cmap().name == "cividis"
    with pytest.raises(ValueError, match="ax has 1 axes, but needs 3: one for each spectrum"):
        display.plot(axes[0])
    history = TrainingHistoryDisplay([{"epoch": 1, "train_loss": 1.0, "lr": 0.1}])
    assert history.plot(axes[0]) is history
    assert history.ax_ is axes[0]
    assert history.lr_ax_ is None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"maps": MAPS[:, 1:]}, r"maps has shape \(3, 2599\), but flux has \(3, 2600\)"),
        ({"wavelength": [1.0, 2.0]}, "wavelength must hold a value for each of 2600 samples"),
        ({"y_true": ["STAR"]}, "y_true has 1 values"),
        ({"redshift": [0.1]}, "redshift has 1 values"),
    ],
)
def test_arrays_of_the_activation_display_belong_together(params, message):
    with pytest.raises(ValueError, match=message):
        ClassActivationDisplay(**{"flux": FLUX, "maps": MAPS, **params})


def test_history_display_shows_the_training(fitted):
    display = TrainingHistoryDisplay.from_estimator(fitted)
    network = fitted[-1]
    for name in ("epoch", "train_loss", "valid_loss", "valid_score", "lr"):
        assert_array_equal(getattr(display, name), [row[name] for row in network.history_])
    train, valid, best = display.ax_.lines
    assert_array_equal(train.get_ydata(), display.train_loss)
    assert_array_equal(valid.get_ydata(), display.valid_loss)
    assert_array_equal(best.get_xdata(), [network.best_epoch_] * 2)
    assert_array_equal(display.score_ax_.lines[0].get_ydata(), display.valid_score)
    assert_array_equal(display.lr_ax_.lines[0].get_ydata(), display.lr)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["Training", "Validation", f"Kept epoch ({network.best_epoch_})"]
    assert display.lr_ax_.get_xlabel() == "Epoch"
    display.figure_.canvas.draw()


def test_history_display_without_validation():
    display = TrainingHistoryDisplay([{"epoch": 1, "train_loss": 1.0, "lr": 0.1}]).plot()
    assert display.score_ax_ is None
    assert display.valid_loss is None
    assert len(display.ax_.lines) == 1
    display.figure_.canvas.draw()


def test_history_display_of_what_has_none():
    with pytest.raises(ValueError, match="history is empty"):
        TrainingHistoryDisplay([])
    with pytest.raises(TypeError, match="estimator must have history_, got LogisticRegression"):
        TrainingHistoryDisplay.from_estimator(LogisticRegression().fit(X, Y))
    with pytest.raises(NotFittedError):
        TrainingHistoryDisplay.from_estimator(DenseNet1DClassifier())


NAMES = ["STAR", "GALAXY", "QSO"]


def texts_that_overlap(figure):
    """Return pairs of texts of a figure that lie over each other when it is drawn."""
    figure.canvas.draw()
    texts = []
    for ax in figure.axes:
        texts += [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts]
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            # matplotlib keeps labels of ticks beyond the ends, which are not drawn.
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    boxes = [
        (text.get_text(), text.get_window_extent()) for text in texts if text.get_visible() and text.get_text().strip()
    ]
    return [(a, b) for i, (a, box) in enumerate(boxes) for b, other in boxes[:i] if box.overlaps(other)]


def test_noise_display_shows_each_effect_alone_and_all():
    augmenter = CCDNoiseAugmenter(electronic_noise=0.05, cosmic_rays=40, bad_pixels=0.9, random_state=1)
    display = NoiseDisplay.from_estimator(augmenter, FLUX, y=NAMES)
    assert display.flux.shape == (5, 3, 2600)
    assert display.effects == ["Original", "Electronic noise", "Cosmic rays", "Bad pixels", "All"]
    original, electronic, rays, dead, _ = display.flux
    assert_array_equal(original, FLUX)
    assert_allclose((electronic - FLUX).std(axis=1), 0.05, rtol=0.1)
    low, high = FLUX.min(axis=1, keepdims=True), FLUX.max(axis=1, keepdims=True)
    assert_array_equal(np.where(dead == FLUX, low, dead), np.broadcast_to(low, FLUX.shape))
    assert_array_equal(np.where(rays == FLUX, high, rays), np.broadcast_to(high, FLUX.shape))
    assert (dead != FLUX).sum() > 500
    assert 0 < (rays != FLUX).sum() <= 120
    assert_array_equal(display.flux[4], augmenter.augment(FLUX))
    for i, row in enumerate(display.ax_):
        assert row[0].get_ylabel() == f"{display.effects[i]}\nFlux"
        for j, ax in enumerate(row):
            assert_array_equal(ax.lines[0].get_ydata(), display.flux[i, j])
            assert_array_equal(ax.lines[0].get_xdata(), LAMOST_WAVELENGTH)
    assert [ax.get_title() for ax in display.ax_[0]] == NAMES
    assert {ax.get_xlabel() for ax in display.ax_[-1]} == {"Vacuum wavelength (Å)"}
    assert not texts_that_overlap(display.figure_)


def test_noise_display_leaves_the_augmenter_as_it_is():
    augmenter = CCDNoiseAugmenter(cosmic_rays=7)
    before = augmenter.get_params()
    display = NoiseDisplay.from_estimator(augmenter, FLUX[:1, :9])
    assert augmenter.get_params() == before
    assert display.ax_.shape == (5, 1)
    assert display.ax_[-1, 0].get_xlabel() == "Sample"


def test_scaling_display_shows_spectra_before_and_after():
    X = FLUX * [[1.0], [1e-17], [1e6]]
    display = ScalingDisplay.from_estimator(MinMaxSpectrumScaler().fit(X), X, y=NAMES)
    assert_array_equal(display.flux, X)
    assert_array_equal(display.scaled, MinMaxSpectrumScaler().fit_transform(X))
    for i, (before, after) in enumerate(display.ax_):
        assert_array_equal(before.lines[0].get_ydata(), X[i])
        assert_array_equal(after.lines[0].get_ydata(), display.scaled[i])
        assert before.get_ylabel() == f"{NAMES[i]}\nFlux"
    assert [ax.get_xlabel() for ax in display.ax_[-1]] == ["Vacuum wavelength (Å)"] * 2
    assert not texts_that_overlap(display.figure_)


def test_scaling_display_of_a_pipeline_on_missing_flux():
    X = FLUX[:2, :20].copy()
    X[0, :3] = np.nan
    pipeline = make_pipeline(MissingFluxInterpolator(), MinMaxSpectrumScaler()).fit(X)
    display = ScalingDisplay.from_estimator(pipeline, X, wavelength=np.linspace(4000, 5000, 20))
    assert np.isnan(display.flux[0, :3]).all()
    assert np.isfinite(display.scaled).all()
    assert display.ax_[0, 0].get_xlim() == (4000, 5000)


def test_grids_of_axes_that_are_given():
    figure, axes = plt.subplots(5, 2)
    noise = NoiseDisplay(np.zeros((5, 2, 9)), list("abcde"))
    assert noise.plot(axes) is noise
    assert noise.figure_ is figure
    assert noise.ax_.tolist() == axes.tolist()
    with pytest.raises(ValueError, match="ax has 9 axes, but needs 10: one for each effect and spectrum"):
        noise.plot(axes.ravel()[:9])
    scaling = ScalingDisplay(FLUX[:1], FLUX[:1])
    assert scaling.plot(axes[0]) is scaling
    assert scaling.ax_.shape == (1, 2)
    with pytest.raises(ValueError, match="ax has 1 axes, but needs 2"):
        scaling.plot(axes[0, 0])


def test_bad_arguments_of_noise_and_scaling_displays():
    with pytest.raises(ValueError, match=r"flux has shape \(5, 2, 9\), but needs .* n_effects=2"):
        NoiseDisplay(np.zeros((5, 2, 9)), ["a", "b"])
    with pytest.raises(ValueError, match=r"flux has shape \(2, 9\)"):
        NoiseDisplay(np.zeros((2, 9)), ["a", "b"])
    with pytest.raises(ValueError, match="y has 1 values, but needs 2"):
        NoiseDisplay(np.zeros((1, 2, 9)), ["a"], y=["STAR"])
    with pytest.raises(TypeError, match="estimator must be a CCDNoiseAugmenter, got MinMaxSpectrumScaler"):
        NoiseDisplay.from_estimator(MinMaxSpectrumScaler(), FLUX)
    with pytest.raises(ValueError, match=r"scaled has shape \(3, 2599\), but flux has \(3, 2600\)"):
        ScalingDisplay(FLUX, FLUX[:, 1:])
    with pytest.raises(ValueError, match="wavelength must hold a value for each of 2600 samples"):
        ScalingDisplay(FLUX, FLUX, wavelength=[1.0, 2.0])
    with pytest.raises(TypeError, match="estimator must have transform, got LogisticRegression"):
        ScalingDisplay.from_estimator(LogisticRegression(), FLUX)
