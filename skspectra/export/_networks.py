"""Networks as ONNX nodes, in evaluation mode.

This repeats the forward pass of the modules, operator by operator. torch.onnx.export would make that unnecessary, but
it takes 12 s for the paper's network instead of 0.04 s, needs two more packages and depends on PyTorch's version.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._graph import Graph, ints

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..neural_network import DenseNet1D
    from ..neural_network._modules._mlp import MultilayerPerceptron


class NamedMaps(NamedTuple):
    """Names of feature maps and of their means over the spectrum in the graph.

    Unlike in PyTorch, channels come before samples. The values are (n_spectra, n_channels, length), the means
    (n_spectra, n_channels).
    """

    values: str
    mean: str
    length: int


def add_network(graph: Graph, flux: str, n_features: int, module: nn.Module) -> str:
    """Add a network and return the name of its logits, (n_spectra, n_classes).

    Raises
    ------
    TypeError
        If the module cannot be exported to ONNX.
    """
    from ..neural_network import DenseNet1D
    from ..neural_network._modules._mlp import MultilayerPerceptron

    # A subclass may compute something else.
    if type(module) is DenseNet1D:
        return _dense_net(graph, flux, n_features, module)
    if type(module) is MultilayerPerceptron:
        return _perceptron(graph, flux, module)
    raise TypeError(f"The network, a {type(module).__name__}, cannot be exported to ONNX.")


def _perceptron(graph: Graph, flux: str, module: MultilayerPerceptron) -> str:
    for layer in module.hidden_layers:
        flux = graph.add("Relu" if module.activation == "relu" else "Sigmoid", _linear(graph, flux, layer))
    return _linear(graph, flux, module.classifier)


def _dense_net(graph: Graph, flux: str, n_features: int, module: DenseNet1D) -> str:
    length = -(-n_features // module.stem_stride)
    stem = _convolve(graph, graph.add("Unsqueeze", flux, ints(1)), module.stem, module.stem_stride)
    maps = _measure(graph, stem, length)
    for i, dense_block in enumerate(module.dense_blocks[:-1]):
        outputs = [_transition(graph, _dense_block(graph, maps, dense_block), module.transitions[i])]
        if module.cross_transitions and i > 0:
            outputs.append(_transition(graph, maps, module.cross_transitions[i - 1]))
        maps = _concatenate(graph, outputs)
    maps = _dense_block(graph, maps, module.dense_blocks[-1])
    features = _activate(graph, maps, module.last_activation)
    return _linear(graph, graph.add("ReduceMean", features, ints(2), keepdims=0), module.classifier)


def _dense_block(graph: Graph, maps: NamedMaps, dense_block: Any) -> NamedMaps:
    for block in dense_block.blocks:
        new = maps
        for layer in _layers(block):
            activation = _activate(graph, new, layer.pre_activation)
            values = [_convolve(graph, activation, weight) for weight in layer.weights]
            joined = values[0] if len(values) == 1 else graph.add("Concat", *values, axis=1)
            new = _measure(graph, joined, maps.length)
        maps = _concatenate(graph, [maps, new])
    return maps


def _layers(block: Any) -> Iterable[Any]:
    from torch import nn

    from ..neural_network import PreActivatedConv

    # A subclass may compute something else.
    if type(block).forward is not nn.Sequential.forward or not all(type(layer) is PreActivatedConv for layer in block):
        raise TypeError(
            f"The convolution block, a {type(block).__name__}, cannot be exported to ONNX; it must be a "
            "torch.nn.Sequential of PreActivatedConv."
        )
    return block


def _transition(graph: Graph, maps: NamedMaps, transition: Any) -> NamedMaps:
    activation = _activate(graph, maps, transition.pre_activation)
    length = maps.length
    if length > 1:
        activation = graph.add("AveragePool", activation, kernel_shape=[2], strides=[2])
        length //= 2
    return _measure(graph, _convolve(graph, activation, transition.weight), length)


def _activate(graph: Graph, maps: NamedMaps, pre_activation: Any) -> str:
    """Add batch normalisation, squeeze-and-excitation and ReLU."""
    from ..neural_network._modules._blocks import NORM_EPSILON

    scale = pre_activation.weight / (pre_activation.running_var + NORM_EPSILON).sqrt()
    shift = pre_activation.bias - pre_activation.running_mean * scale
    scale, shift = _array(scale), _array(shift)
    if pre_activation.excitation is None:
        scale, shift = scale[:, None], shift[:, None]
    else:
        squeeze, _, excite, _ = pre_activation.excitation
        mean = graph.add("Add", graph.add("Mul", maps.mean, scale), shift)
        hidden = graph.add("Relu", _linear(graph, mean, squeeze))
        excitation = graph.add("Sigmoid", _linear(graph, hidden, excite))
        scale, shift = (
            graph.add("Unsqueeze", graph.add("Mul", excitation, value), ints(2)) for value in (scale, shift)
        )
    return graph.add("Relu", graph.add("Add", graph.add("Mul", maps.values, scale), shift))


def _convolve(graph: Graph, values: str, weight: Tensor, stride: int = 1) -> str:
    width = weight.shape[2]
    return graph.add(
        "Conv", values, _array(weight), kernel_shape=[width], strides=[stride], pads=[width // 2, width // 2]
    )


def _linear(graph: Graph, x: str, layer: Any) -> str:
    return graph.add("Gemm", x, _array(layer.weight), _array(layer.bias), transB=1)


def _measure(graph: Graph, values: str, length: int) -> NamedMaps:
    return NamedMaps(values, graph.add("ReduceMean", values, ints(2), keepdims=0), length)


def _concatenate(graph: Graph, parts: list[NamedMaps]) -> NamedMaps:
    if len(parts) == 1:
        return parts[0]
    values, means, lengths = zip(*parts, strict=True)
    return NamedMaps(graph.add("Concat", *values, axis=1), graph.add("Concat", *means, axis=1), lengths[0])


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().float().numpy()
