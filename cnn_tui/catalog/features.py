"""The sizes of frozen networks' features, computed without PyTorch.

A frozen network is cut where its output stops being the same in every epoch; see ``engine.features``. A test compares
these sizes with the engine's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cnn_tui.catalog.models import ARCHITECTURES

_LARGE_BYTES = 32_768  # of an image in float32
_FLOAT_BYTES, _PACKED_BYTES = 4, 2


def feature_shape(architecture: str, trainable: str, image_size: int) -> tuple[int, ...]:
    """The shape of an image's features: (F,), or (P, C) where they are maps of P positions."""
    head = ARCHITECTURES[architecture].head
    if architecture.startswith("squeezenet"):
        return _squeezenet_side(architecture, image_size) ** 2, head.inputs
    return ((head.flat if trainable == "classifier" else head.cut) or head.inputs,)


def are_packed(shape: Sequence[int], weights: str = "imagenet") -> bool:
    """Whether features of this shape are stored without their zeros, in half the size; ``weights`` as in a preset.

    Only large maps, of which most values are zero; with random weights only half of them are, too few to save space.
    """
    return len(shape) > 1 and _FLOAT_BYTES * math.prod(shape) >= _LARGE_BYTES and weights != "random"


def feature_bytes(architecture: str, trainable: str, image_size: int, precision: str, weights: str = "imagenet") -> int:
    """The size of an image's features; for precision "auto" the most that they take."""
    shape = feature_shape(architecture, trainable, image_size)
    small = precision == "bfloat16" or are_packed(shape, weights)
    return math.prod(shape) * (_PACKED_BYTES if small else _FLOAT_BYTES)


def _squeezenet_side(architecture: str, image_size: int) -> int:
    """Of its last map: a convolution and three pools, each with stride 2; pools round up."""
    side = (image_size - (7 if architecture == "squeezenet1_0" else 3)) // 2 + 1
    for _ in range(3):
        side = math.ceil((side - 3) / 2) + 1
    return side
