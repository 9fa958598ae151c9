"""How long it takes to join a run with a long event log, and to draw its steps.

python benchmarks/event_log.py [LINES]

The log has 1,000,000 lines by default. Budget: two seconds from the command to the curves on the screen, the start of
the program included, and ten milliseconds for each chart that is drawn.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cnn_tui.config.experiment import Experiment, TrainingConfig
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import BatchFinished, Environment, EpochFinished, Phase, RunStarted, to_line
from cnn_tui.reports.charts.layout import ChartPlan, lay_out
from cnn_tui.reports.charts.painting import paint
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import EVENTS_FILE, read_history
from cnn_tui.tui.screens.live_curves import StepCurves, loss_series
from reporting import milliseconds, save
from terminal import Terminal

_PROGRAM = str(Path(sys.executable).parent / "cnn-tui")
_STEPS = 999  # of an epoch, whose end is one more line
_TRIALS = 3
_FRAMES = 100
_SIZES = {"of a terminal of 120x36": (84, 13), "of a terminal of 200x50": (156, 20)}
_ENVIRONMENT = Environment(
    program="",
    python="",
    torch="",
    torchvision="",
    platform="",
    device="cpu",
    device_name="",
    precision="float32",
    cpu_count=1,
    memory_bytes=1,
)


def lines(session: str, preset: RunPreset, count: int) -> Iterator[str]:
    """The events of a run that is in progress."""
    yield to_line(
        RunStarted(session_id=session, experiment=preset.experiment, environment=_ENVIRONMENT, parameters=None)
    )
    yield to_line(Phase(name="training"))
    for number in range(count - 2):
        epoch, step = number // (_STEPS + 1) + 1, number % (_STEPS + 1) + 1
        loss = 2.0 / epoch + (number * 7_919 % 1_000) / 5_000
        if step <= _STEPS:
            yield to_line(
                BatchFinished(
                    epoch=epoch,
                    step=step,
                    steps=_STEPS,
                    loss=loss,
                    accuracy=1 - loss / 3,
                    images_per_second=1_000.0,
                    learning_rate=0.001,
                )
            )
        else:
            yield to_line(
                EpochFinished(
                    epoch=epoch,
                    train_loss=loss,
                    train_accuracy=1 - loss / 3,
                    validation_loss=loss,
                    validation_accuracy=1 - loss / 3,
                    learning_rate=0.001,
                    seconds=1.0,
                )
            )


def seconds_to_join(session: str, epoch: int) -> float:
    """The time from the command to the curves of a run."""
    with Terminal([_PROGRAM, "watch", session]) as terminal:
        terminal.expect(f"training epoch {epoch}/")
        terminal.expect("┤")
        seconds = terminal.heard - terminal.started
        terminal.press("ctrl+q")
        terminal.wait_exit()
    return seconds


def seconds_to_draw(folder: Path, width: int, height: int) -> list[float]:
    """The times in which the steps of a run are drawn as a chart of some cells."""
    history, steps = read_history(folder), StepCurves()
    steps.extend(history)
    plan = ChartPlan(loss_series(history, steps), width, height, title="Loss, per step", x_label="epoch")
    times = []
    for _ in range(_FRAMES):
        started = time.perf_counter()
        paint(lay_out(plan))
        times.append(time.perf_counter() - started)
    return times


def main(count: int) -> None:
    """Measure and save."""
    epochs = (count - 3) // (_STEPS + 1) + 1
    with tempfile.TemporaryDirectory() as home:
        os.environ["CNN_TUI_HOME"] = home
        preset = RunPreset(name="long", experiment=Experiment(training=TrainingConfig(epochs=2 * epochs)))
        session, folder = new_session_folder("long")
        with SessionWriter(folder, new_record(session, preset).model_copy(update={"status": "running"})):
            with (folder / EVENTS_FILE).open("w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines(session, preset, count))
            joined = [round(seconds_to_join(session, epochs), 2) for _ in range(_TRIALS)]
            started = time.perf_counter()
            read_history(folder)
            read = time.perf_counter() - started
            drawn = {f"a chart {name}, ms": milliseconds(seconds_to_draw(folder, *_SIZES[name])) for name in _SIZES}
            size = (folder / EVENTS_FILE).stat().st_size
    figures = {"lines": count, "MB": round(size / 1e6), "from the command to the curves, s": joined}
    save("event_log", {**figures, "of that, reading, s": round(read, 2), **drawn, "budget": "2 s, 10 ms"})


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
