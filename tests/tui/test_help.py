"""The help: this program's keys and no others, those of the screen before those that work everywhere."""

from __future__ import annotations

from typing import ClassVar

import pytest
from host import screen_text, until
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input
from workbench import workbench

from cnn_tui.tui.forms.experiment_form import ExperimentForm
from cnn_tui.tui.screens.help import HelpScreen, bindings_of

# What Textual's scrolling containers, lines of text and screens bring with them.
TEXTUALS = (
    "Scroll ",
    "Page Up",
    "Move cursor",
    "Delete character",
    "Go to end",
    "Focus Next",
    "Copy selected",
    "Submit",
)


@pytest.mark.parametrize("mode", ["setup", "live", "results", "sessions", "studies"])
@pytest.mark.parametrize("size", [(80, 24), (120, 60)])
async def test_only_the_programs_own_keys(mode: str, size: tuple[int, int]) -> None:
    async with workbench(size=size) as (app, _, pilot):
        await app.switch_mode(mode)
        await pilot.pause()
        app.action_help()
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.pause()
        text = screen_text(app)
        assert "On this screen" in text
        assert not any(words in text for words in TEXTUALS)
        if size[1] > 24:
            here, _, everywhere = text.partition("Everywhere")
            assert "Quit" in everywhere
            assert "Quit" not in here


async def test_a_field_of_text_brings_none_of_its_editing_keys() -> None:
    async with workbench(size=(120, 60)) as (app, _, pilot):
        app.screen.query_one(ExperimentForm).focus_field("training.epochs")
        await pilot.pause()
        assert isinstance(app.focused, Input)
        app.action_help()
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.pause()
        text = screen_text(app)
        assert "Restore the loaded value of this field" in text
        assert "Next field" in text
        assert not any(words in text for words in TEXTUALS)


async def test_what_does_nothing_now_is_dimmed_and_still_listed() -> None:
    async with workbench(size=(120, 60)) as (app, _, pilot):
        await app.switch_mode("live")
        await pilot.pause()
        by_words = {active.binding.description: active for active in bindings_of(app.screen)}
        assert not by_words["Stop"].enabled
        app.action_help()
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.pause()
        assert "Stop: test and save the model trained so far" in screen_text(app)


class Base(Screen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "app.bell", "Replaced"),
        Binding("b", "app.bell", "Inherited"),
        Binding("c", "app.bell"),
    ]


class Derived(Base):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "app.bell", "First"),
        Binding("a", "refuse", "Second"),
        Binding("home", "app.bell", "Shadowed by the widget"),
    ]

    def compose(self) -> ComposeResult:
        yield Line()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "refuse"


class Line(Input):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("home", "app.bell", "Of the widget")]


async def test_bindings_of_classes_derived_from_each_other_and_of_the_focused_widget() -> None:
    app: App[None] = App()
    async with app.run_test() as pilot:
        await app.push_screen(Derived())
        await pilot.pause()
        found = {active.binding.description: active.enabled for active in bindings_of(app.screen)}
        assert found == {"Of the widget": True, "First": True, "Second": False, "Inherited": True}


class Plain(Screen[None]):
    """A screen that adds nothing to Textual's."""


async def test_a_screen_without_keys_of_its_own_has_no_heading_for_them() -> None:
    app: App[None] = App()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.push_screen(Plain())
        await app.push_screen(HelpScreen(app.screen))
        await pilot.pause()
        assert "On this screen" not in screen_text(app)
