"""The types of fields whose values are the names of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.catalog.models import ARCHITECTURES, nearest


def _known_architecture(name: str) -> str:
    if name not in ARCHITECTURES:
        likely = nearest(name)
        raise PydanticCustomError(
            "unknown_architecture",
            "no architecture has this name{suggestion}",
            {"suggestion": f"; did you mean {' or '.join(likely)}?" if likely else "; see 'cnn-tui models'"},
        )
    return name


ArchitectureName = Annotated[
    str,
    AfterValidator(_known_architecture),
    WithJsonSchema({"type": "string", "enum": list(ARCHITECTURES)}),
]
if TYPE_CHECKING:  # a Literal made from the catalogue is beyond type checkers
    DatasetName: TypeAlias = str
else:
    DatasetName = Literal[tuple(DATASETS)]
