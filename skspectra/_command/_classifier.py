"""Model with the options of the command: correction to a class mix, and a threshold for unknown spectra."""

import argparse

import numpy as np
from sklearn.frozen import FrozenEstimator

from .._checks import check_class_priors
from .._unwrap import last_step
from ..calibration import MacroF1ThresholdClassifier
from ..calibration._class_priors import with_class_priors
from ..datasets import make_spectra
from ..outliers import UnknownRejector
from ._arguments import UsageError
from ._model import load_model, model_identity

# Spectra with which the threshold of --reject is set; the pretrained model was not trained with them.
_N_KNOWN, _KNOWN_SEED = 3000, 3


class Classifier:
    """A model with the options of the command.

    Attributes
    ----------
    classes : ndarray of str
    wavelength : ndarray of float64
        Grid of the spectra, in angstrom.
    settings : dict of str to str
        Settings on which the results depend.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.model, self.wavelength = load_model(args)
        self.classes = self.model.classes_
        self._priors = None if args.priors is None else self._parse_priors(args.priors)
        # These do not always predict the class of the greatest probability.
        self._decides = isinstance(last_step(self.model), UnknownRejector | MacroF1ThresholdClassifier)
        if self._decides and (args.priors is not None or args.reject is not None):
            raise UsageError(
                f"--model {args.model} makes its own decisions, so --priors and --reject cannot be used with it."
            )
        self._thresholds = None if args.reject is None else self._thresholds_of(args.reject)
        self.settings = {name: str(getattr(args, name)) for name in ("priors", "reject", "keep_bad_pixels")}
        self.settings["model"] = model_identity(args.model)

    def __call__(self, flux: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the label of each spectrum, and the probability of each class."""
        probabilities = np.asarray(self.model.predict_proba(flux))
        if self._decides:
            return self.model.predict(flux), probabilities
        unknown = np.zeros(len(flux), dtype=bool)
        if self._thresholds is not None:
            unknown = probabilities.max(axis=1) < self._thresholds[probabilities.argmax(axis=1)]
        if self._priors is not None:
            equal = np.full(len(self.classes), 1 / len(self.classes))
            probabilities = with_class_priors(probabilities, equal, self._priors)
        return np.where(unknown, "UNKNOWN", self.classes[probabilities.argmax(axis=1)]), probabilities

    def _parse_priors(self, text: str) -> np.ndarray:
        labels = {str(label): label for label in self.classes.tolist()}
        priors = {}
        for part in text.split(","):
            name, _, share = part.partition("=")
            try:
                priors[labels[name.strip()]] = float(share)
            except (KeyError, ValueError):
                raise UsageError(
                    f"--priors {text}: {part!r} is not CLASS=SHARE with one of the classes {', '.join(labels)}."
                ) from None
        try:
            return check_class_priors(priors, self.classes, "--priors")
        except ValueError as error:
            raise UsageError(str(error)) from error

    def _thresholds_of(self, rate: float) -> np.ndarray:
        if not 0 < rate < 1:
            raise UsageError(f"--reject {rate}: the rate must be between 0 and 1.")
        flux, target = make_spectra(
            _N_KNOWN,
            weights=(1, 1, 1),
            wavelength=self.wavelength,
            missing="survey",
            random_state=_KNOWN_SEED,
            return_X_y=True,
        )
        if set(self.classes.tolist()) != set(target.tolist()):
            raise UsageError(
                f"--reject uses simulated spectra of {', '.join(np.unique(target))}, but the model has the classes "
                f"{', '.join(map(str, self.classes))}. Save an UnknownRejector as the model instead."
            )
        return UnknownRejector(FrozenEstimator(self.model), rejection_rate=rate).fit(flux, target).thresholds_
