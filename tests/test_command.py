# ruff: noqa: F811 - pytest takes fixtures by the names of arguments
"""The command ``skspectra``: interruptions, full disks, `plot`, `info` and help."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from command_cases import archives, own_pipeline, run, run_process, surveys  # noqa: F401

import skspectra
from skspectra._command import _streaming
from skspectra.datasets import write_spectra_store
from skspectra.datasets._loading import _read_files

pytest.importorskip("astropy")

# Interruptions


@pytest.fixture
def one_file_at_once(monkeypatch):
    monkeypatch.setattr(_streaming, "_BYTES_AT_ONCE", 1)


def test_a_killed_process_is_continued(run, archives, tmp_path, monkeypatch):
    output = tmp_path / "table.csv"
    code = textwrap.dedent("""
        import os, signal, sys
        from skspectra._command import _streaming, main
        _streaming._BYTES_AT_ONCE = 1
        commit, n = _streaming.Stream._commit, 0
        def dying(self):
            global n
            n += 1
            if n == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            commit(self)
        _streaming.Stream._commit = dying
        main(sys.argv[1:])
    """)
    killed = subprocess.run([sys.executable, "-c", code, "classify", archives, "-o", output], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not output.exists()
    read = []
    original = _read_files.read_file
    monkeypatch.setattr(_read_files, "read_file", lambda path, *rest: read.append(path) or original(path, *rest))

    assert run("classify", archives, "-o", output)[0] == 0

    assert read == [str(archives / "2.npz"), str(archives / "3.npz")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archives", "table.csv"]
    assert output.read_text() == run("classify", archives)[1]


@pytest.fixture
def begun(run, archives, tmp_path, monkeypatch, one_file_at_once):
    """A table of which half of the files are done when Ctrl-C comes."""
    original = _read_files.read_file

    def interrupted(path, *rest):
        if path.endswith("2.npz"):
            raise KeyboardInterrupt
        return original(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(_read_files, "read_file", interrupted)
        code, _, err = run("classify", archives, "-o", tmp_path / "table.csv")
    assert (code, err) == (130, "skspectra: interrupted\n")
    return tmp_path / "table.csv"


def test_other_options_are_not_mixed_with_what_is_done(begun, run, archives):
    code, _, err = run("classify", archives, "-o", begun, "--keep-bad-pixels")
    assert code == 1
    assert "begun with a different value of keep_bad_pixels (False, now True); use the same value, or delete" in err
    assert not begun.exists()


def test_files_that_changed_or_are_not_named_any_more_are_noticed(begun, run, archives):
    code, _, err = run("classify", archives / "3.npz", "-o", begun)
    assert code == 1
    assert "are not among 'paths'" in err
    shutil.copy(archives / "1.npz", archives / "0.npz")
    code, _, err = run("classify", archives, "-o", begun)
    assert code == 1
    assert "0.npz: the file was changed after it was read" in err


def test_two_processes_do_not_write_one_table(begun, run, archives):
    other = sqlite3.connect(f"{begun}.part", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    code, _, err = run("classify", archives, "-o", begun)
    assert code == 1
    assert "table.csv.part: another process is writing it" in err
    other.close()
    assert run("classify", archives, "-o", begun)[0] == 0


# Full disks


def limit_file_size():
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk(run, archives, tmp_path):
    output = tmp_path / "table.csv"
    done = run_process("classify", archives, "-o", output, preexec_fn=limit_file_size)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "table.csv.part: the results could not be recorded" in done.stderr
    assert not output.exists()
    assert run("classify", archives, "-o", output)[0] == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_pipe_that_takes_nothing(archives):
    with open("/dev/full", "w") as full:
        done = run_process("classify", archives, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr


def test_a_reader_that_leaves_early(archives):
    command = f"{sys.executable} -m skspectra classify {archives} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("file,")
    assert "Traceback" not in done.stderr


# plot and info


def test_plot(run, surveys, tmp_path):
    output = tmp_path / "spectrum.png"
    assert run("plot", surveys / "spec-4055-55359-0010.fits", "-o", output) == (0, "", "")
    assert output.stat().st_size > 10_000


def test_plot_of_a_row_of_a_store(run, archives, tmp_path):
    store = tmp_path / "store"
    write_spectra_store(archives, store, wavelength=np.linspace(3800, 9000, 2000))
    assert run("plot", store, "--row", "39", "-o", tmp_path / "a.svg")[0] == 0
    code, _, err = run("plot", store, "--row", "40", "-o", tmp_path / "b.svg")
    assert code == 2
    assert "has 40 spectra, numbered from 0" in err


def test_plot_says_what_it_cannot_do(run, archives, tmp_path, own_pipeline):
    import joblib
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    code, _, err = run("plot", archives / "0.npz")
    assert code == 2
    assert "there is no screen. Give -o FIGURE" in err
    code, _, err = run("plot", archives / "0.npz", "-o", tmp_path / "figure.txt")
    assert code == 2
    assert "'txt' is not a format that matplotlib writes" in err
    other = make_pipeline(*(step for _, step in own_pipeline.steps[:-1]), LogisticRegression())
    X = np.random.default_rng(0).normal(size=(20, 2600))
    joblib.dump(other.fit(X, np.arange(20) % 2), tmp_path / "model.joblib")
    code, _, err = run(
        "plot", archives / "0.npz", "-o", tmp_path / "a.png", "--model", tmp_path / "model.joblib", "--trust-model"
    )
    assert code == 2
    assert "has no attention to draw" in err


def test_info(run, surveys, archives, tmp_path):
    write_spectra_store(archives, tmp_path / "store")
    (surveys / "damaged.fits").write_bytes(b"SIMPLE")
    code, out, err = run("info", surveys, archives / "0.npz", tmp_path / "store")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 1
    assert "damaged.fits" in err
    assert "LAMOST" in lines[str(surveys / "spec-57304.fits.gz")]
    assert "STAR 1" in lines[str(surveys / "spec-57304.fits.gz")]
    assert " 40 " in lines[str(tmp_path / "store")]
    assert "3690 to 9100" in lines[str(archives / "0.npz")]


# Help


@pytest.mark.parametrize("subcommand", ["classify", "plot", "info"])
def test_help_has_an_example(subcommand, run):
    code, out, _ = run(subcommand, "--help")
    assert code == 0
    assert f"  skspectra {subcommand} " in out


def test_version_and_missing_command(run):
    assert run("--version")[1] == f"skspectra {skspectra.__version__}\n"
    assert run()[0] == 2


def test_the_console_script():
    script = Path(sys.executable).with_name("skspectra")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"skspectra {skspectra.__version__}\n"


def test_help_needs_no_heavy_import():
    code = textwrap.dedent("""
        import sys
        from skspectra._command import main
        try:
            main(["classify", "--help"])
        finally:
            assert not {"torch", "sklearn", "astropy"} & set(sys.modules)
    """)
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
