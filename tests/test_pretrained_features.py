"""`PretrainedFeatures`: what the last layer of the pretrained network reads."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skspectra.datasets import load_sdss_sample, resample_spectra
from skspectra.pretrained import PretrainedFeatures, load_classifier


@pytest.fixture(scope="module")
def sample():
    return load_sdss_sample()


def test_the_last_layer_makes_the_logits_of_the_classifier_of_them(sample):
    classifier = load_classifier()
    last = classifier[-1].net_.module_.classifier
    features = PretrainedFeatures().fit_transform(sample.data[:20])
    logits = features @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    np.testing.assert_allclose(logits, classifier.decision_function(sample.data[:20]), atol=1e-4)
    assert features.dtype == np.float32


def test_fit_learns_nothing(sample):
    features = PretrainedFeatures()
    expected = features.transform(sample.data[:5])
    np.testing.assert_array_equal(features.fit(sample.data[50:60]).transform(sample.data[:5]), expected)
    copied = pickle.loads(pickle.dumps(clone(features)))
    np.testing.assert_array_equal(copied.transform(sample.data[:5]), expected)
    assert len(pickle.dumps(features)) < 1000
    names = features.get_feature_names_out()
    assert len(names) == expected.shape[1]
    assert names[0] == "pretrainedfeatures0"


def test_units_and_other_lengths(sample):
    flux = sample.data[:5]
    expected = PretrainedFeatures().transform(flux)
    np.testing.assert_allclose(PretrainedFeatures().transform(flux.astype(np.float64) * 1e-17), expected, atol=1e-3)
    grid = sample.wavelength
    shorter = resample_spectra(flux, grid, grid[200:2400])
    assert PretrainedFeatures().transform(shorter).shape == expected.shape


def test_a_classifier_behind_it(sample):
    rows = np.isin(sample.subclass, ["BROADLINE", "STARFORMING", "STARBURST"])
    X, y = sample.data[rows], sample.subclass[rows]
    model = make_pipeline(PretrainedFeatures(), LogisticRegression(max_iter=2000))
    search = GridSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=3).fit(X, y)
    assert search.best_score_ > np.mean(y == "BROADLINE")


def test_what_cannot_be_used(sample):
    with pytest.raises(ValueError, match="name='stars' is not a pretrained model"):
        PretrainedFeatures("stars").transform(sample.data[:2])
    with pytest.raises(ValueError, match=r"no such device|not available"):
        PretrainedFeatures(device="nowhere").transform(sample.data[:2])
    empty = np.full((1, 2600), np.nan)
    with pytest.raises(ValueError, match="spectra that are entirely NaN"):
        PretrainedFeatures().transform(empty)
