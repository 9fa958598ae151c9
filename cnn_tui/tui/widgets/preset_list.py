"""The list of presets, below a search and above a description of the highlighted one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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

from cnn_tui.formatting import dataset_label, pluralize, printable
from cnn_tui.tui.widgets.text_line import TextLine

if TYPE_CHECKING:
    from pathlib import Path

    from cnn_tui.config.preset import RunPreset
    from cnn_tui.store.presets import PresetEntry

_UNLISTED = "unlisted"
_HEADINGS: tuple[tuple[Literal["own", "shipped"], str], ...] = (("own", "Your presets"), ("shipped", "Shipped presets"))


@dataclass(frozen=True)
class LoadedPreset:
    """The preset in the form: its source as text, its file, None if it has none, and the number of changed fields."""

    preset: RunPreset
    source: str
    path: Path | None
    changes: int = 0


class _Entries(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open preset", tooltip="Open the highlighted preset in the form"),
        Binding("j", "cursor_down", "Down", show=False, tooltip="Next preset"),
        Binding("k", "cursor_up", "Up", show=False, tooltip="Previous preset"),
    ]


class PresetList(Vertical):
    """Lists presets by origin, also invalid ones, with their errors.

    The preset in the form is marked, and is at the top if it is not one of the others.
    """

    DEFAULT_CSS = """
    PresetList {
        & > Input { background: $boost; padding: 0 1 !important; margin-bottom: 1; }
        & > _Entries { height: 1fr; scrollbar-size-vertical: 1; background: transparent; }
        & > _Entries:focus { background-tint: transparent; }
        & > #about { height: auto; max-height: 40%; margin-top: 1; color: $text-muted; }
        & > #about.-invalid { color: $text-error; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_search", "Clear search", show=False, tooltip="Clear the search"),
        Binding("down", "to_list", "To the list", show=False, tooltip="Go from the search to the list"),
    ]

    entries: reactive[tuple[PresetEntry, ...] | None] = reactive(None)
    """All presets, also those that the search hides; None until they are read."""
    loaded: reactive[LoadedPreset | None] = reactive(None)
    """The preset in the form."""
    search: reactive[str] = reactive("")
    """The words that a preset must have in its name, description, model or dataset."""

    @dataclass
    class Chosen(Message):
        """The user chose a valid preset; ``entry`` is None for the unlisted one in the form."""

        preset: RunPreset
        entry: PresetEntry | None

    def compose(self) -> ComposeResult:
        """The search, the list and the description."""
        yield TextLine(placeholder="search (ctrl+f)", compact=True)
        yield _Entries(compact=True, markup=False)
        yield Static("", id="about", markup=False)

    def start_search(self) -> None:
        """Focus the search."""
        self.screen.set_focus(self.query_one(TextLine))

    def focus_list(self) -> None:
        """Focus the list."""
        self.screen.set_focus(self.query_one(_Entries))

    def action_to_list(self) -> None:
        """Go from the search to the list."""
        self.focus_list()

    def action_clear_search(self) -> None:
        """Show all presets again."""
        self.query_one(TextLine).value = ""
        self.focus_list()

    def watch_entries(self) -> None:
        """List the entries that match the search."""
        self._fill()

    watch_search = watch_entries

    def watch_loaded(self, before: LoadedPreset | None, after: LoadedPreset | None) -> None:
        """Mark the preset, and highlight it if it is another one."""
        same = before is not None and after is not None and replace(before, changes=after.changes) == after
        if not same:
            self._fill(highlight_loaded=True)
        elif bool(before and before.changes) != bool(after and after.changes):
            self._fill()
        self._describe()

    @on(Input.Changed)
    def _search_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.search = event.value

    @on(Input.Submitted)
    def _search_submitted(self, event: Input.Submitted) -> None:
        """Choose the only match, or go to the list."""
        event.stop()
        found = self._matches()
        if len(found) == 1:
            self._choose(found[0])
        self.focus_list()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._describe()

    def _describe(self) -> None:
        """Describe the highlighted preset, and the changes in the form if it is the loaded one."""
        if not self.is_mounted:
            return
        option, loaded = self.query_one(_Entries).highlighted_option, self.loaded
        entry = self._entry(option.id if option else None)
        about = self.query_one("#about", Static)
        about.set_class(entry is not None and entry.preset is None, "-invalid")
        text = "" if entry is None else entry_text(entry)
        if loaded is not None and option is not None and option.id == self._loaded_id:
            changes = f"{pluralize(loaded.changes, 'field')} changed in the form\n" if loaded.changes else ""
            text = changes + (text or f"{printable(loaded.source)}\n{preset_summary(loaded.preset)}".lstrip("\n"))
        about.update(Content(text))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        entry = self._entry(event.option_id)
        if entry is not None:
            self._choose(entry)
        elif self.loaded is not None:
            self.post_message(self.Chosen(self.loaded.preset, None))

    def _choose(self, entry: PresetEntry) -> None:
        if entry.preset is None:
            self.app.notify(entry_text(entry), title="Invalid preset", severity="error", markup=False)
        else:
            self.post_message(self.Chosen(entry.preset, entry))

    def _entry(self, option_id: str | None) -> PresetEntry | None:
        return next((entry for entry in self.entries or () if str(entry.path) == option_id), None)

    def _matches(self) -> list[PresetEntry]:
        return [entry for entry in self.entries or () if matches(entry, self.search)]

    @property
    def _loaded_id(self) -> str | None:
        """The option of the preset in the form: that of its file, else the one at the top."""
        if self.loaded is None:
            return None
        path = self.loaded.path.resolve() if self.loaded.path else None
        listed = (str(entry.path) for entry in self.entries or () if entry.path.resolve() == path)
        return next(listed, _UNLISTED)

    def _fill(self, *, highlight_loaded: bool = False) -> None:
        """List the matches, keeping the highlight unless it is to be on the loaded preset."""
        if not self.is_mounted:
            return
        shown = self.query_one(_Entries)
        highlighted = shown.highlighted_option.id if shown.highlighted_option else None
        if highlight_loaded or highlighted in (None, _UNLISTED):
            highlighted = self._loaded_id
        options = list(self._options(self._matches()))
        shown.set_options(options)
        enabled = [index for index, option in enumerate(options) if not option.disabled]
        wanted = [index for index in enabled if options[index].id == highlighted]
        shown.highlighted = next(iter(wanted or enabled), None)

    def _options(self, entries: Sequence[PresetEntry]) -> Iterator[Option]:
        """The unlisted preset in the form, the user's presets and the shipped ones, each group below its heading."""
        if self.entries is None:
            yield Option("loading…", disabled=True)
            return
        loaded = self._loaded_id
        if loaded == _UNLISTED and self.loaded is not None:
            yield Option(Content.styled("In the form", "italic"), disabled=True)
            yield Option(self._loaded_label(self.loaded.preset.name), id=_UNLISTED)
        groups = [(title, [e for e in entries if e.origin == origin]) for origin, title in _HEADINGS]
        for title, group in groups:
            if group:
                yield Option(Content.styled(title, "italic"), disabled=True)
            for entry in group:
                yield Option(self._label(entry, loaded), id=str(entry.path))
        if not entries:
            yield Option("no preset matches" if self.search else "no presets", disabled=True)

    def _label(self, entry: PresetEntry, loaded: str | None) -> Content:
        name = printable(entry.name)
        if entry.preset is None:
            return Content.styled(f"✗ {name} (invalid)", "$text-error")
        return self._loaded_label(entry.name) if str(entry.path) == loaded else Content(f"  {name}")

    def _loaded_label(self, name: str) -> Content:
        """The name of the loaded preset with its mark, and another if fields are changed."""
        changed = self.loaded is not None and self.loaded.changes > 0
        return Content.assemble((f"● {printable(name)}", "bold"), (" •" if changed else "", "$text-accent"))


def matches(entry: PresetEntry, search: str) -> bool:
    """Whether a preset has all words of a search in its name, description, model or dataset."""
    preset = entry.preset
    texts = [entry.name]
    if preset is not None:
        texts += [preset.name, preset.description, preset.experiment.model.architecture, preset.experiment.data.dataset]
    text = " ".join(texts).casefold()
    return all(word in text for word in search.casefold().split())


def entry_text(entry: PresetEntry) -> str:
    """The summary of a preset, or its error."""
    if entry.preset is None:
        return "\n".join(printable(line) for line in (entry.problem or "").splitlines())
    return preset_summary(entry.preset)


def preset_summary(preset: RunPreset) -> str:
    """The model, dataset and epochs of a preset, and its description."""
    experiment = preset.experiment
    return (
        f"{experiment.model.architecture} on {dataset_label(experiment.data.dataset, experiment.data.root)}, "
        f"{pluralize(experiment.training.epochs, 'epoch')}\n"
        f"{printable(preset.description)}"
    )
