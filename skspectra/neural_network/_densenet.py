"""The densely connected network for spectra as a scikit-learn classifier."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from torch import nn

from .._validation import HasMethods, Interval, StrOptions, _clone_parametrized
from ..augmentation import CCDNoiseAugmenter
from ._base import BaseSpectrumClassifier
from ._initial_weights import ARCHITECTURE, copy_weights
from ._modules._densenet import DenseNet1D


class DenseNet1DClassifier(BaseSpectrumClassifier):
    """Densely connected convolutional network for spectra, with parallel kernels of several widths.

    This is the network of Wang, Zhao & Fan [1]_. It has a convolutional stem, dense blocks of convolutions whose
    kernels are as wide as narrow lines, broad lines and molecular bands, transitions that halve the length, extra
    transitions that carry features across a dense block to the next scale, and a global average before the class
    probabilities. Batch normalisation, squeeze-and-excitation and ReLU precede every convolution but the first.

    :meth:`plain` makes the DenseNet of Huang et al. [2]_ instead, with as many layers and without these changes.

    Scale the spectra first, for example with :class:`~skspectra.preprocessing.MinMaxSpectrumScaler`.

    Parameters
    ----------
    <parameters of the module>
    init : str, fitted DenseNet1DClassifier or Pipeline that ends in one, default=None
        Network from whose weights `fit` starts: the name of a model of :func:`skspectra.pretrained.load_classifier`, or
        a fitted network. It must have the same architecture, but may have been fitted to spectra of another length. The
        last layer keeps the weights of the classes that both networks have, and has random weights for the others. With
        None, all weights are random. In the grid of a search, wrap a fitted network in
        :class:`~sklearn.frozen.FrozenEstimator`. :meth:`from_pretrained` sets matching parameters.
    <training parameters>

    Attributes
    ----------
    n_layers_ : int
        Number of layers with weights that follow each other, counted as in [1]_: 36 for the defaults. The extra
        transitions and the excitations are not counted.
    <fitted attributes>

    See Also
    --------
    SpectrumMLPClassifier : Fully connected layers instead of convolutions.
    DBNClassifier : Fully connected layers, pre-trained without labels.
    skspectra.over_sampling.PhysicsNoiseOverSampler : Balance by noisy copies, for any classifier.

    References
    ----------
    .. [1] Wang Q., Zhao G., Fan Z., "Classification of Astronomical Spectra Based on DenseNet", Astronomical Research
       and Technology 17(1), 85-95, 2020.
    .. [2] Huang G., Liu Z., van der Maaten L., Weinberger K. Q., "Densely Connected Convolutional Networks", CVPR 2017,
       arXiv:1608.06993.

    Examples
    --------
    >>> from skspectra.datasets import make_spectra
    >>> from skspectra.neural_network import DenseNet1DClassifier
    >>> from skspectra.preprocessing import MinMaxSpectrumScaler
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = make_spectra(60, weights=(1, 1, 1), random_state=0, return_X_y=True)
    >>> classifier = DenseNet1DClassifier(
    ...     growth_rate=4, stem_stride=4, max_epochs=2, lr_schedule="one-cycle", sampling="balanced", random_state=0
    ... )
    >>> pipeline = make_pipeline(MinMaxSpectrumScaler(), classifier).fit(X, y)
    >>> pipeline.predict_proba(X).shape
    (60, 3)
    >>> pipeline[-1].n_layers_
    36
    """

    module_class = DenseNet1D

    _parameter_constraints: dict = {
        **BaseSpectrumClassifier._parameter_constraints,
        "n_dense_blocks": [Interval(Integral, 1, None, closed="left")],
        "n_conv_blocks_per_dense_block": [Interval(Integral, 1, None, closed="left")],
        "growth_rate": [Interval(Integral, 1, None, closed="left")],
        "stem_channels": [Interval(Integral, 1, None, closed="left")],
        "stem_kernel_size": [Interval(Integral, 1, None, closed="left")],
        "stem_stride": [Interval(Integral, 1, None, closed="left")],
        "kernel_sizes": ["array-like"],
        "compression": [Interval(Real, 0, 1, closed="right")],
        "se_reduction": [Interval(Integral, 1, None, closed="left"), None],
        "cross_transitions": ["boolean"],
        "conv_block": [StrOptions({"multi-scale", "bottleneck"}), type],
        "init": [str, HasMethods("predict"), None],
    }

    def __init__(
        self,
        *,
        n_dense_blocks: int = 7,
        n_conv_blocks_per_dense_block: int = 2,
        growth_rate: int = 12,
        stem_channels: int = 24,
        stem_kernel_size: int = 11,
        stem_stride: int = 1,
        kernel_sizes: Sequence[int] = (1, 11, 25, 41),
        compression: float = 0.5,
        se_reduction: int | None = 4,
        cross_transitions: bool = True,
        conv_block: str | type[nn.Module] = "multi-scale",
        init: Any = None,
        **training_params: Any,
    ) -> None:
        super().__init__(**training_params)
        self.n_dense_blocks = n_dense_blocks
        self.n_conv_blocks_per_dense_block = n_conv_blocks_per_dense_block
        self.growth_rate = growth_rate
        self.stem_channels = stem_channels
        self.stem_kernel_size = stem_kernel_size
        self.stem_stride = stem_stride
        self.kernel_sizes = kernel_sizes
        self.compression = compression
        self.se_reduction = se_reduction
        self.cross_transitions = cross_transitions
        self.conv_block = conv_block
        self.init = init

    @classmethod
    def from_pretrained(cls, name: str = "star-galaxy-qso", **params: Any) -> Self:
        """Make a classifier that starts from the weights of a pretrained network, for few labelled spectra.

        It has the architecture of that network, and defaults that suit fine-tuning: few epochs, small batches, a
        learning rate that rises and falls once, and fresh noise for every spectrum. With 100 spectra or fewer, also
        pass ``sampling="balanced"``.

        Parameters
        ----------
        name : str, default="star-galaxy-qso"
            The model, as in :func:`skspectra.pretrained.load_classifier`.
        **params
            Any parameters of the class. They override those that this method sets.

        Returns
        -------
        classifier : DenseNet1DClassifier
            A classifier that is not fitted. Scale the spectra for it as the pretrained pipeline does.

        Raises
        ------
        ValueError
            If there is no model of that name.

        Examples
        --------
        Subclasses of observed quasars and galaxies, in a second:

        >>> import numpy as np
        >>> from skspectra.datasets import load_sdss_sample
        >>> from skspectra.neural_network import DenseNet1DClassifier
        >>> from skspectra.pretrained import load_classifier
        >>> from sklearn.pipeline import make_pipeline
        >>> sample = load_sdss_sample()
        >>> rows = np.flatnonzero(np.isin(sample.subclass, ["STARFORMING", "STARBURST", "BROADLINE"]))[:40]
        >>> network = DenseNet1DClassifier.from_pretrained(max_epochs=2, sampling="balanced", random_state=0)
        >>> model = make_pipeline(load_classifier()[:-1], network).fit(sample.data[rows], sample.subclass[rows])
        >>> model.classes_.tolist()
        ['BROADLINE', 'STARBURST', 'STARFORMING']
        """
        from ..pretrained import load_classifier

        pretrained = load_classifier(name, device="cpu")[-1]
        tuning = {
            "init": name,
            "max_epochs": 20,
            "batch_size": 32,
            "lr": 0.01,
            "lr_schedule": "one-cycle",
            "augmenter": CCDNoiseAugmenter(),
        }
        architecture = {parameter: getattr(pretrained, parameter) for parameter in ARCHITECTURE}
        return cls(**{**architecture, **tuning, **params})

    @classmethod
    def plain(cls, **params: Any) -> Self:
        """Make the DenseNet of Huang et al. [1]_ for spectra, the network on which this one is based.

        It has bottleneck blocks with a kernel of 3 samples, no squeeze-and-excitation and no extra transitions. The
        number of blocks and layers, the growth rate, the compression and the training are those of the class, so that
        the two networks can be compared.

        Parameters
        ----------
        **params
            Any parameters of the class. They override those that this method sets.

        Returns
        -------
        classifier : DenseNet1DClassifier
            A classifier that is not fitted.

        References
        ----------
        .. [1] Huang G., Liu Z., van der Maaten L., Weinberger K. Q., "Densely Connected Convolutional Networks", CVPR
           2017, arXiv:1608.06993.

        Examples
        --------
        >>> from skspectra.neural_network import DenseNet1DClassifier
        >>> DenseNet1DClassifier.plain(growth_rate=4)
        DenseNet1DClassifier(conv_block='bottleneck', cross_transitions=False,
                             growth_rate=4, kernel_sizes=(3,),
                             se_reduction=None)
        """
        plain = {"conv_block": "bottleneck", "kernel_sizes": (3,), "se_reduction": None, "cross_transitions": False}
        return cls(**{**plain, **params})

    def __sklearn_clone__(self) -> Self:
        clone = _clone_parametrized(self)
        clone.init = self.init  # keep the fitted network, which clone would not
        return clone

    def _set_initial_weights(self, module: nn.Module, classes: np.ndarray) -> None:
        if self.init is not None:
            copy_weights(self, module, classes)

    def module_params(self, n_features: int, n_classes: int) -> dict[str, Any]:
        for name, widths in (("kernel_sizes", self.kernel_sizes), ("stem_kernel_size", [self.stem_kernel_size])):
            if len(widths) == 0 or not all(isinstance(w, int | np.integer) and w > 0 and w % 2 for w in widths):
                raise ValueError(f"{name}={getattr(self, name)!r} is not allowed: widths are odd positive integers.")
        if self.conv_block == "bottleneck" and len(self.kernel_sizes) != 1:
            raise ValueError(
                f"kernel_sizes={self.kernel_sizes!r} is not allowed: conv_block='bottleneck' takes one width, "
                "such as (3,)."
            )
        return {
            "n_classes": n_classes,
            "n_dense_blocks": self.n_dense_blocks,
            "n_conv_blocks_per_dense_block": self.n_conv_blocks_per_dense_block,
            "growth_rate": self.growth_rate,
            "stem_channels": self.stem_channels,
            "stem_kernel_size": self.stem_kernel_size,
            "stem_stride": self.stem_stride,
            "kernel_sizes": tuple(self.kernel_sizes),
            "compression": self.compression,
            "se_reduction": self.se_reduction,
            "cross_transitions": self.cross_transitions,
            "conv_block": self.conv_block,
        }
