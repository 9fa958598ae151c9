"""From Enter to the first picture: the workbench against a bare Textual app, in turns.

python benchmarks/first_paint.py [TIMES]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from reporting import save
from terminal import Terminal

BIN = Path(sys.executable).parent
BARE = [sys.executable, str(Path(__file__).parent / "bare_app.py")]
WORKBENCH = [str(BIN / "cnn-tui"), "quickstart"]


def first_paint(command: list[str], shown: str, home: str) -> float:
    """Seconds from the start until ``shown`` is on the screen."""
    with Terminal(command, env={"CNN_TUI_HOME": home}) as terminal:
        terminal.expect(shown, 60)
        seconds = time.perf_counter() - terminal.started
        terminal.press("ctrl+q")
        terminal.wait_exit(30)
    return seconds


def main(times: int) -> None:
    """Compare ``times`` starts of each."""
    bare, workbench = [], []
    with tempfile.TemporaryDirectory() as home:
        for _ in range(times):
            bare.append(first_paint(BARE, "ready", home))
            workbench.append(first_paint(WORKBENCH, "Picture size", home))
    one, other = statistics.median(bare), statistics.median(workbench)
    save(
        "first_paint",
        {
            "bare app, median ms": round(1000 * one),
            "workbench, median ms": round(1000 * other),
            "ratio": round(other / one, 2),
            "budget": 1.5,
            "starts of each": times,
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
