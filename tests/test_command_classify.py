# ruff: noqa: F811 - pytest takes fixtures by the names of arguments
"""``skspectra classify``: rows, formats, options, and what it says of wrong ones."""

import csv
import io

import joblib
import numpy as np
import pytest
from command_cases import archives, own_pipeline, run, run_process, surveys  # noqa: F401
from sklearn.frozen import FrozenEstimator
from survey_files import redrock

from skspectra.datasets import load_spectra, make_spectra, write_spectra_store
from skspectra.export import to_onnx
from skspectra.outliers import UnknownRejector
from skspectra.pretrained import load_classifier

table = pytest.importorskip("astropy.table")

COLUMNS = [
    "file", "spectrum_id", "object_id", "survey", "class", "p_GALAXY", "p_QSO", "p_STAR", "survey_class",
    "survey_subclass", "snr", "measured", "survey_redshift",
]  # fmt: skip


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


# What it answers


def test_the_answers_are_those_of_the_classifier(run, archives):
    code, out, err = run("classify", archives)
    spectra = load_spectra(archives, bad_pixels="nan")
    probabilities = load_classifier().predict_proba(spectra.data)

    rows = rows_of(out)
    assert (code, err) == (0, "")
    assert list(rows[0]) == COLUMNS
    for k, name in enumerate(("p_GALAXY", "p_QSO", "p_STAR")):
        np.testing.assert_allclose([float(row[name]) for row in rows], probabilities[:, k], atol=1e-5)
    assert [row["class"] for row in rows] == [["GALAXY", "QSO", "STAR"][k] for k in probabilities.argmax(axis=1)]
    assert [row["survey_class"] for row in rows] == spectra.target.tolist()
    assert [row["file"] for row in rows] == spectra.filename.tolist()
    assert [row["spectrum_id"] for row in rows] == spectra.spectrum_id.tolist()
    np.testing.assert_allclose([float(row["snr"]) for row in rows], spectra.snr, atol=0.005)
    np.testing.assert_allclose([float(row["survey_redshift"]) for row in rows], spectra.redshift, rtol=1e-6)


def test_every_survey_in_a_process_of_its_own(surveys):
    damaged = surveys / "damaged.fits"
    damaged.write_bytes((surveys / "spec-60000.fits").read_bytes()[:5000])
    done = run_process("classify", surveys)

    rows = rows_of(done.stdout)
    assert done.returncode == 1
    assert {row["survey"] for row in rows} == {"LAMOST", "SDSS", "DESI"}
    assert all(0 < float(row["measured"]) <= 1 for row in rows)
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"{damaged}: ")
    assert lines[-1] == f"Files that could not be read completely (1): {damaged}"
    assert "Traceback" not in done.stderr


def test_labels_of_a_catalogue_reach_their_spectra(run, surveys):
    first = 39627764529137664  # of the coadd
    redrock(surveys / "redrock-1.fits", [first + i for i in range(3)], ["STAR", "QSO", "GALAXY"], [0.0, 2.0, 0.5])
    code, out, _ = run("classify", surveys / "coadd-1.fits", surveys / "redrock-1.fits")
    assert code == 0
    assert [row["survey_class"] for row in rows_of(out)] == ["STAR", "QSO", "GALAXY"]
    assert [float(row["survey_redshift"]) for row in rows_of(out)] == [0.0, 2.0, 0.5]


def test_bad_pixels(run, surveys):
    _, out, _ = run("classify", surveys / "spec-4055-55359-0010.fits")
    _, kept, _ = run("classify", surveys / "spec-4055-55359-0010.fits", "--keep-bad-pixels")
    assert float(rows_of(kept)[0]["measured"]) >= float(rows_of(out)[0]["measured"])


def test_stores(run, archives, tmp_path, monkeypatch):
    from skspectra._command import _streaming

    monkeypatch.setattr(_streaming, "_ROWS_AT_ONCE", 16)
    store = tmp_path / "store"
    write_spectra_store(archives, store)
    expected = rows_of(run("classify", archives)[1])
    code, out, _ = run("classify", store)
    rows = rows_of(out)
    assert code == 0
    assert [row["class"] for row in rows] == [row["class"] for row in expected]
    assert rows[0]["file"] == f"{store}[0:16]"
    assert rows[-1]["file"] == f"{store}[32:40]"
    np.testing.assert_allclose(
        [float(row["p_QSO"]) for row in rows], [float(row["p_QSO"]) for row in expected], atol=1e-4
    )

    # On another grid, and damaged.
    other = tmp_path / "other"
    write_spectra_store(archives, other, wavelength=np.linspace(3700, 9000, 3000))
    assert [row["class"] for row in rows_of(run("classify", other)[1])] == [row["class"] for row in expected]
    (other / "data.npy").write_bytes(b"short")
    code, _, err = run("classify", other, store)
    assert code == 1
    assert "the store is damaged" in err


# Formats


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".fits"])
def test_formats(suffix, run, archives, tmp_path):
    output = tmp_path / f"table{suffix}"
    code, out, _ = run("classify", archives, "-o", output)
    assert (code, out) == (0, "")
    written = table.Table.read(output)
    assert written.colnames == COLUMNS
    assert len(written) == 40
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archives", output.name]


