"""The Images screen: the test images in a cell or class of the confusion matrix."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from cnn_tui.errors import CnnTuiError
from cnn_tui.formatting import noun, pluralize, printable
from cnn_tui.metrics import Scores
from cnn_tui.store.predictions import Predictions, load_thumbnails
from cnn_tui.tui.screens.errors import error_content
from cnn_tui.tui.widgets.confusion_cells import describe_cell
from cnn_tui.tui.widgets.image_grid import ImageGrid, ImageItem
from cnn_tui.tui.widgets.image_view import ImageView, Pixels
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.title_bar import TitleBar

_WIDE, _NORMAL_HEIGHT = 110, 30


@dataclass(frozen=True)
class ImageSelection:
    """The test images of class ``actual``, restricted to those classified as ``predicted`` unless that is None."""

    actual: int
    predicted: int | None


@dataclass
class ImagesRequested(Message):
    """Show test images."""

    selection: ImageSelection


@dataclass(frozen=True, eq=False)
class SelectedImages:
    """The images of a selection, most confident prediction first.

    Attributes:
        pixels: the stored images by index in the test split; uint8 of shape (height, width, 3).
    """

    items: tuple[ImageItem, ...]
    pixels: Mapping[int, Pixels]


def load_images(folder: Path, classes: tuple[str, ...], selection: ImageSelection) -> SelectedImages:
    """Read the predictions and images of a session; call this in a thread.

    Raises:
        StorageError: the session has no predictions, or its files are damaged.
    """
    predictions = Predictions.load(folder)
    wanted = predictions.actual == selection.actual
    if selection.predicted is not None:
        wanted &= predictions.predicted == selection.predicted
    rows = np.flatnonzero(wanted)
    rows = rows[np.argsort(-predictions.confidence[rows], kind="stable")]
    columns = (predictions.index, predictions.actual, predictions.predicted, predictions.confidence)
    items = tuple(
        ImageItem(int(index), classes[actual], classes[predicted], float(confidence))
        for index, actual, predicted, confidence in zip(*(column[rows] for column in columns), strict=True)
    )
    stored = load_thumbnails(folder)
    # Copies, so that the array of all stored images can be freed.
    return SelectedImages(items, {item.index: stored[item.index].copy() for item in items if item.index in stored})


class ImagesScreen(Screen[None]):
    """A grid of test images with their class, prediction and confidence.

    Args:
        folder: the session's folder.
        scores: the session's result, for the names of the classes.
    """

    DEFAULT_CSS = """
    ImagesScreen {
        #heading { height: auto; max-height: 2; padding: 0 1; margin: 1 0; text-style: bold; }
        #beside {
            width: 46;
            padding: 0 1;
            border-left: solid $panel;
            display: none;
            Static { height: auto; margin-bottom: 1; }
            ImageView { height: 22; }
        }
        &.-wide #beside { display: block; }
        &.-short #heading { margin-top: 0; }
        ImageGrid { padding: 0 1; }
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
        Binding("w", "only_wrong", "Only wrong ones", tooltip="Show only misclassified images, or all again"),
    ]

    def __init__(self, folder: Path, scores: Scores, selection: ImageSelection) -> None:
        super().__init__()
        self._folder = folder
        self._scores = scores
        self._selection = selection
        self._images = SelectedImages((), {})
        self._only_wrong = False

    def compose(self) -> ComposeResult:
        """A heading, the grid with the selected image enlarged beside it, and the number of missing images."""
        yield TitleBar("results")
        yield Static(Content(printable(describe_selection(self._scores, self._selection))), id="heading")
        with Horizontal(id="body"):
            yield ImageGrid(self._pixels, id="grid")
            with Vertical(id="beside"):
                yield Static("", id="description")
                yield ImageView(id="large")
        yield Static("", id="failure")
        yield Static("", id="note")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Load the images."""
        self.query_one(ImageGrid).empty_text = "loading…"
        self._load()

    def on_resize(self) -> None:
        """Show the enlarged image if there is space for it."""
        self.set_class(self.size.width >= _WIDE, "-wide")
        self.set_class(self.size.height < _NORMAL_HEIGHT, "-short")

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        try:
            self._images = await asyncio.to_thread(load_images, self._folder, self._scores.classes, self._selection)
        except CnnTuiError as error:
            self.add_class("-failed")
            self.query_one("#failure", Static).update(error_content(error))
            return
        self._show()

    def _show(self) -> None:
        grid, note = self.query_one(ImageGrid), self.query_one("#note", Static)
        grid.items = tuple(item for item in self._images.items if not (self._only_wrong and item.is_hit))
        grid.empty_text = "no images here"
        missing = sum(item.index not in self._images.pixels for item in grid.items)
        note.update(missing_note(missing, len(grid.items)))
        note.display = missing > 0
        self.refresh_bindings()

    @on(ImageGrid.Highlighted)
    def show_large(self, event: ImageGrid.Highlighted) -> None:
        """Show the selected image enlarged."""
        self.query_one("#large", ImageView).pixels = self._pixels(event.item.index)
        position = f"{event.grid.cursor + 1:,} of {len(event.grid.items):,}"
        self.query_one("#description", Static).update(describe_image(event.item, position))

    @on(ImageGrid.Selected)
    @work
    async def show_full_screen(self, event: ImageGrid.Selected) -> None:
        """Show an image full screen; afterwards select the one viewed last."""
        grid = event.grid
        grid.cursor = await self.app.push_screen_wait(ImageScreen(grid.items, grid.cursor, self._images.pixels))

    def action_only_wrong(self) -> None:
        """Hide or show the correctly classified images."""
        self._only_wrong = not self._only_wrong
        self._show()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a cell all predictions are equal, so that there is nothing to hide."""
        return action != "only_wrong" or self._selection.predicted is None

    def _pixels(self, index: int) -> Pixels | None:
        return self._images.pixels.get(index)


