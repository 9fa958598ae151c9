"""What the workbench costs a training and the machine: the same preset headless and in it, in turns.

python benchmarks/ui_cost.py [TIMES]

The fastest run of each is compared, since what else goes on at the machine can only slow a run down. The processor
time and the memory of the UI process, without the trainer, do not depend on luck.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from reporting import save
from terminal import Terminal

PROGRAM = str(Path(sys.executable).parent / "cnn-tui")
EPOCHS = 8


@dataclass
class Cost:
    """What one run took: its training in seconds, and the UI's part of all cores and megabytes meanwhile."""

    train_seconds: float
    processor_part: float = 0.0
    megabytes: float = 0.0


def train_seconds(home: str) -> float:
    """The training time of the newest session."""
    newest = max((Path(home) / "sessions").iterdir())
    seconds: float = json.loads((newest / "session.json").read_text(encoding="utf-8"))["result"]["train_seconds"]
    return seconds


def headless(preset: str, home: str) -> Cost:
    """Train in this terminal's background."""
    environment = {**os.environ, "CNN_TUI_HOME": home}
    subprocess.run([PROGRAM, "run", preset], check=True, env=environment, capture_output=True)
    return Cost(train_seconds(home))


def in_workbench(preset: str, home: str) -> Cost:
    """Train with the Live screen open, and look at the results."""
    with Terminal([PROGRAM, preset], env={"CNN_TUI_HOME": home}) as terminal:
        terminal.expect("Ready")
        terminal.run(12)
        ui = psutil.Process(terminal.pid)
        terminal.press("ctrl+r")
        terminal.expect("training epoch", 120)
        before = _processor_seconds(ui)
        terminal.gone("training epoch", 600)
        used = _processor_seconds(ui) - before
        terminal.expect("macro")
        megabytes = ui.memory_info().rss / 1e6
        terminal.press("ctrl+q")
        terminal.wait_exit()
    seconds = train_seconds(home)
    return Cost(seconds, used / seconds / (os.cpu_count() or 1), megabytes)


def main(times: int) -> None:
    """Compare ``times`` runs of each."""
    plain, beside = [], []
    with tempfile.TemporaryDirectory() as home:
        preset = Path(home) / "short.json"
        shipped = json.loads((Path(__file__).parent.parent / "presets" / "quickstart.json").read_text(encoding="utf-8"))
        shipped["experiment"]["training"]["epochs"] = EPOCHS
        preset.write_text(json.dumps(shipped), encoding="utf-8")
        for _ in range(times):
            plain.append(headless(str(preset), home))
            beside.append(in_workbench(str(preset), home))
    one, other = (min(cost.train_seconds for cost in costs) for costs in (plain, beside))
    save(
        "ui_cost",
        {
            "headless, fastest, s": round(one, 2),
            "in the workbench, fastest, s": round(other, 2),
            "slower by, per cent": round(100 * (other / one - 1), 1),
            "budget, per cent": 2,
            "UI's processor time, per cent": round(100 * max(cost.processor_part for cost in beside), 2),
            "UI's memory, MB": round(max(cost.megabytes for cost in beside)),
            "budget of memory, MB": 120,
            "all headless, s": [round(cost.train_seconds, 2) for cost in plain],
            "all in the workbench, s": [round(cost.train_seconds, 2) for cost in beside],
        },
    )


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
