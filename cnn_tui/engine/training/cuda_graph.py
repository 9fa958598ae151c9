"""GPU work that is launched as a whole."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from cnn_tui.engine.device import is_out_of_memory, release_memory


class CudaGraphRunner:
    """Runs the same GPU work on tensors of the same shapes, from the second call on as a CUDA graph.

    A step of a last layer is dozens of tiny kernels: launching them one by one takes longer than running them, and a
    graph launches them all at once. The first call runs the work directly, so that the libraries initialise outside the
    recording. The work may change tensors of its own in place; it must not wait for the device. It is passed in at each
    call: stored here, a bound method would keep its object and all its tensors on the device alive in a cycle.
    See "CUDA Graphs" in PyTorch's manual.
    """

    def __init__(self) -> None:
        self._has_run = False
        self._fits = True
        self._graph: torch.cuda.CUDAGraph | None = None
        self._arguments: tuple[Tensor, ...] = ()
        self._results: tuple[Tensor, ...] = ()

    def __call__(self, work: Callable[..., tuple[Tensor, ...]], *arguments: Tensor) -> tuple[Tensor, ...]:
        """The results of the work for these arguments."""
        if not self._has_run:
            self._has_run = True
            return work(*arguments)
        with torch.cuda.device(arguments[0].device):
            if self._graph is None and self._fits:
                self._graph = self._recorded(work, arguments)
            if self._graph is None:
                return work(*arguments)
            # Allocated before the work: where memory does not suffice, nothing has been changed yet.
            results = tuple(map(torch.empty_like, self._results))
            for static, argument in zip(self._arguments, arguments, strict=True):
                static.copy_(argument)
            self._graph.replay()
            for result, static in zip(results, self._results, strict=True):
                result.copy_(static)
            return results

    def _recorded(
        self, work: Callable[..., tuple[Tensor, ...]], arguments: tuple[Tensor, ...]
    ) -> torch.cuda.CUDAGraph | None:
        """The graph, or None where the memory that it holds between calls does not suffice."""
        try:
            return self._record(work, arguments)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        self._fits, self._arguments, self._results = False, (), ()
        release_memory()
        return None

    def _record(self, work: Callable[..., tuple[Tensor, ...]], arguments: tuple[Tensor, ...]) -> torch.cuda.CUDAGraph:
        self._arguments = tuple(argument.clone() for argument in arguments)
        graph = torch.cuda.CUDAGraph()
        # An own stream: PyTorch's default capture stream belongs to the device of the process's first recording.
        with torch.cuda.graph(graph, stream=torch.cuda.Stream()):  # type: ignore[no-untyped-call]
            self._results = work(*self._arguments)
        return graph
