"""How long it takes to list many sessions: by the command, and for the Sessions screen.

python benchmarks/sessions.py [COUNT]

The sessions are copies of a small one, 5,000 by default. Budget: one second.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reporting import save

_PROGRAM = str(Path(sys.executable).parent / "cnn-tui")
_TRIALS = 3
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def make_sessions(count: int) -> None:
    """Train one session, and copy its record ``count`` times."""
    from cnn_tui import paths
    from cnn_tui.store.sessions import all_records, write_record

    settings = ("data.train_limit=64", "data.test_limit=40", "training.epochs=1", "model.architecture=resnet18")
    options = [part for setting in settings for part in ("--set", setting)]
    subprocess.run([_PROGRAM, "run", "quickstart", *options], check=True, stdout=subprocess.DEVNULL)
    (record,) = all_records()
    for number in range(count):
        session = f"{_FIRST + timedelta(minutes=number):%Y%m%dT%H%M%SZ}-run-{number}"
        folder = paths.sessions_folder() / session
        folder.mkdir()
        write_record(folder, record.model_copy(update={"id": session, "name": f"run {number}"}))


def seconds_of_command() -> float:
    """The time of ``cnn-tui sessions`` from start to end."""
    started = time.perf_counter()
    subprocess.run([_PROGRAM, "sessions"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def seconds_of_screen() -> float:
    """The time in which the rows of the Sessions screen are read."""
    from cnn_tui.tui.screens.sessions_rows import load_rows

    started = time.perf_counter()
    load_rows()
    return time.perf_counter() - started


def main(count: int) -> None:
    """Measure and save."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["CNN_TUI_HOME"] = home
        make_sessions(count)
        measured = {
            "sessions": count,
            "cnn-tui sessions, s": [round(seconds_of_command(), 2) for _ in range(_TRIALS)],
            "rows of the screen, s": [round(seconds_of_screen(), 2) for _ in range(_TRIALS)],
            "budget_seconds": 1.0,
        }
    save("sessions", measured)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000)
