"""The sample of observed spectra that comes with the package."""

import numpy as np
from sklearn.utils import Bunch

from .._validation import validate_params
from ._tables import open_binary, read_text
from ._wavelength import LAMOST_WAVELENGTH


@validate_params({"return_X_y": ["boolean"]})
def load_sdss_sample(*, return_X_y: bool = False) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Load a sample of observed SDSS spectra: 59 stars, 51 galaxies and 236 quasars.

    The spectra are on ``LAMOST_WAVELENGTH`` and come with the package, so you can try a classifier on real spectra
    without files of your own. The blue or red end of some spectra is missing.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    spectra : :class:`~sklearn.utils.Bunch`
        Like that of :func:`load_spectra`:

        - ``data`` : float32 of shape (346, 2600), flux per wavelength in 1e-17 erg / (s cm2 angstrom), NaN where
          nothing was measured;
        - ``target`` : str of shape (346,), "STAR", "GALAXY" or "QSO";
        - ``target_names`` : str of shape (3,), the classes;
        - ``wavelength`` : float64 of shape (2600,), in vacuum, in angstrom;
        - ``subclass`` : str of shape (346,), such as "F9" or "STARFORMING", "" where there is none;
        - ``redshift`` : float64 of shape (346,);
        - ``snr`` : float64 of shape (346,), median S/N of a pixel, NaN for four spectra;
        - ``survey`` : str of shape (346,);
        - ``object_id`` : str of shape (346,), the object; use it as `groups` in every split;
        - ``spectrum_id`` : str of shape (346,), plate, modified Julian date and fibre;
        - ``DESCR`` : str, origin, selection and acknowledgement.

    (data, target) : tuple if `return_X_y` is True
        The spectra and their classes alone.

    See Also
    --------
    load_spectra : Load survey files.
    make_spectra : Simulate any number of spectra.
    skspectra.pretrained.load_classifier : A classifier that accepts these spectra without preparation.

    Notes
    -----
    The flux is rounded by less than a tenth of the noise of a sample. The sample is small and has few galaxies, so the
    confidence intervals of scores are about ± .03. :func:`skspectra.metrics.classification_table` computes them by
    object with ``groups=spectra.object_id``.

    References
    ----------
    .. [1] Ahumada R. et al., "The 16th Data Release of the Sloan Digital Sky Surveys", ApJS 249 (2020) 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skspectra.datasets import load_sdss_sample
    >>> spectra = load_sdss_sample()
    >>> spectra.data.shape, spectra.data.dtype
    ((346, 2600), dtype('float32'))
    >>> labels, counts = np.unique(spectra.target, return_counts=True)
    >>> dict(zip(labels.tolist(), counts.tolist()))
    {'GALAXY': 51, 'QSO': 236, 'STAR': 59}
    >>> len(np.unique(spectra.object_id))
    263
    """
    with open_binary("sdss_sample.npz") as file, np.load(file) as archive:
        columns = {name: archive[name] for name in archive.files}
    level, step = columns.pop("level"), columns.pop("step")
    flux = level * step[:, None]
    flux[level == np.iinfo(level.dtype).min] = np.nan
    if return_X_y:
        return flux, columns["target"]
    return Bunch(
        data=flux,
        target_names=np.array(["STAR", "GALAXY", "QSO"]),
        wavelength=LAMOST_WAVELENGTH.copy(),
        **columns,
        DESCR=read_text("sdss_sample.rst"),
    )
