"""The table of the lines and bands that tell stars, galaxies and quasars apart."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from ._wavelength import air_to_vacuum

_NIST = "Kramida et al., NIST Atomic Spectra Database, version 5"
_VANDEN_BERK = "Vanden Berk et al., AJ 122 (2001) 549, table 2"
_NEBULAE = "Osterbrock & Ferland, Astrophysics of Gaseous Nebulae and Active Galactic Nuclei (2006)"
_LICK = "Worthey et al., ApJS 94 (1994) 687, table 1"
_MOLECULES = "Pearse & Gaydon, The Identification of Molecular Spectra (1976)"

_CLASSES = {"S": "STAR", "G": "GALAXY", "Q": "QSO"}


class _Line(NamedTuple):
    name: str
    ion: str
    wavelength: float  # angstrom, in air from 2000 on, as in the literature
    kind: str
    shown_by: str  # initials of the classes
    reference: str


# The components of a multiplet that a survey does not resolve are one line at their mean.
_TABLE = (
    _Line("Ly beta", "H I", 1025.72, "emission", "Q", _NIST),
    _Line("O VI", "O VI", 1033.82, "emission", "Q", _NIST),
    _Line("Ly alpha", "H I", 1215.67, "emission", "Q", _NIST),
    _Line("N V", "N V", 1240.14, "emission", "Q", _NIST),
    _Line("Si II 1263", "Si II", 1262.59, "emission", "Q", _VANDEN_BERK),
    _Line("O I 1304", "O I", 1304.35, "emission", "Q", _VANDEN_BERK),
    _Line("C II 1335", "C II", 1335.30, "emission", "Q", _VANDEN_BERK),
    _Line("Si IV", "Si IV", 1396.76, "emission", "Q", _NIST),
    _Line("O IV]", "O IV", 1402.06, "emission", "Q", _VANDEN_BERK),
    _Line("C IV", "C IV", 1549.06, "emission", "Q", _NIST),
    _Line("He II 1640", "He II", 1640.42, "emission", "Q", _NIST),
    _Line("O III]", "O III", 1663.48, "emission", "Q", _VANDEN_BERK),
    _Line("Al III", "Al III", 1857.40, "emission", "Q", _NIST),
    _Line("Si III]", "Si III", 1892.03, "emission", "Q", _NIST),
    _Line("C III]", "C III", 1908.73, "emission", "Q", _NIST),
    _Line("C II]", "C II", 2325.40, "emission", "Q", _NEBULAE),
    _Line("Fe II UV", "Fe II", 2450.0, "band", "Q", "Vestergaard & Wilkes, ApJS 134 (2001) 1"),
    _Line("Mg II", "Mg II", 2797.92, "emission", "Q", _NIST),
    _Line("[Ne V] 3346", "Ne V", 3345.83, "emission", "Q", _NEBULAE),
    _Line("[Ne V] 3426", "Ne V", 3425.87, "emission", "Q", _NEBULAE),
    _Line("[O II]", "O II", 3727.42, "emission", "GQ", _NEBULAE),
    _Line("[Ne III] 3869", "Ne III", 3868.76, "emission", "GQ", _NEBULAE),
    _Line("[Ne III] 3967", "Ne III", 3967.47, "emission", "GQ", _NEBULAE),
    _Line("H epsilon", "H I", 3970.08, "emission", "GQ", _NIST),
    _Line("H delta", "H I", 4101.73, "emission", "GQ", _NIST),
    _Line("H gamma", "H I", 4340.46, "emission", "GQ", _NIST),
    _Line("[O III] 4363", "O III", 4363.21, "emission", "GQ", _NEBULAE),
    _Line("Fe II 4570", "Fe II", 4570.0, "band", "Q", "Boroson & Green, ApJS 80 (1992) 109"),
    _Line("He II 4686", "He II", 4685.70, "emission", "GQ", _NIST),
    _Line("H beta", "H I", 4861.35, "emission", "GQ", _NIST),
    _Line("[O III] 4959", "O III", 4958.91, "emission", "GQ", _NEBULAE),
    _Line("[O III] 5007", "O III", 5006.84, "emission", "GQ", _NEBULAE),
    _Line("Fe II 5250", "Fe II", 5250.0, "band", "Q", "Boroson & Green, ApJS 80 (1992) 109"),
    _Line("He I 5876", "He I", 5875.64, "emission", "GQ", _NIST),
    _Line("[O I] 6300", "O I", 6300.30, "emission", "GQ", _NEBULAE),
    _Line("[O I] 6364", "O I", 6363.78, "emission", "GQ", _NEBULAE),
    _Line("[N II] 6548", "N II", 6548.05, "emission", "GQ", _NEBULAE),
    _Line("H alpha", "H I", 6562.79, "emission", "GQ", _NIST),
    _Line("[N II] 6583", "N II", 6583.45, "emission", "GQ", _NEBULAE),
    _Line("[S II] 6716", "S II", 6716.44, "emission", "GQ", _NEBULAE),
    _Line("[S II] 6731", "S II", 6730.82, "emission", "GQ", _NEBULAE),
    _Line("[Ar III] 7136", "Ar III", 7135.79, "emission", "GQ", _NEBULAE),
    _Line("[S III] 9069", "S III", 9068.60, "emission", "GQ", _NEBULAE),
    _Line("H 10", "H I", 3797.91, "absorption", "SG", _NIST),
    _Line("H 9", "H I", 3835.40, "absorption", "SG", _NIST),
    _Line("H 8", "H I", 3889.06, "absorption", "SG", _NIST),
    _Line("Ca II K", "Ca II", 3933.66, "absorption", "SG", _NIST),
    _Line("Ca II H", "Ca II", 3968.47, "absorption", "SG", _NIST),
    _Line("H epsilon", "H I", 3970.08, "absorption", "SG", _NIST),
    _Line("He I 4026", "He I", 4026.19, "absorption", "S", _NIST),
    _Line("Sr II 4078", "Sr II", 4077.71, "absorption", "S", _NIST),
    _Line("H delta", "H I", 4101.73, "absorption", "SG", _NIST),
    _Line("Ca I 4227", "Ca I", 4226.73, "absorption", "SG", _NIST),
    _Line("H gamma", "H I", 4340.46, "absorption", "SG", _NIST),
    _Line("Fe I 4384", "Fe I", 4383.54, "absorption", "SG", _NIST),
    _Line("He I 4471", "He I", 4471.48, "absorption", "S", _NIST),
    _Line("Mg II 4481", "Mg II", 4481.20, "absorption", "S", _NIST),
    _Line("He II 4542", "He II", 4541.59, "absorption", "S", _NIST),
    _Line("Ba II 4554", "Ba II", 4554.03, "absorption", "S", _NIST),
    _Line("He II 4686", "He II", 4685.70, "absorption", "S", _NIST),
    _Line("H beta", "H I", 4861.35, "absorption", "SG", _NIST),
    _Line("Mg I b1", "Mg I", 5183.60, "absorption", "SG", _NIST),
    _Line("Mg I b2", "Mg I", 5172.68, "absorption", "SG", _NIST),
    _Line("Mg I b4", "Mg I", 5167.32, "absorption", "SG", _NIST),
    _Line("Fe I 5270", "Fe I", 5269.54, "absorption", "SG", _NIST),
    _Line("Fe I 5328", "Fe I", 5328.04, "absorption", "SG", _NIST),
    _Line("He I 5876", "He I", 5875.64, "absorption", "S", _NIST),
    _Line("Na I D2", "Na I", 5889.95, "absorption", "SG", _NIST),
    _Line("Na I D1", "Na I", 5895.92, "absorption", "SG", _NIST),
    _Line("H alpha", "H I", 6562.79, "absorption", "SG", _NIST),
    _Line("K I 7665", "K I", 7664.90, "absorption", "S", _NIST),
    _Line("K I 7699", "K I", 7698.96, "absorption", "S", _NIST),
    _Line("O I 7774", "O I", 7773.4, "absorption", "S", _NIST),
    _Line("Na I 8183", "Na I", 8183.26, "absorption", "SG", _NIST),
    _Line("Na I 8195", "Na I", 8194.82, "absorption", "SG", _NIST),
    _Line("Ca II 8498", "Ca II", 8498.02, "absorption", "SG", _NIST),
    _Line("Ca II 8542", "Ca II", 8542.09, "absorption", "SG", _NIST),
    _Line("Ca II 8662", "Ca II", 8662.14, "absorption", "SG", _NIST),
    _Line("CN 3883", "CN", 3883.4, "band", "SG", _MOLECULES),
    _Line("4000 A break", "", 4000.0, "band", "G", "Bruzual, ApJ 273 (1983) 105"),
    _Line("CN 4216", "CN", 4216.0, "band", "SG", _MOLECULES),
    _Line("G band", "CH", 4298.9, "band", "SG", _LICK),
    _Line("C2 4737", "C2", 4737.1, "band", "S", _MOLECULES),
    _Line("TiO 4761", "TiO", 4761.0, "band", "S", _MOLECULES),
    _Line("TiO 4955", "TiO", 4954.6, "band", "S", _MOLECULES),
    _Line("C2 5165", "C2", 5165.2, "band", "S", _MOLECULES),
    _Line("TiO 5167", "TiO", 5166.8, "band", "S", _MOLECULES),
    _Line("MgH 5211", "MgH", 5211.1, "band", "SG", _MOLECULES),
    _Line("TiO 5448", "TiO", 5448.2, "band", "S", _MOLECULES),
    _Line("C2 5636", "C2", 5635.5, "band", "S", _MOLECULES),
    _Line("TiO 6159", "TiO", 6158.5, "band", "SG", _MOLECULES),
    _Line("CaH 6385", "CaH", 6385.0, "band", "S", "Kirkpatrick et al., ApJS 77 (1991) 417"),
    _Line("CaH 6946", "CaH", 6946.0, "band", "S", "Kirkpatrick et al., ApJS 77 (1991) 417"),
    _Line("TiO 7054", "TiO", 7054.3, "band", "SG", _MOLECULES),
    _Line("VO 7334", "VO", 7334.0, "band", "S", "Kirkpatrick et al., ApJS 77 (1991) 417"),
    _Line("TiO 7589", "TiO", 7589.3, "band", "S", _MOLECULES),
    _Line("VO 7851", "VO", 7851.0, "band", "S", "Kirkpatrick et al., ApJS 77 (1991) 417"),
    _Line("TiO 8432", "TiO", 8432.0, "band", "S", "Kirkpatrick et al., ApJS 77 (1991) 417"),
    _Line("TiO 8859", "TiO", 8859.0, "band", "S", "Kirkpatrick et al., ApJS 77 (1991) 417"),
)

# What the simulator needs: the wavelength in vacuum of a line by its name.
REST = {line.name: float(air_to_vacuum(line.wavelength)) for line in _TABLE}


def load_lines() -> Bunch:
    """Lines and bands that stars, galaxies and quasars show between the far ultraviolet and 9100 angstrom.

    Returns
    -------
    lines : :class:`~sklearn.utils.Bunch`
        Arrays of shape (n_lines,), in the order of the wavelength:

        - ``name``, ``ion`` : str; a line that some classes show in absorption and others in emission stands there
          twice;
        - ``wavelength_vacuum``, ``wavelength_air`` : float64, rest wavelengths in angstrom. Bands are given at their
          head, or at their middle if they have none. Below 2000 angstrom both are that in vacuum, as is the convention;
        - ``kind`` : str, "absorption", "emission" or "band";
        - ``STAR``, ``GALAXY``, ``QSO`` : bool, does the class typically show it;
        - ``reference`` : str, where the wavelength stands.

    See Also
    --------
    make_spectra : Simulate spectra that show these lines.

    Notes
    -----
    The components of a multiplet that a survey spectrograph does not resolve, such as [O II] 3726 and 3729 or C IV
    1548 and 1551, are one line at their mean. Wavelengths in vacuum follow from those in air with Ciddor, Applied
    Optics 35 (1996) 1566.

    Examples
    --------
    >>> from skspectra.datasets import load_lines
    >>> lines = load_lines()
    >>> balmer = lines.name == "H alpha"
    >>> for name in ("kind", "wavelength_air", "wavelength_vacuum", "STAR", "QSO"):
    ...     print(name, lines[name][balmer].tolist())
    kind ['emission', 'absorption']
    wavelength_air [6562.79, 6562.79]
    wavelength_vacuum [6564.60..., 6564.60...]
    STAR [False, True]
    QSO [True, False]

    The emission lines of a quasar at redshift 2 in the range of LAMOST:

    >>> observed = lines.wavelength_vacuum * (1 + 2)
    >>> wanted = lines.QSO & (lines.kind == "emission") & (observed > 3690) & (observed < 9100)
    >>> print(*lines.name[wanted][:5], sep=", ")
    N V, Si II 1263, O I 1304, C II 1335, Si IV
    """
    table = sorted(_TABLE, key=lambda line: line.wavelength)
    air = np.array([line.wavelength for line in table])
    columns = {
        "name": np.array([line.name for line in table]),
        "ion": np.array([line.ion for line in table]),
        "wavelength_vacuum": air_to_vacuum(air),
        "wavelength_air": air,
        "kind": np.array([line.kind for line in table]),
    }
    for initial, label in _CLASSES.items():
        columns[label] = np.array([initial in line.shown_by for line in table])
    return Bunch(**columns, reference=np.array([line.reference for line in table]))
