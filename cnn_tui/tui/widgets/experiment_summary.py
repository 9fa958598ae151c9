"""What an experiment means, in words: what learns, what it learns from, and what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.config.experiment import DataConfig, Experiment
from cnn_tui.formatting import (
    dataset_label,
    duration,
    parameter_count,
    percentage,
    pluralize,
    printable,
    quantity,
    time_ago,
)
from cnn_tui.store.cache_index import CachedSet, FeatureSpace
from cnn_tui.tui.estimate import Estimate
from cnn_tui.tui.model_parts import ModelPart, model_parts
from cnn_tui.tui.survey import Survey

_PARTS = ("heading", "label", "trained", "frozen", "problem")
_STEPS_WIDTH = 10
_UNKNOWN = "not known yet"


class ExperimentSummary(Static):
    """Tells a survey; shows the last one, dimmed, while the form holds nothing that could be run."""

    DEFAULT_CSS = """
    ExperimentSummary {
        height: auto;
        .experiment-summary--heading { color: $text-primary; text-style: bold; }
        .experiment-summary--label { color: $text-muted; }
        .experiment-summary--trained { color: $text-success; text-style: bold; }
        .experiment-summary--frozen { color: $text-secondary; }
        .experiment-summary--problem { color: $text-error; }
        &.-outdated { opacity: 50%; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"experiment-summary--{part}" for part in _PARTS}

    survey: reactive[Survey | None] = reactive(None, layout=True)
    """What to tell."""

    def __init__(self) -> None:
        super().__init__("", markup=False)

    @property
    def brief(self) -> str:
        """The survey in one line, empty without one."""
        return brief(self.survey) if self.survey else ""

    def watch_survey(self, survey: Survey | None) -> None:
        """Tell it."""
        self.update(Group(*self._sections(survey)) if survey else Text("…"))

    def notify_style_update(self) -> None:
        """Take the new theme's colours."""
        super().notify_style_update()
        if self.is_mounted:
            self.watch_survey(self.survey)

    def _sections(self, survey: Survey) -> Iterator[RenderableType]:
        experiment = survey.experiment
        yield self._heading("Model", f"{experiment.model.architecture}, {weights_words(experiment.model.weights)}")
        yield self._parts(survey)
        yield Text()
        yield self._heading("Data", _data_title(experiment.data))
        yield self._rows(_data_rows(survey))
        yield Text()
        yield self._heading("What it takes", "")
        yield self._rows(_cost_rows(survey))
        if survey.problem:
            yield Text(f"\n✗ {survey.problem}", self._style("problem"))

    def _heading(self, title: str, detail: str) -> Text:
        return Text.assemble((f"{title}  ", self._style("heading")), detail)

    def _parts(self, survey: Survey) -> RenderableType:
        """A line for each part: its name, its parameters, and frozen or trained by mark, word and colour."""
        parts = model_parts(survey.experiment, survey.classes)
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(justify="right")
        table.add_column(no_wrap=True)
        for part in parts:
            mark = Text("▲ trained" if part.trained else "■ frozen")
            mark.stylize(self._style("trained" if part.trained else "frozen"))
            table.add_row(Text(f"  {part.name}"), Text(_count(part)), mark)
        return Group(table, Text(f"  {_trained_words(parts)}", self._style("label")))

    def _rows(self, rows: Iterator[tuple[str, str]]) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=_STEPS_WIDTH + 2, no_wrap=True, style=self._style("label"))
        table.add_column(ratio=1)
        for label, words in rows:
            table.add_row(Text(f"  {label}"), Text(words))
        return table

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"experiment-summary--{part}")


def brief(survey: Survey) -> str:
    """The same in one line: "12 epochs of 41 steps · no download · about 20 s"."""
    known, epochs = survey.estimate, pluralize(survey.experiment.training.epochs, "epoch")
    steps = f"{epochs} of {pluralize(known.steps_per_epoch, 'step')}" if known.steps_per_epoch else epochs
    size = sum(download.bytes for download in survey.downloads)
    download = f"{quantity(size, 'bytes')} to download" if size else "no download"
    return " · ".join((steps, download, "time not known" if known.seconds is None else _time_words(known)))


