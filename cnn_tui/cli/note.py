"""``cnn-tui sessions note``: the user's note and tags of a session."""

from __future__ import annotations

import click


@click.command()
@click.argument("session", metavar="SESSION")
@click.argument("text", required=False)
@click.option("--tag", "added", metavar="TAG", multiple=True, help="Add a tag; may be repeated.")
@click.option("--untag", "removed", metavar="TAG", multiple=True, help="Remove a tag; may be repeated.")
def note(session: str, text: str | None, added: tuple[str, ...], removed: tuple[str, ...]) -> None:
    """Set the note and tags of a SESSION, which may be running.

    TEXT replaces the note; an empty TEXT deletes it. Without TEXT and tags, print the present note and tags.
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
            print_message(f"Replaced the note, because it could not be read: {problem.splitlines()[0]}")
    after = before
    if text is not None or added or removed:
        after = make_note(before.note if text is None else text, changed_tags(before.tags, added, removed))
        write_note(folder, after)
    if after.line:
        click.echo(printable(after.line))
