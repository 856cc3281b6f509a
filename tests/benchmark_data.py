"""Small files, classifiers and results for the tests of the benchmarks, which run as modules from the root."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).parent.parent
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("the benchmarks are not part of an installed package", allow_module_level=True)
sys.path.append(str(ROOT))  # last, so that an installed package is tested and not the one beside the benchmarks

from benchmarks._common.candidates import CANDIDATES, OURS, Candidate  # noqa: E402

CLASSES = np.array(["GALAXY", "QSO", "STAR"])
RIGHT = np.repeat(CLASSES, 4)
ONE_QUASAR_LOST = np.where(np.arange(12) == 4, "STAR", RIGHT)


def only_candidates(monkeypatch, *candidates):
    """Compare these classifiers instead of those of the benchmarks."""
    for name in list(CANDIDATES):
        monkeypatch.delitem(CANDIDATES, name)
    for candidate in candidates:
        monkeypatch.setitem(CANDIDATES, candidate.name, candidate)


def survey_file(path, n_spectra, seed):
    """Three easy classes, four spectra of each object."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n_spectra) // 4 % 3
    flux = rng.normal(size=(n_spectra, 40)).astype(np.float32)
    flux[np.arange(n_spectra), 10 * codes + 5] += 40
    np.savez(
        path,
        flux=flux,
        target=CLASSES[codes],
        object=np.char.add("object-", (np.arange(n_spectra) // 4).astype(str)),
        snr=rng.uniform(1, 60, n_spectra),
    )
    return path


def real_file(path, late):
    """The same of two surveys, 90 spectra of each; the spectrum `late` lacks its first two samples."""
    with np.load(survey_file(path, 180, 1)) as file:
        content = dict(file)
    content["survey"] = np.repeat(["SDSS DR7", "LAMOST DR5"], 90)
    content["flux"][late, :2] = np.nan
    np.savez(path, **content)
    return content


def linear(name="linear", last=LogisticRegression):
    return Candidate(name, name, lambda seed: make_pipeline(StandardScaler(), last(random_state=seed)))


def run_of(predicted, *, family="other", budget=None, seed=0, **facts):
    """A result and its probabilities, which are 1 for the class that is predicted."""
    method = "ours" if family == OURS else "theirs"
    result = {"method": method, "family": family, "budget": budget, "seed": seed, "validation_f1": 0.5} | facts
    return result, np.eye(3)[np.searchsorted(CLASSES, predicted)]


def of_runs(*runs):
    """Arguments of the comparisons: spectra of GALAXY, QSO and STAR, four of each, every one of its own object."""
    return [r for r, _ in runs], np.repeat(CLASSES, 4), np.arange(12), {id(r): p for r, p in runs}
