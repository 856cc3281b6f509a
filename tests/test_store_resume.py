# ruff: noqa: F811 - pytest takes fixtures by the names of arguments
"""Stores: going on after an error, a kill or a full disk, and damage later."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from store_cases import files, no_waiting_for_the_disk, same_folders, store, write, write_file  # noqa: F401

from skspectra.datasets import LAMOST_WAVELENGTH, load_spectra, open_spectra_store, write_spectra_store
from skspectra.datasets._loading import _read_files
from skspectra.datasets._loading._table import SpectraTable
from skspectra.datasets._store import _writer
from skspectra.preprocessing import MinMaxSpectrumScaler

# Going on


@pytest.fixture
def begun(files, tmp_path):
    """A store of which two files are written."""
    last = files[2].read_bytes()
    files[2].write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"c\.npz"):
        write(files, tmp_path / "store")
    files[2].write_bytes(last)
    return tmp_path / "store.part"


def test_a_file_changed_since_it_was_read_is_noticed(begun, files, tmp_path):
    write_file(files[0], 6, 9)
    with pytest.raises(ValueError, match=r"a\.npz: the file was changed after it was read into .*store\.part"):
        write(files, tmp_path / "store")
    files[0].unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.npz|no such file"):
        write(files[:1], tmp_path / "other")
    with pytest.raises(ValueError, match=r"a\.npz: the file was changed after .* now missing"):
        write(files, tmp_path / "store")


def test_other_files_or_parameters_are_refused(begun, files, tmp_path):
    with pytest.raises(ValueError, match=r"1 of the files in it are not among 'paths'; give them again"):
        write(files[1:], tmp_path / "store")
    with pytest.raises(ValueError, match=r"begun with a different value of transformer \(None, now MinMax"):
        write(files, tmp_path / "store", transformer=MinMaxSpectrumScaler())
    assert len(write([*files, write_file(files[0].with_name("e.npz"), 2)], tmp_path / "store").data) == 15


def test_a_begun_store_that_was_truncated_is_refused(begun, files, tmp_path):
    os.truncate(begun / "data.npy", os.path.getsize(begun / "data.npy") - 1)
    with pytest.raises(ValueError, match=r"data\.npy: it is truncated: it has \d+ bytes, but \d+ were written; delete"):
        write(files, tmp_path / "store")


def test_a_begun_store_of_a_catalogue_alone_goes_on(tmp_path):
    (tmp_path / "1-index.csv").write_text("id,type\n2,star\n")
    (tmp_path / "2.txt").write_text("1.5,1.5")
    with pytest.raises(ValueError, match=r"2\.txt: it has 2 fluxes, not 2600"):
        write_spectra_store([tmp_path / "1-index.csv", tmp_path / "2.txt"], tmp_path / "store", block_bytes=1)
    (tmp_path / "2.txt").write_text(",".join(["1.5"] * 2600))

    store = write_spectra_store([tmp_path / "1-index.csv", tmp_path / "2.txt"], tmp_path / "store", block_bytes=1)

    assert store.target.tolist() == ["STAR"]


def test_a_second_process_is_kept_away(begun, files, tmp_path, monkeypatch):
    monkeypatch.undo()  # without the statement of no_waiting_for_the_disk, the first to meet the lock
    other = SpectraTable(begun / "table.sqlite")
    with pytest.raises(OSError, match=r"store\.part: another process is writing this store"):
        write(files, tmp_path / "store")
    other.close()
    assert len(write(files, tmp_path / "store").data) == 13


def test_a_complete_store_is_opened_and_not_written_again(files, tmp_path, monkeypatch):
    write(files, tmp_path / "store")
    monkeypatch.setattr(_read_files, "_read_all", None)

    assert len(write(files, tmp_path / "store").data) == 13
    with pytest.raises(FileExistsError, match="written with different files: delete it or choose another name"):
        write(files[:2], tmp_path / "store")
    with pytest.raises(FileExistsError, match=r"written with different bad_pixels \(keep, now nan\)"):
        write(files, tmp_path / "store", bad_pixels="nan")
    with pytest.raises(FileExistsError, match="is not a store of spectra"):
        write(files, tmp_path / "files")


# The writing process is killed, the disk is full

RUN_AND_DIE = """
    import os, signal, sqlite3, sys
    from pathlib import Path
    from skspectra.datasets import write_spectra_store
    from skspectra.datasets._loading._table import SpectraTable

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def before(function, n):
        calls = iter(range(n))
        def call(*args):
            if next(calls, None) is None:
                die()
            return function(*args)
        return call

    def after(function, n):
        calls = iter(range(n))
        def call(*args):
            function(*args)
            if next(calls, None) is None:
                die()
        return call

    def no_sync(descriptor):
        pass

    connect = sqlite3.connect
    def connect_without_sync(*args, **kwargs):
        database = connect(*args, **kwargs)
        database.execute("PRAGMA synchronous = OFF")
        return database

    os.fsync, sqlite3.connect = no_sync, connect_without_sync
    commit, rename = SpectraTable.commit, os.rename
    points = {f"fsync-{n}": ("os.fsync", before(no_sync, n)) for n in range(18)}
    points |= {f"commit-{n}": ("commit", before(commit, n)) for n in (0, 1, 3)}
    points |= {f"committed-{n}": ("commit", after(commit, n)) for n in (0, 1, 3)}
    points |= {"rename": ("rename", before(rename, 0)), "renamed": ("rename", after(rename, 0))}
    folder = Path(sys.argv[1])
    for name, (target, function) in points.items():
        child = os.fork()
        if child == 0:
            if target == "commit":
                SpectraTable.commit = function
            else:
                setattr(os, target.removeprefix("os."), function)
            write_spectra_store(sys.argv[2:], folder / name, wavelength=None, block_bytes=1)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, (name, status)
        print(name)
