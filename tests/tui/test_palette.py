"""The command palette has every action, and each does what it says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from host import screen_text, until
from stored_sessions import store_hostile_session, store_session
from textual.binding import Binding
from textual.command import CommandInput, CommandList, CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input
from workbench import workbench

from cnn_tui import paths
from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import experiment_fields
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import Phase
from cnn_tui.store.presets import list_presets, save_preset
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.forms.experiment_form import ExperimentForm
from cnn_tui.tui.palette import score
from cnn_tui.tui.palette_commands import Command
from cnn_tui.tui.screen_keys import SCREENS, ModeName
from cnn_tui.tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cnn_tui.tui.screens.studies import StudiesScreen
from cnn_tui.tui.widgets.preset_list import PresetList
from samples import started

SESSION = "20261123T001502Z-pets"
SMALL = override(Experiment(), ["data.dataset=digits", "model.weights=random", "training.epochs=3"])


async def titles(
    pilot: Pilot[None], app: Workbench, query: str = "", wait_for: str = "Screenshot", first: bool = False
) -> list[str]:
    """Open the palette, if it is not open, and search; the titles of what it offers.

    Args:
        wait_for: a title that has to be among them, or be the first of them.
    """
    if not isinstance(app.screen, CommandPalette):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette) and app.screen.query(CommandInput))
    app.screen.query_one(CommandInput).value = query
    found: list[str] = []

    def offered() -> bool:
        options = app.screen.query_one(CommandList).options
        found[:] = [str(option.hit.text) for option in options if hasattr(option, "hit")]
        return wait_for in (found[:1] if first else found)

    await until(pilot, offered)
    return found


async def choose(pilot: Pilot[None], app: Workbench, query: str, title: str) -> None:
    """Search a command, which has to come first, and take it."""
    await titles(pilot, app, query, title, first=True)
    await pilot.press("enter")
    await until(pilot, lambda: not isinstance(app.screen, CommandPalette))


@asynccontextmanager
async def at(mode: ModeName) -> AsyncIterator[tuple[Workbench, Pilot[None]]]:
    """The workbench at a screen that has something to show, with a run in progress."""
    store_session(SESSION)
    async with workbench() as (app, trainer, pilot):
        await pilot.press("ctrl+r")
        trainer.emit(started(SESSION), Phase(name="training", time=101.0))
        await until(pilot, lambda: app.job is not None and app.job.stage == "running")
        app.shown_session = SESSION
        await pilot.press(SCREENS[mode].key)
        await until(pilot, lambda: app.current_mode == mode)
        await pilot.pause(0.2)
        yield app, pilot


@pytest.mark.parametrize("mode", SCREENS)
async def test_every_described_binding_of_a_screen_is_offered_on_it(mode: ModeName) -> None:
    async with at(mode) as (app, pilot):
        screen = app.screen
        active = [one.binding for one in screen.active_bindings.values() if one.node in (screen, app) and one.enabled]
        ours = [*Binding.make_bindings(type(screen).BINDINGS), *Binding.make_bindings(Workbench.BINDINGS)]
        wanted = {one.description for one in ours if one.description and one.action in {two.action for two in active}}
        assert wanted
        offered = await titles(pilot, app)
        missing = {name for name in wanted if name not in offered and f"Go to {name}" not in offered}
        assert missing <= {SCREENS[mode].title}


@pytest.mark.parametrize("mode", SCREENS)
async def test_from_every_screen_the_run_is_steered_and_everything_opened(mode: ModeName) -> None:
    async with at(mode) as (app, pilot):
        offered = await titles(pilot, app, wait_for="Setting: Learning rate")
        for verb in ("Pause", "Stop", "Kill"):
            assert verb in offered or f"{verb} the run" in offered
        others = [keys.title for other, keys in SCREENS.items() if other != mode]
        assert all(f"Go to {title}" in offered for title in others)
        assert {"Change theme", "Quit", "Help", "Open preset quickstart", "Open session pets"} <= set(offered)
        assert all(f"Setting: {spec.title}" in offered for spec in experiment_fields())
        for home, action in (("Setup", "Start"), ("Setup", "Save"), ("Setup", "Open"), ("Results", "Export")):
            assert action in offered or f"{home}: {action}" in offered


async def test_what_does_not_apply_is_left_out_or_says_why() -> None:
    async with workbench(notifications=True) as (app, _, pilot):
        offered = await titles(pilot, app, wait_for="Live: Log")
        assert not any("the run" in title for title in offered)
        await choose(pilot, app, "results export", "Results: Export")
        await until(pilot, lambda: "Not available now." in screen_text(app))
        assert "No result yet" in screen_text(app)


async def test_a_setting_is_found_by_its_name_and_its_field_gets_the_cursor() -> None:
    async with workbench(size=(80, 24)) as (app, _, pilot):
        await pilot.press("f3")
        await choose(pilot, app, "learning rate", "Setting: Learning rate")
        await until(pilot, lambda: app.current_mode == "setup" and isinstance(app.focused, Input))
        await pilot.press("home", "ctrl+k", *"0.5")
        form = app.screen.query_one(ExperimentForm)
        await until(pilot, lambda: (model := form.to_model()) and model.training.optimizer.learning_rate == 0.5)


async def test_a_run_is_started_paused_and_stopped_by_the_palette_from_within_a_field() -> None:
    async with workbench() as (app, trainer, pilot):
        app.screen.query_one(ExperimentForm).focus_field("data.train_limit")
        await choose(pilot, app, "start", "Start")
        await until(pilot, lambda: trainer.submitted)
        trainer.emit(started(), Phase(name="training", time=101.0))
        await pilot.press("f5")
        await choose(pilot, app, "pause", "Pause the run")
        await until(pilot, lambda: app.job is not None and app.job.stage == "paused")
        await choose(pilot, app, "resume", "Resume the run")
        await until(pilot, lambda: app.job is not None and app.job.stage == "running")
        await choose(pilot, app, "kill", "Kill the run")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("escape")
        await choose(pilot, app, "stop", "Stop")
        await until(pilot, lambda: "stop" in trainer.calls)


async def test_presets_studies_and_sessions_open_by_name() -> None:
    store_session(SESSION)
    save_preset(RunPreset(name="mine", experiment=SMALL), paths.user_presets_folder(), "mine")
    async with workbench() as (app, _, pilot):
        await pilot.press("f3")
        await choose(pilot, app, "preset mine", "Open preset mine")
        await until(pilot, lambda: app.current_mode == "setup")
        await until(pilot, lambda: "● mine" in screen_text(app))
        await choose(pilot, app, "session pets", "Open session pets")
        await until(pilot, lambda: app.current_mode == "results" and app.shown_session == SESSION)
        study = next(entry.name for entry in list_presets() if entry.study is not None)
        await choose(pilot, app, f"study {study}", f"Open study {study}")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and app.screen.study is not None)


async def test_the_same_preset_opens_again_after_changes() -> None:
    async with workbench() as (app, _, pilot):
        for _ in range(2):
            await choose(pilot, app, "preset baseline-resnet18", "Open preset baseline-resnet18")
            await until(pilot, lambda: "● baseline-resnet18" in screen_text(app))
            await choose(pilot, app, "epochs", "Setting: Epochs")
            await pilot.press("1")
            await until(pilot, lambda: "1 field changed" in screen_text(app))
            await choose(pilot, app, "preset baseline-resnet18", "Open preset baseline-resnet18")
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.press("y")
            await until(pilot, lambda: "field changed" not in screen_text(app))


async def test_names_from_files_are_not_markup() -> None:
    store_hostile_session()
    paths.user_presets_folder().mkdir(parents=True)
    for number, name in enumerate(("[/red]", "[link=x]y", "a\x1b]52;c;eA==\x07")):
        text = json.dumps({"name": name, "description": name, "experiment": SMALL.model_dump()})
        (paths.user_presets_folder() / f"[red]{number}.json").write_text(text)
    async with workbench() as (app, _, pilot):
        await titles(pilot, app, "[/red]", "Open preset [red]0", first=True)
        await until(pilot, lambda: "Open preset [red]0" in screen_text(app) and "[/red]" in screen_text(app))
        await titles(pilot, app, "session [bold]", "Open session [bold]a\ufffd]52;c;eA==\ufffd[/]", first=True)
        await until(pilot, lambda: "Open session [bold]a" in screen_text(app))
        assert "\x1b" not in screen_text(app)
        await choose(pilot, app, "[red]1", "Open preset [red]1")
        await until(pilot, lambda: app.screen.query(PresetList) and "[link=x]y" in screen_text(app))


async def test_a_dialog_is_answered_before_the_palette_opens() -> None:
    async with workbench() as (app, _, pilot):
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert isinstance(app.screen, AskTextScreen)


async def test_a_theme_is_taken_by_its_name() -> None:
    async with workbench() as (app, _, pilot):
        assert "Theme nord" not in await titles(pilot, app)
        await choose(pilot, app, "theme nord", "Theme nord")
        await until(pilot, lambda: app.theme == "nord")


def command(title: str, words: str = "") -> Command:
    return Command(title, words, lambda: None)


@pytest.mark.parametrize(
    ("query", "first", "second"),
    [
        ("start", command("Start"), command("Studies: Start")),
        ("start", command("Studies: Start"), command("Open", "where to start")),
        ("learning rate", command("Setting: Learning rate"), command("Setting: Schedule", "of the learning rate")),
        ("rate learning", command("Setting: Learning rate"), command("Setting: Schedule", "of the learning rate")),
    ],
)
def test_titles_count_more_than_what_commands_are_for(query: str, first: Command, second: Command) -> None:
    assert 1 >= score(query, first) > score(query, second) > 0


def test_every_word_has_to_be_found() -> None:
    assert score("learning banana", command("Setting: Learning rate")) == 0
    assert score("e e e e e e e e", command("e" * 5000)) > 0  # a name that a fuzzy matcher would not end with
