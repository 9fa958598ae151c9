"""Faster imports of large packages."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

# torchvision takes one function from here, for ``roi_align``. With it come SymPy, Triton and torch.distributed.
_COMPILER = "torch._dynamo.utils"


@contextmanager
def importing_engine() -> Iterator[None]:
    """Shorten the import of the engine by a third.

    The compiler of PyTorch is left out: it is loaded by the first optimizer of ``torch.optim``, and the training of a
    last layer does without. For a process that begins its work at once; one that waits for work loads everything.
    """
    with collector_paused(), deferred(_COMPILER):
        yield


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector while a large package is imported, and exempt its objects from later collections.

    Importing PyTorch creates about a million permanent objects; collecting among them takes a fifth of the time from
    the command to the first batch.
    """
    with uncollected():
        yield
        gc.freeze()


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the garbage collector while many objects are created that are still needed."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def deferred(module: str) -> Iterator[None]:
    """Let others import functions from a submodule without loading it and its package before the first call."""
    sys.modules.setdefault(module, _StandIn(module))
    try:
        yield
    finally:
        if isinstance(stand_in := sys.modules.get(module), _StandIn):
            stand_in.step_aside()


class _StandIn(ModuleType):
    """Whatever is taken from it is a function that calls the module's own; the package itself gets the real module."""

    def step_aside(self) -> None:
        """Let the next import load the module."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__name__.rpartition(".")[0] in sys.modules:
            return self._load(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._load(name)(*args, **kwargs)

        return call

    def _load(self, name: str) -> Any:
        self.step_aside()
        return getattr(import_module(self.__name__), name)
