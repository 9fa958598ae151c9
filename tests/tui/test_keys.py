"""Keys that the interface tells to press work from where the user is, in text fields too."""

from __future__ import annotations

from functools import partial

import pytest
from host import screen_text, until
from textual._xterm_parser import XTermParser
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input
from textual.widgets._toast import Toast
from workbench import workbench

from cnn_tui.events import Phase, Progress
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.forms.experiment_form import ExperimentForm
from cnn_tui.tui.screen_keys import SCREENS, ModeName
from cnn_tui.tui.screens.setup_panes import StartBar
from cnn_tui.tui.terminal import read_alt_digits
from cnn_tui.tui.widgets.preset_list import PresetList
from cnn_tui.tui.widgets.title_bar import shortened
from samples import started

LIMIT = "data.train_limit"


async def into_field(pilot: Pilot[None], app: Workbench, path: str = LIMIT) -> Input:
    """Put the cursor into a text field of the form."""
    app.screen.query_one(ExperimentForm).focus_field(path)
    await pilot.pause()
    assert isinstance(app.focused, Input)
    return app.focused


@pytest.mark.parametrize("mode", SCREENS)
async def test_each_screen_is_reached_from_within_a_field_and_the_field_stays_as_it_was(mode: ModeName) -> None:
    keys = SCREENS[mode]
    for key in (keys.key, f"alt+{keys.digit}"):
        async with workbench() as (app, _, pilot):
            field = await into_field(pilot, app)
            await pilot.press(key)
            await until(pilot, lambda: app.current_mode == mode)
            assert field.value == ""


async def test_plain_digits_lead_to_screens_where_no_text_is_typed() -> None:
    async with workbench() as (app, _, pilot):
        for mode, keys in SCREENS.items():
            await pilot.press(keys.digit)
            await until(pilot, partial(_is_at, app, mode))


def _is_at(app: Workbench, mode: ModeName) -> bool:
    return app.current_mode == mode


def test_alt_with_a_digit_is_not_taken_for_a_letter() -> None:
    read_alt_digits()
    keys = [(event.key, event.is_printable) for event in XTermParser().feed("\x1b2") if isinstance(event, Key)]
    assert keys == [("alt+2", False)]


async def test_the_key_that_a_hint_names_works_in_the_field_where_it_is_read() -> None:
    async with workbench() as (app, _, pilot):
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.current_mode == "live")
        await pilot.press("f2")
        field = await into_field(pilot, app)
        assert "press f3 to watch it" in app.screen.query_one(StartBar).text
        await pilot.press("f3")
        await until(pilot, lambda: app.current_mode == "live")
        assert field.value == ""


async def test_after_start_the_focus_is_no_longer_in_the_form() -> None:
    async with workbench() as (app, _, pilot):
        field = await into_field(pilot, app)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.current_mode == "live")
        await pilot.press("f2")
        await until(pilot, lambda: app.current_mode == "setup")
        assert not isinstance(app.focused, Input)
        await pilot.press("2")
        await until(pilot, lambda: app.current_mode == "live")
        assert field.value == ""


async def test_the_search_and_the_next_problem_are_reached_from_anywhere_on_setup() -> None:
    async with workbench() as (app, _, pilot):
        field = await into_field(pilot, app)
        await pilot.press("0")
        await until(pilot, lambda: "f8 to go to" in app.screen.query_one(StartBar).text)
        await pilot.press("ctrl+f")
        await until(pilot, lambda: app.focused is app.screen.query_one(PresetList).query_one(Input))
        await pilot.press("f8")
        await until(pilot, lambda: app.focused is field)
        assert "ctrl+f" in screen_text(app)


async def test_tabs_and_help_name_the_same_keys() -> None:
    async with workbench() as (app, _, pilot):
        first = screen_text(app).splitlines()[0]
        assert all(f"{keys.key} {keys.title}" in first for keys in SCREENS.values())
        await pilot.press("f1")
        await until(pilot, lambda: "On this screen" in screen_text(app))
        help_text = [" ".join(line.split()) for line in screen_text(app).splitlines()]
        assert any("f3 2 alt+2 Live" in line for line in help_text)


async def test_on_a_narrow_screen_the_state_of_the_run_is_not_cut() -> None:
    async with workbench(size=(80, 24)) as (app, trainer, pilot):
        await pilot.press("ctrl+r")
        trainer.emit(started(epochs=10), Phase(name="training", time=101.0))
        await until(pilot, lambda: screen_text(app).splitlines()[0].rstrip().endswith(" epoch 1/5"))
        await pilot.press("f2", "f3", "p")
        trainer.emit(Progress(done=1, total=2, unit="steps", time=102.0))
        await until(pilot, lambda: screen_text(app).splitlines()[0].rstrip().endswith("paused"))


def test_the_state_of_a_run_is_shortened_by_words_before_it_is_cut() -> None:
    words = "paused · training epoch 30/100 · 42 %"
    assert shortened(words, 40) == words
    assert shortened(words, 30) == "paused · epoch 30/100 · 42 %"
    assert shortened(words, 22) == "paused · epoch 30/100"
    assert shortened("starting…", 3) == "starting…"


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_toast_covers_neither_the_status_line_nor_the_footer(size: tuple[int, int]) -> None:
    async with workbench(size=size, notifications=True) as (app, trainer, pilot):
        app.notify("Something\nwas\nsaved", title="Saved", markup=False, timeout=60)
        await until(pilot, lambda: app.screen.query(Toast) and "Saved" in screen_text(app))
        assert _lowest_toast(app) <= app.screen.query_one(StartBar).region.y
        await pilot.press("ctrl+r")
        trainer.emit(started(), Phase(name="training", time=101.0))
        await until(pilot, lambda: "▶ training" in screen_text(app) and app.screen.query(Toast))
        app.notify("Something\nelse", title="Saved", markup=False, timeout=60)
        await until(pilot, lambda: _lowest_toast(app) > 0)
        assert _lowest_toast(app) <= app.screen.query_one("#remark").region.y


def _lowest_toast(app: Workbench) -> int:
    """The first line below all toasts."""
    return max((toast.region.bottom for toast in app.screen.query(Toast)), default=0)
