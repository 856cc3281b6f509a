"""Class activation maps of the networks."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._unwrap import innermost, innermost_input
from ..neural_network import BaseSpectrumClassifier, DenseNet1D
from ..neural_network._device import prediction_batch_size
from ..neural_network._surroundings import own_surroundings
from ..neural_network._training._batches import as_tensor
from ._layer_cam import exact_cam, layer_cam
from ._targets import encode_target
from ._upsample import cell_centres, upsample_cells


def class_activation_map(
    estimator: Any,
    X: ArrayLike,
    target: Any = "predicted",
    *,
    layer: int | str | None = None,
    normalize: bool = True,
    upsample: bool = True,
) -> np.ndarray:
    """Compute how much each part of a spectrum contributes to a class.

    With ``layer=None`` this is the class activation map of Zhou et al. [1]_: the feature maps before the global
    average, weighted by the last layer's weights for the class. It is exact: its mean over the cells plus the bias of
    the class is the logit. Its cells are as coarse as the last scale of the network (64 samples for the default
    network), which is wider than any line. `layer` gives finer maps.

    Parameters
    ----------
    estimator : DenseNet1DClassifier, or Pipeline that ends in one
        Fitted. The steps of a pipeline before the network are applied to X.
    X : array-like of shape (n_samples, n_features)
        Spectra, as `estimator` predicts them.
    target : "predicted", label, or array-like of shape (n_samples,), default="predicted"
        Class for which the map is computed: the predicted one, one label, or a label for each spectrum.
    layer : int, "all" or None, default=None
        None is the exact map. An integer gives the LayerCAM [2]_ map after that dense block; 0 is the first and finest
        block, ``n_dense_blocks - 1`` the last. "all" is the mean of the maps after all dense blocks, each divided by
        its largest value.
    normalize : bool, default=True
        Scale each map to the range from 0 to 1; a constant map becomes 0.
    upsample : bool, default=True
        Interpolate linearly from the centres of the cells to the samples. False returns the cells; it is not possible
        with ``layer="all"``, whose maps have cells of several sizes.

    Returns
    -------
    maps : ndarray of shape (n_samples, n_features), float32
        The maps, of shape (n_samples, n_cells) with ``upsample=False``. Large values support the class.

    Raises
    ------
    ValueError
        If `target` has a label that is not a class, or `layer`, `upsample` or a spectrum is not valid.
    TypeError
        If the estimator is not a network whose last layer reads a global average.
    NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    occlusion_map : Measure the effect of each part of a spectrum for any classifier.
    line_attention : Compare maps with spectral lines.

    Notes
    -----
    LayerCAM multiplies every activation by the positive part of the gradient of the logit of the class with respect to
    it, and sums over the channels. Grad-CAM [3]_ first averages the gradient of each channel over the whole spectrum.
    This is appropriate after the last block, where a channel has the same meaning everywhere. In early layers, a
    channel responds to edges or lines, which support the class in one place and oppose it in another. The activations
    are those after batch normalisation, excitation and ReLU, which are not negative, as the method requires. LayerCAM
    maps have no negative values and do not add up to the logit.

    Whatever the weights, the activations after the first dense block are large at edges and lines of the spectrum. The
    map ``layer=0`` of a network with random weights therefore also follows the lines of quasars. The map of the next
    block hardly follows them, and those of later blocks and the exact map do not. Before you interpret a map, compare
    it with that of a network with random weights, for example as `reference` of `line_attention`.

    A cell is at the centre of the samples that were averaged into it. Samples before the first centre and after the
    last one have the value of the nearest cell. If the length is odd, pooling leaves out samples at the end, which also
    have this value: the 40 cells of the default network cover the first 2560 of 2600 samples. Maps are normalised after
    interpolation.

    The maps are computed in batches of bounded size on a copy of the network. The mode, gradients and hooks of the
    estimator do not change.

    References
    ----------
    .. [1] Zhou B. et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, arXiv:1512.04150.
    .. [2] Jiang P.-T. et al., "LayerCAM: Exploring Hierarchical Class Activation Maps for Localization", IEEE
       Transactions on Image Processing 30, 5875-5888, 2021.
    .. [3] Selvaraju R. R. et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
       ICCV 2017, arXiv:1610.02391.

    Examples
    --------
    >>> from skspectra.datasets import make_spectra
    >>> from skspectra.inspection import class_activation_map
    >>> from skspectra.neural_network import DenseNet1DClassifier
    >>> X, y = make_spectra(30, weights=(1, 1, 1), random_state=0, return_X_y=True)
    >>> X = X / X.max(axis=1, keepdims=True)
    >>> classifier = DenseNet1DClassifier(
    ...     n_dense_blocks=3, growth_rate=2, stem_stride=4, max_epochs=1, random_state=0
    ... ).fit(X, y)
    >>> class_activation_map(classifier, X).shape
    (30, 2600)
    >>> class_activation_map(classifier, X, "QSO", layer=0, upsample=False).shape
    (30, 650)
    """
    classifier = innermost(estimator)
    if not isinstance(classifier, BaseSpectrumClassifier):
        raise TypeError(
            f"estimator={type(classifier).__name__} has no class activation map. It must be a convolutional network of "
            "skspectra.neural_network or a pipeline that ends in one, which may be inside one other estimator, such "
            "as a search. occlusion_map accepts any classifier."
        )
    check_is_fitted(classifier)
    module = classifier.net_.module_
    if not isinstance(module, DenseNet1D):
        raise TypeError(
            f"estimator={type(classifier).__name__} has no class activation map: its network is not a DenseNet1D, "
            "whose last layer reads a global average. Use DenseNet1DClassifier, or occlusion_map for any classifier."
        )
    if layer is not None and type(module).forward_features is not DenseNet1D.forward_features:
        raise TypeError(
            f"layer={layer!r} is not possible: {type(module).__name__} overrides forward_features, and the maps after "
            "earlier blocks would ignore that. layer=None gives its exact map."
        )
    for name, value in (("upsample", upsample), ("normalize", normalize)):
        if not isinstance(value, bool | np.bool_):
            raise ValueError(f"{name}={value!r} is not allowed; it must be True or False.")
    layers = _check_layer(layer, len(module.dense_blocks))
    if layer == "all" and not upsample:
        raise ValueError("upsample=False is not allowed with layer='all', whose maps have cells of several sizes.")

    flux = classifier._check_flux(innermost_input(estimator, X), reset=False)
    codes = encode_target(target, classifier.classes_, len(flux))
    parts = []
    for batch in _maps_of_batches(classifier, flux, codes, layers):
        part = [_upsample(maps, module, flux.shape[1]) if upsample else maps for maps in batch]
        if layer == "all":
            part = [np.mean([_divide(maps, maps.max(axis=1, keepdims=True)) for maps in part], axis=0)]
        parts.append(_normalize(part[0]) if normalize else part[0])
    return np.concatenate(parts)


def _check_layer(layer: int | str | None, n_blocks: int) -> list[int] | None:
    if layer is None:
        return None
    if isinstance(layer, str) and layer == "all":
        return list(range(n_blocks))
    if not isinstance(layer, Integral) or isinstance(layer, bool) or not 0 <= layer < n_blocks:
        raise ValueError(
            f"layer={layer!r} is not allowed; it must be None, 'all' or an integer from 0 to {n_blocks - 1}."
        )
    return [int(layer)]


def _maps_of_batches(
    classifier: BaseSpectrumClassifier, flux: np.ndarray, codes: np.ndarray | None, layers: list[int] | None
) -> Iterator[list[np.ndarray]]:
    """Yield for each batch the maps of the layers, each (n_spectra, n_cells)."""
    device = torch.device(classifier.net_.device)
    batch_size = prediction_batch_size(flux.shape[1], device)
    with own_surroundings(), torch.set_grad_enabled(layers is not None):
        module = _copy_for_inspection(classifier.net_.module_)
        for start in range(0, len(flux), batch_size):
            rows = slice(start, start + batch_size)
            x = as_tensor(flux[rows]).to(device)
            wanted = None if codes is None else torch.from_numpy(codes[rows]).to(device)
            maps = [exact_cam(module, x, wanted)] if layers is None else layer_cam(module, x, wanted, layers)
            yield [m.cpu().numpy() for m in maps]


def _copy_for_inspection(module: DenseNet1D) -> DenseNet1D:
    """Return a copy in evaluation mode, whose parameters require no gradients."""
    return copy.deepcopy(module).eval().requires_grad_(False)


def _upsample(maps: np.ndarray, module: DenseNet1D, n_features: int) -> np.ndarray:
    return upsample_cells(maps, cell_centres(n_features, module.stem_stride, maps.shape[1]), n_features)


def _normalize(maps: np.ndarray) -> np.ndarray:
    low = maps.min(axis=1, keepdims=True)
    return _divide(maps - low, maps.max(axis=1, keepdims=True) - low)


def _divide(maps: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return maps / scale, and 0 where the scale is 0."""
    return np.divide(maps, scale, out=np.zeros_like(maps), where=scale > 0)
