"""Table of the lines and bands that distinguish stars, galaxies and quasars."""

import numpy as np
from sklearn.utils import Bunch

from ._tables import read_table
from ._wavelength import air_to_vacuum

# What the simulator needs: the wavelength in vacuum of a line by its name.
REST = {line["name"]: float(air_to_vacuum(float(line["wavelength"]))) for line in read_table("lines.csv")}


def load_lines() -> Bunch:
    """Load the lines and bands of stars, galaxies and quasars from the far ultraviolet to 9100 angstrom.

    Returns
    -------
    lines : :class:`~sklearn.utils.Bunch`
        Arrays of shape (n_lines,), in the order of the wavelength:

        - ``name``, ``ion`` : str; a line that some classes show in absorption and others in emission is listed twice;
        - ``wavelength_vacuum``, ``wavelength_air`` : float64, rest wavelengths in angstrom. Bands are given at their
          head, or at their middle if they have none. Below 2000 angstrom both are wavelengths in vacuum, by convention;
        - ``kind`` : str, "absorption", "emission" or "band";
        - ``STAR``, ``GALAXY``, ``QSO`` : bool, whether the class typically shows the line;
        - ``reference`` : str, the source of the wavelength.

    See Also
    --------
    make_spectra : Simulate spectra that show these lines.

    Notes
    -----
    The components of a multiplet that a survey spectrograph does not resolve, such as [O II] 3726 and 3729 or C IV
    1548 and 1551, are one line at their mean. Wavelengths in vacuum are computed from those in air according to Ciddor,
    Applied Optics 35 (1996) 1566.

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
    table = sorted(read_table("lines.csv"), key=lambda line: float(line["wavelength"]))
    text = {name: np.array([line[name] for line in table]) for name in ("name", "ion", "kind", "reference")}
    air = np.array([float(line["wavelength"]) for line in table])
    shown = {label: np.array([label[0] in line["classes"] for line in table]) for label in ("STAR", "GALAXY", "QSO")}
    lines = {"name": text["name"], "ion": text["ion"], "wavelength_vacuum": air_to_vacuum(air), "wavelength_air": air}
    return Bunch(**lines, kind=text["kind"], **shown, reference=text["reference"])
