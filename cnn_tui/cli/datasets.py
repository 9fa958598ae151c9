"""``cnn-tui datasets``: the available datasets, and which of them have been downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cnn_tui import paths
from cnn_tui.catalog.datasets import DATASETS, Dataset
from cnn_tui.cli.output import print_json, print_table
from cnn_tui.formatting import quantity

_UNKNOWN = "-"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def datasets(as_json: bool) -> None:
    """List the available datasets, with their location or the size of their download."""
    if as_json:
        print_json([_document(dataset) for dataset in DATASETS.values()])
        return
    print_table(
        ("name", "train", "test", "classes", "size", "location", "description"),
        [_row(dataset) for dataset in DATASETS.values()],
        numbers=("train", "test", "classes"),
    )


def _document(dataset: Dataset) -> dict[str, Any]:
    """The facts of a dataset; sizes in bytes and pixels, null if they depend on the images."""
    return {
        "name": dataset.name,
        "title": dataset.title,
        "description": dataset.description,
        "train": dataset.train,
        "test": dataset.test,
        "classes": dataset.classes,
        "image_size": dataset.image_size,
        "channels": dataset.channels,
        "path": str(_folder(dataset)) if dataset.files else None,
        "bytes_here": _bytes_here(dataset),
        "bytes_to_download": _bytes_to_download(dataset),
    }


def _row(dataset: Dataset) -> tuple[str, ...]:
    numbers = (dataset.train, dataset.test, dataset.classes)
    counts = (_UNKNOWN if number is None else f"{number:,}" for number in numbers)
    return (dataset.name, *counts, _size(dataset), _location(dataset), dataset.description)


def _size(dataset: Dataset) -> str:
    if dataset.image_size is None:
        return "any"
    return f"{dataset.image_size}x{dataset.image_size} {'grey' if dataset.channels == 1 else 'colour'}"


def _location(dataset: Dataset) -> str:
    """The folder of a dataset, or the size of its download."""
    if not dataset.files:
        return "set data.root" if dataset.classes is None else "built in"
    to_download = _bytes_to_download(dataset)
    if to_download:
        return f"download {quantity(to_download, 'bytes')}"
    return f"{quantity(_bytes_here(dataset), 'bytes')} in {_folder(dataset)}"


def _bytes_to_download(dataset: Dataset) -> int:
    return sum(file.bytes for file in dataset.missing(_folder(dataset)))


def _bytes_here(dataset: Dataset) -> int:
    known = [_folder(dataset) / name for file in dataset.files for name in (file.name, *file.members)]
    return sum(path.stat().st_size for path in known if path.is_file())


def _folder(dataset: Dataset) -> Path:
    return paths.datasets_folder() / dataset.name
