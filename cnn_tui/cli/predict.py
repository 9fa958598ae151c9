"""``cnn-tui predict``: the most probable classes of images by the network of a session."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnn_tui.cli.output import console, print_message
from cnn_tui.errors import DataError
from cnn_tui.formatting import display, printable
from cnn_tui.outcome import TOP
from cnn_tui.store.image_folder import images_below
from cnn_tui.store.sessions import find_session, load_session

if TYPE_CHECKING:
    from rich.table import Table

    from cnn_tui.engine.inference.predict import ImagePrediction

_BAR_CELLS = 20


@click.command()
@click.argument("session", metavar="SESSION")
@click.argument("images", metavar="IMAGE|FOLDER...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per image.")
@click.option("--csv", "as_csv", is_flag=True, help="Print one line of comma-separated values per image.")
@click.pass_context
def predict(ctx: click.Context, session: str, images: tuple[str, ...], as_json: bool, as_csv: bool) -> None:
    """Classify images with the network of a SESSION.

    The five most probable classes of each IMAGE are printed with their probabilities; of a FOLDER, those of all images
    in it. SESSION is an id, the unique beginning of an id, "latest", or a folder.

    Images are prepared exactly as those of the session's test, so that its test images get the predictions that it
    recorded. Images that cannot be read are named with the reason on standard error, and the others are classified; the
    exit code is 1 if no image can be read.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    folder = find_session(session)
    record = load_session(folder)
    paths = [path for name in images for path in _expanded(name)]
    from cnn_tui.cli.model_progress import finish
    from cnn_tui.engine.inference.predict import load_predictor

    predictor = finish(load_predictor(record, folder))
    show = _show_json if as_json else _show_csv if as_csv else _show_table if sys.stdout.isatty() else _show_line
    if as_csv:
        _print_csv(["image", *(f"{name}_{rank}" for rank in range(1, TOP + 1) for name in ("class", "probability"))])
    readable = 0
    for prediction in predictor.predict(paths):
        if prediction.problem:
            print_message(f"{display(prediction.path)} cannot be read: {prediction.problem}")
        else:
            readable += 1
            show(prediction)
    ctx.exit(0 if readable else 1)


def _expanded(name: str) -> Iterator[str]:
    """The image itself, or the images in a folder.

    Raises:
        DataError: the folder contains none.
    """
    path = Path(name).expanduser()
    if not path.is_dir():
        yield str(path)
        return
    found = list(images_below(path))
    if not found:
        raise DataError("There are no images in the folder", display(path), "Name images, or a folder of images.")
    yield from found


def _show_json(prediction: ImagePrediction) -> None:
    top = [{"class": name, "probability": probability} for name, probability in prediction.top]
    click.echo(json.dumps({"image": display(prediction.path), "predictions": top}))


def _show_csv(prediction: ImagePrediction) -> None:
    cells = [cell for name, probability in prediction.top for cell in (name, f"{probability:.6f}")]
    _print_csv([display(prediction.path), *cells, *[""] * (2 * (TOP - len(prediction.top)))])


def _print_csv(cells: list[str]) -> None:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(printable, cells))
    click.echo(line.getvalue(), nl=False)


def _show_line(prediction: ImagePrediction) -> None:
    top = ", ".join(f"{name} {probability:.4f}" for name, probability in prediction.top)
    click.echo(printable(f"{display(prediction.path)}: {top}"))


def _show_table(prediction: ImagePrediction) -> None:
    console().print(_table(prediction))


def _table(prediction: ImagePrediction) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(Text(printable(display(prediction.path))), overflow="fold")
    table.add_column("probability", justify="right")
    table.add_column("")
    for name, probability in prediction.top:
        bar = Text("█" * round(_BAR_CELLS * probability), style="blue")
        table.add_row(Text(printable(name)), f"{probability:.4f}", bar)
    return table