class ImageScreen(ModalScreen[int]):
    """Shows one image at a time full screen; returns the index of the last one.

    Args:
        items: the images to browse, at least one.
        index: the first one to show.
    """

    DEFAULT_CSS = """
    ImageScreen {
        background: $background;
        ImageView { height: 1fr; margin: 1 1 0 1; }
        Static { height: auto; text-align: center; padding: 1 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "close", "Back"),
        Binding("left,up,h,k", "move(-1)", "Previous"),
        Binding("right,down,l,j,space", "move(1)", "Next"),
    ]

    def __init__(self, items: Sequence[ImageItem], index: int, pixels: Mapping[int, Pixels]) -> None:
        super().__init__()
        self._items = items
        self._index = index
        self._pixels = pixels

    def compose(self) -> ComposeResult:
        """The image above its description."""
        yield ImageView()
        yield Static("")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Show the first image."""
        self.action_move(0)

    def action_move(self, by: int) -> None:
        """Show another image."""
        self._index = min(max(self._index + by, 0), len(self._items) - 1)
        item = self._items[self._index]
        self.query_one(ImageView).pixels = self._pixels.get(item.index)
        self.query_one(Static).update(describe_image(item, f"{self._index + 1:,} of {len(self._items):,}"))

    def action_close(self) -> None:
        """Return to the grid."""
        self.dismiss(self._index)


def describe_selection(scores: Scores, selection: ImageSelection) -> str:
    """A sentence about the selected images."""
    if selection.predicted is not None:
        return describe_cell(scores, selection.actual, selection.predicted)
    row = scores.confusion_matrix[selection.actual]
    total, wrong = sum(row), sum(row) - row[selection.actual]
    images = f"{pluralize(total, 'test image')} of “{scores.classes[selection.actual]}”"
    return f"{images}, {wrong or 'none'} of them misclassified."


def missing_note(missing: int, shown: int) -> str:
    """Why some of the images cannot be shown."""
    were = noun(missing, "was", "were")
    return f"{missing:,} of {pluralize(shown, 'image')} {were} not stored; the metrics are complete."


def describe_image(item: ImageItem, position: str) -> Content:
    """An image's class, prediction, confidence and ``position`` among the others."""
    actual, predicted = printable(item.actual), printable(item.predicted)
    verdict = f"✓ {actual}, correct" if item.is_hit else f"✗ {actual}, predicted {predicted}"
    lines = (
        Content.styled(verdict, "bold $text-success" if item.is_hit else "bold $text-error"),
        Content(f"{item.confidence * 100:.1f} % confident"),
        Content.styled(f"{position} · test image {item.index:,}", "$foreground-muted"),
    )
    return Content("\n").join(lines)
