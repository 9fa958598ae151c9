"""A study in a real terminal, with the real engine: from a list in Setup's form to the table to an opened row."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scripted_program import PROGRAM as SCRIPTED
from terminal import Terminal

PROGRAM = str(Path(sys.executable).parent / "cnn-tui")
RATES = "0.001, 0.01, 0.1"
_FIELDS_ABOVE = 14  # from the dataset down to the learning rate

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX pseudo-terminal")


@pytest.fixture
def env(home: Path) -> dict[str, str]:
    """A home with a preset whose last layer is trained on weights from a file."""
    import torch
    from torchvision.models import shufflenet_v2_x0_5

    torch.manual_seed(0)
    presets = home / "presets"
    presets.mkdir(parents=True)
    torch.save(shufflenet_v2_x0_5().state_dict(), home / "weights.pth")
    preset = {
        "name": "tiny",
        "experiment": {
            "data": {"dataset": "digits", "image_size": 32, "train_limit": 80, "test_limit": 40},
            "model": {"architecture": "shufflenet_v2_x0_5", "weights": str(home / "weights.pth")},
            "training": {"epochs": 3, "batch_size": 16},
        },
    }
    (presets / "tiny.json").write_text(json.dumps(preset), encoding="utf-8")
    return {"CNN_TUI_HOME": str(home)}


def _sessions(home: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((home / "sessions").glob("*/session.json"))]


def _until_done(home: Path, seconds: float = 120) -> None:
    """Wait for the three sessions of a study that nobody watches."""
    end = time.monotonic() + seconds
    while [record["status"] for record in _sessions(home)] != ["done"] * 3:
        assert time.monotonic() < end, [record["status"] for record in _sessions(home)]
        time.sleep(0.1)


def _draft(terminal: Terminal) -> None:
    """From Setup to Studies by several learning rates in one field."""
    terminal.expect("Ready", 60)
    terminal.press("tab")
    terminal.expect("The images to train and test on")
    terminal.press(*["down"] * _FIELDS_ABOVE)
    terminal.expect("The step size")
    terminal.type(RATES)
    terminal.expect("ctrl+t to make a study")
    terminal.press("ctrl+t")
    terminal.expect("tiny by learning rate")
    terminal.expect("3 runs in 1 computation")


@pytest.mark.parametrize(("columns", "rows"), [(120, 36), (80, 24)])
def test_from_the_form_to_the_table_to_an_opened_row(columns: int, rows: int, home: Path, env: dict[str, str]) -> None:
    with Terminal([PROGRAM, "tiny"], columns, rows, env=env) as terminal:
        _draft(terminal)
        terminal.press("ctrl+r")
        terminal.expect("all 3 runs finished", 120)
        assert "★" in terminal.text
        terminal.press("down", "enter")
        terminal.expect("lr 0.01 · tiny by")
        terminal.expect("predicted")
        terminal.press("5", "ctrl+r")
        terminal.expect("Train them again")
        terminal.press("escape")
        terminal.gone("Train them again")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0
    records = _sessions(home)
    assert [record["status"] for record in records] == ["done"] * 3
    assert {record["study"]["name"] for record in records} == {"tiny by learning rate"}
    assert sorted(record["study"]["row"] for record in records) == [0, 1, 2]
    assert all(record["study"]["together"] == 3 for record in records)


def test_a_study_finishes_in_the_background_and_is_there_again(home: Path, env: dict[str, str]) -> None:
    with Terminal([PROGRAM, "tiny"], env=env) as terminal:
        _draft(terminal)
        terminal.press("ctrl+s")
        terminal.expect("Save the study as")
        terminal.press("enter")
        terminal.expect("your study")
        terminal.press("ctrl+r")
        terminal.expect("runs done", 60)
        terminal.press("ctrl+q")
        terminal.expect("A study is still running")
        terminal.press("enter")  # let it finish in the background
        assert terminal.wait_exit() == 0
    _until_done(home)
    with Terminal(SCRIPTED, env=env) as terminal:  # nothing is trained
        terminal.expect("Ready", 60)
        terminal.press("5")
        terminal.expect("tiny-by-learning", 60)
        terminal.press("home", "down", "enter")
        terminal.expect("all 3 runs finished")
        terminal.press("ctrl+q")
        assert terminal.wait_exit() == 0
