"""The Predict screen: classifies image files by the network of a session."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.events import Paste
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Input, Static

from cnn_tui.errors import CnnTuiError, WeightsError
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.session_writer import WEIGHTS_FILE
from cnn_tui.store.sessions import load_session
from cnn_tui.trainer.inference import InferenceProcess
from cnn_tui.trainer.inference_protocol import Answer, Inference, SmallImage
from cnn_tui.tui.screen_keys import ModeName
from cnn_tui.tui.screens.errors import error_content, notify_error
from cnn_tui.tui.screens.predict_panes import ClassesPane, ImageTable
from cnn_tui.tui.screens.predict_rows import IMAGE_COLUMNS, find_images
from cnn_tui.tui.screens.predict_state import PredictState
from cnn_tui.tui.screens.results_header import run_line
from cnn_tui.tui.widgets.key_footer import KeyFooter
from cnn_tui.tui.widgets.sorted_table import SortedTable
from cnn_tui.tui.widgets.text_line import TextLine
from cnn_tui.tui.widgets.title_bar import TitleBar

_SECONDS_BETWEEN_UPDATES = 0.25
_NORMAL_HEIGHT = 30
_HINT = "Type, paste or drop the path of an image, or of a folder with images, and press enter."

MakeInference = Callable[[Path, Callable[[Answer], None]], Inference]


def open_predict(screen: Screen[None], folder: Path) -> None:
    """Open the screen for a session, or say why it has no predictions."""
    if (folder / WEIGHTS_FILE).is_file():
        screen.app.push_screen(PredictScreen(folder))
        return
    detail = "They are saved when a run has ended and was tested."
    hint = "Wait until it has ended, or press r to train it again."
    notify_error(screen, WeightsError(f"{folder.name} has no trained weights", detail, hint))


class PredictScreen(Screen[None]):
    """A path, and the classes of the images that it names.

    Args:
        folder: of the session whose network is used.
        make_inference: starts what classifies; given the folder and what to call with each answer.
    """

    DEFAULT_CSS = """
    PredictScreen {
        #session { height: 1; padding: 0 1; margin: 1 0; }
        #path-bar { height: 1; margin: 0 1; }
        #path-mark { width: auto; color: $text-muted; }
        #path { width: 1fr; background: transparent; padding: 0 1; &:focus { background: $surface; } }
        #state { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
        #body { height: 1fr; margin: 1 0 0 0; }
        #images { width: 4fr; max-width: 70; display: none; }
        ClassesPane { width: 5fr; }
        &.-several #images { display: block; }
        #message { height: 1fr; padding: 1 3; display: none; scrollbar-size-vertical: 1; }
        &.-hint #message { align: center middle; }
        &.-hint #message-text { text-align: center; color: $text-muted; }
        &.-message {
            #body { display: none; }
            #message { display: block; }
        }
        &.-short {
            #session { margin: 0; }
            #body { margin: 0; }
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "app.pop_screen", "Back"),
        Binding("slash", "edit_path", "Path", key_display="/", tooltip="Type, paste or drop another path"),
    ]
    AUTO_FOCUS = "#path"

    @dataclass
    class Answered(Message):
        """The network's process has answered."""

        answer: Answer

    def __init__(self, folder: Path, make_inference: MakeInference = InferenceProcess) -> None:
        super().__init__()
        self._folder = folder
        self._inference = make_inference(folder, self._post_answer)
        self._record: SessionRecord | None = None
        self._state = PredictState()
        self._stop_search = threading.Event()
        self._pause: Timer | None = None
        self._is_outdated = False

    def compose(self) -> ComposeResult:
        """The session, the path, and the images with the classes of one of them, or a message instead."""
        yield TitleBar(cast(ModeName, self.app.current_mode))
        yield Static("", id="session")
        with Horizontal(id="path-bar"):
            yield Static("image /", id="path-mark")
            # Keys typed before the focus arrives would be selected by it and then overwritten.
            yield TextLine(placeholder="path of an image or a folder", compact=True, select_on_focus=False, id="path")
        yield Static("", id="state")
        with Horizontal(id="body"):
            yield ImageTable(IMAGE_COLUMNS, key=lambda row: row.path, id="images")
            yield ClassesPane(self._inference.show_image)
        with VerticalScroll(id="message"):
            yield Static("", id="message-text")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Load PyTorch and the network, which takes seconds, while the user types the path."""
        self._inference.start()
        self._opening = self._open()
        self._update()

    def on_unmount(self) -> None:
        """End the network's process and a search for images."""
        self._inference.close()
        self._stop_search.set()

    def on_resize(self) -> None:
        """Leave out empty lines on a small terminal."""
        self.set_class(self.size.height < _NORMAL_HEIGHT, "-short")
        self._show_session()

    @work(group="open")
    async def _open(self) -> None:
        """Read the session, for its name and its classes. If that fails, so does its network, which says why."""
        with contextlib.suppress(CnnTuiError):
            self._record = await asyncio.to_thread(load_session, self._folder)
            self._show_session()

    def _show_session(self) -> None:
        if self._record is not None:
            self.query_one("#session", Static).update(run_line(self._record, self.size.width - 2))

    @on(Input.Submitted, "#path")
    def classify_named(self, event: Input.Submitted) -> None:
        """Classify the images that the path names; the next path replaces it."""
        event.input.select_all()
        self._classify(event.value)

    @work(exclusive=True, group="classify")
    async def _classify(self, text: str) -> None:
        self._stop_search.set()
        stop = self._stop_search = threading.Event()
        self._state.searching = True
        self._update()
        await self._opening.wait()
        result = self._record.result if self._record else None
        try:
            images = await asyncio.to_thread(find_images, text, result.classes if result else (), stop.is_set)
        except CnnTuiError as error:
            self._state.fail(error)
        else:
            self._state.begin(images)
            self._inference.classify(self._state.number, [row.path for row in images.rows])
        self.query_one(ClassesPane).forget()
        self._update()
        if len(self._state.rows) > 1:
            self.set_focus(self.query_one(ImageTable))

    def _post_answer(self, answer: Answer) -> None:
        self.post_message(self.Answered(answer))

    @on(Answered)
    def apply_answer(self, message: Answered) -> None:
        """Show an answer; many at once are shown together."""
        if isinstance(message.answer, SmallImage):
            self.query_one(ClassesPane).show_image(message.answer)
            return
        self._state.apply(message.answer)
        self._is_outdated = True
        if self._pause is None:
            self._update()

    def _update(self) -> None:
        """Show the state now, and what changes soon after it together."""
        self._is_outdated = False
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(_SECONDS_BETWEEN_UPDATES, self._update_again)
        state = self._state
        self.query_one("#state", Static).update(Content(state.text), layout=False)
        self.query_one(ImageTable).show_rows(list(state.rows))
        self.show_current()
        self.set_class(len(state.rows) > 1, "-several")
        self.set_class(not state.rows, "-message")
        self.set_class(not state.rows and state.error is None, "-hint")
        if not state.rows:
            self.query_one("#message-text", Static).update(
                error_content(state.error) if state.error else Content(_HINT)
            )

    def _update_again(self) -> None:
        self._pause = None
        if self._is_outdated:
            self._update()

    @on(SortedTable.Highlighted)
    def show_current(self) -> None:
        """Show the selected image."""
        self.query_one(ClassesPane).show(self.query_one(ImageTable).current)

    def on_paste(self, event: Paste) -> None:
        """A file that is dropped while the images have the focus is the next path."""
        if lines := event.text.splitlines():
            self.query_one("#path", TextLine).value = lines[0]
            self.action_edit_path()

    def action_edit_path(self) -> None:
        """Focus the path immediately, selected as a whole: the next key may already be queued."""
        path = self.query_one("#path", TextLine)
        path.select_all()
        self.set_focus(path)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The key for the path is a letter in it."""
        return action != "edit_path" or not self.query_one("#path").has_focus
