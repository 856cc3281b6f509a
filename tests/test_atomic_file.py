"""Files that are replaced in one step."""

import os

import pytest

from skspectra._atomic_file import replace_file


def test_content_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "model.onnx"
    for content in (b"first", memoryview(b"second")):
        replace_file(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_file_as_it_was(function, error, tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"good")

    def fail(*args):
        raise error

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(type(error)):
        replace_file(path, b"better")
    assert path.read_bytes() == b"good"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_overwritten(tmp_path):
    path = tmp_path / "model.onnx"
    path.with_name("model.onnx.tmp").write_bytes(b"half of a longer cont")
    replace_file(path, b"content")
    assert path.read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [path]
