"""The studies to choose from, and what the highlighted one is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from cnn_tui.formatting import pluralize, printable
from cnn_tui.tui.forms.study_fields import as_list, factor_title
from cnn_tui.tui.screens.studies_files import StudyEntry

_HEADINGS = {
    "draft": "",
    "latest": "Run last",
    "own": "Your studies",
    "shipped": "Shipped studies",
    "past": "Run before",
}


class _Entries(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open study"),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]


class StudyList(Vertical):
    """Lists studies by where they come from, with how many of their runs are on record."""

    DEFAULT_CSS = """
    StudyList {
        & > _Entries {
            height: 1fr;
            scrollbar-size-vertical: 1;
            background: transparent;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
        & > _Entries:focus { background-tint: transparent; }
        & > #about { height: auto; max-height: 50%; margin-top: 1; color: $text-muted; }
    }
    """

    entries: reactive[tuple[StudyEntry, ...]] = reactive(())
    """All studies."""
    loaded: reactive[str] = reactive("")
    """The key of the one in the form."""

    @dataclass
    class Chosen(Message):
        """A person wants this study."""

        entry: StudyEntry

    def __init__(self) -> None:
        super().__init__()
        self._list = _Entries(compact=True, markup=False)

    def compose(self) -> ComposeResult:
        """The list and the words about the highlighted study."""
        yield self._list
        yield Static("", id="about", markup=False)

    def focus_list(self) -> None:
        """Put the cursor into the list, at once: the next key may be waiting."""
        self.screen.set_focus(self._list)

    def watch_entries(self) -> None:
        """Show what there is now."""
        self._fill()

    def watch_loaded(self) -> None:
        """Mark it."""
        self._fill()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        entry = self._entry(event.option_id)
        self.query_one("#about", Static).update(Content("" if entry is None else words(entry)))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        entry = self._entry(event.option_id)
        if entry is not None:
            self.post_message(self.Chosen(entry))

    def _entry(self, option_id: str | None) -> StudyEntry | None:
        return next((entry for entry in self.entries if entry.key == option_id), None)

    def _fill(self) -> None:
        if not self.is_mounted:
            return
        shown = self._list
        before = shown.highlighted_option.id if shown.highlighted_option else self.loaded
        options = list(self._options())
        shown.set_options(options)
        places = [place for place, option in enumerate(options) if not option.disabled]
        wanted = [place for place in places if options[place].id == before]
        shown.highlighted = next(iter(wanted or places), None)

    def _options(self) -> Iterator[Option]:
        for origin, heading in _HEADINGS.items():
            group = [entry for entry in self.entries if entry.origin == origin]
            if group and heading:
                yield Option(Content.styled(heading, "italic"), disabled=True)
            yield from (Option(self._label(entry), id=entry.key) for entry in group)

    def _label(self, entry: StudyEntry) -> Content:
        loaded = entry.key == self.loaded
        count = "" if not entry.done else "  ✓" if entry.done == entry.runs else f"  {entry.done}/{entry.runs}"
        name = Content.styled(f"{'●' if loaded else ' '} {printable(entry.name)}", "bold" if loaded else "")
        return Content.assemble(name, (count, "$text-success"))


def words(entry: StudyEntry) -> str:
    """What a study is."""
    study = entry.study
    parts = [f"{factor_title(study.factor)}: {as_list(study.values)}"]
    if study.second_factor is not None:
        parts.append(f"with {factor_title(study.second_factor)}: {as_list(study.second_values)}")
    if study.repeats > 1:
        parts.append(f"{pluralize(study.repeats, 'seed')} each")
    return "\n".join(printable(part) for part in (*parts, study.description) if part)
