"""npz archives and npy files."""

import io
import math
import pickle
import zipfile
from typing import Any

import numpy as np

from .._wavelength import LAMOST_WAVELENGTH
from ._fields import find_fields, has_spectra, spectra_of
from ._limits import unpacked_limit
from ._registry import register_builtin
from ._spectrum import NoSpectra, Spectrum
from ._survey_file import SurveyFile

# What `load_spectra` returns besides the arrays of spectra.
_OF_LOADED = {"DESCR", "failures", "filename", "passed_over"}


@register_builtin("array", fallback=True)
def read_npz(file: SurveyFile) -> list[Spectrum] | None:
    """Read an npz archive of spectra that share a grid.

    `flux` (or `data`) is an array of shape (n, n_features) or (n_features,), and `wavelength` is its grid in vacuum, in
    angstrom. If present, `ivar` (or `error`, the standard deviation) and `mask` of the shape of `flux` are also read,
    and so are `target`, `subclass`, `redshift`, `snr`, `zwarning`, `object_id`, `spectrum_id` and `survey` with n
    values. Other common names of these arrays are recognised, too. The result of :func:`load_spectra`, saved with
    :func:`numpy.savez`, can be read in this way.

    References
    ----------
    NumPy, "NEP 1: a simple file format for NumPy arrays", https://numpy.org/neps/nep-0001-npy-format.html
    """
    if file.start(4) != b"PK\x03\x04":
        return None
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        members = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
        places = find_fields(members)
        if not has_spectra(places):
            missing = "flux" if "flux" not in places else "wavelength"
            raise NoSpectra(f"it has no array recognised as {missing}; its arrays are {sorted(members)}")
        file.unused += sorted(set(members) - set(places.values()) - _OF_LOADED)
        for name in places.values():
            info = archive.getinfo(members[name])
            limit = unpacked_limit(info.compress_size)
            if info.file_size > limit:
                raise ValueError(
                    f"{name} states {info.file_size} bytes after decompression from {info.compress_size} bytes, more "
                    f"than the limit of {limit}"
                )
        return spectra_of({name: _npy(name, archive.read(members[name])) for name in places.values()})


@register_builtin("array", fallback=True)
def read_npy(file: SurveyFile) -> list[Spectrum] | None:
    """Read an npy array of fluxes (n, 2600) or (2600,) on `LAMOST_WAVELENGTH`.

    An npy file does not contain wavelengths, so fluxes on another grid must be in an npz or a csv file.
    """
    if file.start(6) != b"\x93NUMPY":
        return None
    flux = _npy("it", file.content)
    if flux.dtype == object:
        raise NoSpectra("it holds Python objects, not numbers")
    if flux.ndim not in (1, 2) or flux.shape[-1] != len(LAMOST_WAVELENGTH):
        raise NoSpectra(
            f"it has shape {flux.shape}, not (n, {len(LAMOST_WAVELENGTH)}). Fluxes on another grid need their "
            "wavelengths: save both in an npz file"
        )
    return spectra_of({"flux": flux, "wavelength": LAMOST_WAVELENGTH})


def _npy(name: str, content: bytes) -> np.ndarray:
    """Return the array of an npy file without allocating more memory than the file holds."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read_header(stream)
    if dtype.hasobject:
        return _plain_objects(name, stream)
    n_bytes = math.prod(shape) * dtype.itemsize
    start = stream.tell()
    if n_bytes != len(content) - start:
        raise ValueError(f"an array of shape {shape} needs {n_bytes} bytes, but the file has {len(content) - start}")
    array = np.frombuffer(content, dtype, offset=start)
    return array.reshape(shape[::-1]).T if fortran_order else array.reshape(shape)


class _PlainUnpickler(pickle.Unpickler):
    """Unpickler for arrays of text, numbers and missing values, such as labels from pandas; it never runs code."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name == "_reconstruct":
            return lambda *_: np.empty(0, object)
        if (module, name) in (("numpy", "dtype"), ("numpy", "ndarray")):
            return getattr(np, name)
        if module.startswith("pandas") and name in ("NA", "NaT"):
            return None
        raise pickle.UnpicklingError(f"{module}.{name} is neither text nor a number")


def _plain_objects(name: str, stream: io.BytesIO) -> np.ndarray:
    try:
        array = _PlainUnpickler(stream).load()
        if isinstance(array, np.ndarray) and not any(isinstance(item, np.ndarray) for item in array.flat):
            return array
        cause = "they are arrays"
    except Exception as error:  # a damaged pickle can raise anything
        cause = str(error)
    raise ValueError(f"{name} holds Python objects that cannot be read ({cause}): save it as numbers or text")
