"""What the workbench costs a training: the same preset headless and in it, in turns.

python benchmarks/ui_cost.py [TIMES]
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from reporting import save
from terminal import Terminal

PROGRAM = str(Path(sys.executable).parent / "cnn-tui")


def train_seconds(home: str) -> float:
    """The training time of the newest session."""
    newest = max((Path(home) / "sessions").iterdir())
    seconds: float = json.loads((newest / "session.json").read_text(encoding="utf-8"))["result"]["train_seconds"]
    return seconds


def headless(preset: str, home: str) -> float:
    """Train in this terminal's background."""
    environment = {"CNN_TUI_HOME": home, "PATH": "/usr/bin:/bin"}
    subprocess.run([PROGRAM, "run", preset], check=True, env=environment, capture_output=True)
    return train_seconds(home)


def in_workbench(preset: str, home: str) -> float:
    """Train with the Live screen open."""
    with Terminal([PROGRAM, preset], env={"CNN_TUI_HOME": home}) as terminal:
        terminal.expect("Ready", 60)
        terminal.run(12)
        terminal.press("ctrl+r")
        terminal.expect("macro", 300)
        terminal.press("ctrl+q")
        terminal.wait_exit(30)
    return train_seconds(home)


def main(times: int) -> None:
    """Compare ``times`` runs of each."""
    plain, beside = [], []
    with tempfile.TemporaryDirectory() as home:
        preset = Path(home) / "short.json"
        shipped = json.loads((Path(__file__).parent.parent / "presets" / "quickstart.json").read_text(encoding="utf-8"))
        shipped["experiment"]["training"]["epochs"] = 2
        preset.write_text(json.dumps(shipped), encoding="utf-8")
        for _ in range(times):
            plain.append(headless(str(preset), home))
            beside.append(in_workbench(str(preset), home))
    one, other = statistics.median(plain), statistics.median(beside)
    save(
        "ui_cost",
        {
            "headless, median s": round(one, 2),
            "in the workbench, median s": round(other, 2),
            "slower by, per cent": round(100 * (other / one - 1), 1),
            "budget, per cent": 2,
            "all headless, s": [round(seconds, 2) for seconds in plain],
            "all in the workbench, s": [round(seconds, 2) for seconds in beside],
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
