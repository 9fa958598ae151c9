"""The small parts of Setup around its form: what is open, what the field is for, and whether it can start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widgets import Button, Static

from cnn_tui.formatting import pluralize, printable

if TYPE_CHECKING:
    from cnn_tui.config.fields import FieldSpec

_LEAST = 3


class PresetHeading(Static):
    """The name of the preset in the form, how much of it was changed, and where it comes from."""

    DEFAULT_CSS = """
    PresetHeading { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)

    def show(self, name: str, source: str, changed: int) -> None:
        """Tell it; ``changed`` is the number of fields."""
        where = "" if source == name else source
        parts = [Content.styled(printable(name), "bold")]
        if changed:
            parts.append(Content.styled(f"  • changed: {pluralize(changed, 'field')}", "$text-accent"))
        if where:
            parts.append(Content.styled(f"  {printable(where)}", "$foreground-muted"))
        self.update(Content.assemble(*parts))


class FieldHelp(Static):
    """What the field with the cursor is for and what it allows, or why it makes no difference.

    It has room for the longest of these texts, so that the form above keeps its place while the cursor walks.
    """

    DEFAULT_CSS = """
    FieldHelp { height: auto; color: $text-muted; }
    """

    spec: reactive[FieldSpec | None] = reactive(None)
    """The field."""
    unused: reactive[Mapping[str, str]] = reactive({})
    """The paths of the fields that make no difference, each with the reason."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._fields: tuple[FieldSpec, ...] = ()
        self._longest: dict[int, int] = {}  # lines by width

    def furnish(self) -> None:
        """Learn which fields there are; they come with pydantic, behind the first picture."""
        from cnn_tui.config.fields import experiment_fields

        self._fields = experiment_fields()
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The lines of the longest text."""
        if self._fields and width > 0 and width not in self._longest:
            self._longest[width] = max(_explained(spec, "").get_height({}, width) for spec in self._fields)
        return max(self._longest.get(width, _LEAST), super().get_content_height(container, viewport, width))

    def watch_spec(self) -> None:
        """Explain it."""
        self._explain()

    def watch_unused(self) -> None:
        """Explain it anew."""
        self._explain()

    def _explain(self) -> None:
        if self.spec is None:
            self.update("Tab goes to the form; up and down walk its fields.")
        else:
            self.update(_explained(self.spec, self.unused.get(self.spec.path, "")))


def _explained(spec: FieldSpec, unused: str) -> Content:
    """A field's title, what it allows or why that does not matter, and what it is for."""
    remark = Content.styled(f"no effect: {unused}", "$text-warning") if unused else Content(_allowed(spec))
    return Content.assemble((spec.title, "bold $text"), "  ", remark, f"\n{spec.description}")


def _allowed(spec: FieldSpec) -> str:
    """The bounds and the default; choices are seen by opening the field."""
    bounds = spec.bounds if spec.kind in ("integer", "number") else ""
    default = "none" if spec.default is None else f"{spec.default:g}" if spec.kind == "number" else str(spec.default)
    parts = [part for part in (bounds, f"default {default}") if part]
    return " · ".join(parts)


class StartBar(Horizontal):
    """Says whether the experiment can start and what it will take, beside the button that starts it."""

    DEFAULT_CSS = """
    StartBar {
        height: 1;
        background: $surface;
        & > Static { width: 1fr; height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & > Button { width: 14; min-width: 14; }
        &.-ready > Static { color: $text-success; }
        &.-wrong > Static { color: $text-error; }
    }
    """

    words: reactive[str] = reactive("")
    """Why it cannot start, or what it will take."""
    ready: reactive[bool] = reactive(False)
    """Whether it can start."""
    wrong: reactive[bool] = reactive(False)
    """Whether something has to be corrected first."""

    def __init__(self) -> None:
        super().__init__()
        # Held, not looked for: what a thread found out may be told while the screen is being taken down.
        self._said = Static("", markup=False)
        self._button = Button("Start ctrl+r", variant="success", compact=True, action="screen.start", disabled=True)

    def compose(self) -> ComposeResult:
        """The words and the button."""
        yield self._said
        yield self._button

    def watch_words(self, words: str) -> None:
        """Say them."""
        self._said.update(Content(printable(words)))

    def watch_ready(self, ready: bool) -> None:
        """Let the button be pressed, or not."""
        self.set_class(ready, "-ready")
        self._button.disabled = not ready

    def watch_wrong(self, wrong: bool) -> None:
        """Show it by colour."""
        self.set_class(wrong, "-wrong")
