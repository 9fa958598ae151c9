"""Output that cannot be written: one line reports it, and a running job is stopped and saved.

Only one test trains. The others run the program with scripted runs, which start without PyTorch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import check_standard_streams, guarded
from cnn_tui.store.event_log import read_events
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import EVENTS_FILE, list_sessions
from scripted_program import PROGRAM as SCRIPTED

PROGRAM = [sys.executable, "-m", "cnn_tui"]
MESSAGE = "error: The output cannot be written: "
SAVED = "; the results so far are saved\n"
TINY: dict[str, Any] = {
    "data": {"dataset": "digits", "image_size": 32, "train_limit": 80, "test_limit": 40},
    "model": {"architecture": "shufflenet_v2_x0_5", "weights": "random", "trainable": "last_layer"},
    "training": {"epochs": 3, "batch_size": 16},
}
STUDY = {"kind": "study", "base": TINY, "factor": "training.optimizer.learning_rate", "values": [0.1, 0.01, 0.001]}

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


@pytest.fixture
def preset(tmp_path: Path) -> str:
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps({"experiment": TINY}), encoding="utf-8")
    return str(path)


@pytest.fixture
def study(tmp_path: Path) -> str:
    path = tmp_path / "rates.json"
    path.write_text(json.dumps(STUDY), encoding="utf-8")
    return str(path)


def write_to_full_disk(program: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    with Path("/dev/full").open("w") as full:
        return subprocess.run(
            [*program, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, env=os.environ, check=False
        )


def assert_reported_once(stderr: str, home: Path) -> None:
    """The last line is the only error, and there is no traceback."""
    lines = stderr.splitlines()
    assert lines[-1].startswith(MESSAGE)
    assert [line for line in lines if line.startswith(("error", "Traceback", "Exception"))] == lines[-1:]
    assert not (home / "data" / "crash.log").exists()


def records() -> list[SessionRecord]:
    """The records of all sessions, whose event logs are complete."""
    found = []
    for entry in list_sessions():
        assert entry.record is not None, entry.problem
        assert list(read_events(entry.folder / EVENTS_FILE))[-1].type == "run_finished"
        found.append(entry.record)
    return found


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["--version"],
        ["run", "--help"],
        ["models"],
        ["datasets"],
        ["presets"],
        ["presets", "schema"],
        ["presets", "show", "quickstart"],
        ["presets", "check", "quickstart"],
        ["cache", "list", "--json"],
        ["sessions", "list", "--json"],
    ],
)
def test_every_command_reports_in_one_line_that_it_cannot_print(command: list[str], home: Path) -> None:
    done = write_to_full_disk(PROGRAM, *command)
    assert done.returncode == 1
    assert done.stderr == f"{MESSAGE}No space left on device\n"


def test_the_layers_of_a_model_are_reported_like_all_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In this process, which has loaded PyTorch for other tests."""
    messages = tmp_path / "messages"
    with Path("/dev/full").open("w") as full, messages.open("w") as errors, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", full)
        patched.setattr(sys, "stderr", errors)
        patched.setattr(sys, "excepthook", sys.excepthook)
        check_standard_streams()
        assert guarded(cli, ["models", "resnet18"]) == 1
    assert messages.read_text() == f"{MESSAGE}No space left on device\n"


@pytest.mark.parametrize(("program", "options"), [(PROGRAM, ["--json"]), (SCRIPTED, [])])
def test_a_run_is_stopped_and_saved(program: list[str], options: list[str], preset: str, home: Path) -> None:
    done = write_to_full_disk(program, "run", preset, preset, *options)
    assert done.returncode == 1
    assert_reported_once(done.stderr, home)
    (record,) = records()  # the second was not started
    assert record.status == "stopped"


def test_a_study_is_stopped_and_its_rows_are_saved(study: str, home: Path) -> None:
    done = write_to_full_disk(SCRIPTED, "study", study, "--json")
    assert done.returncode == 1
    assert_reported_once(done.stderr, home)
    assert {record.status for record in records()} <= {"stopped", "done"}


def test_a_report_that_cannot_be_printed_leaves_its_study_done(study: str, home: Path) -> None:
    done = write_to_full_disk(SCRIPTED, "study", study, "--format", "markdown", "--set", "training.epochs=1")
    assert done.returncode == 1
    assert_reported_once(done.stderr, home)
    assert [record.status for record in records()] == ["done"] * 3


def read_first_line(*arguments: str, stderr: int = subprocess.PIPE) -> tuple[int, str, str]:
    """Read one line of a scripted run and close the pipe; return exit code, line and standard error."""
    with subprocess.Popen(
        [*SCRIPTED, *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True, env=os.environ
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read() if process.stderr is not None else ""
        return process.wait(120), line, errors


def test_a_closed_pipe_stops_a_run_and_saves_it(preset: str, home: Path) -> None:
    code, line, errors = read_first_line("run", preset, "--json", "--set", "training.epochs=5000")
    assert (code, json.loads(line)["type"]) == (1, "run_started")
    assert errors == f"{MESSAGE}Broken pipe{SAVED}"
    (record,) = records()
    assert record.status == "stopped"


def test_standard_error_in_the_same_pipe_changes_nothing(preset: str, home: Path) -> None:
    code, _, _ = read_first_line("run", preset, "--json", "--set", "training.epochs=5000", stderr=subprocess.STDOUT)
    assert code == 1
    (record,) = records()
    assert record.status == "stopped"
    assert not (home / "data" / "crash.log").exists()


@pytest.mark.parametrize("descriptor", [1, 2])
def test_a_descriptor_closed_at_startup(descriptor: int, preset: str, home: Path) -> None:
    def close() -> None:
        os.close(descriptor)

    done = subprocess.run(
        [*SCRIPTED, "run", preset, "--json"],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
        preexec_fn=close,
    )
    (record,) = records()
    if descriptor == 1:
        assert (done.returncode, done.stderr, record.status) == (1, f"{MESSAGE}Bad file descriptor{SAVED}", "stopped")
    else:
        assert (done.returncode, record.status) == (0, "done")
        assert json.loads(done.stdout.splitlines()[-1])["status"] == "done"


def test_progress_that_cannot_be_written_does_not_stop_a_run(preset: str, home: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SCRIPTED, "run", preset], stdout=subprocess.PIPE, stderr=full, text=True, env=os.environ, check=False
        )
    assert done.returncode == 0
    assert "macro mean" in done.stdout
    assert [record.status for record in records()] == ["done"]
