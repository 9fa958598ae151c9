"""The pictures behind a cell of the confusion matrix, or of a class."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import noun, pluralize, printable
from cnn_tui.metrics import Scores
from cnn_tui.tui.screens.errors import error_content
from cnn_tui.tui.screens.pictures_data import Choice, ChosenPictures, load_pictures
from cnn_tui.tui.widgets.confusion_words import describe_cell
from cnn_tui.tui.widgets.half_blocks import Pixels
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.picture import Picture
from cnn_tui.tui.widgets.picture_grid import PictureGrid
from cnn_tui.tui.widgets.picture_tiles import PictureItem
from cnn_tui.tui.widgets.title_bar import TitleBar

_WIDE, _TALL = 110, 30


class PicturesScreen(Screen[None]):
    """A grid of test pictures with what each is, what it was taken for and how confidently.

    Args:
        folder: the session's.
        scores: the session's result, for the classes' names.
        choice: which pictures.
    """

    DEFAULT_CSS = """
    PicturesScreen {
        #heading { height: auto; max-height: 2; padding: 0 1; margin: 1 0; text-style: bold; }
        #beside {
            width: 46;
            padding: 0 1;
            border-left: solid $panel;
            display: none;
            Static { height: auto; margin-bottom: 1; }
            Picture { height: 22; }
        }
        &.-wide #beside { display: block; }
        &.-short #heading { margin-top: 0; }
        PictureGrid { padding: 0 1; }
        #note { height: auto; padding: 0 1; color: $text-warning; display: none; }
        #failure { height: 1fr; padding: 1 3; display: none; }
        &.-failed {
            #body { display: none; }
            #failure { display: block; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Back"),
        Binding("w", "only_wrong", "Only wrong ones", tooltip="Leave out the pictures that were recognised"),
    ]

    def __init__(self, folder: Path, scores: Scores, choice: Choice) -> None:
        super().__init__()
        self._folder = folder
        self._scores = scores
        self._choice = choice
        self._chosen = ChosenPictures((), {})
        self._only_wrong = False

    def compose(self) -> ComposeResult:
        """What these pictures are, the grid with the present one large beside it, and what is missing."""
        yield TitleBar("results")
        yield Static(Content(printable(describe_choice(self._scores, self._choice))), id="heading")
        with Horizontal(id="body"):
            yield PictureGrid(self._pixels, id="grid")
            with Vertical(id="beside"):
                yield Static("", id="words")
                yield Picture(id="large")
        yield Static("", id="failure")
        yield Static("", id="note")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read the pictures."""
        self.query_one(PictureGrid).empty_text = "loading…"
        self._load()

    def on_resize(self) -> None:
        """Show the present picture large where there is room."""
        self.set_class(self.size.width >= _WIDE, "-wide")
        self.set_class(self.size.height < _TALL, "-short")

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        try:
            self._chosen = await asyncio.to_thread(load_pictures, self._folder, self._scores.classes, self._choice)
        except CnnTuiError as error:
            self.add_class("-failed")
            self.query_one("#failure", Static).update(error_content(error))
            return
        self._show()

    def _show(self) -> None:
        grid, note = self.query_one(PictureGrid), self.query_one("#note", Static)
        items = self._chosen.items
        grid.items = tuple(item for item in items if not (self._only_wrong and item.is_hit))
        grid.empty_text = "no pictures here"
        missing = sum(item.index not in self._chosen.pixels for item in grid.items)
        note.update(not_kept(missing, len(grid.items)))
        note.display = missing > 0
        self.refresh_bindings()

    @on(PictureGrid.Highlighted)
    def show_large(self, event: PictureGrid.Highlighted) -> None:
        """Show the picture under the cursor beside the grid."""
        self.query_one("#large", Picture).pixels = self._pixels(event.item.index)
        place = f"{event.grid.cursor + 1:,} of {len(event.grid.items):,}"
        self.query_one("#words", Static).update(describe_picture(event.item, place))

    @on(PictureGrid.Selected)
    @work
    async def show_alone(self, event: PictureGrid.Selected) -> None:
        """Show a picture over the whole screen, and come back to the one that was looked at last."""
        grid = event.grid
        grid.cursor = await self.app.push_screen_wait(PictureScreen(grid.items, grid.cursor, self._chosen))

    def action_only_wrong(self) -> None:
        """Leave out the pictures that were recognised, or take them in again."""
        self._only_wrong = not self._only_wrong
        self._show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where all pictures are of one kind there is nothing to leave out."""
        return action != "only_wrong" or self._choice.predicted is None

    def _pixels(self, index: int) -> Pixels | None:
        return self._chosen.pixels.get(index)


class PictureScreen(ModalScreen[int]):
    """One picture as large as the terminal; answers with the place of the last one seen.

    Args:
        items: the pictures to walk through, at least one.
        place: the first to show.
    """

    DEFAULT_CSS = """
    PictureScreen {
        background: $background;
        Picture { height: 1fr; margin: 1 1 0 1; }
        Static { height: auto; text-align: center; padding: 1 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "close", "Back"),
        Binding("left,up,h,k", "walk(-1)", "Previous"),
        Binding("right,down,l,j,space", "walk(1)", "Next"),
    ]

    def __init__(self, items: Sequence[PictureItem], place: int, chosen: ChosenPictures) -> None:
        super().__init__()
        self._items = items
        self._place = place
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        """The picture above what it is."""
        yield Picture()
        yield Static("")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Show the first."""
        self.action_walk(0)

    def action_walk(self, by: int) -> None:
        """Go on to another picture."""
        self._place = min(max(self._place + by, 0), len(self._items) - 1)
        item = self._items[self._place]
        self.query_one(Picture).pixels = self._chosen.pixels.get(item.index)
        self.query_one(Static).update(describe_picture(item, f"{self._place + 1:,} of {len(self._items):,}"))

    def action_close(self) -> None:
        """Go back to the grid."""
        self.dismiss(self._place)


def describe_choice(scores: Scores, choice: Choice) -> str:
    """What these pictures are, in words."""
    if choice.predicted is not None:
        return describe_cell(scores, choice.actual, choice.predicted)
    row = scores.confusion_matrix[choice.actual]
    total, wrong = sum(row), sum(row) - row[choice.actual]
    pictures = f"{pluralize(total, 'test picture')} of “{scores.classes[choice.actual]}”"
    return f"{pictures}, {wrong or 'none'} of them taken for something else."


def not_kept(missing: int, shown: int) -> str:
    """Why some of the pictures that belong here cannot be seen."""
    were = noun(missing, "was", "were")
    return f"{missing:,} of {pluralize(shown, 'picture')} {were} not kept; the figures are complete."


def describe_picture(item: PictureItem, place: str) -> Content:
    """What a picture is, what it was taken for, how confidently, and its ``place`` among the others."""
    actual, predicted = printable(item.actual), printable(item.predicted)
    what = f"✓ {actual}, recognised" if item.is_hit else f"✗ {actual}, taken for {predicted}"
    lines = (
        Content.styled(what, "bold $text-success" if item.is_hit else "bold $text-error"),
        Content(f"{item.confidence * 100:.1f} % confident"),
        Content.styled(f"{place} · test picture {item.index:,}", "$foreground-muted"),
    )
    return Content("\n").join(lines)
