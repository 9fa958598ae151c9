"""The curves of Live: a run's losses and accuracies as series, and the two charts that show them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container
from textual.reactive import reactive

from cnn_tui.history import RunHistory, position
from cnn_tui.reports.charts.series import Series
from cnn_tui.tui.widgets.line_chart import LineChart

_SMOOTHING = 0.6
_FIRST_EPOCHS = 8
_EPOCHS_FOR_A_CURVE = 2


class StepCurves:
    """The curves of single steps over fractions of epochs; extended incrementally, so few points are read twice."""

    def __init__(self) -> None:
        self.epochs: list[float] = []
        self.losses: list[float] = []
        self.accuracies: list[float] = []
        self._spacing = 0.0

    def extend(self, history: RunHistory) -> None:
        """Add the new steps of a run; read all again if the history has dropped some."""
        # Of a long run the last step may have been replaced by a later one.
        start = max(0, len(self.epochs) - 1) if history.batch_spacing == self._spacing else 0
        self._spacing = history.batch_spacing
        for values in (self.epochs, self.losses, self.accuracies):
            del values[start:]
        for batch in history.batches[start:]:
            self.epochs.append(position(batch))
            self.losses.append(batch.loss)
            self.accuracies.append(batch.accuracy)


def loss_series(history: RunHistory, steps: StepCurves | None) -> tuple[Series, ...]:
    """Training loss, per step if ``steps`` are given, and validation loss if there is any."""
    ended = history.epochs
    xs, ys = (steps.epochs, steps.losses) if steps else ([e.epoch for e in ended], [e.train_loss for e in ended])
    measured = [(e.epoch, e.validation_loss) for e in ended if e.validation_loss is not None]
    return _series(xs, ys, measured)


def accuracy_series(history: RunHistory, steps: StepCurves | None) -> tuple[Series, ...]:
    """Training accuracy, per step if ``steps`` are given, and validation accuracy if there is any."""
    ended = history.epochs
    xs, ys = (
        (steps.epochs, steps.accuracies) if steps else ([e.epoch for e in ended], [e.train_accuracy for e in ended])
    )
    measured = [(e.epoch, e.validation_accuracy) for e in ended if e.validation_accuracy is not None]
    return _series(xs, ys, measured)


def _series(xs: list[float] | list[int], ys: list[float], measured: list[tuple[int, float]]) -> tuple[Series, ...]:
    train = Series("train", tuple(xs), tuple(ys), "train")
    if not measured:
        return (train,)
    epochs, values = zip(*measured, strict=True)
    # The thin line is drawn over the thick one, so that both are visible where they overlap.
    return Series("validation", epochs, values, "validation", "dashed"), train


def shown_range(reached: int, epochs: int, first: int) -> tuple[float, float]:
    """The range of the x axis in epochs. Its end doubles, so that curves rarely move and fill at least half of it."""
    end = _FIRST_EPOCHS
    while end < reached:
        end *= 2
    return float(first), float(max(first + 1, min(end, epochs)))


class CurvesPane(Container):
    """Loss and accuracy, above each other or side by side."""

    DEFAULT_CSS = """
    CurvesPane {
        layout: vertical;
        &.-beside { layout: horizontal; }
        LineChart { margin: 0 1; }
    }
    """
    SIDE_BY_SIDE: ClassVar[int] = 110
    """The minimum width in cells for charts side by side."""

    per_step: reactive[bool | None] = reactive(None)
    """Whether points are steps instead of epochs; None shows steps until there are enough epochs for a curve."""
    log_scale: reactive[bool] = reactive(False)
    """Whether the loss is drawn on a logarithmic scale."""
    smooth: reactive[bool] = reactive(False)
    """Whether curves are smoothed."""

    def __init__(self) -> None:
        super().__init__()
        self._steps = StepCurves()
        self._history: RunHistory | None = None
        self._epochs = 1

    def compose(self) -> ComposeResult:
        """The two charts."""
        yield LineChart("Loss", id="loss")
        yield LineChart("Accuracy", id="accuracy")

    def on_mount(self) -> None:
        """Redraw whenever an option changes."""
        for name in ("per_step", "log_scale", "smooth"):
            self.watch(self, name, self._draw, init=False)
        self.query_one("#accuracy", LineChart).percent = True

    def on_resize(self) -> None:
        """Arrange the charts for the width."""
        self.set_class(self.size.width >= self.SIDE_BY_SIDE, "-beside")

    @property
    def shows_steps(self) -> bool:
        """Whether points are steps."""
        if self.per_step is not None or self._history is None:
            return bool(self.per_step)
        return len(self._history.epochs) < _EPOCHS_FOR_A_CURVE

    def show(self, history: RunHistory, epochs: int) -> None:
        """Show the current state of a run of ``epochs`` epochs."""
        if history is not self._history:
            self._history, self._steps = history, StepCurves()
        self._epochs = epochs
        self._draw()

    def _draw(self) -> None:
        history = self._history
        if history is None:
            return
        self._steps.extend(history)
        steps = self._steps if self.shows_steps else None
        loss, accuracy = self.query_one("#loss", LineChart), self.query_one("#accuracy", LineChart)
        loss.series, accuracy.series = loss_series(history, steps), accuracy_series(history, steps)
        loss.title, accuracy.title = self._title("Loss", self.log_scale), self._title("Accuracy", False)
        loss.log_scale = self.log_scale
        reached = max(len(history.epochs), history.batches[-1].epoch if history.batches else 1)
        for chart in (loss, accuracy):
            chart.smoothing = _SMOOTHING if self.smooth else 0.0
            chart.x_label = "epoch"
            chart.x_range = shown_range(reached, self._epochs, 0 if steps else 1)
            chart.best = history.best_epoch.epoch if history.best_epoch else None
            chart.empty_text = self._empty_text(history)

    def _empty_text(self, history: RunHistory) -> str:
        if history.finished is not None:
            return "No epoch was completed"
        return "Waiting for the first steps" if self.shows_steps else "Waiting for the end of the first epoch"

    def _title(self, name: str, log: bool) -> str:
        parts = (name, "per step" if self.shows_steps else "", "log scale" if log else "")
        return ", ".join(part for part in (*parts, "smoothed" if self.smooth else "") if part)
