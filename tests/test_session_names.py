"""The names of new sessions: told from those that there are, and otherwise as they were given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cnn_tui.config.preset import RunPreset
from cnn_tui.store import session_writer
from cnn_tui.store.session_writer import SessionWriter, new_session_folder, with_unique_name
from cnn_tui.store.sessions import load_session, rename_session


def kept(name: str) -> str:
    """Keep a session of this name, and give its id."""
    session_id, folder = new_session_folder(name)
    with SessionWriter(folder, session_id, RunPreset(name=name)):
        pass
    return session_id


def named(name: str) -> str:
    return with_unique_name(RunPreset(name=name)).name


def run(name: str) -> str:
    """Run a preset of this name, and give its session's name."""
    given = named(name)
    kept(given)
    return given


def test_a_name_that_nobody_has_stays() -> None:
    assert run("pets") == "pets"
    assert run("pets at 64") == "pets at 64"
    assert run("pet") == "pet"


def test_a_taken_name_gets_the_next_number_whichever_of_them_is_run_again() -> None:
    assert [run("pets") for _ in range(3)] == ["pets", "pets (2)", "pets (3)"]
    assert run("pets (2)") == "pets (4)"
    assert run("pets (9)") == "pets (9)"
    assert run("pets") == "pets (10)"


def test_a_number_of_the_names_own_is_never_counted_on() -> None:
    assert [run("resnet 18") for _ in range(2)] == ["resnet 18", "resnet 18 (2)"]
    assert run("resnet") == "resnet"
    assert run("resnet") == "resnet (2)"


def test_the_experiment_stays_and_a_record_becomes_a_preset() -> None:
    record = load_session(kept("pets"))
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


def test_names_that_only_share_their_slug_are_told_apart_already() -> None:
    assert [run(name) for name in ("実験", "模型", "run", "Run!")] == ["実験", "模型", "run", "Run!"]


def test_a_deleted_first_one_does_not_change_the_counting(home: Path) -> None:
    first = kept("pets")
    kept("pets (2)")
    (home / "sessions" / first / "session.json").unlink()
    (home / "sessions" / first).rename(home / "elsewhere")
    assert named("pets (2)") == "pets (3)"
    assert named("pets") == "pets"


def test_a_renamed_session_leaves_its_name_to_others() -> None:
    rename_session(kept("pets"), "best")
    assert named("pets") == "pets"


def test_damaged_and_half_made_sessions_have_no_name(home: Path) -> None:
    damaged = kept("pets")
    (home / "sessions" / damaged / "session.json").write_bytes(b'{"name": "\xff\\')
    new_session_folder("pets")
    assert named("pets") == "pets"


def test_of_other_sessions_nothing_is_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        kept(f"other {number}")
    kept("pets")
    read: list[str] = []
    real = session_writer._read_name

    def counted(folder: Path) -> str | None:
        read.append(folder.name)
        return real(folder)

    monkeypatch.setattr(session_writer, "_read_name", counted)
    assert named("pets") == "pets (2)"
    assert len(read) == 1


@pytest.mark.parametrize("name", ["pets", "実験", "x" * 200])
def test_of_thousands_only_the_newest_are_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_writer, "_MOST_READ", 2)
    times = iter(range(1_795_392_902, 1_795_393_000))
    monkeypatch.setattr("time.time", lambda: float(next(times)))
    names = [run(name) for _ in range(12)]
    assert len(set(names)) == 12
    assert names[11].endswith(" (12)")
    assert named(names[4]).endswith(" (13)")


def test_a_name_is_found_in_a_record_that_a_person_wrote(home: Path) -> None:
    folder = home / "sessions" / kept("pets")
    document = json.loads((folder / "session.json").read_text())
    (folder / "session.json").write_text(json.dumps(document))
    assert named("pets") == "pets (2)"
