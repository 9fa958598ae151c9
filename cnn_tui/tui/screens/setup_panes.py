"""The parts of Setup around its form: the heading, the help of the focused field, the summary, and the start bar."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Button, Static

from cnn_tui.formatting import pluralize, printable

if TYPE_CHECKING:
    from cnn_tui.config.experiment import Experiment
    from cnn_tui.config.fields import FieldSpec
    from cnn_tui.tui.estimate import PastRun
    from cnn_tui.tui.preflight import Preflight
    from cnn_tui.tui.widgets.experiment_summary import ExperimentSummary
    from cnn_tui.tui.widgets.preset_list import LoadedPreset

_MIN_LINES = 3
_CHECK_DELAY = 0.1


class PresetHeading(Static):
    """The name of the loaded preset, the number of changed fields, and its source."""

    DEFAULT_CSS = """
    PresetHeading { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)

    def show(self, loaded: LoadedPreset) -> None:
        """Show a preset."""
        parts = [Content.styled(printable(loaded.preset.name), "bold")]
        if loaded.changes:
            parts.append(Content.styled(f"  • {pluralize(loaded.changes, 'field')} changed", "$text-accent"))
        if loaded.source != loaded.preset.name:
            parts.append(Content.styled(f"  {printable(loaded.source)}", "$foreground-muted"))
        self.update(Content.assemble(*parts))


class FieldHelp(Static):
    """What the focused field means and allows, or why it has no effect.

    As high as the longest of these texts, so that the form above does not move with the focus.
    """

    DEFAULT_CSS = """
    FieldHelp { height: auto; color: $text-muted; }
    """

    spec: reactive[FieldSpec | None] = reactive(None)
    """The focused field."""
    unused: reactive[Mapping[str, str]] = reactive({})
    """The paths of the fields that have no effect, each with the reason."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._fields: tuple[FieldSpec, ...] = ()
        self._heights: dict[int, int] = {}  # of the longest text, by width

    def load_fields(self) -> None:
        """Import the fields, after the first paint."""
        from cnn_tui.config.fields import experiment_fields

        self._fields = experiment_fields()
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The number of lines of the longest text."""
        if self._fields and width > 0 and width not in self._heights:
            self._heights[width] = max(_field_help(spec, "").get_height({}, width) for spec in self._fields)
        return max(self._heights.get(width, _MIN_LINES), super().get_content_height(container, viewport, width))

    def watch_spec(self) -> None:
        """Show the help of the field."""
        if self.spec is None:
            self.update("Tab goes to the form; up and down move between its fields.")
        else:
            self.update(_field_help(self.spec, self.unused.get(self.spec.path, "")))

    watch_unused = watch_spec


def _field_help(spec: FieldSpec, unused: str) -> Content:
    """The title, the allowed values or why they have no effect, and the description."""
    remark = Content.styled(f"no effect: {unused}", "$text-warning") if unused else Content(_allowed(spec))
    return Content.assemble((spec.title, "bold $text"), "  ", remark, f"\n{spec.description}")


def _allowed(spec: FieldSpec) -> str:
    """The bounds and the default; choices are in the list of the field."""
    bounds = spec.bounds if spec.kind in ("integer", "number") else ""
    default = "none" if spec.default is None else f"{spec.default:g}" if spec.kind == "number" else str(spec.default)
    parts = [part for part in (bounds, f"default {default}") if part]
    return " · ".join(parts)


class SummaryPane(VerticalScroll, can_focus=False):
    """Checks its experiment in a thread when it changes; shows the last result, dimmed, while it is invalid."""

    experiment: reactive[Experiment | None] = reactive(None, init=False)
    """The experiment to check, None while the form is invalid."""
    past: reactive[tuple[PastRun, ...]] = reactive((), init=False)
    """The latest runs on this machine."""

    class Checked(Message):
        """The current experiment has been checked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._summary: ExperimentSummary | None = None

    async def load_summary(self) -> None:
        """Import and mount the summary, after the first paint."""
        from cnn_tui.tui.widgets.experiment_summary import ExperimentSummary

        self._summary = ExperimentSummary()
        await self.mount(self._summary)

    @property
    def preflight(self) -> Preflight | None:
        """The check of the current experiment, None until it is finished."""
        found = self._summary.preflight if self._summary else None
        return found if found is not None and found.experiment == self.experiment else None

    def watch_experiment(self, experiment: Experiment | None) -> None:
        """Check it."""
        if self._summary is not None:
            self._summary.set_class(experiment is None, "-outdated")
            self._check(self._summary)

    def watch_past(self) -> None:
        """Estimate again."""
        if self._summary is not None:
            self._check(self._summary)

    @work(exclusive=True)
    async def _check(self, summary: ExperimentSummary) -> None:
        from cnn_tui.tui.preflight import check

        await asyncio.sleep(_CHECK_DELAY)  # until the user pauses
        if self.experiment is not None:
            summary.preflight = await asyncio.to_thread(check, self.experiment, self.past)
            self.post_message(self.Checked())


class StartBar(Horizontal):
    """Whether a run or study can start and what it will take, beside the button that starts it."""

    DEFAULT_CSS = """
    StartBar {
        height: 1;
        background: $surface;
        & > Static { width: 1fr; height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & > Button { width: 14; min-width: 14; }
        &.-ready > Static { color: $text-success; }
        &.-error > Static { color: $text-error; }
    }
    """

    text: reactive[str] = reactive("")
    """Why it cannot start, or what it will take."""
    ready: reactive[bool] = reactive(False)
    """Whether it can start."""
    has_error: reactive[bool] = reactive(False)
    """Whether the user must correct something first."""

    def __init__(self) -> None:
        super().__init__()
        # Stored, not queried: a thread may report while the screen is being removed.
        self._label = Static("", markup=False)
        self._button = Button("Start ctrl+r", variant="success", compact=True, action="screen.start", disabled=True)

    def compose(self) -> ComposeResult:
        """The text and the button."""
        yield self._label
        yield self._button

    def watch_text(self, text: str) -> None:
        """Show it."""
        self._label.update(Content(printable(text)))

    def watch_ready(self, ready: bool) -> None:
        """Enable or disable the button."""
        self.set_class(ready, "-ready")
        self._button.disabled = not ready

    def watch_has_error(self, has_error: bool) -> None:
        """Color the text."""
        self.set_class(has_error, "-error")
