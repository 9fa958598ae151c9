"""``cnn-tui run`` as a script meets it: a process, its output, its exit code and the session that it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from scripted_program import PROGRAM as SCRIPTED
from terminal import Terminal

PROGRAM = str(Path(sys.executable).parent / "cnn-tui")
TINY: dict[str, Any] = {
    "name": "tiny",
    "experiment": {
        "data": {"dataset": "digits", "image_size": 32, "train_limit": 80, "test_limit": 40},
        "model": {"architecture": "shufflenet_v2_x0_5", "weights": "random", "trainable": "all"},
        "training": {"epochs": 2, "batch_size": 16},
    },
}


@pytest.fixture
def preset(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(TINY), encoding="utf-8")
    return path


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """The exit code and what came on both streams."""
    code = guarded(cli, ["run", *arguments])
    out, err = capfd.readouterr()
    return code, out, err


def events(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def measured(out: str) -> list[tuple[float, ...]]:
    found = [event for event in events(out) if event["type"] == "epoch_finished"]
    return [(event["train_loss"], event["validation_loss"], event["train_accuracy"]) for event in found]


def test_json_events_end_in_the_result_and_the_session_runs_again(
    preset: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capfd, str(preset), "--json", "--name", "first")
    last = events(out)[-1]
    assert (code, last["type"], last["status"]) == (0, "run_finished", "done")
    assert 0 <= last["result"]["accuracy"] <= 1
    (session,) = (home / "sessions").iterdir()
    assert session.name.endswith("-first")
    names = {path.name for path in session.iterdir()}
    assert {"session.json", "events.jsonl", "weights.safetensors", "predictions.npz", "thumbnails.npz"} <= names
    again, out_again, _ = run(capfd, str(session / "session.json"), "--json")
    assert again == 0
    assert measured(out_again) == measured(out)


def test_settings_are_laid_over_the_preset(preset: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capfd, str(preset), "--json", "--set", "training.epochs=1")
    assert code == 0
    assert len(measured(out)) == 1


@pytest.mark.parametrize("setting", ["training.epochs=0", "epochs=3", "training.epochs", "model.architecture=resnet19"])
def test_a_bad_setting_is_refused(setting: str, preset: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capfd, str(preset), "--set", setting)
    assert (code, out) == (2, "")
    assert setting.partition("=")[0].rpartition(".")[2] in err


def test_one_bad_preset_does_not_stop_the_others(preset: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capfd, "no-such-preset", str(preset))
    assert code == 2
    assert "no-such-preset" in err
    assert "macro mean" in out


def test_missing_pictures_end_in_3_and_the_next_preset_still_runs(
    preset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lost = json.loads(json.dumps(TINY))
    lost["experiment"]["data"] |= {"dataset": "folder", "root": str(tmp_path / "nowhere")}
    path = tmp_path / "lost.json"
    path.write_text(json.dumps(lost), encoding="utf-8")
    code, out, err = run(capfd, str(path), str(preset))
    assert code == 3
    assert str(tmp_path / "nowhere") in err
    assert "macro mean" in out


def test_elsewhere_than_on_a_terminal_there_is_a_line_per_epoch(
    preset: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, out, err = run(capfd, str(preset))
    assert [line.split()[1] for line in out.splitlines() if line.startswith("epoch")] == ["1/2", "2/2"]
    assert "Confusion matrix" in out
    assert "\x1b" not in out + err


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_an_interrupt_stops_tests_and_saves(preset: Path, home: Path) -> None:
    command = [PROGRAM, "run", str(preset), "--json", "--set", "training.epochs=5000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["type"] == "epoch_finished":
                process.send_signal(signal.SIGINT)
                break
        last = json.loads(process.stdout.read().splitlines()[-1])
        assert process.wait(60) == 130
    assert (last["type"], last["status"]) == ("run_finished", "stopped")
    (session,) = (home / "sessions").iterdir()
    record = json.loads((session / "session.json").read_text(encoding="utf-8"))
    assert record["status"] == "stopped"
    assert record["result"] == last["result"] is not None


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX pseudo-terminal")
def test_on_a_terminal_it_is_live_and_ends_in_tables(preset: Path, home: Path) -> None:
    with Terminal([*SCRIPTED, "run", str(preset)], 100, 60, env={"CNN_TUI_HOME": str(home)}) as terminal:
        terminal.expect("val. loss", 90)
        terminal.expect("macro mean", 60)
        terminal.expect("Confusion matrix", 60)
        assert terminal.wait_exit() == 0


@pytest.mark.parametrize("command", [["run"], ["study", "--set", "training.epochs=1"]])
def test_a_disk_that_takes_nothing_is_said_before_anything_is_loaded(
    command: list[str], preset: Path, home: Path
) -> None:
    resource = pytest.importorskip("resource")

    def take_nothing() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    name = str(preset) if command[0] == "run" else "report-figure6"
    done = subprocess.run(
        [PROGRAM, *command, name], capture_output=True, text=True, env=os.environ, check=False, preexec_fn=take_nothing
    )
    assert done.returncode == 1
    assert "No temporary file can be written" in done.stderr
    assert "TMPDIR" in done.stderr
    assert "bug" not in done.stderr


def test_without_a_terminal_the_workbench_says_what_to_use_instead(home: Path) -> None:
    done = subprocess.run(
        [PROGRAM], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=os.environ, check=False
    )
    assert done.returncode == 2
    assert "cnn-tui run" in done.stderr


def test_a_session_gets_a_name_of_its_own_and_a_given_name_is_kept(
    preset: Path, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = ("--set", "training.epochs=1", "--set", "data.train_limit=40", "--json")
    for arguments in ([str(preset), str(preset)], [str(preset), "--name", "tiny"]):
        assert run(capfd, *arguments, *settings)[0] == 0
    records = [json.loads((folder / "session.json").read_text()) for folder in (home / "sessions").iterdir()]
    assert sorted(record["name"] for record in records) == ["tiny", "tiny", "tiny (2)"]
