"""Work on the images of a batch, repeated on fewer of them at a time when memory does not suffice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from cnn_tui.engine.device import is_out_of_memory, release_memory
from cnn_tui.events import WarningRaised
from cnn_tui.formatting import pluralize

_Value = TypeVar("_Value")
Work = Callable[[Sequence[slice]], _Value]
"""Works on a batch that is divided into these slices."""
Undo = Callable[[], bool]
"""Undoes everything that a failed attempt has changed; returns False if that is impossible."""


class MemoryPolicy:
    """What a run does when memory does not suffice, and the warnings about what it did."""

    def __init__(self, policy: Literal["halve", "fail"]) -> None:
        self.halves = policy == "halve"
        self._warnings: list[WarningRaised] = []

    def warn(self, warning: WarningRaised) -> None:
        """Add a warning."""
        self._warnings.append(warning)

    def take_warnings(self) -> list[WarningRaised]:
        """The warnings since the last call."""
        taken, self._warnings = self._warnings, []
        return taken


def _nothing_to_undo() -> Undo:
    return lambda: True


class MicroBatches:
    """How many images of a batch are computed at once: all of them, until these do not fit in memory.

    Args:
        subject: what is computed, as a noun with its article.
        consequence: of computing it on fewer images at a time, as the rest of a sentence.
        least: the smallest micro-batch.
    """

    def __init__(self, policy: MemoryPolicy, subject: str, consequence: str, least: int = 1) -> None:
        self._policy = policy
        self._subject = subject
        self._consequence = consequence
        self._least = least
        self._size: int | None = None

    def limited(self, count: int) -> int:
        """This number of images, or as many of them as have turned out to fit in memory at once."""
        return count if self._size is None else min(count, self._size)

    def run(self, count: int, work: Work[_Value], save: Callable[[], Undo] = _nothing_to_undo) -> _Value:
        """The result of ``work`` on a batch of ``count`` images.

        If memory does not suffice it is repeated, and later batches are divided likewise.

        Args:
            save: called first; what it returns undoes an attempt.
        """
        undo = save() if self._policy.halves else None
        while True:
            slices = self._slices(count)
            largest = max(rows.stop - rows.start for rows in slices)
            try:
                return work(slices)
            except (RuntimeError, MemoryError) as error:
                if undo is None or largest < 2 * self._least or not is_out_of_memory(error) or not undo():
                    raise
            # Not while the error is handled: its traceback holds the tensors of the attempt.
            release_memory()
            self._halve(largest)

    def _slices(self, count: int) -> list[slice]:
        """A batch in slices that differ by at most one image, so that none has less than the least."""
        parts = max(1, min(-(-count // max(1, self.limited(count))), count // self._least))
        ends = [count * number // parts for number in range(parts + 1)]
        return [slice(*ends[number : number + 2]) for number in range(parts)]

    def _halve(self, images: int) -> None:
        self._size = -(-images // 2)
        self._policy.warn(
            WarningRaised(
                title=f"{self._subject} did not fit in memory",
                detail=f"{pluralize(images, 'image')} at once were too many. From now on {self._size:,} are computed "
                f"at a time, {self._consequence}.",
                hint="training.on_out_of_memory=fail would end the run instead.",
            )
        )


UNDIVIDED = MicroBatches(MemoryPolicy("fail"), "", "")
"""For batches that are never divided."""