def test_a_file_name_that_fits_cannot_hold(run, archives, tmp_path):
    strange = (archives / "0.npz").rename(archives / "Spektrum-Ä.npz")
    assert run("classify", strange, "-o", tmp_path / "table.fits")[0] == 0
    assert str(table.Table.read(tmp_path / "table.fits")["file"][0]).endswith("Spektrum-\\xc4.npz")
    assert rows_of(run("classify", strange)[1])[0]["file"] == str(strange)


def test_many_rows_have_one_header(run, archives, monkeypatch):
    from skspectra._command import _results

    monkeypatch.setattr(_results, "_ROWS_AT_ONCE", 7)
    out = run("classify", archives)[1]
    assert len(rows_of(out)) == 40
    assert out.count("survey_class") == 1


def test_aligned_on_a_terminal(run, archives, monkeypatch, capsys):
    import sys

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    lines = run("classify", archives / "0.npz")[1].splitlines()
    assert len(lines) == 12
    assert "," not in lines[0]
    assert lines[0].split() == COLUMNS


# Options


def test_priors(run, archives):
    plain = rows_of(run("classify", archives)[1])
    code, out, _ = run("classify", archives, "--priors", "STAR=.985,GALAXY=.012,QSO=.003")
    assert code == 0
    for row, before in zip(rows_of(out), plain, strict=True):
        p = np.array([float(before[f"p_{name}"]) for name in ("GALAXY", "QSO", "STAR")])
        p = p * [0.012, 0.003, 0.985]
        np.testing.assert_allclose([float(row[f"p_{n}"]) for n in ("GALAXY", "QSO", "STAR")], p / p.sum(), atol=2e-2)


def test_rejection(run, tmp_path):
    noise = np.random.default_rng(0).normal(size=(10, 2600))
    np.savez(tmp_path / "noise.npz", flux=noise, wavelength=np.linspace(3690, 9100, 2600))
    rows = rows_of(run("classify", tmp_path / "noise.npz", "--reject", "0.2")[1])
    assert [row["class"] for row in rows].count("UNKNOWN") >= 5


@pytest.mark.parametrize("kind", ["onnx", "skops", "joblib", "rejector"])
def test_models_of_ones_own(kind, run, archives, own_pipeline, tmp_path):
    model, more = own_pipeline, []
    path = tmp_path / f"model.{kind}"
    if kind == "onnx":
        pytest.importorskip("onnxruntime")
        to_onnx(own_pipeline, path, wavelength=np.linspace(3690, 9100, 2600))
    elif kind == "skops":
        pytest.importorskip("skops.io").dump(own_pipeline, path)
    else:
        if kind == "rejector":
            X, y = make_spectra(30, weights=(1, 1, 1), random_state=2, return_X_y=True)
            model = UnknownRejector(FrozenEstimator(own_pipeline), rejection_rate=0.4).fit(X, y)
            path = tmp_path / "model.joblib"
        joblib.dump(model, path)
        more = ["--trust-model"]
    code, out, err = run("classify", archives, "--model", path, *more)
    assert (code, err) == (0, "")
    assert [row["class"] for row in rows_of(out)] == model.predict(load_spectra(archives).data).tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "table.txt"], "-o table.txt: the name must end in one of .csv, .ecsv, .fits, .parquet"),
        (["-o", "nowhere/table.csv"], "there is no folder"),
        (["-o", "exists.csv"], "-o exists.csv: the file exists; give --overwrite to replace it"),
        (["--model", "stars"], "--model stars is neither a pretrained model (star-galaxy-qso, star-galaxy-qso-4)"),
        (["--model", "model.onnx"], "--model model.onnx: there is no such file"),
        (["--model", "exists.joblib"], "a joblib file can execute arbitrary code when it is loaded. Give"),
        (["--device", "nowhere"], "--device: "),
        (["--priors", "STAR=.5,PLANET=.5"], "'PLANET=.5' is not CLASS=SHARE with one of the classes GALAXY, QSO, STAR"),
        (["--priors", "STAR=.5"], "--priors"),
        (["--n-jobs", "0"], "--n-jobs 0 is not allowed; give a number of processes, or -1"),
        (["--reject", "1.5"], "--reject 1.5: the rate must be between 0 and 1"),
        (["--model", "exists.joblib", "--device", "cpu"], "--device cpu is for pretrained models only"),
    ],
)
def test_wrong_usage(arguments, message, run, archives, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("exists.csv", "exists.joblib"):
        (tmp_path / name).write_text("content")
    code, out, err = run("classify", archives, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert (tmp_path / "exists.csv").read_text() == "content"


def test_parquet_needs_pyarrow(run, archives, tmp_path, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, _, err = run("classify", archives, "-o", tmp_path / "table.parquet")
    assert code == 2
    assert "pip install pyarrow" in err


def test_nothing_to_read(run, tmp_path):
    (tmp_path / "empty").mkdir()
    code, out, err = run("classify", tmp_path / "empty", tmp_path / "nothing.fits")
    assert code == 1
    assert rows_of(out) == []
    assert "the folder holds no spectra" in err
    assert "nothing.fits" in err


def test_debug_shows_where_an_error_came_from(run, archives, tmp_path):
    assert "Traceback" in run("classify", archives, "--model", "stars", "--debug")[2]


def test_overwrite(run, archives, tmp_path):
    output = tmp_path / "table.csv"
    output.write_text("before")
    assert run("classify", archives, "-o", output, "--overwrite")[0] == 0
    assert len(rows_of(output.read_text())) == 40
