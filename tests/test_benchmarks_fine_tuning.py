"""The comparison of fine-tuned networks with other classifiers on few labelled spectra."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import Bunch

from benchmarks.classifiers import fine_tuning

pytestmark = pytest.mark.filterwarnings("ignore:Confidence intervals are too narrow:UserWarning")  # of few objects


@pytest.mark.parametrize(
    ("subclass", "position"), [("A0V", 0), ("F5", 15), ("G2", 22), ("K3III", 33), ("M9", 49), ("K", np.nan)]
)
def test_subtypes_lie_on_one_scale(subclass, position):
    assert fine_tuning.position(subclass) == pytest.approx(position, nan_ok=True)


def test_a_draw_has_every_class_and_no_spectrum_twice():
    y = np.array(["A"] * 60 + ["F"] * 38 + ["M"] * 2)
    rows = np.arange(1, 99)  # one M
    drawn = fine_tuning.draw(y, rows, 20, seed=0)
    assert len(set(drawn.tolist())) == 20
    assert set(drawn.tolist()) <= set(rows.tolist())
    assert set(y[drawn]) == {"A", "F", "M"}
    np.testing.assert_array_equal(drawn, fine_tuning.draw(y, rows, 20, seed=0))


def test_accuracy_is_compared_by_object():
    y = np.array(["A"] * 40)
    wrong = np.where(np.arange(40) < 20, "B", "A")
    data = Bunch(y=y, objects=np.repeat(np.arange(20), 2))
    assert fine_tuning.p_of_accuracy(data, y, y) == 1
    # Ten objects differ, all in one direction: of the 2**10 changes of sign two are as extreme.
    assert fine_tuning.p_of_accuracy(data, y, wrong) == pytest.approx(2 / 2**10, abs=2e-3)


@pytest.mark.parametrize("name", fine_tuning.METHODS)
@pytest.mark.parametrize(("n_samples", "balance"), [(100, "balanced"), (101, None)])
def test_every_method_balances_the_classes_only_with_few_labels(name, n_samples, balance):
    params = fine_tuning.make(name, n_samples, 0, balanced_up_to=100)[-1].get_params()
    assert params["sampling" if "sampling" in params else "class_weight"] == balance


def test_subtypes_are_predicted_from_the_features_of_the_classifier():
    rng = np.random.default_rng(0)
    subtype = np.tile(np.arange(10.0), 20)
    x = np.linspace(0, 1, 50)
    flux = x + subtype[:, None] / 10 * np.exp(-((x - 0.3) ** 2) / 0.01) + rng.normal(0, 0.01, (200, 50))
    data = Bunch(flux=flux.astype(np.float32), y=np.where(subtype < 5, "A", "F"), subtype=subtype, balanced_up_to=0)
    train, test = np.split(rng.permutation(200), [150])

    result = fine_tuning.fit_and_predict(data, fine_tuning.OTHERS[0], train, test, 0, None)
    assert np.corrcoef(result["subtype"], subtype[test])[0, 1] > 0.7
    assert "subtype" not in fine_tuning.fit_and_predict(data, fine_tuning.OTHERS[1], train, test, 0, None)


def test_a_run_that_was_stopped_fits_nothing_twice(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    data = Bunch(
        flux=rng.random((50, 30)).astype(np.float32),
        y=np.tile(["A", "F"], 25),
        objects=np.arange(50),
        subtype=None,
        balanced_up_to=0,
    )
    n_made = []

    def dummy(name, n_samples, seed, balanced_up_to):
        n_made.append(name)
        return make_pipeline(FunctionTransformer(), DummyClassifier())

    monkeypatch.setattr(fine_tuning, "make", dummy)
    monkeypatch.setattr(fine_tuning, "plan", lambda *args: (1, 1))
    monkeypatch.setattr(fine_tuning, "FROM_SCRATCH", {})
    monkeypatch.setitem(fine_tuning.SETS, "sdss-classes", lambda args: data)
    arguments = ["fine_tuning", "sdss-classes", "--output", str(tmp_path), "--sizes", "10", "1000", "--threads", "1"]
    monkeypatch.setattr("sys.argv", arguments)

    fine_tuning.main()
    first = capsys.readouterr().out
    # Five folds of every method, and three draws of 10 labels; 1000 labels are more than there are.
    assert len(n_made) == 5 * len(fine_tuning.METHODS) + 3 * len(fine_tuning.IN_CURVE)
    assert "| fine-tuned network | 0 | .333" in first

    fine_tuning.main()
    assert len(n_made) == 5 * len(fine_tuning.METHODS) + 3 * len(fine_tuning.IN_CURVE)
    assert capsys.readouterr().out == first
