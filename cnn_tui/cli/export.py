"""``cnn-tui sessions export``: a session as a report or as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from cnn_tui.reports.formats import FIGURE_FORMATS, FORMATS

if TYPE_CHECKING:
    from cnn_tui.reports.formats import Format, Report
    from cnn_tui.reports.sessions.data import Mistake, SessionData

TABLES = ("figures", "classes", "confusion-matrix", "confused-pairs", "epochs", "settings")


@click.command()
@click.argument("session", metavar="SESSION")
@click.option(
    "--format",
    "chosen",
    type=click.Choice((*FORMATS, "json")),
    help="The format; by default that of --output's suffix, else Markdown.",
)
@click.option("--table", type=click.Choice(TABLES), help="Write only this table.")
@click.option("--output", metavar="FILE", help="Write the report to FILE, replacing an earlier one.")
@click.option(
    "--weights", metavar="FILE", help="Write the network instead, as a state dict: .pth, .pt or .safetensors."
)
@click.option("--bundle", metavar="FILE", help="Write all files of the session instead, for 'sessions import'.")
def export(
    session: str,
    chosen: Format | Literal["json"] | None,
    table: str | None,
    output: str | None,
    weights: str | None,
    bundle: str | None,
) -> None:
    """Write a SESSION as a report: results, classes, confusion matrix, settings and curves.

    HTML is a self-contained page with charts and the images of the most confident mistakes. LaTeX is sections, tables
    and figures for a document with the packages booktabs and graphicx; its charts are PDF files in a folder beside
    --output. PDF and PNG contain only the charts: the curves, and the confusion matrix as a heat map. CSV contains all
    tables, each below its title; with --table it is a single table for other programs. JSON contains all data.

    --weights writes all layers of the trained network, the frozen ones included, in a file that torchvision loads
    without this program; the call that does so is printed. --bundle writes the session itself as one file: its
    settings, the path of an image folder included, with events, trained layers, predictions, thumbnails and note.
    """
    if weights is not None:
        _refuse_other_options("--weights", chosen, table, output, bundle)
        from cnn_tui.cli.export_weights import write_weights

        write_weights(session, weights)
    elif bundle is not None:
        _refuse_other_options("--bundle", chosen, table, output)
        from cnn_tui.cli.bundle import write_bundle

        write_bundle(session, bundle)
    else:
        _write_report(session, chosen, table, output)


def _refuse_other_options(option: str, *others: str | None) -> None:
    if any(value is not None for value in others):
        raise click.UsageError(f"{option} writes no report: it cannot be used with other options.")


def _write_report(session: str, chosen: Format | Literal["json"] | None, table: str | None, output: str | None) -> None:
    if chosen is None and output is not None and output.lower().endswith(".json"):
        chosen = "json"
    if chosen == "json":
        _write_json(session, table, output)
    else:
        _write(session, chosen, table, output)


def _write(session: str, chosen: Format | None, table: str | None, output: str | None) -> None:
    from cnn_tui.cli.destination import Destination
    from cnn_tui.cli.output import print_message
    from cnn_tui.reports.formats import render
    from cnn_tui.reports.sessions.data import read_session
    from cnn_tui.reports.sessions.document import session_document
    from cnn_tui.store.sessions import find_session

    folder = find_session(session)
    destination = Destination(output, chosen, "markdown", FORMATS)
    data = read_session(folder)
    for line in data.damage.splitlines():
        print_message(line)
    if table is None:
        document = session_document(data, _mistakes(data))
        destination.write(render(document, destination.format, destination.width, destination.path))
    else:
        destination.write(_one_table(data, table, destination.format))
    destination.announce()


def _mistakes(session: SessionData) -> tuple[Mistake, ...]:
    """The most confident mistakes; none, with a message, if their images cannot be read."""
    from cnn_tui.cli.output import print_message
    from cnn_tui.errors import StorageError
    from cnn_tui.reports.sessions.data import read_mistakes

    try:
        return read_mistakes(session)
    except StorageError as error:
        for line in str(error).splitlines():
            print_message(line)
        return ()


def _one_table(session: SessionData, name: str, chosen: Format) -> Report:
    from cnn_tui.cli.document import formatted_table
    from cnn_tui.errors import ConfigError
    from cnn_tui.reports.formats import Report
    from cnn_tui.reports.sessions.document import session_tables

    if chosen in FIGURE_FORMATS:
        raise ConfigError(f"{chosen} has no tables", f"--table {name} is for the other formats.", "Remove --table.")
    tables = session_tables(session.record, session.epochs, session.warnings, session.folder)
    if name not in tables:
        raise ConfigError(f"{session.record.id} has no table {name}", f"It has {', '.join(tables)}.")
    return Report(formatted_table(tables[name], chosen, f"{session.record.name}: {name.replace('-', ' ')}"))


def _write_json(session: str, table: str | None, output: str | None) -> None:
    import json

    from cnn_tui.cli.destination import Destination
    from cnn_tui.errors import ConfigError
    from cnn_tui.reports.formats import Report
    from cnn_tui.reports.sessions.data import read_session, session_json
    from cnn_tui.store.sessions import find_session

    if table is not None:
        raise ConfigError("JSON has no tables", f"--table {table} is for the other formats.", "Remove --table.")
    folder = find_session(session)
    destination = Destination(output, "text", "text", FORMATS)
    data = read_session(folder)
    document = session_json(data.record, data.epochs, folder, data.note)
    destination.write(Report(json.dumps(document, indent=2, allow_nan=False) + "\n"))
    destination.announce()
