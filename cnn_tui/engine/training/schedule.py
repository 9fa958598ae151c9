"""The learning rate of each step."""

from __future__ import annotations

import math


def scheduled_rate(schedule: str, base: float, progress: float) -> float:
    """The learning rate when ``progress`` (0 to 1) of all steps are done.

    ``cosine`` falls from ``base`` to zero along half a cosine (Loshchilov and Hutter 2017, without restarts);
    ``step`` takes a tenth after each third.
    """
    if schedule == "cosine":
        return base * 0.5 * (1 + math.cos(math.pi * progress))
    if schedule == "step":
        return base * 0.1 ** min(2, int(progress * 3))
    return base
