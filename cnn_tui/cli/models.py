"""``cnn-tui models``: the networks to pick from, and what one of them consists of."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cnn_tui.catalog.models import ARCHITECTURES, Architecture, nearest
from cnn_tui.cli.output import print_json, print_table
from cnn_tui.config.experiment import DataConfig
from cnn_tui.errors import ConfigError

if TYPE_CHECKING:
    from cnn_tui.engine.models.layer_summary import Summary, TrainedPart

_CLASSES = 1000
_IMAGE_SIZE = 224  # every network of the catalogue takes it
_COLUMNS = ("name", "year", "parameters", "GMACs", "ImageNet top-1 %", "weights MB", "least picture")
_LAYER_COLUMNS = ("layer", "kind", f"output at {_IMAGE_SIZE} pixels", "parameters")
_PART_COLUMNS = ("model.trainable", "parameters", "trained layers")


@click.command("models")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(name: str | None, as_json: bool) -> None:
    """List the networks to pick from, or show the layers of NAME and what of it can be trained."""
    if name is None:
        _list(as_json)
    else:
        _show(_find(name), as_json)


def _list(as_json: bool) -> None:
    if as_json:
        print_json([asdict(architecture) for architecture in ARCHITECTURES.values()])
    else:
        print_table(_COLUMNS, map(_row, ARCHITECTURES.values()), numbers=_COLUMNS[1:])


def _row(architecture: Architecture) -> tuple[str, ...]:
    return (
        architecture.name,
        str(architecture.year),
        f"{architecture.parameters:,}",
        f"{architecture.gmacs:,.2f}",
        f"{architecture.accuracy:.1f}",
        f"{architecture.weights_bytes / 1e6:,.0f}",
        str(max(architecture.min_image_size, _smallest_picture())),
    )


def _smallest_picture() -> int:
    """The side that an experiment may ask for at least, whatever the network takes."""
    return int(DataConfig.model_json_schema()["properties"]["image_size"]["minimum"])


def _find(name: str) -> Architecture:
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    likely = nearest(name)
    hint = f"Did you mean {' or '.join(likely)}?" if likely else "See 'cnn-tui models' for all of them."
    raise ConfigError("There is no such model", f"The catalogue has no {name!r}.", hint)


def _show(architecture: Architecture, as_json: bool) -> None:
    from cnn_tui.engine.models.layer_summary import summary

    found = summary(architecture.name, _CLASSES, _IMAGE_SIZE)
    if as_json:
        print_json(_document(architecture, found))
        return
    print_table(_COLUMNS, [_row(architecture)], numbers=_COLUMNS[1:])
    click.echo()
    print_table(_LAYER_COLUMNS, _layer_rows(found), numbers=["parameters"])
    click.echo()
    print_table(_PART_COLUMNS, map(_part_row, found.trained_parts), numbers=["parameters"])


def _document(architecture: Architecture, found: Summary) -> dict[str, Any]:
    return {"model": asdict(architecture), **asdict(found)}


def _layer_rows(found: Summary) -> list[tuple[str, ...]]:
    rows = [
        (layer.name, layer.kind, "x".join(map(str, layer.output_shape)), f"{layer.parameters:,}")
        for layer in found.layers
    ]
    return [*rows, ("all layers", "", "", f"{found.parameters:,}")]


def _part_row(part: TrainedPart) -> tuple[str, ...]:
    return part.trainable, f"{part.parameters:,}", ", ".join(part.layers) or "every layer"
