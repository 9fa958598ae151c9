"""``cnn-tui watch``: which session it follows, what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import ErrorReport, Event, RunFinished, from_line
from cnn_tui.history import MOST_BATCHES
from cnn_tui.store import session_follower
from cnn_tui.store.event_log import read_events
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import EVENTS_FILE, list_sessions
from samples import batch, result, started, story
from scripted_program import PROGRAM as SCRIPTED

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def quiet_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_follower, "_QUIET_SECONDS", 0.0)


def recorded(name: str, *told: Event) -> str:
    """The id of a session with these events."""
    session_id, folder = new_session_folder(name)
    with SessionWriter(folder, new_record(session_id, RunPreset(name=name))) as writer:
        for event in told:
            writer.record(event)
    return session_id


def watch(capfd: Output, *arguments: str) -> tuple[int, str, str]:
    """The exit code and what came on both streams."""
    code = guarded(cli, ["watch", *arguments])
    return code, *capfd.readouterr()


def events(out: str) -> list[Event]:
    return [from_line(line) for line in out.splitlines()]


def test_a_run_that_has_ended_is_printed_like_by_run(capfd: Output) -> None:
    code, out, err = watch(capfd, recorded("pets", *story("pets")))
    assert code == 0
    assert "pets: session pets on A processor" in err
    assert [line.split()[1] for line in out.splitlines() if line.startswith("epoch")] == ["1/10", "2/10"]
    assert "2 epochs in 1.5 s, best epoch 2" in out
    assert "\x1b" not in out + err


def test_json_has_every_event(capfd: Output) -> None:
    steps = [batch(step=step, steps=step, time=step) for step in range(1, MOST_BATCHES + 10)]
    told: list[Event] = [started("long"), *steps, RunFinished(status="done", result=result())]
    code, out, _ = watch(capfd, recorded("long", *told), "--json")
    assert (code, events(out)) == (0, told)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (RunFinished(status="stopped", result=result()), 130),
        (RunFinished(status="stopped"), 130),
        (RunFinished(status="failed", error=ErrorReport(title="No images", exit_code=3)), 3),
        (RunFinished(status="failed", error=ErrorReport(title="broken")), 1),
    ],
)
def test_the_exit_code_is_that_of_the_run(end: RunFinished, code: int, capfd: Output) -> None:
    assert watch(capfd, recorded("x", started("x"), end))[0] == code


def test_a_killed_run_ends_with_that_reason(capfd: Output) -> None:
    code, _, err = watch(capfd, recorded("x", started("x")))
    assert code == 1
    assert "The run was killed" in err


@pytest.mark.parametrize("arguments", [(), ("--json",), ("--plain",)])
def test_without_a_running_session_it_tells_how_to_replay(arguments: tuple[str, ...], capfd: Output) -> None:
    recorded("pets", *story("pets"))
    code, out, err = watch(capfd, *arguments)
    assert (code, out) == (4, "")
    assert "error: No run to follow" in err
    assert "cnn-tui watch --replay" in err


def test_unknown_sessions_are_refused(capfd: Output) -> None:
    assert watch(capfd, "nothing")[0] == 4
    assert watch(capfd, "--replay")[0] == 4
    assert watch(capfd, "--replay", "nothing")[0] == 4


def test_a_replay_is_of_the_newest_session_with_a_result(capfd: Output) -> None:
    recorded("a-done", *story("a-done"))
    recorded("b-failed", started("b-failed"), RunFinished(status="failed", error=ErrorReport(title="broken")))
    code, out, _ = watch(capfd, "--replay", "--json")
    assert (code, events(out)) == (0, story("a-done"))


def test_a_running_session_is_not_replayed(capfd: Output) -> None:
    session_id, folder = new_session_folder("x")
    with SessionWriter(folder, new_record(session_id, RunPreset(name="x"))) as writer:
        writer.record(started(session_id))
        code, _, err = watch(capfd, "--replay", session_id)
    assert code == 2
    assert f"'cnn-tui watch {session_id}' follows it" in err


@pytest.mark.parametrize("arguments", [("--speed", "2"), ("--replay", "--speed", "0"), ("--replay", "--speed", "nan")])
def test_a_wrong_speed_is_refused(arguments: tuple[str, ...], capfd: Output) -> None:
    recorded("pets", *story("pets"))
    code, _, err = watch(capfd, *arguments)
    assert code == 2
    assert "--speed" in err


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_running_session_is_followed_by_two_and_quitting_does_not_affect_it(tmp_path: Path) -> None:
    """Both see every event from the first on; one is ended, the other one and the run go on."""
    preset = RunPreset(name="some").model_dump(mode="json")
    preset["experiment"]["training"]["epochs"] = 1_000
    path = tmp_path / "some.json"
    path.write_text(json.dumps(preset), encoding="utf-8")
    command = [sys.executable, "-m", "cnn_tui", "watch", "--json"]
    with subprocess.Popen([*SCRIPTED, "run", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert b"session" in running.stderr.readline()
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as leaving,
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as staying,
        ):
            assert leaving.stdout is not None
            assert staying.stdout is not None
            seen = [leaving.stdout.readline() for _ in range(3)]
            assert seen == [staying.stdout.readline() for _ in range(3)]
            leaving.terminate()
            assert leaving.wait() == -signal.SIGTERM
            assert running.poll() is None
            staying.stdout.readline()
            running.send_signal(signal.SIGINT)
            out, _ = staying.communicate()
        running.communicate()
    assert (running.returncode, staying.returncode) == (130, 130)
    (entry,) = list_sessions()
    assert events(out)[-1] == list(read_events(entry.folder / EVENTS_FILE))[-1]
    assert entry.record is not None
    assert entry.record.status == "stopped"
