"""``cnn-tui sessions compare``: sessions side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cnn_tui.reports.formats import FORMATS

if TYPE_CHECKING:
    from cnn_tui.reports.formats import Format


@click.command("compare")
@click.argument("names", nargs=-1, metavar="SESSION SESSION...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--format", "chosen", type=click.Choice(FORMATS), help="The report's format; by default that of --output's suffix."
)
@click.option("--output", metavar="FILE", help="Write the report to FILE.")
def compare_sessions(names: tuple[str, ...], as_json: bool, chosen: Format | None, output: str | None) -> None:
    """Compare two or more sessions. The first SESSION is the reference for the others.

    Shows the settings that differ, the results, F1 and recall of each class, the curves, and the numbers of test images
    that only one of two sessions got right, with McNemar's test of whether that may be chance.

    Text contains the classes that changed most and one pair of charts; all other formats contain everything. LaTeX has
    its charts as files beside --output; PDF and PNG contain only the charts. JSON also lists the images by their index
    in the test split.
    """
    from cnn_tui.errors import ConfigError

    if len(names) < 2:
        raise ConfigError("A comparison needs at least two sessions", f"{len(names)} given.", "Add another SESSION.")
    if as_json and chosen is not None:
        raise ConfigError("--json and --format exclude each other", "", "Remove one of them.")
    _write(names, as_json, chosen, output)


def _write(names: tuple[str, ...], as_json: bool, chosen: Format | None, output: str | None) -> None:
    import json

    from cnn_tui.cli.destination import Destination
    from cnn_tui.cli.document import print_document
    from cnn_tui.cli.output import console, print_message
    from cnn_tui.reports.comparison.compare import compare
    from cnn_tui.reports.comparison.document import comparison_document, comparison_json
    from cnn_tui.reports.formats import Report, render
    from cnn_tui.reports.sessions.data import read_session
    from cnn_tui.store.sessions import find_session

    folders = [find_session(name) for name in names]
    destination = Destination(output, "text" if as_json else chosen, "text", FORMATS)
    comparison = compare([read_session(folder) for folder in folders])
    for session in comparison.sessions:
        for line in session.damage.splitlines():
            print_message(line)
    if as_json:
        destination.write(Report(json.dumps(comparison_json(comparison), indent=2, allow_nan=False) + "\n"))
    elif destination.format == "text" and destination.path is None:
        print_document(comparison_document(comparison, brief=True), console())
    else:
        document = comparison_document(comparison)
        destination.write(render(document, destination.format, destination.width, destination.path))
    destination.announce()
