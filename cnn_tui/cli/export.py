"""``cnn-tui sessions export``: a session as a file for people or programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from cnn_tui.reports.formats import FIGURE_FORMATS, FORMATS

if TYPE_CHECKING:
    from cnn_tui.reports.formats import Format, Report
    from cnn_tui.reports.mistakes import Mistake
    from cnn_tui.reports.session_data import SessionData

TABLES = ("figures", "classes", "confusion-matrix", "confused-pairs", "epochs", "settings")


@click.command()
@click.argument("session", metavar="SESSION")
@click.option(
    "--format",
    "chosen",
    type=click.Choice((*FORMATS, "json")),
    help="The format; by default --output's name tells, else it is Markdown.",
)
@click.option("--table", type=click.Choice(TABLES), help="Only this table.")
@click.option("--output", metavar="FILE", help="Write into FILE, in the place of an earlier one.")
def export(session: str, chosen: Format | Literal["json"] | None, table: str | None, output: str | None) -> None:
    """Write a SESSION as a report: figures, classes, confusion matrix, settings and curves.

    HTML is one page with drawn curves and the pictures of the most confident mistakes; it needs no other file. LaTeX is
    sections, tables and figures for a document with the packages booktabs and graphicx; its charts are PDF files in a
    folder beside --output. PDF and PNG hold the charts alone: the curves, and the confusion matrix as a heat map. CSV
    has the tables one after the other, each below its name; --table gives one of them as programs read it. JSON has
    every figure.
    """
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
    from cnn_tui.reports.session_data import read_session
    from cnn_tui.reports.session_report import session_document
    from cnn_tui.store.sessions import find_session

    folder = find_session(session)
    destination = Destination(output, chosen, "markdown", FORMATS)
    data = read_session(folder)
    if data.damage:
        print_message(data.damage)
    if table is None:
        document = session_document(data, _mistakes(data))
        destination.write(render(document, destination.format, destination.width, destination.path))
    else:
        destination.write(_one_table(data, table, destination.format))
    destination.announce()


def _mistakes(session: SessionData) -> tuple[Mistake, ...]:
    """The most confident mistakes; none where their pictures cannot be read, which is said."""
    from cnn_tui.cli.output import print_message
    from cnn_tui.errors import StorageError
    from cnn_tui.reports.mistakes import read_mistakes

    try:
        return read_mistakes(session)
    except StorageError as error:
        print_message(str(error))
        return ()


def _one_table(session: SessionData, name: str, chosen: Format) -> Report:
    from cnn_tui.cli.document import written_table
    from cnn_tui.errors import ConfigError
    from cnn_tui.reports.formats import Report
    from cnn_tui.reports.session_report import session_tables

    if chosen in FIGURE_FORMATS:
        raise ConfigError(f"{chosen} has no tables", f"--table {name} is for the other formats.", "Leave --table out.")
    tables = session_tables(session.record, session.epochs, session.warnings, session.folder)
    if name not in tables:
        raise ConfigError(f"{session.record.id} has no table {name}", f"It has {', '.join(tables)}.")
    return Report(written_table(tables[name], chosen, f"{session.record.name}: {name.replace('-', ' ')}"))


def _write_json(session: str, table: str | None, output: str | None) -> None:
    import json

    from cnn_tui.cli.destination import Destination
    from cnn_tui.errors import ConfigError
    from cnn_tui.reports.formats import Report
    from cnn_tui.reports.session_data import read_session, session_json
    from cnn_tui.store.sessions import find_session

    if table is not None:
        raise ConfigError("JSON has no tables", f"--table {table} is for the other formats.", "Leave --table out.")
    folder = find_session(session)
    destination = Destination(output, "text", "text", FORMATS)
    data = read_session(folder)
    figures = session_json(data.record, data.epochs, folder, data.note)
    destination.write(Report(json.dumps(figures, indent=2, allow_nan=False) + "\n"))
    destination.announce()
