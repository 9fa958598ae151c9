"""``cnn-tui models``: the available networks, and the layers of one of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cnn_tui.catalog.models import ARCHITECTURES, Architecture, nearest
from cnn_tui.cli.output import print_json, print_table
from cnn_tui.config.experiment import DataConfig
from cnn_tui.errors import ConfigError
from cnn_tui.imports import importing_engine

if TYPE_CHECKING:
    from cnn_tui.engine.models.layer_summary import Summary, TrainedPart

_CLASSES = 1000
_IMAGE_SIZE = 224  # all networks of the catalogue accept it
_COLUMNS = ("name", "year", "parameters", "GMACs", "ImageNet top-1 %", "weights MB", "smallest image")
_LAYER_COLUMNS = ("layer", "kind", f"output at {_IMAGE_SIZE} pixels", "parameters")
_PART_COLUMNS = ("model.trainable", "parameters", "trained layers")


@click.command("models")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(name: str | None, as_json: bool) -> None:
    """List the available networks, or show the layers and the trainable parts of NAME."""
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
        str(max(architecture.min_image_size, _smallest_image())),
    )


def _smallest_image() -> int:
    """The smallest image size of experiments, whatever the network accepts."""
    return int(DataConfig.model_json_schema()["properties"]["image_size"]["minimum"])


def _find(name: str) -> Architecture:
    if name in ARCHITECTURES:
        return ARCHITECTURES[name]
    similar = nearest(name)
    hint = f"Did you mean {' or '.join(similar)}?" if similar else "'cnn-tui models' lists all of them."
    raise ConfigError("Unknown model", f"The catalogue has no {name!r}.", hint)


def _show(architecture: Architecture, as_json: bool) -> None:
    with importing_engine():
        from cnn_tui.engine.models.layer_summary import summary

    layers = summary(architecture.name, _CLASSES, _IMAGE_SIZE)
    if as_json:
        print_json(_document(architecture, layers))
        return
    print_table(_COLUMNS, [_row(architecture)], numbers=_COLUMNS[1:])
    click.echo()
    print_table(_LAYER_COLUMNS, _layer_rows(layers), numbers=["parameters"])
    click.echo()
    print_table(_PART_COLUMNS, map(_part_row, layers.trained_parts), numbers=["parameters"])


def _document(architecture: Architecture, layers: Summary) -> dict[str, Any]:
    return {"model": asdict(architecture), **asdict(layers)}


def _layer_rows(summary: Summary) -> list[tuple[str, ...]]:
    rows = [
        (layer.name, layer.kind, "x".join(map(str, layer.output_shape)), f"{layer.parameters:,}")
        for layer in summary.layers
    ]
    return [*rows, ("all layers", "", "", f"{summary.parameters:,}")]


def _part_row(part: TrainedPart) -> tuple[str, ...]:
    return part.trainable, f"{part.parameters:,}", ", ".join(part.layers) or "every layer"
