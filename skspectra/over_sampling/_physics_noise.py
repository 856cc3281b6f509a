"""Oversampling of rarer classes with the noise of a CCD spectrograph."""

from typing import Any

import numpy as np
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_target_type
from sklearn.utils import check_random_state

from .._checks import masked_as_nan, refuse_missing_labels
from .._validation import Tags, _check_feature_names, validate_data
from ..augmentation import CCDNoiseAugmenter
from ..augmentation._add_noise import write_noisy_spectra


class PhysicsNoiseOverSampler(BaseOverSampler):
    """Add copies of the spectra of rarer classes, each with its own noise.

    The result contains the given spectra, unchanged, followed by copies of the spectra of each class to be enlarged.
    The copies have electronic noise, cosmic rays and bad pixels [1]_. The numbers of copies of the spectra of a class
    differ by at most one.

    This is the method of [1]_, and a way to store a balanced data set. However, the noise reveals which spectra are
    copies. To train a classifier, add the same noise to all classes instead, as described in the notes.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        The classes to enlarge, and the number of their spectra in the result.

        - str: all classes that it names get as many spectra as the most frequent one: ``"minority"``,
          ``"not minority"``, ``"not majority"``, ``"all"``, or ``"auto"``, which is ``"not majority"``.
        - float, for two classes: number of spectra of the rarer class divided by that of the other one in the result.
        - dict: from class label to the number of spectra in the result.
        - callable: takes ``y`` and returns such a dict.
    augmenter : CCDNoiseAugmenter or None, default=None
        Strength of the noise; None means ``CCDNoiseAugmenter()``. Its ``random_state`` is not used.
    random_state : int, RandomState instance or None, default=None
        Controls the noise and the choice of the spectra that are copied once more than others.

    Attributes
    ----------
    sampling_strategy_ : dict
        From class label to the number of copies added.
    sample_indices_ : ndarray of shape (n_samples_new,)
        Row of X from which each spectrum of the result was made.
    n_features_in_ : int
        Number of samples of a spectrum.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, if all of them are strings.

    See Also
    --------
    skspectra.augmentation.CCDNoiseAugmenter : The noise, and the reasons for its strength.
    imblearn.over_sampling.RandomOverSampler : Copies without noise, to be followed by noise for every class.

    Notes
    -----
    The dtype of X is kept. If it is an integer type, the noise is rounded. NaN samples stay NaN. pandas and Polars data
    frames are returned as such. Copies are written directly into the result, so little additional memory is needed.

    If only the copies of the rarer classes receive noise, a classifier can learn that an artefact means a rare class
    (``benchmarks/noise/leak_check.py`` measures this). A :class:`~skspectra.augmentation.CCDNoiseAugmenter` after this
    sampler does not solve the problem, because noise is then added to the copies twice and to all other spectra once.
    Every class receives the same noise with

    - ``sampling="balanced", augmenter=CCDNoiseAugmenter()`` in the networks of `skspectra.neural_network`, which
      balance the classes and add noise during training;
    - imbalanced-learn's ``RandomOverSampler`` followed by ``CCDNoiseAugmenter`` before any other classifier.

    If an estimator splits off its own validation spectra, a sampler before it puts copies of validation spectra into
    the training set. The networks balance the classes after the split.

    References
    ----------
    .. [1] Wang Q., Zhao G., Fan Z., "Classification of Astronomical Spectra Based on DenseNet", Astronomical Research
       and Technology 17(1), 85-95, 2020.

    Examples
    --------
    This example balances the classes at 1:1:1 as in the paper, with fewer stars and more galaxies and quasars. The
    pipeline of imbalanced-learn resamples only when it is fitted:

    >>> from collections import Counter
    >>> import numpy as np
    >>> from imblearn.pipeline import make_pipeline
    >>> from imblearn.under_sampling import RandomUnderSampler
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skspectra.over_sampling import PhysicsNoiseOverSampler
    >>> from skspectra.preprocessing import MinMaxSpectrumScaler
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["STAR", "GALAXY", "QSO"], [985, 12, 3])
    >>> X = rng.normal(size=(1000, 50)) + 5 * (y == "QSO")[:, None] * np.linspace(0, 1, 50)
    >>> fewer_stars = RandomUnderSampler(sampling_strategy={"STAR": 100}, random_state=0)
    >>> more_of_the_rest = PhysicsNoiseOverSampler(random_state=0)
    >>> X_balanced, y_balanced = more_of_the_rest.fit_resample(*fewer_stars.fit_resample(X, y))
    >>> sorted((str(label), count) for label, count in Counter(y_balanced).items())
    [('GALAXY', 100), ('QSO', 100), ('STAR', 100)]
    >>> model = make_pipeline(MinMaxSpectrumScaler(), fewer_stars, more_of_the_rest, LogisticRegression())
    >>> model.fit(X, y).predict(X[-3:])
    array(['QSO', 'QSO', 'QSO'], dtype='<U6')
    """

    _parameter_constraints: dict = {
        **BaseOverSampler._parameter_constraints,
        "augmenter": [CCDNoiseAugmenter, None],
    }

    def __init__(
        self,
        sampling_strategy: Any = "auto",
        *,
        augmenter: CCDNoiseAugmenter | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.augmenter = augmenter
        self.random_state = random_state

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return the spectra and labels, followed by noisy copies of the rarer classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flux, in any unit; NaN if it is missing.
        y : array-like of shape (n_samples,)
            Class labels.

        Returns
        -------
        X_resampled : array-like of shape (n_samples_new, n_features)
            Flux, of the type and dtype of X.
        y_resampled : array-like of shape (n_samples_new,)
            Class labels, of the type and dtype of y.

        Raises
        ------
        ValueError
            If a parameter is not valid, X contains infinity or columns that are not flux, y has only one class, or
            ``sampling_strategy`` asks for fewer spectra of a class than there are.
        """
        refuse_missing_labels(y)
        _refuse_other_columns(X)
        if not (_is_polars(X) or _is_polars(y)):
            return super().fit_resample(X, y)
        # imbalanced-learn returns frames only for pandas.
        labels = y.to_series() if _is_polars(y) and hasattr(y, "to_series") else y  # of a frame of one column
        if _is_polars(y) and labels is not y and y.width != 1:
            raise ValueError(f"y must have one column of labels; it has the columns {y.columns}.")
        values = [data.to_numpy() if _is_polars(data) else data for data in (X, labels)]
        X_resampled, y_resampled = super().fit_resample(*values)
        if _is_polars(X):
            _check_feature_names(self, X, reset=True)
            X_resampled = type(X)(X_resampled, schema=X.columns).cast(X.schema)
        if _is_polars(y):
            y_resampled = type(labels)(labels.name, y_resampled, dtype=labels.dtype)
            y_resampled = y_resampled if labels is y else y_resampled.to_frame()
        return X_resampled, y_resampled

    def _check_X_y(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray, bool]:
        y, binarize_y = check_target_type(y, indicate_one_vs_all=True)
        X, y = validate_data(self, X=masked_as_nan(X), y=y, reset=True, ensure_all_finite="allow-nan")
        if X.dtype.kind not in "fiu":  # noise has no meaning for booleans
            X = X.astype(np.float64)
        return X, y, binarize_y

    def _fit_resample(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        random_state = check_random_state(self.random_state)
        augmenter = CCDNoiseAugmenter() if self.augmenter is None else self.augmenter
        effects = augmenter._all_effects()

        copied = [
            _spread(np.flatnonzero(y == label), n_copies, random_state)
            for label, n_copies in self.sampling_strategy_.items()
        ]
        self.sample_indices_ = np.concatenate([np.arange(len(X)), *copied])
        X_resampled = np.empty((len(self.sample_indices_), X.shape[1]), X.dtype)
        X_resampled[: len(X)] = X
        write_noisy_spectra(
            X,
            X_resampled[len(X) :],
            effects=effects,
            random_state=random_state,
            indices=self.sample_indices_[len(X) :],
        )
        return X_resampled, y[self.sample_indices_]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = False
        tags.sampler_tags.sample_indices = True
        return tags


def _refuse_other_columns(X: Any) -> None:
    """Raise ValueError if a frame has other columns besides those of flux, because noise would change them.

    Columns of flux are numbered or named by their wavelengths, as "w17" or "3690.0"; those like "ra" or "id" are not.
    """
    names = [name for name in getattr(X, "columns", []) if isinstance(name, str)]
    others = [name for name in names if not any(character.isdigit() for character in name)]
    if others and len(others) < len(names):
        raise ValueError(
            f"X has columns {others} that do not look like flux (their names have no digits). Noise would change them, "
            f"so drop them, as in X.drop(columns={others})."
        )


def _is_polars(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "polars"


def _spread(indices: np.ndarray, n_copies: int, random_state: np.random.RandomState) -> np.ndarray:
    """Return ``n_copies`` of the indices, each equally often; those that occur once more are drawn at random."""
    rounds, rest = divmod(n_copies, len(indices))
    return np.concatenate([np.tile(indices, rounds), random_state.permutation(indices)[:rest]])