def weights_words(weights: str) -> str:
    """Where weights come from, a file by its name."""
    kinds = {"imagenet": "weights from ImageNet", "random": "random weights"}
    return kinds.get(weights, f"weights of {printable(Path(weights).name)}")


def _data_title(data: DataConfig) -> str:
    folder = data.dataset == "folder"
    return printable(dataset_label(data.dataset, data.root)) if folder else DATASETS[data.dataset].title


def _data_rows(survey: Survey) -> Iterator[tuple[str, str]]:
    used, data = survey.estimate.pictures, survey.experiment.data
    if survey.classes is not None:
        yield "classes", f"{survey.classes:,}"
    if survey.layout:
        yield "layout", survey.layout
    if used is None:
        yield "pictures", _UNKNOWN
        return
    yield "training", pluralize(used.train, "picture")
    yield "validation", pluralize(used.validation, "picture") if used.validation else "none: nothing to choose by"
    yield "test", pluralize(used.test, "picture")
    yield "size", f"{data.image_size} × {data.image_size} pixels"


def _cost_rows(survey: Survey) -> Iterator[tuple[str, str]]:
    known, training = survey.estimate, survey.experiment.training
    yield "download", _download_words(survey)
    if known.steps is not None and known.steps_per_epoch is not None:
        yield "steps", f"{known.steps_per_epoch:,} an epoch, {known.steps:,} in {pluralize(training.epochs, 'epoch')}"
    yield "features", feature_words(survey.experiment, survey.features, survey.room)
    least = f"at least {quantity(known.least_memory_bytes, 'bytes')}"
    yield (
        "memory",
        least if known.memory_bytes is None else f"{quantity(known.memory_bytes, 'bytes')}, as the last time",
    )
    yield "time", _time_words(known) + (f", from {pluralize(known.runs, 'run')} like this" if known.runs else "")


def feature_words(experiment: Experiment, kept: CachedSet | None, room: FeatureSpace | None = None) -> str:
    """Whether the frozen layers run once for each picture or in every epoch, and why; what their output takes."""
    if experiment.model.trainable == "all":
        return "nothing is frozen: every layer runs in each epoch"
    if not experiment.features_are_fixed:
        cause = "augmentation" if experiment.data.augment != "none" else "adapting batch norm"
        return f"not kept because of {cause}: frozen layers run in each epoch"
    if experiment.training.feature_cache == "off":
        return "not kept, as set: frozen layers run in each epoch"
    if kept is not None:
        words = f"reused ({time_ago(kept.used)}, {quantity(kept.size, 'bytes')}); only what is missing is computed"
        return f"{words}, {_size_words(room)} in all" if room and room.bytes > kept.size else words
    if room is None:
        return "computed once for each picture and kept, epochs then take moments"
    return _room_words(room)


def _room_words(room: FeatureSpace) -> str:
    images, size = room.placement.images, _size_words(room)
    if not images:
        return "no room for them: frozen layers run in each epoch"
    if images < room.images:
        stored = f"{images:,} of {pluralize(room.images, 'picture')}"
        return f"kept for {stored} ({size}), computed in each epoch for the others"
    if not room.placement.in_memory:
        return f"computed once for each picture and kept on disk ({size}), from where each epoch reads them"
    return f"computed once for each picture and kept ({size}), epochs then take moments"


def _size_words(room: FeatureSpace) -> str:
    return ("up to " if room.at_most else "") + quantity(room.bytes, "bytes")


def _download_words(survey: Survey) -> str:
    if not survey.downloads:
        return "nothing to download"
    total = quantity(sum(download.bytes for download in survey.downloads), "bytes")
    return f"{total} to download ({', '.join(download.title for download in survey.downloads)})"


def _time_words(known: Estimate) -> str:
    return _UNKNOWN if known.seconds is None else f"about {duration(max(1.0, known.seconds))}"


def _count(part: ModelPart) -> str:
    return f"{part.parameters:,} a class" if part.per_class else parameter_count(part.parameters)


def _trained_words(parts: tuple[ModelPart, ...]) -> str:
    total = sum(part.parameters for part in parts)
    trained = sum(part.parameters for part in parts if part.trained)
    if trained == total:
        return f"all {parameter_count(total)} weights learn"
    if any(part.per_class for part in parts):
        return "the last layer's size depends on the classes"
    return f"{percentage(trained, total)} of {parameter_count(total)} weights learn"
