"""What the workbench writes to a terminal of 120x36 while training: what a thin line has to carry.

python benchmarks/terminal_bytes.py [SECONDS]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from reporting import save
from terminal import Terminal

COMMAND = [str(Path(sys.executable).parent / "cnn-tui"), "quickstart"]


def main(seconds: float) -> None:
    """Count for ``seconds`` of training."""
    with (
        tempfile.TemporaryDirectory() as home,
        Terminal(COMMAND, env={"CNN_TUI_HOME": home}) as terminal,
    ):
        terminal.expect("Ready", 60)
        terminal.run(12)
        idle = terminal.run(5) / 5
        terminal.press("ctrl+r")
        terminal.expect("step", 120)
        terminal.run(2)
        rate = terminal.run(seconds) / seconds
        terminal.press("x")
        terminal.expect("macro", 180)
        terminal.press("ctrl+q")
        terminal.wait_exit(30)
    save(
        "terminal_bytes",
        {
            "idle, bytes per second": round(idle),
            "while training, bytes per second": round(rate),
            "budget, bytes per second": 3000,
            "seconds": seconds,
        },
    )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20)
