"""Work on a GPU that is recorded once and then replayed: one launch in the place of hundreds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Work = Callable[..., tuple[Tensor, ...]]


class Captured:
    """Does the same work on tensors of always the same shapes, from the third time on as a CUDA graph.

    The first call does the work as it is, which lets the libraries set themselves up; the second records it. The work
    may change tensors in place that it holds itself; it must not wait for the device. It is given at each call and not
    kept, because whose method it is would otherwise keep itself and all that it has on the device. See "CUDA Graphs" in
    PyTorch's manual.
    """

    def __init__(self) -> None:
        self._warm = False
        self._graph: torch.cuda.CUDAGraph | None = None
        self._held: tuple[Tensor, ...] = ()
        self._results: tuple[Tensor, ...] = ()

    def __call__(self, work: Work, *arguments: Tensor) -> tuple[Tensor, ...]:
        """What the work gives for these arguments."""
        if not self._warm:
            self._warm = True
            return work(*arguments)
        with torch.cuda.device(arguments[0].device):
            if self._graph is None:
                self._graph = self._recorded(work, arguments)
            for held, argument in zip(self._held, arguments, strict=True):
                held.copy_(argument)
            self._graph.replay()
            return tuple(result.clone() for result in self._results)

    def _recorded(self, work: Work, arguments: tuple[Tensor, ...]) -> torch.cuda.CUDAGraph:
        self._held = tuple(argument.clone() for argument in arguments)
        graph = torch.cuda.CUDAGraph()
        # A stream of this device: the one that PyTorch would take is of the device that it recorded on first.
        with torch.cuda.graph(graph, stream=torch.cuda.Stream()):  # type: ignore[no-untyped-call]
            self._results = work(*self._held)
        return graph
