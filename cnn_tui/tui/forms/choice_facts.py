"""What a list to choose from says about its choices, in columns. No widget in here."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cnn_tui.catalog.datasets import DATASETS, Dataset
from cnn_tui.catalog.models import ARCHITECTURES, Architecture
from cnn_tui.formatting import fit, parameter_count, quantity

_GAP = "  "
_MODELS = ("model", "parameters", "GMACs", "ImageNet top-1", "download")
_DATASETS = ("dataset", "classes", "training", "test", "pixels", "download")


@dataclass(frozen=True)
class Facts:
    """Lines of the same width: the names of the columns, and one for each choice."""

    header: str
    lines: Mapping[str, str]


@functools.cache
def facts_of(path: str) -> Facts | None:
    """What there is to know of the choices of the setting at a dotted path, None where their names say it all."""
    if path == "model.architecture":
        return _aligned(_MODELS, {name: _model(one) for name, one in ARCHITECTURES.items()})
    if path == "data.dataset":
        return _aligned(_DATASETS, {name: _dataset(one) for name, one in DATASETS.items()})
    return None


def _model(one: Architecture) -> tuple[str, ...]:
    return (
        one.name,
        parameter_count(one.parameters),
        f"{one.gmacs:,.2f}",
        f"{one.accuracy:.1f} %",
        quantity(one.weights_bytes, "bytes"),
    )


def _dataset(one: Dataset) -> tuple[str, ...]:
    counts = ("" if count is None else f"{count:,}" for count in (one.classes, one.train, one.test, one.image_size))
    return (one.name, *counts, quantity(one.download_bytes, "bytes") if one.files else "none")


def _aligned(header: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Facts:
    """Columns as wide as they need to be, words to the left and figures to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows.values(), strict=True)]

    def line(cells: Sequence[str]) -> str:
        return _GAP.join(
            fit(cell, width, right=at > 0) for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )

    return Facts(line(header), {name: line(cells) for name, cells in rows.items()})
