"""The workbench in a real terminal: the main task by keyboard, and every way in which it can end.

What happens to a run when the workbench ends does not depend on what is trained, so those runs are scripted. Nor does
what only Setup is needed for: the scripted trainer loads no PyTorch.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cnn_tui.store.sessions import read_history
from scripted_program import PROGRAM as SCRIPTED
from services import trainer_process
from terminal import Terminal

PROGRAM = [str(Path(sys.executable).parent / "cnn-tui")]
TINY: dict[str, Any] = {
    "name": "tiny",
    "experiment": {
        "data": {"dataset": "digits", "image_size": 32, "train_limit": 80, "test_limit": 40},
        "model": {"architecture": "shufflenet_v2_x0_5", "weights": "random", "trainable": "all"},
        "training": {"epochs": 2, "batch_size": 16},
    },
}
LEAVE_ALTERNATE_SCREEN = b"\x1b[?1049l"
SHOW_CURSOR = b"\x1b[?25h"
MOUSE_OFF = b"\x1b[?1000l"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX pseudo-terminal")


@pytest.fixture
def presets(home: Path) -> Path:
    """A folder with a short and a long preset."""
    folder = home / "presets"
    folder.mkdir(parents=True)
    (folder / "tiny.json").write_text(json.dumps(TINY), encoding="utf-8")
    long = json.loads(json.dumps(TINY)) | {"name": "long"}
    long["experiment"]["training"]["epochs"] = 5000
    (folder / "long.json").write_text(json.dumps(long), encoding="utf-8")
    return folder


@pytest.fixture
def home_env(home: Path) -> dict[str, str]:
    return {"CNN_TUI_HOME": str(home)}


def sessions(home: Path) -> list[dict[str, Any]]:
    """The records of all sessions."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((home / "sessions").glob("*/session.json"))]


