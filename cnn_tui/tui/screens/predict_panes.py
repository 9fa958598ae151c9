"""The panes of the Predict screen: the images, and the classes of one of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widgets import Static

from cnn_tui.formatting import printable
from cnn_tui.trainer.inference_protocol import SmallImage
from cnn_tui.tui.screens.predict_rows import PredictionRow
from cnn_tui.tui.widgets.image_view import ImageView, Pixels
from cnn_tui.tui.widgets.probability_bars import ProbabilityBars
from cnn_tui.tui.widgets.sorted_table import SortedTable

_NO_IMAGE_HINT = "Choose an image in a format such as JPEG, PNG, WebP or TIFF."


class ImageTable(SortedTable[PredictionRow]):
    """One row per image; rows cannot be opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "choose", "Open", show=False)]


class ClassesPane(Container):
    """An image beside its most probable classes, or above them if that leaves more space for it."""

    DEFAULT_CSS = """
    ClassesPane {
        layout: vertical;
        ImageView { height: 1fr; margin: 0 1; }
        #facts { height: auto; padding: 0 1; }
        #verdict { height: auto; margin-bottom: 1; }
        &.-beside {
            layout: horizontal;
            ImageView { width: 1fr; height: 1fr; }
            #facts { width: 1fr; height: 1fr; padding: 1 2; align: left middle; }
        }
    }
    """

    def __init__(self, ask: Callable[[str], None]) -> None:
        """Ask for small images with ``ask``, which are then given to :meth:`show_image`."""
        super().__init__()
        self._ask = ask
        self._row: PredictionRow | None = None
        self._awaited = ""

    def compose(self) -> ComposeResult:
        """The image, its name and verdict, and its classes."""
        yield ImageView()
        with Vertical(id="facts"):
            yield Static("", id="verdict")
            yield ProbabilityBars()

    def on_resize(self) -> None:
        """Put the classes where they leave more space for a square image."""
        self.set_class(self.size.width >= 3 * self.size.height, "-beside")

    def show(self, row: PredictionRow | None) -> None:
        """Show an image and its classes; None for no image."""
        if row == self._row:
            return
        before, self._row = self._row, row
        self.query_one("#verdict", Static).update(verdict(row) if row else "")
        bars = self.query_one(ProbabilityBars)
        bars.top, bars.actual = (row.top, row.actual) if row else ((), "")
        if before is None or row is None or row.path != before.path:
            self.query_one(ImageView).pixels = None
            self._ask_next()

    def show_image(self, image: SmallImage) -> None:
        """Show an image that has arrived, unless the user has moved on."""
        self._awaited = ""
        if self._row is None or os.fsencode(self._row.path) != image.image:
            self._ask_next()
        else:
            self.query_one(ImageView).pixels = pixels(image) if image.pixels else None

    def forget(self) -> None:
        """Show nothing, and wait for no image: the one that was asked for will not arrive."""
        self.show(None)
        self._awaited = ""

    def _ask_next(self) -> None:
        """Ask for the current image, one at a time: the cursor may move faster than images are read."""
        if self._row is not None and not self._awaited:
            self._awaited = self._row.path
            self._ask(self._row.path)


def pixels(image: SmallImage) -> Pixels:
    """An image of the protocol as an array."""
    return np.frombuffer(image.pixels, np.uint8).reshape(image.height, image.width, 3)


def verdict(row: PredictionRow) -> Content:
    """The name of an image, and its class or why it has none."""
    name = Content.styled(printable(row.name), "bold")
    return Content("\n").join((name, _class_or_problem(row)))


def _class_or_problem(row: PredictionRow) -> Content:
    predicted, actual = printable(row.predicted), printable(row.actual)
    if row.problem:
        problem = Content.styled(f"It cannot be read: {printable(row.problem)}.", "$text-error")
        return Content("\n").join((problem, Content.styled(_NO_IMAGE_HINT, "$foreground-muted")))
    if not row.answered:
        return Content.styled("not classified yet", "$foreground-muted")
    if row.is_right is None:
        return Content(predicted)
    if row.is_right:
        return Content.styled(f"✓ {predicted}, like its folder", "$text-success")
    return Content.styled(f"✗ {predicted}, its folder is {actual}", "$text-error")
