"""The texts and figures beside the curves: of the run, of the machine, and the phases so far."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from cnn_tui.config.preset import RunPreset
from cnn_tui.events import PhaseName
from cnn_tui.formatting import dataset_label, duration, elapsed, quantity
from cnn_tui.history import PhaseRecord, RunHistory
from cnn_tui.reports.labels import best_epoch_label, waiting_text
from cnn_tui.tui.job_state import RunState
from cnn_tui.tui.machine import GpuReading, MachineReading
from cnn_tui.tui.training_hints import Hint, training_hint
from cnn_tui.tui.widgets.figures import Figure

_HOT = 85
_SILENT_SECONDS = 300.0  # longer than any validation of a run that is worth watching


def run_figures(state: RunState, now: float) -> tuple[Figure, ...]:
    """The position and speed of the run; ``now`` is in seconds since the epoch."""
    history, epochs = state.history, state.preset.experiment.training.epochs
    batch = history.batches[-1] if history.batches else None
    epoch = max(batch.epoch if batch else 0, history.epochs[-1].epoch if history.epochs else 0)
    return (
        Figure("epoch", f"{epoch:,} of {epochs:,}" if epoch else None),
        Figure("step", f"{batch.step:,} of {batch.steps:,}" if batch else None),
        Figure("images/s", f"{batch.images_per_second:,.0f}" if batch else None),
        Figure("learning rate", f"{batch.learning_rate:.3g}" if batch else None),
        Figure("epoch time", elapsed(history.epochs[-1].seconds) if history.epochs else None),
        Figure("elapsed", _elapsed(state, now)),
    )


def best_epoch_text(history: RunHistory) -> str:
    """The best epoch so far, empty without one."""
    best = history.best_epoch
    return "" if best is None else best_epoch_label(best.epoch, best)


def _elapsed(state: RunState, now: float) -> str | None:
    """The time from the run's first event to now, or to its last one."""
    history = state.history
    if history.started is None:
        return None
    end = now if state.active or history.updated is None else history.updated
    return duration(end - history.started)


def machine_figures(reading: MachineReading, uses_gpu: bool) -> tuple[Figure, ...]:
    """The GPU if the run uses one that can be queried, else CPU and memory."""
    if uses_gpu and reading.gpu is not None:
        return tuple(_gpu_figures(reading.gpu))
    cpu = None if reading.cpu is None else f"{reading.cpu:.0%}"
    return Figure("CPU", cpu), Figure("memory", _memory(reading.memory_used, reading.memory_total))


def _gpu_figures(gpu: GpuReading) -> Iterator[Figure]:
    yield Figure("GPU", None if gpu.use is None else f"{gpu.use:.0%}")
    yield Figure("memory", _memory(gpu.memory_used, gpu.memory_total))
    hot = gpu.temperature is not None and gpu.temperature >= _HOT
    temperature = None if gpu.temperature is None else f"{gpu.temperature} °C"
    yield Figure("temperature", temperature, "warning" if hot else "plain")
    yield Figure("power", None if gpu.power is None else f"{gpu.power:.0f} W")


def _memory(used: int | None, total: int | None) -> str | None:
    if used is None:
        return None
    return quantity(used, "bytes") if total is None else f"{used / 1e9:.1f} of {quantity(total, 'bytes')}"


def describe(preset: RunPreset) -> str:
    """The model, the data and the main hyperparameters in one line."""
    experiment = preset.experiment
    training = experiment.training
    return " · ".join(
        (
            f"{experiment.model.architecture} on {dataset_label(experiment.data.dataset, experiment.data.root)}",
            f"{training.optimizer.name} {training.optimizer.learning_rate:g}",
            f"batches of {training.batch_size:,}",
        )
    )


def phase_trail(history: RunHistory) -> str:
    """The phases in order: finished ones with their time, the current one, and the remaining ones."""
    groups = [(name, list(group)) for name, group in groupby(history.phases, key=lambda phase: phase.name)]
    parts = [_phase_text(name, group) for name, group in groups]
    seen = {name for name, _ in groups}
    if history.finished is None:
        required: tuple[PhaseName, ...] = ("training", "testing")
        parts += [f"○ {name}" for name in required if name not in seen]
    return "   ".join(parts)


def _phase_text(name: PhaseName, group: list[PhaseRecord]) -> str:
    if group[-1].ended is None:
        return f"▶ {name}"
    return f"✓ {name} {elapsed(group[-1].ended - group[0].started)}"


def remark(state: RunState, silent: float) -> Hint | None:
    """The line below the curves: why the run is not training, else a hint about its curves.

    ``silent`` is the time since the last report, in seconds.
    """
    match state.stage:
        case "starting" if state.waiting is not None:
            return Hint(f"{waiting_text(state.waiting)}.")
        case "starting":
            return Hint("Starting: PyTorch is loading, which takes a few seconds the first time.", caution=False)
        case "paused":
            return Hint("Paused. Press p to resume.")
        case "stopping":
            return Hint("Stopping after this batch, then testing and saving. Press x again to skip the test.")
        case "running" if silent > _SILENT_SECONDS:
            text = f"Nothing was reported for {duration(silent)}: the process may hang. It can be killed, and resumed."
            return Hint(text)
        case _:
            return training_hint(state.history)
