"""What watchers cost a training: the same run with all of them stopped and with all of them watching, in turns.

python benchmarks/watchers.py [WATCHERS] [PAIRS] [SECONDS]

Every watcher is a ``cnn-tui watch`` in a pseudo-terminal of 120x36, which is read and not interpreted: terminals are
elsewhere. A part of the run beside stopped watchers is compared with the parts beside watching ones before and after
it, so that slow changes of the machine's speed cancel out.
"""

from __future__ import annotations

import json
import os
import selectors
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from ptyprocess import PtyProcess

from reporting import save

PROGRAM = str(Path(sys.executable).parent / "cnn-tui")
ROWS, COLUMNS = 36, 120
EPOCHS = 10_000  # more than fit; the run is stopped
SETTLING_SECONDS = 3.0  # watchers that continue read what they have missed


@dataclass(frozen=True)
class Part:
    """A part of the run: its speed, and what each watcher used per second."""

    steps_per_second: float
    cpu_seconds: float
    bytes: float


class Watchers:
    """Programs in pseudo-terminals, and a thread that reads what they write."""

    def __init__(self, count: int, environment: dict[str, str]) -> None:
        command = [PROGRAM, "watch"]
        self._terminals = [PtyProcess.spawn(command, dimensions=(ROWS, COLUMNS), env=environment) for _ in range(count)]
        self._processes = [psutil.Process(terminal.pid) for terminal in self._terminals]
        self._selector = selectors.DefaultSelector()
        for terminal in self._terminals:
            self._selector.register(terminal.fd, selectors.EVENT_READ)
        self.bytes = 0
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def cpu_seconds(self) -> float:
        """What all of them have used so far, by the scheduler's own account, which counts nanoseconds."""
        schedules = [task for one in self._processes for task in Path(f"/proc/{one.pid}/task").glob("*/schedstat")]
        return sum(int(path.read_text().split()[0]) for path in schedules) / 1e9

    def stop(self) -> None:
        """Suspend all of them."""
        for process in self._processes:
            process.suspend()

    def go_on(self) -> None:
        """Continue all of them."""
        for process in self._processes:
            process.resume()

    def close(self) -> None:
        """Kill all of them."""
        for process in self._processes:
            process.kill()
        for terminal in self._terminals:
            terminal.wait()

    def _read(self) -> None:
        while True:
            for key, _ in self._selector.select():
                try:
                    self.bytes += len(os.read(key.fd, 65_536))
                except OSError:
                    self._selector.unregister(key.fd)


@contextmanager
def training(home: str) -> Iterator[Path]:
    """A run that uses all cores; the log of its events."""
    environment = {**os.environ, "CNN_TUI_HOME": home}
    settings = ["--set", f"training.epochs={EPOCHS}"]
    command = [PROGRAM, "run", "quickstart", "--json", *settings]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        try:
            while not (found := list((Path(home) / "sessions").glob("*/events.jsonl"))) or not steps(found[0]):
                assert run.poll() is None, "the run has failed"
                time.sleep(0.5)
            yield found[0]
        finally:
            run.kill()


def steps(log: Path, start: float = 0.0) -> dict[int, list[tuple[float, int]]]:
    """The reported steps of each epoch after ``start``, each with its time."""
    found: dict[int, list[tuple[float, int]]] = {}
    for line in log.read_bytes().splitlines():
        if b'"batch_finished"' in line and (event := json.loads(line))["time"] > start:
            found.setdefault(event["epoch"], []).append((event["time"], event["step"]))
    return found


def speed(log: Path, start: float) -> float:
    """Steps per second after ``start``, without what happens between epochs."""
    spans = [(one[0], one[-1]) for one in steps(log, start).values()]
    return sum(last[1] - first[1] for first, last in spans) / sum(last[0] - first[0] for first, last in spans)


def measure(log: Path, watchers: Watchers, count: int, seconds: float) -> Part:
    """A part of the run, without its beginning."""
    time.sleep(SETTLING_SECONDS)
    start, cpu, written = time.time(), watchers.cpu_seconds, watchers.bytes
    time.sleep(seconds)
    used, wrote = (watchers.cpu_seconds - cpu) / count, (watchers.bytes - written) / count
    return Part(speed(log, start), used / seconds, wrote / seconds)


def slower(parts: Sequence[Part]) -> list[float]:
    """By how much, in per cent, each part with watchers is slower than its neighbours without."""
    speeds = [part.steps_per_second for part in parts]
    return [100 * (1 - 2 * speeds[i] / (speeds[i - 1] + speeds[i + 1])) for i in range(1, len(parts), 2)]


def main(count: int, pairs: int, seconds: float) -> None:
    """Compare parts of ``seconds``: without, with, without, ..."""
    with tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        log = stack.enter_context(training(home))
        watchers = Watchers(count, {**os.environ, "CNN_TUI_HOME": home, "TERM": "xterm-256color"})
        stack.callback(watchers.close)
        time.sleep(count)
        started = watchers.cpu_seconds / count
        parts: list[Part] = []
        for index in range(2 * pairs + 1):
            (watchers.go_on if index % 2 else watchers.stop)()
            parts.append(measure(log, watchers, count, seconds))
    watching = parts[1::2]
    found = slower(parts)
    save(
        "watchers",
        {
            "watchers": count,
            "slower by, median, per cent": round(statistics.median(found), 2),
            "budget, per cent": 2,
            "all pairs, per cent": [round(value, 2) for value in found],
            "CPU seconds per watcher and minute": round(60 * statistics.mean(p.cpu_seconds for p in watching), 2),
            "CPU seconds to start one": round(started, 2),
            "bytes per watcher and second": round(statistics.mean(part.bytes for part in watching)),
            "steps per second without": round(statistics.median(p.steps_per_second for p in parts[::2]), 3),
            "seconds of each part": seconds,
        },
    )


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 20,
        int(sys.argv[2]) if len(sys.argv) > 2 else 6,
        float(sys.argv[3]) if len(sys.argv) > 3 else 20.0,
    )
