"""From a key press to its letter on the screen: idle, and while a run uses all cores.

python benchmarks/key_echo.py [LETTERS]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from reporting import milliseconds, save
from terminal import Terminal

COMMAND = [str(Path(sys.executable).parent / "cnn-tui"), "quickstart"]
LETTERS = "zqxjkvwy"


def echoes(terminal: Terminal, count: int) -> list[float]:
    """Seconds for each of ``count`` letters typed into the command palette."""
    terminal.press("ctrl+p")
    terminal.run(1.5)
    times = []
    for index in range(count):
        times.append(terminal.echo(LETTERS[index % len(LETTERS)]))
        terminal.run(0.13 + 0.017 * (index % 7))
    terminal.press("escape")
    terminal.run(0.5)
    return times


def main(letters: int) -> None:
    """Type ``letters`` letters in both states."""
    with (
        tempfile.TemporaryDirectory() as home,
        Terminal(COMMAND, env={"CNN_TUI_HOME": home}) as terminal,
    ):
        terminal.expect("Ready", 60)
        terminal.run(15)  # the trainer has loaded PyTorch by then
        idle = milliseconds(echoes(terminal, letters))
        terminal.press("ctrl+r")
        terminal.expect("step", 120)
        terminal.run(5)
        busy = milliseconds(echoes(terminal, letters))
        terminal.press("x")
        terminal.expect("macro", 180)
        terminal.press("ctrl+q")
        terminal.wait_exit(30)
    save(
        "key_echo",
        {
            "idle, ms": idle,
            "while training, ms": busy,
            "p95 ratio": round(busy["p95"] / idle["p95"], 2),
            "budget": "p95 at most 30 ms and 2x idle",
            "letters": letters,
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
