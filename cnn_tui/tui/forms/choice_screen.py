"""A dialog to choose one of several values, filtered by typing, with a table of facts where names are not enough."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from cnn_tui.catalog.datasets import DATASETS, Dataset
from cnn_tui.catalog.models import ARCHITECTURES, Architecture
from cnn_tui.formatting import fit, parameter_count, quantity
from cnn_tui.tui.widgets.text_line import TextLine

_FILTER_FROM = 10
_FRAME_WIDTH = 6  # border, padding and scroll bar
_MODEL_COLUMNS = ("model", "parameters", "GMACs", "ImageNet top-1", "download")
_DATASET_COLUMNS = ("dataset", "classes", "training", "test", "pixels", "download")


@dataclass(frozen=True)
class ChoiceTable:
    """A header and a line for each choice, all of the same width."""

    header: str
    lines: Mapping[str, str]


@functools.cache
def choice_table(path: str) -> ChoiceTable | None:
    """The facts about the choices of the setting at a dotted path, None where there are none."""
    if path == "model.architecture":
        return _aligned(_MODEL_COLUMNS, {name: _model_cells(model) for name, model in ARCHITECTURES.items()})
    if path == "data.dataset":
        return _aligned(_DATASET_COLUMNS, {name: _dataset_cells(dataset) for name, dataset in DATASETS.items()})
    return None


def matching_choices(choices: Sequence[str], query: str) -> list[str]:
    """The choices that contain a query, ignoring case and punctuation; those that start with it come first."""
    wanted = _letters_and_digits(query)
    found = [choice for choice in choices if wanted in _letters_and_digits(choice)]
    return sorted(found, key=lambda choice: not _letters_and_digits(choice).startswith(wanted))


class ChoiceScreen(ModalScreen[str | None]):
    """Returns one of ``choices``, None if cancelled."""

    DEFAULT_CSS = """
    ChoiceScreen {
        align: center middle;
        & > Vertical {
            width: 44;
            max-width: 100%;
            height: auto;
            max-height: 90%;
            padding: 0 1;
            background: $surface;
            border: round $primary;
        }
        #header { height: 1; color: $text-muted; text-wrap: nowrap; }
        OptionList { height: auto; max-height: 65vh; border: none; padding: 0; background: $surface; }
        OptionList:focus { background-tint: transparent; }
        Input { margin-bottom: 1; background: $boost; }
        #no-match { display: none; color: $text-muted; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("up,k", "move('cursor_up')", "Up", show=False),
        Binding("down,j", "move('cursor_down')", "Down", show=False),
        Binding("pageup", "move('page_up')", "Page up", show=False),
        Binding("pagedown", "move('page_down')", "Page down", show=False),
    ]

    def __init__(self, title: str, choices: Sequence[str], value: str, table: ChoiceTable | None = None) -> None:
        super().__init__()
        self._table = table
        self._title = title
        self._choices = choices
        self._value = value

    def compose(self) -> ComposeResult:
        """The list, below a filter if it is long."""
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = "enter choose · esc cancel"
            if self._table is not None:
                box.styles.width = len(self._table.header) + _FRAME_WIDTH
            if len(self._choices) > _FILTER_FROM:
                yield TextLine(placeholder=f"type to filter {len(self._choices)} choices", compact=True)
            if self._table is not None:
                yield Static(self._table.header, id="header", markup=False)
            yield OptionList(compact=True)
            yield Static("no match", id="no-match")

    def on_mount(self) -> None:
        """List all choices with the current one highlighted."""
        self._show(self._choices, self._value)

    def action_move(self, action: str) -> None:
        """Move the highlight while the filter has the focus."""
        getattr(self.query_one(OptionList), f"action_{action}")()

    @on(Input.Changed)
    def _filter(self, event: Input.Changed) -> None:
        found = matching_choices(self._choices, event.value)
        self._show(found, found[0] if event.value and found else self._value)

    @on(Input.Submitted)
    def _submit(self) -> None:
        self.query_one(OptionList).action_select()

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def _show(self, choices: Sequence[str], highlighted: str) -> None:
        options = self.query_one(OptionList)
        lines = self._table.lines if self._table is not None else {}
        options.set_options(Option(Content(lines.get(choice, choice)), id=choice) for choice in choices)
        options.highlighted = choices.index(highlighted) if highlighted in choices else None
        options.display = bool(choices)
        self.query_one("#no-match").display = not choices


def _letters_and_digits(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _model_cells(model: Architecture) -> tuple[str, ...]:
    return (
        model.name,
        parameter_count(model.parameters),
        f"{model.gmacs:,.2f}",
        f"{model.accuracy:.1f} %",
        quantity(model.weights_bytes, "bytes"),
    )


def _dataset_cells(dataset: Dataset) -> tuple[str, ...]:
    counts = (dataset.classes, dataset.train, dataset.test, dataset.image_size)
    download = quantity(dataset.download_bytes, "bytes") if dataset.files else "none"
    return (dataset.name, *("" if count is None else f"{count:,}" for count in counts), download)


def _aligned(header: Sequence[str], rows: Mapping[str, Sequence[str]]) -> ChoiceTable:
    """Pad the cells to columns: the first aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(header, *rows.values(), strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (fit(cell, widths[index], right=index > 0) for index, cell in enumerate(cells))
        return "  ".join(padded)

    return ChoiceTable(line(header), {name: line(cells) for name, cells in rows.items()})
