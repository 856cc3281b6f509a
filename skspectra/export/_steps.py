"""The transformers of a pipeline as ONNX nodes.

Each function adds the nodes of one transformer to the graph and returns the name of the transformed flux; the values
are those of the transformer's own `transform` in single precision. NaN is missing flux in the graph, too.
"""

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from ..augmentation import CCDNoiseAugmenter
from ..preprocessing import MinMaxSpectrumScaler, MissingFluxInterpolator
from ._graph import Graph, ints, single


def add_step(graph: Graph, flux: str, n_features: int, name: str, step: Any) -> str:
    """Add the nodes of a step of a pipeline in prediction.

    Raises
    ------
    TypeError
        If the step cannot be exported to ONNX.
    """
    # Samplers and noise act only in training.
    if step is None or step == "passthrough" or hasattr(step, "fit_resample") or isinstance(step, CCDNoiseAugmenter):
        return flux
    if isinstance(step, MinMaxSpectrumScaler):
        return _scale(graph, flux, n_features, step)
    if isinstance(step, MissingFluxInterpolator):
        step._validate_params()
        return _fill_missing(graph, flux, n_features, min(int(step.n_neighbors), n_features))
    if isinstance(step, Pipeline):
        for inner_name, inner in step.steps:
            flux = add_step(graph, flux, n_features, inner_name, inner)
        return flux
    raise TypeError(
        f"The step {name!r}, a {type(step).__name__}, cannot be exported to ONNX. The steps before the network may be "
        "MinMaxSpectrumScaler, MissingFluxInterpolator, CCDNoiseAugmenter, samplers, 'passthrough' and pipelines of "
        "these."
    )


def _scale(graph: Graph, flux: str, n_features: int, scaler: MinMaxSpectrumScaler) -> str:
    scaler._validate_params()
    add = graph.add
    missing = add("IsNaN", flux)
    if tuple(scaler.quantile_range) == (0, 100):
        minimum = add("ReduceMin", add("Where", missing, single(np.inf), flux), ints(1))
        maximum = add("ReduceMax", add("Where", missing, single(-np.inf), flux), ints(1))
    else:
        minimum, maximum = _percentiles(graph, flux, n_features, scaler.quantile_range)
        # The standard does not define Min and Max of NaN.
        flux = add("Where", missing, flux, add("Min", add("Max", flux, minimum), maximum))
    # Spectra whose extremes are further apart than the largest float are halved.
    factor = add("Where", add("IsInf", add("Sub", maximum, minimum)), single(0.5), single(1))
    flux, minimum, maximum = (add("Mul", value, factor) for value in (flux, minimum, maximum))
    extent = add("Sub", maximum, minimum)
    extent = add("Where", add("Equal", extent, single(0)), single(1), extent)
    scaled = add("Div", add("Sub", flux, minimum), extent)
    low, high = scaler.feature_range
    if (low, high) == (0, 1):
        return scaled
    scaled = add("Add", add("Mul", scaled, single(high - low)), single(low))
    return add("Where", missing, scaled, add("Clip", scaled, single(low), single(high)))


def _percentiles(graph: Graph, flux: str, n_features: int, quantile_range: tuple[float, float]) -> list[str]:
    """Add two percentiles of each spectrum, linear between neighbours, each (n_spectra, 1)."""
    add = graph.add
    missing = add("IsNaN", flux)
    ordered = add(
        "TopK",
        add("Where", missing, single(np.inf), flux),
        ints(n_features),
        axis=1,
        largest=0,
        unused_outputs=("indices",),
    )
    n_measured = add("ReduceSum", graph.cast(add("Not", missing), np.int64), ints(1))
    last = add("Max", add("Sub", n_measured, ints(1)), ints(0))
    percentiles = []
    for percent in quantile_range:
        rank = add("Mul", graph.cast(last, np.float64), np.array(percent / 100))
        below = add("Floor", rank)
        weight = add("Sub", rank, below)
        below = graph.cast(below, np.int64)
        above = add("Min", add("Add", below, ints(1)), last)
        left, right = (_take(graph, ordered, index, n_features) for index in (below, above))
        percentiles.append(add("Min", add("Max", _between(graph, left, right, weight), left), right))
    return percentiles


