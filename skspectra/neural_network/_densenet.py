"""The densely connected network for spectra as a scikit-learn classifier."""

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from skorch.callbacks import Callback

from .._validation import Interval, StrOptions
from ..augmentation import CCDNoiseAugmenter
from ._base import BaseSpectrumClassifier
from ._modules import DenseNet1D


class DenseNet1DClassifier(BaseSpectrumClassifier):
    """Densely connected convolutional network for spectra, with kernels of several widths side by side.

    The network of Wang, Zhao & Fan [1]_: a convolutional stem, dense blocks of convolutions whose kernels are as wide
    as narrow lines, broad lines and molecular bands, transitions that halve the length, extra transitions that carry
    features across a dense block to the next scale, and a global average before the class probabilities. Batch
    normalisation, squeeze-and-excitation and ReLU stand before every convolution but the first.

    :meth:`plain` makes the DenseNet of Huang et al. [3]_ instead, with as many layers and without these changes.

    Scale the spectra first, for example with :class:`~skspectra.preprocessing.MinMaxSpectrumScaler`.

    Parameters
    ----------
    n_dense_blocks : int, default=7
        Number of dense blocks; between two of them the length is halved.
    n_conv_blocks : int, default=2
        Number of convolution blocks in a dense block.
    growth_rate : int, default=12
        Number of feature maps that each kernel width, and each convolution block, makes.
    stem_channels : int, default=24
        Number of feature maps of the first convolution.
    stem_kernel_size : int, default=11
        Width of the first convolution in samples; odd.
    stem_stride : int, default=1
        Step of the first convolution in samples. 2 halves the cost of everything after it.
    kernel_sizes : sequence of int, default=(1, 11, 25, 41)
        Widths of the parallel convolutions in samples; odd.
    compression : float, default=0.5
        Fraction of the feature maps that a transition keeps, in (0, 1]; an extra transition keeps 4 at least.
    se_reduction : int, default=4
        Factor by which squeeze-and-excitation narrows its hidden layer, to 4 units at least.
    cross_transitions : bool, default=True
        Carry the input of each dense block but the first across it to the next scale.
    squeeze_excitation : bool, default=True
        Weigh the feature maps of each spectrum by their means. Before training all weights are alike.
    conv_block : {"multi-scale", "bottleneck"}, default="multi-scale"
        "multi-scale" convolves with all `kernel_sizes` side by side, then mixes their results with width 1.
        "bottleneck" [3]_ first narrows all maps to four times `growth_rate` with width 1, then convolves with one
        kernel, so that `kernel_sizes` has one entry.
    max_epochs : int, default=60
        Number of passes over the training spectra.
    batch_size : int, default=64
        Largest number of spectra in an optimiser step. It sets the memory that training takes, whatever n_samples.
    lr : float, default=0.01
        Learning rate of Adam; with ``lr_schedule="one-cycle"`` its peak.
    lr_schedule : {"step", "one-cycle"} or None, default="step"
        "step" multiplies the rate by `lr_factor` after each of `lr_milestones` epochs. "one-cycle" [2]_ rises and falls
        once over the whole training and needs far fewer epochs.
    lr_milestones : sequence of int, default=(10, 30, 50)
        Epochs after which "step" lowers the rate.
    lr_factor : float, default=0.1
        What "step" multiplies the rate by, in (0, 1].
    weight_decay : float, default=0.0
        Strength of the L2 penalty in Adam.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss. "balanced" weighs them inversely to their frequency in `y`.
    sampling : {"balanced"} or None, default=None
        "balanced" draws equally many spectra of each class in every epoch, which keeps its length. With `augmenter` it
        replaces oversampling and needs no copies. It sets the shares of the classes; `sample_weight` still multiplies
        the loss.
    augmenter : CCDNoiseAugmenter or None, default=None
        Strengths of the noise that every drawn spectrum receives afresh in every epoch. Its `random_state` is not used:
        that of the classifier is. Validation and prediction see no noise.
    validation_fraction : float or None, default=None
        Fraction of each class, drawn at random, that is held back for validation. None trains on everything.
    patience : int or None, default=None
        End the training when so many epochs have passed since the best one. Needs validation.
    device : str or torch.device, default="auto"
        Where to train and predict; "auto" is CUDA where there is one, and the CPU elsewhere.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Format of the layers' products; weights, statistics and probabilities are float32. "auto" takes bfloat16 where
        the hardware multiplies it, and float32 elsewhere.
    compile : bool, default=False
        Compile the network with torch.compile. It takes minutes and a C++ compiler; worth trying for long trainings on
        a GPU. A saved model loads without it.
    callbacks : list of skorch callbacks or None, default=None
        Further callbacks of the training; they are copied. They find "train_loss", "valid_loss" and "valid_score" in
        the net's history. Those that would score the net on its data sets, such as EpochScoring, do not work.
    checkpoint_dir : str, path-like or None, default=None
        Folder in which the state of the training is kept, anew after every epoch. Where the process ends before the
        training does, the same call of `fit` goes on from there, to the model of a training that was never interrupted,
        on a CPU to the last bit. A file is that of one training: parameters, spectra, labels and versions, `verbose`
        apart. A training that is finished deletes its file; one that Ctrl-C ends does not. A state that cannot be
        saved is a warning. Of `callbacks`, those with the methods `state_dict` and `load_state_dict` are kept too.
    warm_start : bool, default=False
        Let `fit` go on from the weights of the last fit, with the same classes and architecture.
    verbose : int, default=0
        1 shows a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seeds initial weights, order, validation part and noise. On a CPU with the same number of threads, the same
        seed gives the same model to the last bit.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.
    n_features_in_ : int
        Number of samples in a spectrum.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where X had names that are all strings.
    history_ : list of dict
        For each epoch of the last fit: "epoch" (from 1), "train_loss", "lr", "seconds" and, with validation,
        "valid_loss" and "valid_score" (macro F1).
    best_epoch_ : int
        The epoch whose weights are kept: with validation the one of highest macro F1, of equal ones that of lowest
        loss; the last one otherwise.
    n_layers_ : int
        Number of layers with weights one behind another, counted as in [1]_: 36 for the defaults. The extra transitions
        and the excitations stand beside them.
    n_parameters_ : int
        Number of trained values.
    net_ : skorch.NeuralNetClassifier
        The fitted net; ``net_.module_`` is the torch module.

    See Also
    --------
    SpectrumMLPClassifier : Fully connected layers instead of convolutions.
    DBNClassifier : The same, pre-trained without labels.
    skspectra.over_sampling.PhysicsNoiseOverSampler : Balance by noisy copies, for any classifier.

    References
    ----------
    .. [1] Wang Q., Zhao G., Fan Z., "Classification of Astronomical Spectra Based on DenseNet", Astronomical Research
       and Technology 17(1), 85-95, 2020.
    .. [2] Smith L. N., Topin N., "Super-Convergence", arXiv:1708.07120, 2017.
    .. [3] Huang G., Liu Z., van der Maaten L., Weinberger K. Q., "Densely Connected Convolutional Networks", CVPR 2017,
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

    _module_class = DenseNet1D

    _parameter_constraints: dict = {
        **BaseSpectrumClassifier._parameter_constraints,
        "n_dense_blocks": [Interval(Integral, 1, None, closed="left")],
        "n_conv_blocks": [Interval(Integral, 1, None, closed="left")],
        "growth_rate": [Interval(Integral, 1, None, closed="left")],
        "stem_channels": [Interval(Integral, 1, None, closed="left")],
        "stem_kernel_size": [Interval(Integral, 1, None, closed="left")],
        "stem_stride": [Interval(Integral, 1, None, closed="left")],
        "kernel_sizes": ["array-like"],
        "compression": [Interval(Real, 0, 1, closed="right")],
        "se_reduction": [Interval(Integral, 1, None, closed="left")],
        "cross_transitions": ["boolean"],
        "squeeze_excitation": ["boolean"],
        "conv_block": [StrOptions({"multi-scale", "bottleneck"})],
    }

    def __init__(
        self,
        *,
        n_dense_blocks: int = 7,
        n_conv_blocks: int = 2,
        growth_rate: int = 12,
        stem_channels: int = 24,
        stem_kernel_size: int = 11,
        stem_stride: int = 1,
        kernel_sizes: Sequence[int] = (1, 11, 25, 41),
        compression: float = 0.5,
        se_reduction: int = 4,
        cross_transitions: bool = True,
        squeeze_excitation: bool = True,
        conv_block: str = "multi-scale",
        max_epochs: int = 60,
        batch_size: int = 64,
        lr: float = 0.01,
        lr_schedule: str | None = "step",
        lr_milestones: Sequence[int] = (10, 30, 50),
        lr_factor: float = 0.1,
        weight_decay: float = 0.0,
        class_weight: dict | str | None = None,
        sampling: str | None = None,
        augmenter: CCDNoiseAugmenter | None = None,
        validation_fraction: float | None = None,
        patience: int | None = None,
        device: str | torch.device = "auto",
        precision: str = "auto",
        compile: bool = False,
        callbacks: list[Callback] | None = None,
        checkpoint_dir: str | os.PathLike | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_dense_blocks = n_dense_blocks
        self.n_conv_blocks = n_conv_blocks
        self.growth_rate = growth_rate
        self.stem_channels = stem_channels
        self.stem_kernel_size = stem_kernel_size
        self.stem_stride = stem_stride
        self.kernel_sizes = kernel_sizes
        self.compression = compression
        self.se_reduction = se_reduction
        self.cross_transitions = cross_transitions
        self.squeeze_excitation = squeeze_excitation
        self.conv_block = conv_block
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.lr_milestones = lr_milestones
        self.lr_factor = lr_factor
        self.weight_decay = weight_decay
        self.class_weight = class_weight
        self.sampling = sampling
        self.augmenter = augmenter
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.device = device
        self.precision = precision
        self.compile = compile
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @classmethod
    def plain(cls, **params: Any) -> Self:
        """Make the DenseNet of Huang et al. [1]_ for spectra, the network that this one is a change of.

        It has bottleneck blocks with a kernel of 3 samples, no squeeze-and-excitation and no cross transitions; blocks,
        growth rate, compression, layers and training are those of the class, so that the two can be compared.

        Parameters
        ----------
        **params
            Any parameters of the class; they stand before those that make the network plain.

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
                             squeeze_excitation=False)
        """
        plain = {
            "conv_block": "bottleneck",
            "kernel_sizes": (3,),
            "squeeze_excitation": False,
            "cross_transitions": False,
        }
        return cls(**{**plain, **params})

    def _module_params(self, n_features: int, n_classes: int) -> dict[str, Any]:
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
            "n_conv_blocks": self.n_conv_blocks,
            "growth_rate": self.growth_rate,
            "stem_channels": self.stem_channels,
            "stem_kernel_size": self.stem_kernel_size,
            "stem_stride": self.stem_stride,
            "kernel_sizes": tuple(self.kernel_sizes),
            "compression": self.compression,
            "se_reduction": self.se_reduction if self.squeeze_excitation else None,
            "cross_transitions": self.cross_transitions,
            "conv_block": self.conv_block,
        }
