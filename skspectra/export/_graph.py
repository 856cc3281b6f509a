"""An ONNX graph written node by node.

torch.onnx is not used: its exporters change with every version of PyTorch and need further packages, and the networks
consist of few operators.
"""

from typing import Any

import numpy as np

# Operators of ONNX 1.14, in a file that every onnxruntime since 1.15 reads.
OPSET = 18
IR_VERSION = 9

# Constants with more numbers than this are stored in half precision where that holds them exactly.
_LARGE = 256

INPUT = "flux"
OUTPUT = "probabilities"


class Graph:
    """Nodes and constants of a graph that turns spectra (n_spectra, n_features) into class probabilities, in float32.

    Values are named by strings; arrays among the inputs of a node become constants.
    """

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(
        self,
        operator: str,
        *inputs: str | np.ndarray,
        output: str | None = None,
        unused_outputs: tuple[str, ...] = (),
        **attributes: Any,
    ) -> str:
        """Add a node and return the name of its first output."""
        from onnx import helper

        name = output or f"{operator}_{len(self._nodes)}"
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        outputs = [name, *(f"{name}_{unused}" for unused in unused_outputs)]
        self._nodes.append(helper.make_node(operator, names, outputs, name, **attributes))
        return name

    def cast(self, value: str, dtype: type[np.generic]) -> str:
        """Add a conversion to another dtype."""
        from onnx import helper

        return self.add("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def _constant(self, array: np.ndarray) -> str:
        from onnx import numpy_helper

        if array.dtype == np.float32 and array.size > _LARGE and np.array_equal(half := _half(array), array):
            # Weights that are rounded to half precision take half the space, and runtimes widen them once, on loading.
            return self.cast(self._constant(half), np.float32)
        name = f"constant_{len(self._constants)}"
        # Not ascontiguousarray, which makes a scalar an array of one number.
        self._constants.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def serialize(self, n_features: int, n_classes: int, metadata: dict[str, str]) -> bytes:
        """Return the content of an ONNX file."""
        from onnx import TensorProto, checker, helper

        graph = helper.make_graph(
            self._nodes,
            "skspectra",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n_spectra", n_features])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n_spectra", n_classes])],
            self._constants,
        )
        model = helper.make_model(
            graph, producer_name="skspectra", ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)]
        )
        helper.set_model_props(model, metadata)
        checker.check_model(model, full_check=True)
        return model.SerializeToString()


def _half(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return array.astype(np.float16)


def ints(*values: int) -> np.ndarray:
    """Return a constant for axes, shapes and indices."""
    return np.array(values, dtype=np.int64)


def single(value: float) -> np.ndarray:
    """Return a scalar constant in single precision."""
    return np.array(value, dtype=np.float32)
