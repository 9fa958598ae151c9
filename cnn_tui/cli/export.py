"""``cnn-tui sessions export``: a session as a file for people or programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from cnn_tui.reports.mistakes import Mistake
    from cnn_tui.reports.session_data import SessionData
    from cnn_tui.reports.study_formats import Format

_Chosen = Literal["markdown", "csv", "latex", "html", "text", "json"]
FORMATS = ("markdown", "csv", "latex", "html", "text")
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
def export(session: str, chosen: _Chosen | None, table: str | None, output: str | None) -> None:
    """Write a SESSION as a report: figures, classes, confusion matrix, settings and curves.

    HTML is one page with drawn curves and the pictures of the most confident mistakes; it needs no other file. LaTeX is
    sections and tables for a document with the package booktabs. CSV has the tables one after the other, each below
    its name; --table gives one of them as programs read it. JSON has every figure.
    """
    if chosen is None and output is not None and output.lower().endswith(".json"):
        chosen = "json"
    if chosen == "json":
        _write_json(session, table, output)
    else:
        _write(session, chosen, table, output)


def _write(session: str, chosen: Format | None, table: str | None, output: str | None) -> None:
    from cnn_tui.cli.document import written
    from cnn_tui.cli.output import say
    from cnn_tui.cli.study_output import Destination
    from cnn_tui.reports.session_data import read_session
    from cnn_tui.reports.session_report import session_document
    from cnn_tui.store.sessions import find_session

    folder = find_session(session)
    destination = Destination(output, chosen, "markdown", FORMATS)
    data = read_session(folder)
    if data.damage:
        say(data.damage)
    if table is None:
        document = session_document(data, _mistakes(data))
        destination.write(written(document, destination.format, destination.width))
    else:
        destination.write(_one_table(data, table, destination.format))
    destination.announce()


def _mistakes(session: SessionData) -> tuple[Mistake, ...]:
    """The most confident mistakes; none where their pictures cannot be read, which is said."""
    from cnn_tui.cli.output import say
    from cnn_tui.errors import StorageError
    from cnn_tui.reports.mistakes import read_mistakes

    try:
        return read_mistakes(session)
    except StorageError as error:
        say(str(error))
        return ()


def _one_table(session: SessionData, name: str, chosen: Format) -> str:
    from cnn_tui.cli.document import written_table
    from cnn_tui.errors import ConfigError
    from cnn_tui.reports.session_report import session_tables

    tables = session_tables(session.record, session.epochs, session.warnings, session.folder)
    if name not in tables:
        raise ConfigError(f"{session.record.id} has no table {name}", f"It has {', '.join(tables)}.")
    return written_table(tables[name], chosen, f"{session.record.name}: {name.replace('-', ' ')}")


def _write_json(session: str, table: str | None, output: str | None) -> None:
    import json

    from cnn_tui.cli.study_output import Destination
    from cnn_tui.errors import ConfigError
    from cnn_tui.reports.session_data import read_session, session_json
    from cnn_tui.store.sessions import find_session

    if table is not None:
        raise ConfigError("JSON has no tables", f"--table {table} is for the other formats.", "Leave --table out.")
    folder = find_session(session)
    destination = Destination(output, "text", "text", FORMATS)
    data = read_session(folder)
    destination.write(
        json.dumps(session_json(data.record, data.epochs, folder, data.note), indent=2, allow_nan=False) + "\n"
    )
    destination.announce()
