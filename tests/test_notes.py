"""Notes and tags of sessions: validation, storage, and the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import ConfigError, StorageError
from cnn_tui.reports.documents.document import document_markdown
from cnn_tui.reports.documents.html import document_html
from cnn_tui.reports.sessions.data import read_session
from cnn_tui.reports.sessions.document import session_document
from cnn_tui.store.notes import SessionNote, changed_tags, make_note, read_note, write_note
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import list_sessions, load_session
from samples import story

Output = pytest.CaptureFixture[str]
HOSTILE = "[/x]<b> \x1b]52;c;x\x07"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNN_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    return tmp_path / "home"


def session(name: str = "pets") -> Path:
    session_id, folder = new_session_folder(name)
    with SessionWriter(folder, new_record(session_id, RunPreset(name=name))) as writer:
        for event in story(session_id):
            writer.record(event)
    return folder


def noted(*arguments: str) -> int:
    return guarded(cli, ["sessions", "note", *arguments])


def test_tags_are_unique_words() -> None:
    made = make_note("  a first try ", ["#base", "Slow", "slow", "base", "kept"])
    assert made == SessionNote(note="a first try", tags=("base", "Slow", "kept"))
    assert (made.tag_line, made.line) == ("#base #Slow #kept", "#base #Slow #kept  a first try")
    assert SessionNote().line == ""


@pytest.mark.parametrize(
    ("note", "tags", "words"),
    [
        ("x" * 501, [], "note"),
        ("two\nlines", [], "one line"),
        ("", ["a b"], "one word"),
        ("", ["a#b"], "one word"),
        ("", ["#"], "tags.0"),
        ("", ["x" * 41], "tags.0"),
        ("", [str(number) for number in range(21)], "tags"),
    ],
)
def test_invalid_notes_are_rejected_with_a_reason(note: str, tags: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match="This note is not allowed") as caught:
        make_note(note, tags)
    assert words in caught.value.detail


@given(st.text(max_size=60), st.lists(st.text(max_size=8), max_size=5))
def test_valid_notes_round_trip(tmp_path_factory: pytest.TempPathFactory, note: str, tags: list[str]) -> None:
    try:
        made = make_note(note, tags)
    except ConfigError:
        return
    folder = tmp_path_factory.mktemp("session")
    write_note(folder, made)
    assert read_note(folder) == made


def test_tags_are_added_and_removed_ignoring_case() -> None:
    assert changed_tags(("Base", "slow"), ["#new"], ["base", "#other"]) == ("slow", "#new")


def test_notes_default_to_empty_and_leave_the_record_unchanged() -> None:
    folder = session()
    assert read_note(folder) == SessionNote()
    before = (folder / "session.json").read_bytes()
    write_note(folder, SessionNote(note="x"))
    assert (folder / "session.json").read_bytes() == before
    assert load_session(folder).status == "done"


@pytest.mark.parametrize("content", ["{", '{"note": 3}', '{"tags": ["a", "A"]}', '{"schema_version": 99}', '{"x": 1}'])
def test_a_damaged_note_is_reported(content: str, capsys: Output) -> None:
    folder = session()
    (folder / "note.json").write_text(content)
    with pytest.raises(StorageError, match=r"note\.json"):
        read_note(folder)
    (entry,) = list_sessions()
    assert entry.record is not None
    assert "note.json" in entry.note_problem
    assert "note.json" in read_session(folder).damage
    assert guarded(cli, ["sessions"]) == 0
    assert "has a broken note" in capsys.readouterr().err
    assert noted("latest", "--tag", "a") == 1
    assert noted("latest", "anew") == 0
    assert read_note(folder) == SessionNote(note="anew")


def test_the_command_line_sets_and_prints_notes_and_tags(capsys: Output) -> None:
    folder = session()
    assert noted("latest") == 0
    assert capsys.readouterr().out == ""
    assert noted("latest", "a first try", "--tag", "base", "--tag", "#slow") == 0
    assert noted("latest", "--untag", "BASE", "--tag", "kept") == 0
    capsys.readouterr()
    assert noted("latest") == 0
    assert capsys.readouterr().out == "#slow #kept  a first try\n"
    assert noted("latest", "") == 0
    assert read_note(folder) == SessionNote(tags=("slow", "kept"))


@pytest.mark.parametrize(("arguments", "code"), [(["nothing", "x"], 4), (["latest", "--tag", "a b"], 2), ([], 2)])
def test_notes_that_cannot_be_written_have_exit_codes(arguments: list[str], code: int) -> None:
    session()
    assert noted(*arguments) == code


def test_notes_appear_in_show_list_and_reports(capsys: Output) -> None:
    folder = session()
    write_note(folder, SessionNote(note="a first try", tags=("base", "slow")))
    session("other")
    assert guarded(cli, ["sessions", "list"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split()[-1] == "tags"
    assert any("#base #slow" in row for row in rows)
    assert guarded(cli, ["sessions", "show", folder.name]) == 0
    out = capsys.readouterr().out
    assert "a first try" in out
    assert "#base #slow" in out
    assert guarded(cli, ["sessions", "show", folder.name, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["note"], shown["tags"]) == ("a first try", ["base", "slow"])
    assert guarded(cli, ["sessions", "list", "--json"]) == 0
    listed = {one["id"]: one for one in json.loads(capsys.readouterr().out)}
    assert (listed[folder.name]["note"], listed[folder.name]["tags"]) == ("a first try", ["base", "slow"])
    assert "Note: a first try" in document_markdown(session_document(read_session(folder)))


def test_the_list_has_no_tags_column_without_tags(capsys: Output) -> None:
    session()
    assert guarded(cli, ["sessions", "list"]) == 0
    assert "tags" not in capsys.readouterr().out.splitlines()[0]


def test_a_hostile_note_is_harmless(capsys: Output) -> None:
    folder = session()
    assert noted("latest", HOSTILE, "--tag", "[/]\x1b") == 0
    assert guarded(cli, ["sessions", "show", "latest"]) == 0
    assert guarded(cli, ["sessions", "list"]) == 0
    assert not {"\x1b", "\x07"} & set(capsys.readouterr().out)
    page = document_html(session_document(read_session(folder)))
    assert "<b>" not in page
