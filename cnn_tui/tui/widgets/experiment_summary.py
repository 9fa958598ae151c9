"""A summary of an experiment: which layers are trained, on which images, and what it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
    parameter_count,
    percentage,
    pluralize,
    printable,
    quantity,
    time_ago,
)
from cnn_tui.store.cache_index import CachedSet, FeatureSpace
from cnn_tui.tui.estimate import Estimate, ModelPart, model_parts
from cnn_tui.tui.preflight import Preflight
from cnn_tui.tui.widgets.component_styles import LazyComponentStyles

_PARTS = ("heading", "label", "trained", "frozen", "error")
_LABEL_WIDTH = 12
_EVERY_EPOCH = "frozen layers run in every epoch"


class ExperimentSummary(LazyComponentStyles, Static):
    """Shows a preflight check; dimmed by the class ``-outdated``."""

    DEFAULT_CSS = """
    ExperimentSummary {
        height: auto;
        .experiment-summary--heading { color: $text-primary; text-style: bold; }
        .experiment-summary--label { color: $text-muted; }
        .experiment-summary--trained { color: $text-success; text-style: bold; }
        .experiment-summary--frozen { color: $text-secondary; }
        .experiment-summary--error { color: $text-error; }
        &.-outdated { opacity: 50%; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"experiment-summary--{part}" for part in _PARTS}

    preflight: reactive[Preflight | None] = reactive(None, layout=True)
    """What to show."""

    def __init__(self) -> None:
        super().__init__("", markup=False)

    def watch_preflight(self, preflight: Preflight | None) -> None:
        """Show it."""
        self.update(Group(*self._sections(preflight)) if preflight else Text("…"))

    def notify_style_update(self) -> None:
        """Use the colors of the new theme."""
        super().notify_style_update()
        if self.is_mounted:
            self.watch_preflight(self.preflight)

    def _sections(self, preflight: Preflight) -> Iterator[RenderableType]:
        experiment = preflight.experiment
        parts = model_parts(experiment, preflight.classes)
        yield self._heading("Model", f"{experiment.model.architecture}, {weights_text(experiment.model.weights)}")
        yield self._part_table(parts)
        yield Text(f"  {_trained_share(parts)}\n", self._style("label"))
        yield self._heading("Data", _data_title(experiment.data))
        yield self._rows(_data_rows(preflight))
        yield self._heading("\nWhat it takes", "")
        yield self._rows(_cost_rows(preflight))
        if preflight.error:
            yield Text(f"\n✗ {preflight.error}", self._style("error"))

    def _heading(self, title: str, detail: str) -> Text:
        return Text.assemble((f"{title}  ", self._style("heading")), detail)

    def _part_table(self, parts: Sequence[ModelPart]) -> Table:
        """A line for each part: its name, its parameters, and frozen or trained by mark, word and color."""
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(justify="right")
        table.add_column(no_wrap=True)
        for part in parts:
            count = f"{part.parameters:,} per class" if part.per_class else parameter_count(part.parameters)
            text, style = ("▲ trained", "trained") if part.trained else ("■ frozen", "frozen")
            table.add_row(Text(f"  {part.name}"), Text(count), Text(text, self._style(style)))
        return table

    def _rows(self, rows: Iterable[tuple[str, str]]) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(width=_LABEL_WIDTH, no_wrap=True, style=self._style("label"))
        table.add_column(ratio=1)
        for label, text in rows:
            table.add_row(Text(f"  {label}"), Text(text))
        return table

    def _style(self, part: str) -> Style:
        return self.get_component_rich_style(f"experiment-summary--{part}")


def weights_text(weights: str) -> str:
    """The source of weights, a file by its name."""
    kinds = {"imagenet": "ImageNet weights", "random": "random weights"}
    return kinds.get(weights, f"weights from {printable(Path(weights).name)}")


def feature_text(experiment: Experiment, cached: CachedSet | None, storage: FeatureSpace | None = None) -> str:
    """Whether the frozen layers run once per image or in every epoch, and why; the size of their cached outputs."""
    if experiment.model.trainable == "all":
        return "none: all layers are trained"
    if not experiment.features_are_fixed:
        cause = "augmentation" if experiment.data.augment != "none" else "adapting batch norm"
        return f"not cached because of {cause}: {_EVERY_EPOCH}"
    if experiment.training.feature_cache == "off":
        return f"cache is off: {_EVERY_EPOCH}"
    if cached is not None:
        text = f"reused ({time_ago(cached.used)}, {quantity(cached.size, 'bytes')}); only what is missing is computed"
        return f"{text}, {_size_text(storage)} in total" if storage and storage.bytes > cached.size else text
    if storage is None:
        return "computed once per image and cached; epochs take moments"
    return _storage_text(storage)


def _storage_text(storage: FeatureSpace) -> str:
    images, size = storage.placement.images, _size_text(storage)
    if not images:
        return f"no space for them: {_EVERY_EPOCH}"
    if images < storage.images:
        stored = f"{images:,} of {pluralize(storage.images, 'image')}"
        return f"cached for {stored} ({size}), computed in every epoch for others"
    if not storage.placement.in_memory:
        return f"computed once per image and cached on disk ({size}); every epoch reads them from there"
    return f"computed once per image and cached ({size}); epochs take moments"


def _size_text(storage: FeatureSpace) -> str:
    return ("up to " if storage.at_most else "") + quantity(storage.bytes, "bytes")


def _trained_share(parts: Sequence[ModelPart]) -> str:
    total = sum(part.parameters for part in parts)
    trained = sum(part.parameters for part in parts if part.trained)
    if trained == total:
        return f"all {parameter_count(total)} parameters are trained"
    if any(part.per_class for part in parts):
        return "the size of the last layer depends on the classes"
    return f"{percentage(trained, total)} of {parameter_count(total)} parameters are trained"


def _data_title(data: DataConfig) -> str:
    is_folder = data.dataset == "folder"
    return printable(dataset_label(data.dataset, data.root)) if is_folder else DATASETS[data.dataset].title


def _data_rows(preflight: Preflight) -> Iterator[tuple[str, str]]:
    images, size = preflight.estimate.images, preflight.experiment.data.image_size
    if preflight.classes is not None:
        yield "classes", f"{preflight.classes:,}"
    if preflight.layout:
        yield "layout", preflight.layout
    if images is None:
        yield "images", "unknown"
        return
    yield "training", pluralize(images.train, "image")
    yield "validation", pluralize(images.validation, "image") if images.validation else "none: no best epoch"
    yield "test", pluralize(images.test, "image")
    yield "size", f"{size} × {size} pixels"


def _cost_rows(preflight: Preflight) -> Iterator[tuple[str, str]]:
    estimate, training = preflight.estimate, preflight.experiment.training
    yield "download", _download_text(preflight)
    if estimate.steps is not None and estimate.steps_per_epoch is not None:
        steps = f"{estimate.steps_per_epoch:,} per epoch, {estimate.steps:,} in {pluralize(training.epochs, 'epoch')}"
        yield "steps", steps
    yield "features", feature_text(preflight.experiment, preflight.features, preflight.storage)
    if estimate.memory_bytes is None:
        yield "memory", f"at least {quantity(estimate.min_memory_bytes, 'bytes')}"
    else:
        yield "memory", f"{quantity(estimate.memory_bytes, 'bytes')}, as in the last run"
    yield "time", _time_text(estimate, training.max_minutes)


def _time_text(estimate: Estimate, max_minutes: float | None) -> str:
    runs = f"from {pluralize(estimate.runs, 'run')} like this"
    text = "unknown: no run like this yet" if estimate.seconds is None else f"{estimate.time_text}, {runs}"
    if max_minutes is None or (estimate.seconds is not None and estimate.seconds <= 60 * max_minutes):
        return text
    return f"{text}; stopped after {max_minutes:g} min"


def _download_text(preflight: Preflight) -> str:
    if not preflight.downloads:
        return "nothing to download"
    total = quantity(sum(download.bytes for download in preflight.downloads), "bytes")
    return f"{total} to download ({', '.join(download.title for download in preflight.downloads)})"
