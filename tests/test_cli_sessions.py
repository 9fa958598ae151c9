"""``cnn-tui sessions``: tables, JSON and deletion."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import ErrorReport, Event, RunFinished
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import find_session
from samples import epoch, result, started, story

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNN_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    return tmp_path / "home"


def session(name: str, told: list[Event]) -> Path:
    session_id, folder = new_session_folder(name)
    with SessionWriter(folder, new_record(session_id, RunPreset(name=name))) as writer:
        for event in told:
            writer.record(event)
    return folder


def test_no_sessions_are_an_empty_table(capsys: Output) -> None:
    assert guarded(cli, ["sessions"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_the_list_has_figures_and_status(capsys: Output) -> None:
    folder = session("first", story())
    assert guarded(cli, ["sessions"]) == 0
    out, err = capsys.readouterr()
    heading, row = out.splitlines()
    assert heading.split()[:3] == ["session", "name", "model"]
    settings, figures = ["first", "resnet18", "cifar10", "2/10", "0.001", "32"], ["0.8750", "0.8730", "2.5", "s"]
    assert row.split() == [folder.name.partition("-")[0], *settings, *figures, "done"]
    assert err == ""


def test_a_folder_of_images_is_listed_by_its_own_name(capsys: Output) -> None:
    session_id, folder = new_session_folder("pets")
    experiment = override(Experiment(), ["data.dataset=folder", "data.root=/images/cats"])
    with SessionWriter(folder, new_record(session_id, RunPreset(name="pets", experiment=experiment))):
        pass
    assert guarded(cli, ["sessions"]) == 0
    assert "folder: cats" in capsys.readouterr().out
    assert guarded(cli, ["sessions", "--json"]) == 0
    assert '"dataset": "folder"' in capsys.readouterr().out


def test_every_listed_session_can_be_asked_for(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr("time.time", lambda: 1_795_392_902.0)
    folders = [session("same", story()), session("same", story())]
    monkeypatch.setattr("time.time", lambda: 1_795_392_962.0)
    folders.append(session("later", story()))
    assert guarded(cli, ["sessions"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert listed[0] == "20261123T001602Z"
    assert sorted(find_session(name) for name in listed) == sorted(folders)


def test_a_failed_a_killed_and_a_broken_one_are_told_apart(home: Path, capsys: Output) -> None:
    error = ErrorReport(title="No memory", detail="on the device", hint="Take a smaller batch.")
    session("failed", [started(), RunFinished(status="failed", error=error)])
    session("lost", [started()])
    (home / "sessions" / "odd").mkdir()
    assert guarded(cli, ["sessions"]) == 0
    out, err = capsys.readouterr()
    assert sorted(line.split()[-1] for line in out.splitlines()[1:]) == ["broken", "failed", "killed"]
    assert "odd is broken" in err


def test_names_are_never_markup_nor_escapes(capsys: Output) -> None:
    session("[/x] \x1b]52;c;x\x07", story())
    assert guarded(cli, ["sessions"]) == 0
    assert guarded(cli, ["sessions", "show", "latest"]) == 0
    out = capsys.readouterr().out
    assert "[/x] \ufffd]52;c;x\ufffd" in out
    assert "\x1b" not in out


def test_the_list_as_json(capsys: Output) -> None:
    folder = session("first", story())
    assert guarded(cli, ["sessions", "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["id"], entry["folder"], entry["problem"]) == (folder.name, str(folder), None)
    assert entry["record"]["result"] == result().model_dump(mode="json")


def test_show_has_settings_curves_and_classes(capsys: Output) -> None:
    session("first", story())
    assert guarded(cli, ["sessions", "show", "latest"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    for row in (
        ["status", "done"],
        ["model.architecture", "resnet18"],
        ["validation", "loss", "0.2500"],
        ["train", "loss", "0.5000"],
        ["test", "accuracy", "0.8750"],
        ["Cohen's", "kappa", "0.7500"],
        ["best", "epoch", "by", "validation", "loss", "2"],
    ):
        assert row in rows
    assert [row[0] for row in rows if row and row[0] in ("cat", "dog", "macro")] == ["cat", "dog", "macro"]


def test_show_tells_why_a_run_failed(capsys: Output) -> None:
    error = ErrorReport(title="No memory", detail="on the device", hint="Take a smaller batch.")
    session("failed", [started(), epoch(1), RunFinished(status="failed", error=error)])
    assert guarded(cli, ["sessions", "show", "latest"]) == 0
    out, err = capsys.readouterr()
    assert "failed" in out
    assert err == "error: No memory\n  on the device\n  Take a smaller batch.\n"


def test_show_as_json_has_the_epochs(capsys: Output) -> None:
    folder = session("first", story())
    assert guarded(cli, ["sessions", "show", folder.name, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["folder"] == str(folder)
    assert [event["validation_loss"] for event in document["epochs"]] == [0.5, 0.25]
    assert document["result"]["macro_f1"] == result().macro_f1


def test_a_session_without_events_can_be_shown(capsys: Output) -> None:
    session("fresh", [])
    assert guarded(cli, ["sessions", "show", "latest"]) == 0
    assert "killed" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["show", "nothing"], ["show", "latest", "--json"], ["delete", "--yes", "nothing"]])
def test_no_such_session_ends_with_4(command: list[str], capsys: Output) -> None:
    assert guarded(cli, ["sessions", *command]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert "No session" in err


def test_delete_removes_what_was_named(home: Path, capsys: Output) -> None:
    first, second = session("first", story()), session("second", story())
    assert guarded(cli, ["sessions", "delete", "--yes", first.name, first.name]) == 0
    assert capsys.readouterr().out == f"deleted {first.name}\n"
    assert [path.name for path in (home / "sessions").iterdir()] == [second.name]


def test_a_session_elsewhere_is_not_resumed_and_has_to_be_moved(home: Path, tmp_path: Path, capsys: Output) -> None:
    elsewhere = session("first", story()[:1]).rename(tmp_path / "elsewhere")
    assert guarded(cli, ["sessions", "resume", str(elsewhere)]) == 4
    err = capsys.readouterr().err
    assert f"{elsewhere} is not among the sessions" in err
    assert f"outside of {home / 'sessions'}" in err
    assert "Move its folder there" in err


@pytest.mark.parametrize("option", ["--output", "--weights", "--bundle"])
def test_exports_create_no_folders(option: str, tmp_path: Path, capsys: Output) -> None:
    session("first", story())
    assert guarded(cli, ["sessions", "export", "latest", option, str(tmp_path / "mistyped" / "a.pth.md")]) == 2
    err = capsys.readouterr().err
    assert f"There is no folder {tmp_path / 'mistyped'}." in err
    assert not (tmp_path / "mistyped").exists()


def test_delete_without_yes_asks_or_refuses(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    folder = session("first", story())
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        assert guarded(cli, ["sessions", "delete", "latest"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert folder.exists()


def test_one_unknown_name_deletes_nothing() -> None:
    folder = session("first", story())
    assert guarded(cli, ["sessions", "delete", "--yes", folder.name, "nothing"]) == 4
    assert folder.exists()
