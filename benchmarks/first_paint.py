"""From Enter to the first picture: the workbench against a bare Textual app, in turns.

python benchmarks/first_paint.py [TIMES]

The first picture of the workbench is the frame of Setup: the title with the screens' names, the search line of the
presets, the button that starts and, at the very bottom, the footer. The form comes behind it; how long that takes is
measured too. A time ends when the bytes arrive that complete the picture, before this terminal has drawn them.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from reporting import save
from terminal import Terminal

BIN = Path(sys.executable).parent
BARE = [sys.executable, str(Path(__file__).parent / "bare_app.py")]
WORKBENCH = [str(BIN / "cnn-tui")]
FRAME = ("cnn-tui  f2 Setup", "search (ctrl+f)", "Start ctrl+r", "Meaning", "f1 Help")
FORM = ("Image size", "Learning rate", "Ready")


def seen_after(command: list[str], home: str, *pictures: tuple[str, ...]) -> list[float]:
    """Seconds from the start until all words of each picture are on the screen, one picture after the other."""
    times = []
    with Terminal(command, env={"CNN_TUI_HOME": home}) as terminal:
        for words in pictures:
            for word in words:
                terminal.expect(word)
            times.append(terminal.heard - terminal.started)
        terminal.press("ctrl+q")
        terminal.wait_exit()
    return times


def main(times: int) -> None:
    """Compare ``times`` starts of each."""
    bare, frame, form = [], [], []
    with tempfile.TemporaryDirectory() as home:
        for _ in range(times):
            bare += seen_after(BARE, home, ("ready", "Quit"))
            painted, filled = seen_after(WORKBENCH, home, FRAME, FORM)
            frame.append(painted)
            form.append(filled)
    save(
        "first_paint",
        {
            "bare app, median ms": round(1000 * statistics.median(bare)),
            "workbench, median ms": round(1000 * statistics.median(frame)),
            "ratio": round(statistics.median(frame) / statistics.median(bare), 2),
            "budget": 1.5,
            "form ready for typing, median ms": round(1000 * statistics.median(form)),
            "starts of each": times,
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
