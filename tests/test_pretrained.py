"""The classifiers that come with the package: their files, their answers and their scores."""

import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

import skspectra
from skspectra.calibration import PriorCorrectedClassifier
from skspectra.datasets import load_sdss_sample, make_spectra
from skspectra.inspection import class_activation_map
from skspectra.neural_network import DenseNet1DClassifier
from skspectra.preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator
from skspectra.pretrained import _files as files
from skspectra.pretrained import load_classifier, load_model_card, onnx_path
from skspectra.pretrained._weights import half_precision, read_classifier, write_classifier

MODELS = Path(skspectra.__file__).parent / "pretrained" / "models"


@pytest.fixture(scope="module")
def sample():
    return load_sdss_sample()


@pytest.fixture(scope="module")
def classifier():
    return load_classifier()


# What it answers


def macro_f1(classifier, X, y):
    return f1_score(y, classifier.predict(X), average="macro")


def test_observed_spectra_are_classified_as_they_are(classifier, sample):
    assert macro_f1(classifier, sample.data, sample.target) >= 0.93
    bright = sample.snr > 3
    assert macro_f1(classifier, sample.data[bright], sample.target[bright]) >= 0.95


@pytest.mark.parametrize(
    "missing",
    [slice(300), slice(2400, 2600), slice(1200, 1400), slice(1700, 1900)],
    ids=["blue", "red", "gap", "gap red"],
)
def test_simulated_spectra_with_missing_samples(missing, classifier):
    spectra = make_spectra(600, weights=(1, 1, 1), snr=(5, 100), random_state=11)
    whole = macro_f1(classifier, spectra.data, spectra.target)
    spectra.data[:, missing] = np.nan
    assert whole >= 0.99
    assert macro_f1(classifier, spectra.data, spectra.target) >= whole - 0.015


def test_units_and_dtypes_do_not_matter(classifier, sample):
    expected = classifier.predict_proba(sample.data[:20])
    for flux in (sample.data[:20] * np.float32(1e-17), sample.data[:20].astype(np.float64) * 1e6):
        np.testing.assert_allclose(classifier.predict_proba(flux), expected, atol=1e-4)
    pandas = pytest.importorskip("pandas")
    np.testing.assert_array_equal(classifier.predict_proba(pandas.DataFrame(sample.data[:20])), expected)


def test_probabilities_at_a_survey_mix(classifier, sample):
    priors = {"STAR": 0.985, "GALAXY": 0.012, "QSO": 0.003}
    corrected = PriorCorrectedClassifier(FrozenEstimator(classifier), class_priors=priors, training_priors="balanced")
    corrected.fit(sample.data, sample.target)
    stars = classifier.classes_.tolist().index("STAR")
    as_trained, at_survey = (model.predict_proba(sample.data)[:, stars] for model in (classifier, corrected))
    assert np.all(at_survey >= as_trained - 1e-6)


def test_it_can_be_explained_copied_and_trained_anew(classifier, sample):
    X, y = sample.data[::20], sample.target[::20]
    maps = class_activation_map(classifier, X)
    assert maps.shape == X.shape
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(classifier)).predict_proba(X), classifier.predict_proba(X))
    fresh = clone(classifier).set_params(densenet1dclassifier__max_epochs=1, densenet1dclassifier__random_state=0)
    assert fresh.fit(X, y).predict(X).shape == y.shape


# Names and files


def test_names():
    assert "star-galaxy-qso" in files.model_names()
    assert load_model_card("star-galaxy-qso-4").startswith("# star-galaxy-qso-4\n")
    for function in (load_classifier, load_model_card, onnx_path):
        with pytest.raises(ValueError, match=r"name=.stars. is not a pretrained model; available models are \["):
            function("stars")


def test_every_model_has_its_three_files_and_all_are_small():
    names = {path.stem for path in MODELS.iterdir()}
    assert {path.name for path in MODELS.iterdir()} == {f"{n}{s}" for n in names for s in (".npz", ".onnx", ".md")}
    assert sum(path.stat().st_size for path in MODELS.iterdir()) < 2e6


def test_weights_hold_no_objects():
    for path in MODELS.glob("*.npz"):
        with np.load(path, allow_pickle=False) as archive:
            assert {archive[name].dtype.kind for name in archive.files} <= set("ifU")


def test_the_model_card_says_what_matters():
    card = load_model_card()
    for heading in ("Input", "Training", "Scores", "Limits", "Licence"):
        assert f"\n## {heading}\n" in card
    assert "| SDSS sample | 346 | 0.9" in card


def test_an_unknown_device_is_refused():
    with pytest.raises(ValueError, match="device"):
        load_classifier(device="nowhere")


def test_onnx_answers_the_same_without_pytorch(classifier, sample, tmp_path):
    pytest.importorskip("onnxruntime")
    code = textwrap.dedent("""
        import sys
        import numpy as np
        from skspectra.datasets import load_sdss_sample
        from skspectra.export import OnnxClassifier
        from skspectra.pretrained import onnx_path
        np.save(sys.argv[1], OnnxClassifier(onnx_path()).predict_proba(load_sdss_sample().data[:50]))
        assert "torch" not in sys.modules
    """)
    subprocess.run([sys.executable, "-c", code, tmp_path / "p.npy"], check=True)
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), classifier.predict_proba(sample.data[:50]), atol=1e-4)


def test_a_written_classifier_is_read_the_same(tmp_path):
    X, y = make_spectra(
        40,
        weights=(1, 1, 1),
        wavelength=np.linspace(3700, 9000, 200),
        missing="survey",
        random_state=0,
        return_X_y=True,
    )
    network = DenseNet1DClassifier(growth_rate=2, n_dense_blocks=2, stem_stride=4, max_epochs=1, random_state=0)
    fill, scale = MissingFluxInterpolator(n_neighbors=3), MinMaxSpectrumScaler(quantile_range=(1, 99))
    written = make_pipeline(fill, scale, network).fit(X, y)
    module = network.net_.module_
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    rounded = half_precision(weights)
    for name, array in rounded.items():
        np.testing.assert_allclose(array, weights[name], rtol=5e-4, atol=1e-7)
    write_classifier(tmp_path / "model.npz", written)

    read = read_classifier(tmp_path / "model.npz", "cpu")

    np.testing.assert_array_equal(read.predict_proba(X), written.predict_proba(X))
    assert read[0].n_neighbors == 3
    assert read[1].quantile_range == (1, 99)
    assert read[-1].growth_rate == 2
    assert read[-1].history_ == network.history_
    np.testing.assert_array_equal(read.classes_, written.classes_)
