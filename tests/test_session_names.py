"""The names of new sessions: unchanged unless used, then numbered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cnn_tui.config.preset import RunPreset
from cnn_tui.store import session_names
from cnn_tui.store.session_changes import rename_session
from cnn_tui.store.session_names import with_unique_name
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import load_session


def record_session(name: str) -> str:
    """Record a session with this name and return its id."""
    session_id, folder = new_session_folder(name)
    with SessionWriter(folder, new_record(session_id, RunPreset(name=name))):
        pass
    return session_id


def unique_name(name: str) -> str:
    return with_unique_name(RunPreset(name=name)).name


def run(name: str) -> str:
    """Record a run of a preset with this name and return the session's name."""
    given = unique_name(name)
    record_session(given)
    return given


def test_an_unused_name_is_unchanged() -> None:
    assert run("pets") == "pets"
    assert run("pets at 64") == "pets at 64"
    assert run("pet") == "pet"


def test_a_used_name_gets_the_next_number() -> None:
    assert [run("pets") for _ in range(3)] == ["pets", "pets (2)", "pets (3)"]
    assert run("pets (2)") == "pets (4)"
    assert run("pets (9)") == "pets (9)"
    assert run("pets") == "pets (10)"


def test_a_number_without_brackets_is_not_continued() -> None:
    assert [run("resnet 18") for _ in range(2)] == ["resnet 18", "resnet 18 (2)"]
    assert run("resnet") == "resnet"
    assert run("resnet") == "resnet (2)"


def test_the_experiment_is_unchanged_and_a_record_becomes_a_preset() -> None:
    record = load_session(record_session("pets"))
    again = with_unique_name(record)
    assert type(again) is RunPreset
    assert again.experiment == record.experiment


@pytest.mark.parametrize(
    "name", ["実験", "тест", "con", "x" * 200, "a\nb", "[/] \u202e", '"name": "pets" \\', "(2)", " (2)"]
)
def test_any_name_can_be_numbered(name: str) -> None:
    names = [run(name) for _ in range(12)]
    assert names[0] == name
    assert len(set(names)) == 12
    assert all(len(one) <= 200 for one in names)
    assert names[11].endswith(" (12)")


def test_names_with_the_same_slug_are_different() -> None:
    assert [run(name) for name in ("実験", "模型", "run", "Run!")] == ["実験", "模型", "run", "Run!"]


def test_counting_continues_after_the_first_is_deleted(home: Path) -> None:
    first = record_session("pets")
    record_session("pets (2)")
    (home / "sessions" / first / "session.json").unlink()
    (home / "sessions" / first).rename(home / "elsewhere")
    assert unique_name("pets (2)") == "pets (3)"
    assert unique_name("pets") == "pets"


def test_the_old_name_of_a_renamed_session_is_free() -> None:
    rename_session(record_session("pets"), "best")
    assert unique_name("pets") == "pets"


def test_damaged_and_incomplete_sessions_have_no_name(home: Path) -> None:
    damaged = record_session("pets")
    (home / "sessions" / damaged / "session.json").write_bytes(b'{"name": "\xff\\')
    new_session_folder("pets")
    assert unique_name("pets") == "pets"


def test_sessions_with_other_names_are_not_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        record_session(f"other {number}")
    record_session("pets")
    read: list[str] = []
    real = session_names._read_name

    def counted(folder: Path) -> str | None:
        read.append(folder.name)
        return real(folder)

    monkeypatch.setattr(session_names, "_read_name", counted)
    assert unique_name("pets") == "pets (2)"
    assert len(read) == 1


@pytest.mark.parametrize("name", ["pets", "実験", "x" * 200])
def test_only_the_newest_records_are_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_names, "_MOST_READ", 2)
    times = iter(range(1_795_392_902, 1_795_393_000))
    monkeypatch.setattr("time.time", lambda: float(next(times)))
    names = [run(name) for _ in range(12)]
    assert len(set(names)) == 12
    assert names[11].endswith(" (12)")
    assert unique_name(names[4]).endswith(" (13)")


def test_the_name_is_found_in_reformatted_json(home: Path) -> None:
    folder = home / "sessions" / record_session("pets")
    document = json.loads((folder / "session.json").read_text())
    (folder / "session.json").write_text(json.dumps(document))
    assert unique_name("pets") == "pets (2)"