def _fill_missing(graph: Graph, flux: str, n_features: int, n_neighbors: int) -> str:
    add = graph.add
    missing = add("IsNaN", flux)
    measured = graph.cast(add("Not", missing), np.int64)
    # For a missing sample, the number of measured ones before it is the rank of the next measured one.
    n_before = add("CumSum", measured, np.array(1))
    n_measured = add("ReduceSum", measured, ints(1))
    # positions[i, k] is the k-th measured sample of spectrum i; the missing ones fall into a column at the end.
    shape = add("Shape", flux)
    sample = add("Expand", np.arange(n_features).reshape(1, -1), shape)
    rank = add("Where", missing, ints(n_features), add("Sub", n_before, ints(1)))
    nowhere = add("Expand", ints(0), add("Add", shape, ints(0, 1)))
    positions = add("ScatterElements", nowhere, rank, sample, axis=1)
    # Before the first and after the last measured sample only one of the two exists; it is used for both.
    has_left = add("Greater", n_before, ints(0))
    has_right = add("Less", n_before, n_measured)
    left = _take(graph, positions, add("Max", add("Sub", n_before, ints(1)), ints(0)), n_features + 1)
    right = _take(graph, positions, n_before, n_features + 1)
    distance = graph.cast(add("Max", add("Sub", right, left), ints(1)), np.float64)
    weight = add("Div", graph.cast(add("Sub", sample, left), np.float64), distance)
    weight = add("Where", add("And", has_left, has_right), weight, np.array(0.0))
    left, right = add("Where", has_left, left, right), add("Where", has_right, right, left)
    if n_neighbors == 1:
        left_level, right_level = (_take(graph, flux, position, n_features) for position in (left, right))
    else:
        gap_start, gap_stop = add("Where", has_left, left, ints(-1)), add("Where", has_right, right, ints(n_features))
        n_used = add("Min", add("Sub", add("Sub", gap_stop, gap_start), ints(1)), ints(n_neighbors))
        end = add("Max", add("Sub", n_measured, ints(1)), ints(0))
        outer_left = add("Max", add("Sub", n_before, n_used), ints(0))
        outer_right = add("Min", add("Sub", add("Add", n_before, n_used), ints(1)), end)
        outer_left, outer_right = (_take(graph, positions, k, n_features + 1) for k in (outer_left, outer_right))
        sums = add("CumSum", graph.cast(add("Where", missing, single(0), flux), np.float64), np.array(1))
        left_mean = _mean_between(graph, flux, n_features, sums, n_before, outer_left, left)
        right_mean = _mean_between(graph, flux, n_features, sums, n_before, right, outer_right)
        left_level = add("Where", has_left, left_mean, right_mean)
        right_level = add("Where", has_right, right_mean, left_mean)
    return add("Where", missing, _between(graph, left_level, right_level, weight), flux)


def _mean_between(graph: Graph, flux: str, n_features: int, sums: str, counts: str, first: str, last: str) -> str:
    """Add the mean of the measured flux from one measured sample to another one, given sums and counts up to each.

    A difference of sums loses digits after an outlier: one of 1e12 times the other flux shifts the mean by 1e-4 of it.
    """
    sum_before, sum_after, count_before, count_after = (
        _take(graph, values, position, n_features) for values in (sums, counts) for position in (first, last)
    )
    total = graph.add("Sub", sum_after, sum_before)
    total = graph.add("Add", total, graph.cast(_take(graph, flux, first, n_features), np.float64))
    count = graph.add("Add", graph.add("Sub", count_after, count_before), ints(1))
    return graph.add("Div", total, graph.cast(count, np.float64))


def _take(graph: Graph, values: str, index: str, width: int) -> str:
    """Add values[i, index[i, k]] for values of shape (n_spectra, width).

    This is GatherElements, which the reference evaluator of onnx supports only for narrow arrays.
    """
    n_spectra = graph.add("Squeeze", graph.add("Shape", values, end=1))
    row = graph.add("Range", np.array(0), n_spectra, np.array(1))
    start = graph.add("Unsqueeze", graph.add("Mul", row, np.array(width)), ints(1))
    return graph.add("Gather", graph.add("Reshape", values, ints(-1)), graph.add("Add", index, start), axis=0)


def _between(graph: Graph, left: str, right: str, weight: str) -> str:
    """Add left * (1 - weight) + right * weight, computed in double precision."""
    left, right = graph.cast(left, np.float64), graph.cast(right, np.float64)
    left = graph.add("Mul", left, graph.add("Sub", np.array(1.0), weight))
    return graph.cast(graph.add("Add", left, graph.add("Mul", right, weight)), np.float32)
