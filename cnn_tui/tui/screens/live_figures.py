"""What stands beside the curves: figures of the run and of the machine, and the parts that the run has gone through."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from cnn_tui.config.preset import RunPreset
from cnn_tui.events import PhaseName
from cnn_tui.history import PhaseRecord, RunHistory
from cnn_tui.reports.labels import best_epoch_text
from cnn_tui.reports.texts import data_words, duration, quantity, taken
from cnn_tui.tui.insight import Insight, insight
from cnn_tui.tui.machine import GpuReading, MachineReading
from cnn_tui.tui.run_state import RunState
from cnn_tui.tui.widgets.figures import Figure

_HOT = 85


def run_figures(state: RunState, now: float) -> tuple[Figure, ...]:
    """Where the run is and how fast it goes; ``now`` is in seconds since the epoch."""
    history, epochs = state.history, state.preset.experiment.training.epochs
    batch = history.batches[-1] if history.batches else None
    epoch = max(batch.epoch if batch else 0, history.epochs[-1].epoch if history.epochs else 0)
    return (
        Figure("epoch", f"{epoch:,} of {epochs:,}" if epoch else None),
        Figure("step", f"{batch.step:,} of {batch.steps:,}" if batch else None),
        Figure("pictures/s", f"{batch.images_per_second:,.0f}" if batch else None),
        Figure("learning rate", f"{batch.learning_rate:.3g}" if batch else None),
        Figure("an epoch", taken(history.epochs[-1].seconds) if history.epochs else None),
        Figure("elapsed", _elapsed(state, now)),
    )


def best_words(history: RunHistory) -> str:
    """The best epoch so far, empty where there is none."""
    best = history.best_epoch
    return "" if best is None else best_epoch_text(best.epoch, best)


def _elapsed(state: RunState, now: float) -> str | None:
    """From the run's first event to now, or to its last one."""
    history = state.history
    if history.started is None:
        return None
    end = now if state.going or history.updated is None else history.updated
    return duration(end - history.started)


def machine_figures(reading: MachineReading, uses_gpu: bool) -> tuple[Figure, ...]:
    """The GPU where the run uses one that answers, else processors and memory."""
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
    """What is trained on what, in one line."""
    experiment = preset.experiment
    training = experiment.training
    return " · ".join(
        (
            f"{experiment.model.architecture} on {data_words(experiment.data.dataset, experiment.data.root)}",
            f"{training.optimizer.name} {training.optimizer.learning_rate:g}",
            f"batches of {training.batch_size:,}",
        )
    )


def trail(history: RunHistory) -> str:
    """The parts of the run in their order: those that are over with their time, the present one, and what must come."""
    groups = [(name, list(group)) for name, group in groupby(history.phases, key=lambda phase: phase.name)]
    words = [_part(name, group) for name, group in groups]
    present = {name for name, _ in groups}
    if history.finished is None:
        coming: tuple[PhaseName, ...] = ("training", "testing")
        words += [f"○ {name}" for name in coming if name not in present]
    return "   ".join(words)


def _part(name: PhaseName, group: list[PhaseRecord]) -> str:
    if group[-1].ended is None:
        return f"▶ {name}"
    return f"✓ {name} {taken(group[-1].ended - group[0].started)}"


def remark(state: RunState) -> Insight | None:
    """The line below the curves: what the run waits for, else what there is to say about it."""
    match state.stage:
        case "starting":
            return Insight("Starting: PyTorch is loading, which takes some seconds the first time.", caution=False)
        case "paused":
            return Insight("Paused. p goes on.")
        case "stopping":
            return Insight("Stopping: after this batch it is tested and saved. x again leaves the test out.")
        case _:
            return insight(state.history)
