"""Labels of spectra from other files than their own."""

import os

from ._readers import Label, Labels, Spectrum

# By survey and file of spectra ("" where they are about any), by object: label and the file that it is from.
Catalogues = dict[tuple[str, str], dict[str, tuple[Label, str]]]


def add_catalogue(labels: Labels, path: str, catalogues: Catalogues) -> None:
    """Add the labels of a file to those about the same spectra, or raise ValueError where they disagree."""
    known = catalogues.setdefault((labels.survey, file_described(labels, path)), {})
    for object_id, label in labels.by_object_id.items():
        if object_id in known:
            refuse_other_label(object_id, label, path, *known[object_id])
    for object_id, label in labels.by_object_id.items():
        known.setdefault(object_id, (label, path))


def apply_catalogues(spectra: list[Spectrum], filenames: list[str], catalogues: Catalogues) -> None:
    """Set class, subclass and redshift of the spectra that a catalogue names.

    A file of spectra takes from the catalogue about it, which lies beside it, or else from those about any of its
    survey.
    """
    for spectrum, filename in zip(spectra, filenames, strict=True):
        for about in (place(filename), ""):
            known = catalogues.get((spectrum.survey, about))
            if known is not None:
                if spectrum.object_id in known:
                    (spectrum.target, spectrum.subclass, spectrum.redshift), _ = known[spectrum.object_id]
                break


def place(path: str) -> str:
    """Absolute path without ".gz", for a file and the catalogue about it need not both be compressed."""
    return os.path.abspath(path).removesuffix(".gz")


def file_described(labels: Labels, path: str) -> str:
    """The file of spectra that a catalogue at `path` is about, or "" where it is about any."""
    return place(os.path.join(os.path.dirname(path), labels.about)) if labels.about else ""


def refuse_other_label(object_id: str, label: Label, path: str, known: Label, known_path: str) -> None:
    """Raise ValueError where a catalogue disagrees with an earlier one."""
    if str(label) != str(known):  # as text, for NaN is not NaN
        raise ValueError(f"{path}: it has {object_id} as {label}, {known_path} as {known}")
