"""Work on a GPU that is recorded once and then replayed: one launch in the place of hundreds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Captured:
    """Does the same work on tensors of always the same shapes, from the third time on as a CUDA graph.

    The first call does the work as it is, which lets the libraries set themselves up; the second records it. The work
    may change tensors in place that it holds itself; it must not wait for the device. See "CUDA Graphs" in PyTorch's
    manual.
    """

    def __init__(self, work: Callable[..., tuple[Tensor, ...]]) -> None:
        self._work = work
        self._warm = False
        self._graph: torch.cuda.CUDAGraph | None = None
        self._held: tuple[Tensor, ...] = ()
        self._results: tuple[Tensor, ...] = ()

    def __call__(self, *arguments: Tensor) -> tuple[Tensor, ...]:
        """What the work gives for these arguments."""
        if not self._warm:
            self._warm = True
            return self._work(*arguments)
        if self._graph is None:
            self._record(arguments)
        for held, argument in zip(self._held, arguments, strict=True):
            held.copy_(argument)
        assert self._graph is not None
        self._graph.replay()
        return tuple(result.clone() for result in self._results)

    def _record(self, arguments: tuple[Tensor, ...]) -> None:
        self._held = tuple(argument.clone() for argument in arguments)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._results = self._work(*self._held)
        self._graph = graph
