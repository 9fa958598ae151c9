"""``cnn-tui sessions note``: what a person writes about a session."""

from __future__ import annotations

import click


@click.command()
@click.argument("session", metavar="SESSION")
@click.argument("text", required=False)
@click.option("--tag", "added", metavar="TAG", multiple=True, help="Add a tag; may be repeated.")
@click.option("--untag", "removed", metavar="TAG", multiple=True, help="Take a tag away; may be repeated.")
def note(session: str, text: str | None, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    """Write a note and tags on a SESSION, which may be running.

    TEXT replaces the note, an empty one deletes it. Without TEXT and tags this prints what is written.
    """
    from cnn_tui.cli.output import print_message
    from cnn_tui.formatting import printable
    from cnn_tui.store.notes import changed_tags, make_note, read_note, write_note
    from cnn_tui.store.sessions import find_session, note_or_problem

    folder = find_session(session)
    if text is None:
        before = read_note(folder)
    else:
        before, problem = note_or_problem(folder)
        if problem:
            print_message(f"Replaced, since it could not be read: {problem.splitlines()[0]}")
    written = before
    if text is not None or added or removed:
        written = make_note(before.note if text is None else text, changed_tags(before.tags, added, removed))
        write_note(folder, written)
    if written.line:
        click.echo(printable(written.line))
