"""How large the features of frozen networks are, so that their room can be told without PyTorch.

A frozen network is cut where its output stops being the same in every epoch; see ``engine.features``. A test compares
these sizes with the engine's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cnn_tui.catalog.models import ARCHITECTURES

_LARGE_BYTES = 32_768  # of an image in float32
_FLOAT_BYTES, _HALF_BYTES = 4, 2


def feature_shape(architecture: str, trainable: str, image_size: int) -> tuple[int, ...]:
    """The shape of an image's features: (F,), or (P, C) where they are maps of P positions."""
    head = ARCHITECTURES[architecture].head
    if architecture.startswith("squeezenet"):
        return _squeezenet_side(architecture, image_size) ** 2, head.inputs
    return ((head.flat if trainable == "classifier" else head.cut) or head.inputs,)


def keeps_half(shape: Sequence[int]) -> bool:
    """Whether features of this shape are kept in half precision, where their values allow it.

    Maps only, and large ones: their head averages over the positions, and the rounding with them. Of vectors a step of
    Adam can make more of a rounding than the losses' tolerance, and there is less to save.
    """
    return len(shape) > 1 and _FLOAT_BYTES * math.prod(shape) >= _LARGE_BYTES


def feature_bytes(architecture: str, trainable: str, image_size: int, precision: str) -> int:
    """What the features of an image take at most; in ``auto`` as much as in float32."""
    shape = feature_shape(architecture, trainable, image_size)
    half = precision == "bfloat16" or keeps_half(shape)
    return math.prod(shape) * (_HALF_BYTES if half else _FLOAT_BYTES)


def _squeezenet_side(architecture: str, image_size: int) -> int:
    """Of its last map: a convolution and three pools, each with stride 2; pools round up."""
    side = (image_size - (7 if architecture == "squeezenet1_0" else 3)) // 2 + 1
    for _ in range(3):
        side = math.ceil((side - 3) / 2) + 1
    return side
