"""Base of the transformers that treat each spectrum by itself."""

from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

from ._validation import Tags, _fit_context, check_spectra


class StatelessSpectrumTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Transformer that learns nothing: NaN is allowed, float32 and float64 are kept, `fit` is not needed."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check the parameters and remember the width and the feature names; nothing else is learnt.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Flux, in any unit; NaN where it is missing.

        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter is outside what is allowed, or X has no two dimensions.
        """
        check_spectra(self, X, reset=True, ensure_all_finite=False)  # transform reads the values
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