def until_status(home: Path, wanted: str, seconds: float = 60) -> dict[str, Any]:
    """Wait until the only session has a status."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = sessions(home)
        if found and found[-1]["status"] == wanted:
            return found[-1]
        time.sleep(0.1)
    raise AssertionError(f"no session {wanted!r} but {[record['status'] for record in sessions(home)]}")


def assert_left_clean(terminal: Terminal) -> None:
    """The terminal is restored: main screen, cursor, no mouse reports."""
    end = bytes(terminal.raw[-4000:])
    for sequence in (LEAVE_ALTERNATE_SCREEN, SHOW_CURSOR, MOUSE_OFF):
        assert sequence in end


@pytest.fixture
def training(presets: Path, home_env: dict[str, str]) -> Iterator[Terminal]:
    """The workbench in the middle of a long run."""
    with Terminal([*SCRIPTED, "long"], env=home_env) as terminal:
        terminal.expect("Ready")
        terminal.press("ctrl+r")
        terminal.expect("of 5,000", 120)
        yield terminal


@pytest.mark.parametrize(("columns", "rows"), [(120, 36), (80, 24)])
def test_the_main_job_by_keyboard(columns: int, rows: int, presets: Path, home: Path, home_env: dict[str, str]) -> None:
    with Terminal(PROGRAM, columns, rows, env=home_env) as terminal:
        terminal.expect("Ready")
        terminal.expect("baseline")
        # A key that acts by a binding is waited for: the next one could overtake it.
        terminal.press("/")
        terminal.gone("Open preset")
        terminal.type("tiny")
        terminal.gone("baseline")
        terminal.press("enter")
        terminal.expect("Open preset")
        terminal.press("enter")
        terminal.expect("shufflene")
        terminal.press("tab")
        terminal.expect("The images to train and test on")
        terminal.press("down")
        terminal.expect("The folder of your own images")
        terminal.press("down")
        terminal.expect("Each image is resized")
        terminal.type("7")
        terminal.expect("at least 8 and at most 1,024")
        terminal.press("ctrl+r")
        terminal.expect("Cannot start")
        terminal.press("backspace")
        terminal.expect("a whole number is expected")
        terminal.type("40")
        terminal.expect("Ready")
        terminal.press("down")
        terminal.expect("The fraction of the training split")
        terminal.type("0.2")
        terminal.expect("2 fields changed")
        terminal.press("ctrl+r")
        terminal.expect("predicted", 120)
        terminal.press("right", "down")
        terminal.expect("of “1”")
        terminal.press("home", "enter")
        terminal.expect("esc")
        terminal.press("escape")
        terminal.expect("predicted")
        terminal.press("1")
        terminal.expect("Start ctrl+r")
        terminal.press("ctrl+s")
        terminal.expect("Save your preset as")
        terminal.expect("esc cancel")
        terminal.press("end", "ctrl+u")
        terminal.type("my-tiny")
        terminal.expect("my-tiny")
        terminal.press("enter")
        terminal.expect("Saved")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0
        assert_left_clean(terminal)
    saved = json.loads((presets / "my-tiny.json").read_text(encoding="utf-8"))
    (record,) = sessions(home)
    assert record["status"] == "done"
    assert saved["experiment"] == record["experiment"]
    assert (saved["experiment"]["data"]["image_size"], saved["experiment"]["data"]["validation_fraction"]) == (40, 0.2)


def test_a_key_pressed_before_the_form_is_there_is_not_lost(home_env: dict[str, str]) -> None:
    with Terminal(PROGRAM, env=home_env) as terminal:
        terminal.expect("f2 Setup")
        terminal.send(b"\x0f")
        terminal.expect("Open a preset or session")
        terminal.press("escape")
        terminal.expect("Ready")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0


def test_quit_and_let_it_finish_in_the_background(home: Path, training: Terminal) -> None:
    child = trainer_process()
    training.press("ctrl+q")
    training.expect("A run is still running")
    training.press("enter")
    assert training.wait_exit() == 0
    assert_left_clean(training)
    assert child.is_running()
    assert sessions(home)[0]["status"] == "running"
    child.send_signal(signal.SIGTERM)
    assert until_status(home, "stopped")["result"] is not None


def test_quit_with_stop_tests_and_saves(home: Path, training: Terminal) -> None:
    training.press("ctrl+q")
    training.expect("A run is still running")
    training.press("down", "enter")
    assert training.wait_exit() == 0
    assert until_status(home, "stopped")["result"] is not None


def test_a_second_quit_leaves_at_once_and_escape_stays(home: Path, training: Terminal) -> None:
    training.press("ctrl+q")
    training.expect("A run is still running")
    training.press("escape")
    training.gone("A run is still running")
    child = trainer_process()
    training.send(b"\x11\x11")
    assert training.wait_exit() == 0
    assert_left_clean(training)
    child.send_signal(signal.SIGTERM)
    until_status(home, "stopped")


def test_sigterm_leaves_the_terminal_clean_and_the_run_alive(home: Path, training: Terminal) -> None:
    child = trainer_process()
    os.kill(training.pid, signal.SIGTERM)
    training.wait_exit()
    assert_left_clean(training)
    assert child.is_running()
    child.send_signal(signal.SIGTERM)
    assert until_status(home, "stopped")["result"] is not None


def test_a_dropped_line_leaves_the_run_alive(home: Path, training: Terminal) -> None:
    child = trainer_process()
    training.hang_up()
    training.wait_exit()
    assert child.is_running()
    child.send_signal(signal.SIGTERM)
    assert until_status(home, "stopped")["result"] is not None


def test_a_dropped_line_is_joined_again_with_the_whole_curve(
    home: Path, home_env: dict[str, str], training: Terminal
) -> None:
    training.hang_up()
    training.wait_exit()
    with Terminal(SCRIPTED, env=home_env) as terminal:
        terminal.expect("of 5,000", 60)  # Live, by itself
        terminal.expect("best epoch")
        terminal.press("p")
        terminal.expect("Paused. Press p to resume")
        terminal.press("p")
        terminal.gone("Paused. Press p to resume")
        before = read_history(running_folder(home)).epochs
        assert [epoch.epoch for epoch in before] == list(range(1, len(before) + 1))
        terminal.press("x")
        terminal.expect("predicted")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0
    assert until_status(home, "stopped")["result"] is not None


def running_folder(home: Path) -> Path:
    """The folder of the only session."""
    (folder,) = (home / "sessions").iterdir()
    return folder


def test_a_killed_trainer_is_a_failed_session_and_the_next_run_works(home: Path, training: Terminal) -> None:
    trainer_process().kill()
    training.expect("SIGKILL")
    assert until_status(home, "failed")["error"]["title"]
    training.press("1")
    training.expect("Ready")
    training.press("ctrl+r")
    training.expect("of 5,000", 120)
    training.press("x")
    training.expect("predicted")


def test_a_second_run_on_a_frozen_backbone_reuses_its_features(
    presets: Path, home: Path, home_env: dict[str, str]
) -> None:
    frozen = json.loads(json.dumps(TINY)) | {"name": "frozen"}
    frozen["experiment"]["model"]["trainable"] = "last_layer"
    (presets / "frozen.json").write_text(json.dumps(frozen), encoding="utf-8")
    with Terminal([*PROGRAM, "frozen"], env=home_env) as terminal:
        terminal.expect("computed once per image")
        terminal.press("ctrl+r")
        terminal.expect("predicted", 120)
        terminal.press("1")
        terminal.expect("reused (")
        terminal.press("ctrl+r")
        while len(sessions(home)) < 2:
            terminal.run(0.1)
        until_status(home, "done")
        terminal.expect("last run done")
        terminal.expect("predicted")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0
    first, second = (phases(folder) for folder in sorted((home / "sessions").iterdir()))
    assert first["features"].startswith("computed once")
    assert second["features"].startswith("reused")


def phases(session: Path) -> dict[str, str]:
    """The details of a session's phases by name."""
    lines = (session / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    return {event["name"]: event["detail"] for event in events if event["type"] == "phase"}


def assert_whole(terminal: Terminal) -> None:
    """All of Live is on the screen, from corner to corner."""
    for words in ("cnn-tui  f2 Setup", "training epoch", "Loss", "Accuracy", "best epoch", "time left", "f1 Help"):
        terminal.expect(words)


def test_a_terminal_made_tiny_comes_back(training: Terminal) -> None:
    training.resize(20, 5)
    training.expect("too small")
    training.resize(120, 36)
    training.gone("too small")
    assert_whole(training)


def test_the_terminals_own_size_counts_and_not_what_was_exported_of_it(home_env: dict[str, str]) -> None:
    exported = {"COLUMNS": "20", "LINES": "5"}
    with Terminal(SCRIPTED, env=home_env | exported) as terminal:
        terminal.expect("cnn-tui  f2 Setup")
        terminal.resize(20, 5)
        terminal.expect("too small")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0


def test_a_terminal_that_was_tiny_while_the_program_was_held_up_is_painted_anew(training: Terminal) -> None:
    program = psutil.Process(training.pid)
    program.suspend()
    training.resize(20, 5)
    training.resize(120, 36)
    program.resume()
    assert_whole(training)


@pytest.mark.parametrize(
    "environment", [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"}]
)
def test_poor_terminals(environment: dict[str, str], presets: Path, home_env: dict[str, str]) -> None:
    with Terminal([*SCRIPTED, "tiny"], env=home_env | environment) as terminal:
        terminal.expect("Image size")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0
