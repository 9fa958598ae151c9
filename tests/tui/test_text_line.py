"""A line of text takes its keys in the order in which they were typed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.events import Key
from textual.widgets import Input

from cnn_tui.tui.widgets.text_line import TextLine


class Page(App[None]):
    """One line of text, and what was submitted."""

    BINDINGS: ClassVar[list[BindingType]] = [("f9", "note")]

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.text = text
        self.submitted: list[str] = []
        self.noted = 0

    def compose(self) -> ComposeResult:
        yield TextLine(self.text)

    def action_note(self) -> None:
        self.noted += 1

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.submitted.append(event.value)


async def burst(app: Page, *keys: str) -> str:
    """Type keys as a connection delivers them that was held up, all at once; what stands there then."""
    async with app.run_test() as pilot:
        for key in keys:
            app.post_message(Key(key, key if len(key) == 1 else None))
        await pilot.pause(0.1)
        return app.query_one(TextLine).value


async def test_what_is_typed_after_ctrl_u_stays() -> None:
    keys = ("end", "ctrl+u", "n", "e", "w", "home", "a", "backspace", "b")
    assert await burst(Page("old"), *keys) == "bnew"


async def test_enter_submits_what_stood_there() -> None:
    app = Page()
    assert await burst(app, "o", "n", "e", "enter", "t", "w", "o") == "onetwo"
    assert app.submitted == ["one"]


async def test_keys_that_are_not_the_lines_own_reach_the_app() -> None:
    app = Page()
    assert await burst(app, "x", "f9") == "x"
    assert app.noted == 1
