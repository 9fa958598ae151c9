"""Bundles: ``cnn-tui sessions export --bundle`` and ``cnn-tui sessions import``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cnn_tui.store.bundles import ImportedSession


def write_bundle(session: str, output: str) -> None:
    """Write a session as one file."""
    from cnn_tui.cli.destination import checked_file
    from cnn_tui.cli.output import print_message
    from cnn_tui.formatting import pluralize, quantity
    from cnn_tui.store.bundles import export_bundle
    from cnn_tui.store.sessions import find_session

    folder, target = find_session(session), checked_file("--bundle", output)
    files = export_bundle(folder, target).files
    size = quantity(target.stat().st_size, "bytes")
    print_message(f"The bundle is in {target}: {pluralize(len(files), 'file')}, {size}.")


@click.command("import")
@click.argument("file", metavar="FILE")
def import_session(file: str) -> None:
    """Import the session in FILE, which 'sessions export --bundle' wrote.

    Everything in it is checked before it becomes a session. No code in it is executed, no other file is written, and no
    session is replaced: if one with the same id is there already, it is kept.
    """
    from pathlib import Path

    from cnn_tui.cli.output import print_message
    from cnn_tui.formatting import printable
    from cnn_tui.store.bundles import import_bundle

    imported = import_bundle(Path(file).expanduser())
    for line in _description(imported):
        print_message(line)
    click.echo(printable(f"{'imported' if imported.is_new else 'already there:'} {imported.record.id}"))


def _description(imported: ImportedSession) -> list[str]:
    """What was found: the run and its files."""
    from cnn_tui.formatting import quantity

    record = imported.record
    experiment, result = record.experiment, record.result
    accuracy = [f"test accuracy {result.accuracy:.4f}"] if result else []
    outcome = ", ".join([record.status, *accuracy])
    files = ", ".join(f"{name} ({quantity(entry.bytes, 'bytes')})" for name, entry in imported.files.items())
    return [
        f"found {record.name}: {experiment.model.architecture} on {experiment.data.label}, {outcome}",
        f"files, all checked: {files}",
    ]
