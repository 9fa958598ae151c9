"""A generator's return value, for those who loop over what it yields."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

_Y = TypeVar("_Y")
_R = TypeVar("_R")


class Returning(Generic[_Y, _R]):
    """Passes on what a generator yields; ``value`` is what it returned, once the loop is over."""

    value: _R

    def __init__(self, generator: Generator[_Y, None, _R]) -> None:
        self._generator = generator

    def __iter__(self) -> Iterator[_Y]:
        self.value = yield from self._generator