"""


def run_script(script, *args):
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, args)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split("\n")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_process_leaves_no_store_and_the_same_call_completes_it(files, tmp_path):
    write(files, tmp_path / "whole")
    killed = tmp_path / "killed"
    killed.mkdir()

    names = [name for name in run_script(RUN_AND_DIE, killed, *files) if name]

    assert len(names) == 26
    for name in names:
        store = killed / name
        if name in ("fsync-17", "renamed"):  # the store was complete
            assert len(open_spectra_store(store).data) == 13
        else:
            assert not store.exists()
            with pytest.raises(ValueError, match=f"only {name}.part exists"):
                open_spectra_store(store)
        write(files, store)
        assert same_folders(store, tmp_path / "whole"), name
        assert not (killed / f"{name}.part").exists()


DISK_FULL = """
    import resource, sys
    from skspectra.datasets import write_spectra_store

    for limit in sys.argv[2:]:
        folder = f"{sys.argv[1]}/{limit}"
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
        try:
            write_spectra_store(f"{folder}/*.npz", f"{folder}/store", wavelength=None, block_bytes=1)
        except OSError as error:
            print(error.errno, error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_full_disk_is_an_error_that_says_so_and_the_same_call_goes_on(tmp_path):
    n_features = {5_000: 10, 100_000: 2600}  # by bytes that fit in a file: short spectra fill the table first
    for limit, n in n_features.items():
        (tmp_path / str(limit)).mkdir()
        for i, name in enumerate("abcd"):
            write_file(tmp_path / str(limit) / f"{name}.npz", 4, i, np.linspace(4000.0, 5000.0, n))

    table_full, flux_full, *_ = run_script(DISK_FULL, tmp_path, *n_features)

    assert re.search("None .*the table could not be written: .*the same call resumes", table_full)
    assert re.search(rf"{errno.EFBIG} .*bytes free; 8 spectra are safe, and the same call resumes", flux_full)
    for limit in n_features:
        folder = tmp_path / str(limit)
        assert not (folder / "store").exists()
        files = f"{folder}/*.npz"
        np.testing.assert_array_equal(write(files, folder / "store").data, load_spectra(files, wavelength=None).data)


def test_a_disk_that_fills_at_the_end_leaves_no_store(files, tmp_path, monkeypatch):
    whole = write(files, tmp_path / "whole")

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(_writer.StoreWriter, "_write_columns", full)
        with pytest.raises(OSError, match=r"No space left on device, with .* free; 13 spectra are safe") as caught:
            write(files, tmp_path / "store")
    assert caught.value.errno == errno.ENOSPC
    assert not (tmp_path / "store").exists()
    np.testing.assert_array_equal(write(files, tmp_path / "store").data, whole.data)


def test_a_truncated_or_missing_file_is_named(store):
    path = store / "data.npy"
    size = os.path.getsize(path)
    os.truncate(path, size - 4)
    with pytest.raises(ValueError, match=rf"data\.npy is truncated: {size - 4} bytes, {size} bytes were written"):
        open_spectra_store(store)
    os.truncate(path, size + 4)
    with pytest.raises(ValueError, match=rf"data\.npy is {size + 4} bytes, {size} bytes were written"):
        open_spectra_store(store)
    (store / "target.npy").rename(store / "aim.npy")
    os.truncate(path, size)
    with pytest.raises(ValueError, match=r"target\.npy is missing"):
        open_spectra_store(store)


def test_a_wrong_width_is_noticed(store):
    np.save(store / "data.npy", np.zeros((20, 26), np.float32))  # as many bytes, 13 * 40
    with pytest.raises(ValueError, match=r"data\.npy has shape \(20, 26\), not \(13, 40\)"):
        open_spectra_store(store)


@pytest.mark.parametrize("name", ["data.npy", "wavelength.npy", "target.npy"])
@pytest.mark.parametrize("n_left", [0, 40])
def test_a_file_whose_beginning_was_never_written_is_named(store, name, n_left):
    """As after a copy that reserved the whole length and was broken off."""
    path = store / name
    whole = path.read_bytes()
    path.write_bytes(whole[:n_left].ljust(len(whole), b"\0"))
    with pytest.raises(ValueError, match=f"store is damaged: {name} is not a valid npy file"):
        open_spectra_store(store)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}'])
def test_a_damaged_manifest_is_named(store, text):
    (store / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json: it (is damaged|does not have the format)"):
        open_spectra_store(store)


def test_a_folder_without_a_manifest_is_no_store(store, tmp_path):
    (store / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"not a complete store of spectra, because it has no manifest\.json"):
        open_spectra_store(store)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        open_spectra_store(tmp_path / "nowhere")


def test_a_store_can_be_moved(store, tmp_path):
    shutil.move(store, tmp_path / "elsewhere")
    assert len(open_spectra_store(tmp_path / "elsewhere").data) == 13
    assert json.loads((tmp_path / "elsewhere" / "manifest.json").read_text())["n_samples"] == 13


def test_lamost_grid_is_the_default(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 2600), np.float32))
    store = write_spectra_store(tmp_path / "a.npy", tmp_path / "store")
    np.testing.assert_array_equal(store.wavelength, LAMOST_WAVELENGTH)
