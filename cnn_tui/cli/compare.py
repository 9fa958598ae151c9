"""``cnn-tui sessions compare``: sessions side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cnn_tui.reports.formats import FORMATS

if TYPE_CHECKING:
    from cnn_tui.reports.formats import Format


@click.command()
@click.argument("names", nargs=-1, metavar="SESSION SESSION...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--format", "chosen", type=click.Choice(FORMATS), help="The report's format; by default --output's name tells."
)
@click.option("--output", metavar="FILE", help="Write the report into FILE.")
def compare(names: tuple[str, ...], as_json: bool, chosen: Format | None, output: str | None) -> None:
    """Put two or more sessions side by side.

    Shows the settings that differ, the figures, the F1 and recall of each class, the curves, and which test pictures
    one got right and the other wrong. McNemar's test tells whether that can be chance. The first SESSION is the one
    that the others are measured against.

    Text shows the classes that changed most and one pair of charts; the other formats have all of them. LaTeX has its
    charts as files beside --output; PDF and PNG hold the charts alone. JSON also names the pictures, by their places
    in the test split.
    """
    from cnn_tui.errors import ConfigError

    if len(names) < 2:
        raise ConfigError(
            "A comparison takes two sessions at least", f"There {'is one' if names else 'is none'}.", "Name another."
        )
    if as_json and chosen is not None:
        raise ConfigError("--json and --format exclude each other", "", "Leave one of them out.")
    _write(names, as_json, chosen, output)


def _write(names: tuple[str, ...], as_json: bool, chosen: Format | None, output: str | None) -> None:
    import json

    from cnn_tui.cli.destination import Destination
    from cnn_tui.cli.document import print_document
    from cnn_tui.cli.output import console, print_message
    from cnn_tui.reports import comparison
    from cnn_tui.reports.comparison_document import comparison_document, comparison_json
    from cnn_tui.reports.formats import Report, render
    from cnn_tui.reports.session_data import read_session
    from cnn_tui.store.sessions import find_session

    folders = [find_session(name) for name in names]
    destination = Destination(output, "text" if as_json else chosen, "text", FORMATS)
    compared = comparison.compare([read_session(folder) for folder in folders])
    for session in compared.sessions:
        if session.damage:
            print_message(session.damage)
    if as_json:
        destination.write(Report(json.dumps(comparison_json(compared), indent=2, allow_nan=False) + "\n"))
    elif destination.format == "text" and destination.path is None:
        print_document(comparison_document(compared, brief=True), console())
    else:
        document = comparison_document(compared)
        destination.write(render(document, destination.format, destination.width, destination.path))
    destination.announce()
