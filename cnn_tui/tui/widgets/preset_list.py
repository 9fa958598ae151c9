"""The presets to choose from, with a search line above and what the highlighted one is below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from cnn_tui.amounts import some
from cnn_tui.reports.texts import data_words
from cnn_tui.store.names import printable
from cnn_tui.tui.widgets.text_line import TextLine

if TYPE_CHECKING:
    from pathlib import Path

    from cnn_tui.config.preset import RunPreset
    from cnn_tui.store.presets import PresetEntry

_HEADINGS: tuple[tuple[Literal["own", "shipped"], str], ...] = (("own", "Your presets"), ("shipped", "Shipped presets"))


class _Entries(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open preset"),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]


class PresetList(Vertical):
    """Lists presets by origin; broken ones are among them, with their reason."""

    DEFAULT_CSS = """
    PresetList {
        & > Input { background: $boost; padding: 0 1 !important; margin-bottom: 1; }
        & > _Entries { height: 1fr; scrollbar-size-vertical: 1; background: transparent; }
        & > _Entries:focus { background-tint: transparent; }
        & > #about { height: auto; max-height: 40%; margin-top: 1; color: $text-muted; }
        & > #about.-broken { color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_search", "Clear search", show=False),
        Binding("down", "to_list", "To the list", show=False),
    ]

    entries: reactive[tuple[PresetEntry, ...]] = reactive(())
    """All presets, also those that the search hides."""
    loaded: reactive[Path | None] = reactive(None)
    """The file whose preset is in the form."""
    search: reactive[str] = reactive("")
    """What a preset must have in its name, description, model or dataset."""

    @dataclass
    class Chosen(Message):
        """A person wants this preset, which is not broken."""

        entry: PresetEntry
        preset: RunPreset

    def compose(self) -> ComposeResult:
        """The search line, the list and the words about the highlighted preset."""
        yield TextLine(placeholder="/ search", compact=True)
        yield _Entries(compact=True, markup=False)
        yield Static("", id="about", markup=False)

    def start_search(self) -> None:
        """Put the cursor into the search line."""
        self.screen.set_focus(self.query_one(TextLine))

    def focus_list(self) -> None:
        """Put the cursor into the list."""
        self.screen.set_focus(self.query_one(_Entries))

    def action_to_list(self) -> None:
        """Go from the search line to what it found."""
        self.focus_list()

    def action_clear_search(self) -> None:
        """Show all presets again."""
        self.query_one(TextLine).value = ""
        self.focus_list()

    def watch_entries(self) -> None:
        """Show what there is now."""
        self._fill()

    def watch_loaded(self) -> None:
        """Mark it."""
        self._fill()

    def watch_search(self) -> None:
        """Show what matches."""
        self._fill()

    @on(Input.Changed)
    def _search_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.search = event.value

    @on(Input.Submitted)
    def _search_submitted(self, event: Input.Submitted) -> None:
        """Choose the only preset that is left, or go on to the list."""
        event.stop()
        found = [entry for entry in self.entries if matches(entry, self.search)]
        if len(found) == 1:
            self._choose(found[0])
        self.focus_list()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        entry = self._entry(event.option_id)
        about = self.query_one("#about", Static)
        about.set_class(entry is not None and entry.preset is None, "-broken")
        about.update(Content("" if entry is None else words(entry)))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        entry = self._entry(event.option_id)
        if entry is not None:
            self._choose(entry)

    def _choose(self, entry: PresetEntry) -> None:
        if entry.preset is None:
            self.app.notify(words(entry), title="This preset is broken", severity="error", markup=False)
        else:
            self.post_message(self.Chosen(entry, entry.preset))

    def _entry(self, option_id: str | None) -> PresetEntry | None:
        return next((entry for entry in self.entries if str(entry.path) == option_id), None)

    def _fill(self) -> None:
        if not self.is_mounted:
            return
        shown = self.query_one(_Entries)
        before = shown.highlighted_option.id if shown.highlighted_option else str(self.loaded)
        options = list(self._options([entry for entry in self.entries if matches(entry, self.search)]))
        shown.set_options(options)
        places = [place for place, option in enumerate(options) if not option.disabled]
        wanted = [place for place in places if options[place].id == before]
        shown.highlighted = next(iter(wanted or places), None)

    def _options(self, entries: Sequence[PresetEntry]) -> Iterator[Option]:
        """Own presets and shipped ones, each group below its heading."""
        groups = [(title, [e for e in entries if e.origin == origin]) for origin, title in _HEADINGS]
        for title, group in groups:
            if group:
                yield Option(Content.styled(title, "italic"), disabled=True)
            for entry in group:
                yield Option(self._label(entry), id=str(entry.path))
        if not entries:
            yield Option("no preset matches" if self.search else "no presets", disabled=True)

    def _label(self, entry: PresetEntry) -> Content:
        name = printable(entry.name)
        if entry.preset is None:
            return Content.styled(f"✗ {name} (broken)", "$text-error")
        if entry.path == self.loaded:
            return Content.styled(f"● {name}", "bold")
        return Content(f"  {name}")


def matches(entry: PresetEntry, search: str) -> bool:
    """Whether each word of a search is in a preset's name, description, model or dataset."""
    preset = entry.preset
    texts = [entry.name]
    if preset is not None:
        texts += [preset.name, preset.description, preset.experiment.model.architecture, preset.experiment.data.dataset]
    text = " ".join(texts).casefold()
    return all(word in text for word in search.casefold().split())


def words(entry: PresetEntry) -> str:
    """What a preset is, or why it cannot be read."""
    if entry.preset is None:
        return "\n".join(printable(line) for line in (entry.problem or "").splitlines())
    experiment = entry.preset.experiment
    return (
        f"{experiment.model.architecture} on {data_words(experiment.data.dataset, experiment.data.root)}, "
        f"{some(experiment.training.epochs, 'epoch')}\n"
        f"{printable(entry.preset.description)}"
    )
