"""The footer is never cut: what has no room is left out, and the way out and to the help stay."""

from __future__ import annotations

from typing import ClassVar

import pytest
from host import screen_text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType

from cnn_tui.tui.widgets.key_footer import KeyFooter


class Page(App[None]):
    """A page with more keys than a narrow screen has room for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "alpha", "Alphabetical"),
        Binding("b", "beta", "Betatron"),
        Binding("c", "gamma", "C"),
        Binding("f1", "help", "Help", key_display="f1"),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    pressed = 0

    def compose(self) -> ComposeResult:
        yield KeyFooter()

    def action_beta(self) -> None:
        self.pressed += 1


@pytest.mark.parametrize(
    ("width", "keys"),
    [
        (60, "^q Quit a Alphabetical b Betatron c C f1 Help"),
        (47, "^q Quit a Alphabetical b Betatron c C f1 Help"),
        (46, "^q Quit a Alphabetical b Betatron f1 Help"),
        (40, "^q Quit a Alphabetical f1 Help"),
        (20, "^q Quit f1 Help"),
    ],
)
async def test_what_has_no_room_is_left_out_from_the_end(width: int, keys: str) -> None:
    app = Page()
    async with app.run_test(size=(width, 5)) as pilot:
        await pilot.pause(0.1)
        assert screen_text(app).splitlines()[-1].strip() == keys


async def test_it_chooses_again_when_the_terminal_changes() -> None:
    app = Page()
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.resize_terminal(60, 5)
        await pilot.pause(0.3)
        assert "b Betatron" in screen_text(app)
        await pilot.resize_terminal(30, 5)
        await pilot.pause(0.3)
        assert screen_text(app).splitlines()[-1].strip() == "^q Quit f1 Help"


async def test_a_click_does_what_the_key_would() -> None:
    app = Page()
    async with app.run_test(size=(60, 5)) as pilot:
        await pilot.pause(0.1)
        line = screen_text(app).splitlines()[-1]
        for word, presses in (("Alpha", 0), ("b Bet", 1), ("tron", 2), ("c C", 2)):
            await pilot.click(KeyFooter, offset=(line.index(word), 0))
            await pilot.pause()
            assert app.pressed == presses
