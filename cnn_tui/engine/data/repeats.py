"""The same picture in more than one split or class of a run: leaks, and labels that contradict each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from cnn_tui.engine.data.rows import Labels, Rows
from cnn_tui.events import WarningRaised

_MOST_EXAMPLES = 3
_TRAIN, _VALIDATION, _TEST = range(3)
_Indices = NDArray[np.int64]


@dataclass
class Repeats:
    """Pictures that are there again, each with one that it equals, by their index among all pictures.

    Attributes:
        test: test pictures that are in the training or validation part, too.
        validation: validation pictures that are in the training part, too.
        classes: pictures of which a copy is in another class.
    """

    test: dict[int, int] = field(default_factory=dict)
    validation: dict[int, int] = field(default_factory=dict)
    classes: dict[int, int] = field(default_factory=dict)

    def add(self, labels: Labels, rows: Rows, indices: _Indices, hashes: NDArray[np.uint64]) -> None:
        """Look for repeated pictures in one run.

        Args:
            indices: of pictures that may be there again, int64 (K,).
            hashes: equal for equal pictures, uint64 (K,).
        """
        part = _parts(labels, rows)[indices]
        order = np.lexsort((indices, part, hashes))  # within a group training comes first, test last
        order = order[part[order] >= 0]
        indices, part, hashes = indices[order], part[order], hashes[order]
        starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]])) if len(hashes) else order
        first = np.repeat(starts, np.diff(np.append(starts, len(hashes))))  # of each one's group
        original = indices[first]
        label = (labels.train if labels.test is None else torch.cat([labels.train, labels.test])).numpy()
        for found, chosen in (
            (self.test, (part == _TEST) & (part[first] < _TEST)),
            (self.validation, (part == _VALIDATION) & (part[first] == _TRAIN)),
            (self.classes, label[indices] != label[original]),
        ):
            found.update(zip(indices[chosen].tolist(), original[chosen].tolist(), strict=True))

    def warning(self, name: Callable[[int], str]) -> WarningRaised | None:
        """What was found in words, None if that is nothing; ``name`` is what a picture is called."""
        parts = [
            _words(found, what, name)
            for found, what in (
                (self.test, "test {} in the training or validation part, too"),
                (self.validation, "validation {} in the training part, too"),
                (self.classes, "{} in another class, too"),
            )
            if found
        ]
        if not parts:
            return None
        hint = "Keep one of each."
        if self.test:
            hint += " A network that has seen the test pictures scores better than it would on new ones."
        return WarningRaised(title="The same picture is there more than once", detail="; ".join(parts), hint=hint)


def _parts(labels: Labels, rows: Rows) -> NDArray[np.int8]:
    """What a run uses each of all pictures for, -1 for nothing."""
    parts = torch.full((len(labels),), -1, dtype=torch.int8)
    parts[rows.train] = _TRAIN
    parts[rows.validation] = _VALIDATION
    parts[rows.test + labels.offset] = _TEST
    return parts.numpy()


def _words(found: dict[int, int], what: str, name: Callable[[int], str]) -> str:
    shown = ", ".join(f"{name(one)} = {name(other)}" for one, other in sorted(found.items())[:_MOST_EXAMPLES])
    more = ", …" if len(found) > _MOST_EXAMPLES else ""
    noun = "picture is" if len(found) == 1 else "pictures are"
    return f"{len(found):,} {what.format(noun)} ({shown}{more})"
