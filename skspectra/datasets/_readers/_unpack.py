"""Compressed files and archives of one file."""

import bz2
import gzip
import io
import lzma
import os
import zipfile
from typing import BinaryIO

from ._limits import unpacked_limit

PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zip")

_OPENERS = {
    b"\x1f\x8b": ("gzip", lambda file: gzip.GzipFile(fileobj=file)),
    b"BZh": ("bzip2", bz2.BZ2File),
    b"\xfd7zXZ\x00": ("xz", lzma.LZMAFile),
}
_REFUSED = {
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard",
    b"\x1f\x9d": "compressed by compress (.Z)",
    b"\x37\x7a\xbc\xaf": "a 7-Zip archive",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
}
_TAR = (257, b"ustar")  # position and content
_MOST_LAYERS = 3  # a gzip file inside another occurs in practice; a file with more layers is refused


def without_packing(name: str) -> str:
    """Return the name of a file without the suffixes of its compression."""
    for _ in range(_MOST_LAYERS):
        suffix = os.path.splitext(name)[1]
        name = name.removesuffix(suffix) if suffix.lower() in PACKED_SUFFIXES else name
    return name


def unpacked(handle: BinaryIO) -> BinaryIO:
    """Decompress a file into memory and close `handle`, or return `handle` itself if it is not compressed.

    Raises
    ------
    ValueError
        If the compression is broken or unknown, or if the file is too large after decompression.
    """
    for _ in range(_MOST_LAYERS + 1):
        handle.seek(0)
        start = handle.read(_TAR[0] + len(_TAR[1]))
        for magic, what in _REFUSED.items():
            if start.startswith(magic):
                raise ValueError(f"it is {what}, which is not supported: unpack or convert it first")
        if start[_TAR[0] :] == _TAR[1]:
            raise ValueError("it is a tar archive, which is not supported: unpack it first")
        found = next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)
        if found is None and (not start.startswith(b"PK\x03\x04") or _is_npz(handle)):
            handle.seek(0)
            return handle
        with handle:
            handle.seek(0)
            handle = _unzipped(handle) if found is None else _decompressed(handle, *found)
    raise ValueError(f"it is compressed more than {_MOST_LAYERS} times")


def _is_npz(handle: BinaryIO) -> bool:
    try:
        with zipfile.ZipFile(handle) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except zipfile.BadZipFile as error:
        raise ValueError(f"the zip archive is broken: {error}") from error


def _unzipped(handle: BinaryIO) -> BinaryIO:
    with zipfile.ZipFile(handle) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        if len(members) != 1:
            raise ValueError(f"it is a zip archive of {len(members)} files: unpack it first")
        [member] = members
        return _decompressed(handle, "zip", lambda _: archive.open(member))


def _decompressed(handle: BinaryIO, name: str, opener) -> BinaryIO:
    limit = unpacked_limit(handle.seek(0, os.SEEK_END))
    handle.seek(0)
    content = io.BytesIO()
    try:
        with opener(handle) as stream:
            while content.tell() <= limit and (piece := stream.read(1 << 20)):
                content.write(piece)
    except Exception as error:
        raise ValueError(f"the {name} compression is broken: {error}") from error
    if content.tell() > limit:
        raise ValueError(f"the file exceeds the limit of {limit} bytes after {name} decompression")
    return content
