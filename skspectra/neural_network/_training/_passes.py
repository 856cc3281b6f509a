"""The forward and backward pass of the training steps, on an NVIDIA GPU as replayed CUDA graphs."""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ._batches import Batch

Loss = Callable[[Tensor, tuple[Tensor, Tensor | None]], Tensor]
Passes = Callable[[Batch], tuple[Tensor, Tensor]]

# cuDNN chooses its algorithms, and libraries allocate what they need, in the first steps of a shape.
_N_EAGER_STEPS = 2
_one_capture_at_a_time = threading.Lock()
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def make_passes(module: nn.Module, loss_function: Loss, device: torch.device, draws: bool) -> Passes:
    """Return what sets the gradients of a module for a batch and returns the loss and the logits.

    `draws` tells whether the module draws random numbers in training.
    """
    if can_be_replayed(module, device, draws):
        return ReplayedPasses(module, loss_function)
    return partial(compute_gradients, module, loss_function)


def compute_gradients(module: nn.Module, loss_function: Loss, batch: Batch) -> tuple[Tensor, Tensor]:
    """Add the gradients of the loss to those of the parameters, and return the loss and the logits."""
    flux, target = batch
    module.train()
    logits = module(flux)
    loss = loss_function(logits, target)
    loss.backward()
    # Without their history, a later capture does not meet nodes of this step, which belong to another stream.
    return loss.detach(), logits.detach()


def can_be_replayed(module: nn.Module, device: torch.device, draws: bool) -> bool:
    """Tell whether a replay does what the passes of a module would do.

    A replay launches the same kernels with the same arguments. It calls no hooks of the module, and a module that draws
    random numbers would draw the same ones again.
    """
    if device.type != "cuda" or torch.version.hip is not None or draws:
        return False
    return not any(getattr(part, name) for part in module.modules() for name in _HOOKS)


class ReplayedPasses:
    """Computes the gradients of a module for one batch after another by replaying CUDA graphs.

    A step of a deep network launches thousands of kernels, and Python needs longer to launch them than a GPU to compute
    them. A graph holds the launches of one step and repeats them at once. There is one for each shape of a batch, which
    is captured after some ordinary steps. If a capture fails, a warning says why and all steps are ordinary ones.

    Parameters
    ----------
    module : torch.nn.Module
    loss_function : callable
        Computes the loss from logits and (labels, weights).

    References
    ----------
    https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
    """

    def __init__(self, module: nn.Module, loss_function: Loss):
        self.module = module
        self.loss_function = loss_function
        self._parameters = list(module.parameters())
        self._n_steps: Counter[Hashable] = Counter()
        self._graphs: dict[Hashable, _Graph] = {}
        self._may_capture = True

    def __call__(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Set the gradients of the parameters and return the loss and the logits."""
        flux, (_, weights) = batch
        # A callback may freeze layers in the middle of the training.
        kind = (flux.shape, weights is None, tuple(parameter.requires_grad for parameter in self._parameters))
        self._n_steps[kind] += 1
        if kind not in self._graphs and self._may_capture and self._n_steps[kind] > _N_EAGER_STEPS:
            self._capture(kind, batch)
        if kind in self._graphs:
            return self._graphs[kind].replay(batch)
        return compute_gradients(self.module, self.loss_function, batch)

    def _capture(self, kind: Hashable, batch: Batch) -> None:
        trained = [parameter for parameter in self._parameters if parameter.requires_grad]
        pool = next(iter(self._graphs.values())).pool if self._graphs else None
        try:
            self._graphs[kind] = _Graph(self.module, self.loss_function, batch, trained, pool)
        except RuntimeError as error:
            self._may_capture = False
            for parameter in trained:
                parameter.grad = None
            warnings.warn(
                f"The training steps could not be captured as CUDA graphs, which makes the training slower: {error}",
                stacklevel=2,
            )


class _Graph:
    """The captured passes of one shape of batch, with the tensors that they read and write.

    Graphs with the same pool share their memory. Nothing in it outlives a replay.
    """

    def __init__(self, module: nn.Module, loss_function: Loss, batch: Batch, trained: list[nn.Parameter], pool: Any):
        flux, (labels, weights) = batch
        self.flux, self.labels = flux.clone(), labels.clone()
        self.weights = None if weights is None else weights.clone()
        self.loss = torch.zeros((), device=flux.device)
        n_classes = len(module.get_parameter("classifier.weight"))
        self.logits = torch.zeros(len(flux), n_classes, device=flux.device)
        self.trained = trained
        self.gradients = [torch.zeros_like(parameter) for parameter in trained]

        def passes() -> None:
            torch._foreach_zero_(self.gradients)
            loss, logits = compute_gradients(module, loss_function, (self.flux, (self.labels, self.weights)))
            self.loss.copy_(loss)
            self.logits.copy_(logits)

        self._set_gradients()
        self._launch, self.pool = record(passes, pool)

    def _set_gradients(self) -> None:
        for parameter, gradient in zip(self.trained, self.gradients, strict=True):
            parameter.grad = gradient

    def replay(self, batch: Batch) -> tuple[Tensor, Tensor]:
        flux, (labels, weights) = batch
        self.flux.copy_(flux)
        self.labels.copy_(labels)
        if self.weights is not None and weights is not None:
            self.weights.copy_(weights)
        self._set_gradients()
        self._launch()
        return self.loss.clone(), self.logits.clone()


def record(function: Callable[[], None], pool: Any) -> tuple[Callable[[], None], Any]:
    """Capture the kernels that a function launches, without running them.

    Return what launches them, and the pool of their memory.
    """
    graph = torch.cuda.CUDAGraph()
    # Other threads may allocate memory meanwhile.
    with _one_capture_at_a_time, torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
        function()
    return graph.replay, graph.pool()
