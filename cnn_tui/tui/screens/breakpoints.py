"""Classes for the room that a screen has, there before its first picture.

Textual sets them at the first resize, when the whole screen has been styled without them, and styles it again.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.geometry import Size

Breakpoints = Sequence[tuple[int, str]]


def room_classes(size: Size, widths: Breakpoints, heights: Breakpoints = ()) -> set[str]:
    """The class of the largest width that fits, and of the largest height."""
    fitting = (
        max((step for step in steps if step[0] <= cells), default=None)
        for cells, steps in ((size.width, widths), (size.height, heights))
    )
    return {step[1] for step in fitting if step is not None}
