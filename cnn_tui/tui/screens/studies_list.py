"""The list of studies to choose from, with a description of the highlighted one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

from cnn_tui.config.study import StudyPreset
from cnn_tui.formatting import pluralize, printable
from cnn_tui.tui.forms.study_form import factor_title
from cnn_tui.tui.forms.value_lists import format_values
from cnn_tui.tui.screens.studies_files import StudyEntry

_HEADINGS = {
    "draft": "",
    "latest": "Last run, not saved",
    "own": "Your studies",
    "shipped": "Shipped studies",
    "past": "Past studies",
}


class _Entries(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open study"),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]


class StudyList(Vertical):
    """Lists studies by origin, with the number of their finished runs."""

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
        """The user chose a study."""

        entry: StudyEntry

    def __init__(self) -> None:
        super().__init__()
        self._list = _Entries(compact=True, markup=False)

    def compose(self) -> ComposeResult:
        """The list above the description."""
        yield self._list
        yield Static("", id="about", markup=False)

    def show(self, draft: StudyPreset, latest: StudyPreset | None, saved: Sequence[StudyEntry]) -> None:
        """List the draft, the latest study unless it is one of the saved ones, and these."""
        unsaved = [StudyEntry("draft", "New study from Setup", "draft", draft)]
        if latest is not None and all(entry.study != latest for entry in saved):
            unsaved.append(StudyEntry("latest", latest.name, "latest", latest))
        self.entries = (*unsaved, *saved)

    def focus_list(self) -> None:
        """Focus the list immediately, before the next key is handled."""
        self.screen.set_focus(self._list)

    def watch_entries(self) -> None:
        """Update the list."""
        self._fill()

    def watch_loaded(self) -> None:
        """Move the mark."""
        self._fill()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        entry = self._entry(event.option_id)
        self.query_one("#about", Static).update(Content("" if entry is None else _about(entry.study)))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        entry = self._entry(event.option_id)
        if entry is not None:
            self.post_message(self.Chosen(entry))

    def _entry(self, option_id: str | None) -> StudyEntry | None:
        return next((entry for entry in self.entries if entry.key == option_id), None)

    def _fill(self) -> None:
        """Fill the list; the highlight stays on its study, or starts on the loaded one."""
        if not self.is_mounted:
            return
        highlighted = self._list.highlighted_option
        key = highlighted.id if highlighted else self.loaded
        options = list(self._options())
        self._list.set_options(options)
        choices = [index for index, option in enumerate(options) if not option.disabled]
        same = [index for index in choices if options[index].id == key]
        self._list.highlighted = next(iter(same or choices), None)

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


def factor_texts(study: StudyPreset) -> Iterator[str]:
    """The factors of a study with their values, and its repeats, such as "Epochs: 1, 3" and "3 seeds each"."""
    yield printable(f"{factor_title(study.factor)}: {format_values(study.values)}")
    if study.second_factor is not None:
        yield printable(f"{factor_title(study.second_factor)}: {format_values(study.second_values)}")
    if study.repeats > 1:
        yield f"{pluralize(study.repeats, 'seed')} each"


def _about(study: StudyPreset) -> str:
    return "\n".join(part for part in (*factor_texts(study), printable(study.description)) if part)
