"""The presets to choose from, with a search line above and what the highlighted one is below."""

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

_UNLISTED = "in-form"
_HEADINGS: tuple[tuple[Literal["own", "shipped"], str], ...] = (("own", "Your presets"), ("shipped", "Shipped presets"))


@dataclass(frozen=True)
class InForm:
    """What stands in the form: a preset, where it came from, its file if it has one, and how many fields differ."""

    preset: RunPreset
    source: str
    path: Path | None
    changes: int = 0


class _Entries(OptionList):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open preset"),
        Binding("j", "cursor_down", "Down", show=False),
        Binding("k", "cursor_up", "Up", show=False),
    ]


class PresetList(Vertical):
    """Lists presets by origin; broken ones are among them, with their reason.

    What is in the form is marked, and stands at the top where it is none of them.
    """

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
    in_form: reactive[InForm | None] = reactive(None)
    """What is in the form."""
    search: reactive[str] = reactive("")
    """What a preset must have in its name, description, model or dataset."""

    @dataclass
    class Chosen(Message):
        """A person wants this preset, which is not broken; ``entry`` is None for what is in the form and not listed."""

        preset: RunPreset
        entry: PresetEntry | None

    def compose(self) -> ComposeResult:
        """The search line, the list and the words about the highlighted preset."""
        yield TextLine(placeholder="search (ctrl+f)", compact=True)
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

    def watch_in_form(self, before: InForm | None, after: InForm | None) -> None:
        """Mark it; go to it if it is something else than before."""
        same = before is not None and after is not None and replace(before, changes=after.changes) == after
        if not same:
            self._fill(to_loaded=True)
        elif bool(before and before.changes) != bool(after and after.changes):
            self._fill()
        self._tell_about()

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
        self._tell_about()

    def _tell_about(self) -> None:
        """Say what the highlighted preset is, and how far the form has gone from it if it is the one in there."""
        if not self.is_mounted:
            return
        option, loaded = self.query_one(_Entries).highlighted_option, self.in_form
        entry = self._entry(option.id if option else None)
        about = self.query_one("#about", Static)
        about.set_class(entry is not None and entry.preset is None, "-broken")
        said = "" if entry is None else words(entry)
        if loaded is not None and option is not None and option.id == self._loaded_id:
            changed = f"changed in the form: {pluralize(loaded.changes, 'field')}\n" if loaded.changes else ""
            said = changed + (said or f"{printable(loaded.source)}\n{preset_words(loaded.preset)}".lstrip("\n"))
        about.update(Content(said))

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        entry = self._entry(event.option_id)
        if entry is not None:
            self._choose(entry)
        elif self.in_form is not None:
            self.post_message(self.Chosen(self.in_form.preset, None))

    def _choose(self, entry: PresetEntry) -> None:
        if entry.preset is None:
            self.app.notify(words(entry), title="This preset is broken", severity="error", markup=False)
        else:
            self.post_message(self.Chosen(entry.preset, entry))

    def _entry(self, option_id: str | None) -> PresetEntry | None:
        return next((entry for entry in self.entries if str(entry.path) == option_id), None)

    @property
    def _loaded_id(self) -> str | None:
        """The option of what is in the form: that of its file, else the one at the top."""
        if self.in_form is None:
            return None
        path = self.in_form.path.resolve() if self.in_form.path else None
        listed = (str(entry.path) for entry in self.entries if entry.path.resolve() == path)
        return next(listed, _UNLISTED)

    def _fill(self, *, to_loaded: bool = False) -> None:
        """List what matches, with the highlight where it was, or on what is in the form."""
        if not self.is_mounted:
            return
        shown = self.query_one(_Entries)
        before = shown.highlighted_option.id if shown.highlighted_option else None
        if to_loaded or before in (None, _UNLISTED):
            before = self._loaded_id
        options = list(self._options([entry for entry in self.entries if matches(entry, self.search)]))
        shown.set_options(options)
        places = [place for place, option in enumerate(options) if not option.disabled]
        wanted = [place for place in places if options[place].id == before]
        shown.highlighted = next(iter(wanted or places), None)

    def _options(self, entries: Sequence[PresetEntry]) -> Iterator[Option]:
        """What is in the form where no file has it, own presets and shipped ones, each group below its heading."""
        loaded = self._loaded_id
        if loaded == _UNLISTED and self.in_form is not None:
            yield Option(Content.styled("In the form", "italic"), disabled=True)
            yield Option(self._loaded_label(self.in_form.preset.name), id=_UNLISTED)
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
            return Content.styled(f"✗ {name} (broken)", "$text-error")
        return self._loaded_label(entry.name) if str(entry.path) == loaded else Content(f"  {name}")

    def _loaded_label(self, name: str) -> Content:
        """The mark of what is in the form, and the one of fields that differ from it."""
        changed = self.in_form is not None and self.in_form.changes > 0
        return Content.assemble((f"● {printable(name)}", "bold"), (" •" if changed else "", "$text-accent"))


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
    return preset_words(entry.preset)


def preset_words(preset: RunPreset) -> str:
    """What a preset trains on what, and its description."""
    experiment = preset.experiment
    return (
        f"{experiment.model.architecture} on {dataset_label(experiment.data.dataset, experiment.data.root)}, "
        f"{pluralize(experiment.training.epochs, 'epoch')}\n"
        f"{printable(preset.description)}"
    )
