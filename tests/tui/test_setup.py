"""Setup, driven by keys: choosing, changing, refusing, starting, saving and opening."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from host import screen_text, until
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static
from workbench import workbench

from cnn_tui import paths
from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.preset import RunPreset
from cnn_tui.store.presets import load_preset, save_preset
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.session_writer import new_session_folder
from cnn_tui.store.sessions import write_record
from cnn_tui.trainer.protocol import Idle
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.forms.experiment_form import ExperimentForm
from cnn_tui.tui.forms.fields import FieldRow
from cnn_tui.tui.messages import PresetRequested
from cnn_tui.tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cnn_tui.tui.screens.setup_panes import StartBar, SummaryPane
from cnn_tui.tui.widgets.preset_list import PresetList
from samples import result, started

SMALL = override(Experiment(), ["data.dataset=digits", "model.weights=random", "training.epochs=3"])
HOSTILE = ("[/]", "[red]x", "a\x1b]52;c;eA==\x07", "\u202egnp.exe", "🦊🦊 fox", "n" * 200)
SIZES = [(80, 24), (120, 36), (200, 50)]


def form(app: Workbench) -> ExperimentForm:
    return app.screen.query_one(ExperimentForm)


def start_words(app: Workbench) -> str:
    return app.screen.query_one(StartBar).text


async def shown(pilot: Pilot[None], app: Workbench, words: str) -> None:
    """Wait until words are on the screen."""
    await until(pilot, lambda: words in screen_text(app))


def own(name: str, experiment: Experiment = SMALL) -> Path:
    return save_preset(RunPreset(name=name, experiment=experiment), paths.user_presets_folder(), name)


async def set_field(pilot: Pilot[None], app: Workbench, path: str, text: str) -> None:
    """Type over a field."""
    form(app).focus_field(path)
    await pilot.pause()
    field = app.focused
    assert isinstance(field, Input)
    field.value = text
    await pilot.pause()


async def choose(pilot: Pilot[None], app: Workbench, name: str) -> None:
    """Search a preset and take it."""
    await pilot.press("slash")
    app.screen.query_one(PresetList).query_one(Input).value = name
    await pilot.pause()
    await pilot.press("enter")
    await pilot.pause()


async def test_the_quickstart_can_start_immediately() -> None:
    async with workbench() as (app, trainer, pilot):
        await until(pilot, lambda: "epochs of 41 steps · no download · time unknown" in start_words(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: trainer.submitted)
        assert trainer.submitted[0].name == "quickstart"
        assert trainer.submitted[0].experiment.data.dataset == "digits"
        assert app.current_mode == "live"


async def test_the_content_of_the_form_is_run() -> None:
    async with workbench() as (app, trainer, pilot):
        await set_field(pilot, app, "training.epochs", "7")
        await set_field(pilot, app, "training.optimizer.learning_rate", "0.05")
        await until(pilot, lambda: "2 fields changed" in screen_text(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: trainer.submitted)
        training = trainer.submitted[0].experiment.training
        assert (training.epochs, training.optimizer.learning_rate) == (7, 0.05)


async def test_an_invalid_form_cannot_start_and_its_first_error_gets_the_focus() -> None:
    async with workbench() as (app, trainer, pilot):
        await set_field(pilot, app, "training.epochs", "0")
        await set_field(pilot, app, "data.image_size", "7")
        await until(pilot, lambda: "2 errors" in start_words(app))
        form(app).focus_field("training.seed")
        await pilot.press("ctrl+r")
        await pilot.pause()
        (row,) = (row for row in app.screen.query(FieldRow) if row.has_focus_within)
        assert row.spec.path == "data.image_size"
        assert "Image size" in start_words(app)
        assert trainer.submitted == []
        assert app.current_mode == "setup"
        await pilot.click("StartBar Button")
        assert trainer.submitted == []


async def test_a_missing_folder_is_reported_before_the_start(tmp_path: Path) -> None:
    async with workbench() as (app, _, pilot):
        form(app).load(override(SMALL, ["data.dataset=folder", f"data.root={tmp_path / 'nowhere'}"]))
        await until(pilot, lambda: "no such folder" in start_words(app))


async def test_a_broken_rule_between_fields_prevents_the_start() -> None:
    async with workbench() as (app, trainer, pilot):
        await set_field(pilot, app, "data.validation_fraction", "0")
        await set_field(pilot, app, "training.early_stopping_patience", "3")
        await until(pilot, lambda: "1 error" in start_words(app))
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert trainer.submitted == []


async def test_resetting_a_field_removes_its_mark() -> None:
    async with workbench() as (app, _, pilot):
        await set_field(pilot, app, "training.epochs", "7")
        await until(pilot, lambda: "1 field changed" in screen_text(app))
        await pilot.press("ctrl+z")
        await until(pilot, lambda: "field changed" not in screen_text(app))


async def test_presets_are_found_by_any_word_and_opened() -> None:
    own("my digits")
    async with workbench() as (app, _, pilot):
        await choose(pilot, app, "resnet50")
        await until(pilot, lambda: form(app).to_model() is not None)
        loaded = form(app).to_model()
        assert loaded is not None
        assert loaded.model.architecture == "resnet50"
        await choose(pilot, app, "my digits")
        await until(pilot, lambda: form(app).to_model() == SMALL)


async def test_an_invalid_preset_is_listed_with_its_error_beside_the_others() -> None:
    paths.user_presets_folder().mkdir(parents=True)
    (paths.user_presets_folder() / "torn.json").write_text('{"kind": "run", "experiment": {"training": {"epochs": 0}}}')
    own("sound")
    async with workbench() as (app, _, pilot):
        text = screen_text(app)
        assert all(words in text for words in ("✗ torn (invalid)", "sound", "baseline-vgg16"))
        before = form(app).to_model()
        await choose(pilot, app, "torn")
        await until(pilot, lambda: "at least 1" in screen_text(app))
        assert form(app).to_model() == before


async def test_saving_asks_for_a_name_and_before_overwriting() -> None:
    async with workbench() as (app, _, pilot):
        await set_field(pilot, app, "training.epochs", "7")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = "My first"
        await pilot.press("enter")
        saved = paths.user_presets_folder() / "my-first.json"
        await until(pilot, saved.exists)
        await until(pilot, lambda: "• 1 field changed" not in screen_text(app) and "my-first" in screen_text(app))
        await set_field(pilot, app, "training.epochs", "9")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("escape")
        await pilot.pause()
        assert load_preset(saved).experiment.training.epochs == 7
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: load_preset(saved).experiment.training.epochs == 9)


async def test_runs_and_saved_presets_have_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "pics" / name).mkdir(parents=True)
        (tmp_path / "pics" / name / "a.png").touch()
    monkeypatch.chdir(tmp_path)
    own("folder", override(SMALL, ["data.dataset=folder", "data.root=nowhere"]))
    async with workbench() as (app, trainer, pilot):
        await choose(pilot, app, "folder")
        await set_field(pilot, app, "data.root", "pics")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = "mine"
        await pilot.press("enter")
        saved = paths.user_presets_folder() / "mine.json"
        await until(pilot, saved.exists)
        assert load_preset(saved).experiment.data.root == str(tmp_path / "pics")
        await until(pilot, lambda: form(app).experiment == load_preset(saved).experiment)
        await set_field(pilot, app, "data.root", "pics")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: trainer.submitted)
        assert trainer.submitted[0].experiment.data.root == str(tmp_path / "pics")


async def test_a_changed_preset_gets_another_description() -> None:
    async with workbench() as (app, trainer, pilot):
        text = load_preset(paths.shipped_presets_folder() / "quickstart.json").description
        await set_field(pilot, app, "training.epochs", "7")
        await set_field(pilot, app, "training.seed", "3")
        await set_field(pilot, app, "training.seed", "0")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: trainer.submitted)
        assert trainer.submitted[0].description == "From preset quickstart, changed: training.epochs."
        trainer.send(Idle())
        await until(pilot, lambda: not app.busy)
        await pilot.press("1")
        await set_field(pilot, app, "training.epochs", "5")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(trainer.submitted) == 2)
        assert trainer.submitted[1].description == text


async def test_a_shipped_preset_is_saved_as_a_copy() -> None:
    shipped = paths.shipped_presets_folder() / "quickstart.json"
    before = shipped.read_text()
    async with workbench() as (app, _, pilot):
        await set_field(pilot, app, "training.epochs", "7")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        await pilot.press("enter")
        await until(pilot, (paths.user_presets_folder() / "quickstart.json").exists)
    assert shipped.read_text() == before


async def test_an_invalid_form_or_name_is_not_saved() -> None:
    async with workbench() as (app, _, pilot):
        await set_field(pilot, app, "training.epochs", "0")
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert not isinstance(app.screen, AskTextScreen)
        await set_field(pilot, app, "training.epochs", "5")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = " "
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, AskTextScreen)
        assert not paths.user_presets_folder().exists()


async def test_opening_by_path_shows_errors_and_accepts_a_session(tmp_path: Path) -> None:
    session_id, folder = new_session_folder("older run")
    record = SessionRecord(
        name="older run", experiment=SMALL, id=session_id, status="done", created="2026-11-23T00:15:02Z"
    )
    write_record(folder, record)
    (tmp_path / "bad.json").write_text("{")
    async with workbench() as (app, trainer, pilot):
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        for wrong, reason in ((tmp_path / "none.json", "no such file"), (tmp_path / "bad.json", "JSON")):
            app.screen.query_one(Input).value = str(wrong)
            await pilot.press("enter")
            await shown(pilot, app, reason)
        app.screen.query_one(Input).value = str(folder / "session.json")
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "setup" and not isinstance(app.screen, AskTextScreen))
        await until(pilot, lambda: form(app).to_model() == SMALL)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: trainer.submitted)
        assert type(trainer.submitted[0]) is RunPreset
        assert trainer.submitted[0].name == "older run (2)"


async def test_changes_are_discarded_only_after_a_question() -> None:
    async with workbench() as (app, _, pilot):
        await set_field(pilot, app, "training.epochs", "7")
        app.post_message(PresetRequested(RunPreset(name="other", experiment=SMALL), "a session"))
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("escape")
        await pilot.pause()
        kept = form(app).to_model()
        assert kept is not None
        assert kept.training.epochs == 7
        app.post_message(PresetRequested(RunPreset(name="third", experiment=SMALL), "a session"))
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: form(app).to_model() == SMALL and "third" in screen_text(app))


async def test_no_run_can_start_while_another_is_in_progress() -> None:
    async with workbench() as (app, trainer, pilot):
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.current_mode == "live")
        await pilot.press("1")
        await until(pilot, lambda: "A run is in progress" in start_words(app))
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert len(trainer.submitted) == 1
        trainer.send(Idle())
        await until(pilot, lambda: "Ready" in start_words(app))


async def test_it_summarizes_the_experiment() -> None:
    async with workbench() as (app, _, pilot):
        await choose(pilot, app, "baseline-vgg16")
        await shown(pilot, app, "■ frozen")
        text = screen_text(app)
        for words in ("■ frozen", "▲ trained", "40,970", "45,000 images", "1,407 per epoch", "unknown"):
            assert words in text, words
        assert "723.5 MB to download" in text


async def test_time_is_estimated_after_a_run_like_it() -> None:
    session_id, folder = new_session_folder("quickstart")
    preset = load_preset(paths.shipped_presets_folder() / "quickstart.json")
    seconds = float(preset.experiment.training.epochs)  # at a pace of one epoch in a second
    record = SessionRecord(
        **{name: getattr(preset, name) for name in RunPreset.model_fields},
        id=session_id,
        status="done",
        created="2026-11-23T00:15:02Z",
        parameters=started().parameters,
        result=result().model_copy(
            update={"images_per_second": 1293.0, "train_seconds": seconds, "total_seconds": seconds + 4}
        ),
    )
    write_record(folder, record)
    async with workbench() as (app, _, pilot):
        await until(pilot, lambda: f"about {seconds + 4:.0f} s" in start_words(app))
        await until(pilot, lambda: "from 1 run" in screen_text(app))


async def test_names_from_files_are_shown_without_escape_sequences() -> None:
    paths.user_presets_folder().mkdir(parents=True)
    for number, name in enumerate(HOSTILE):
        text = json.dumps({"name": name, "description": name, "experiment": SMALL.model_dump()})
        (paths.user_presets_folder() / f"p{number}.json").write_text(text)
    async with workbench() as (app, _, pilot):
        for number, name in enumerate(HOSTILE):
            await choose(pilot, app, f"p{number}")
            seen = name.replace("\x1b", "\ufffd").replace("\x07", "\ufffd").replace("\u202e", "\ufffd")[:40]
            await shown(pilot, app, seen)
            assert not any(bad in screen_text(app) for bad in ("\x1b", "\x07", "\u202e"))


@pytest.mark.parametrize("size", SIZES)
async def test_it_fits(size: tuple[int, int]) -> None:
    async with workbench(size=size) as (app, _, pilot):
        lines = screen_text(app).splitlines()
        assert all(cell_len(line) <= size[0] for line in lines)
        rows = [row for row in app.screen.query(FieldRow) if app.screen.find_widget(row).visible_region.area]
        assert len(rows) >= 8
        assert all(row.control.region.width >= 12 for row in rows)
        summary = app.screen.query_one(SummaryPane)
        assert summary.display is (size[0] >= 120)
        await pilot.press("f9")
        await pilot.pause()
        assert summary.display is (size[0] < 120)
        assert form(app).region.width == 0 or size[0] >= 120


async def test_escape_clears_the_search() -> None:
    async with workbench() as (app, _, pilot):
        entries = app.screen.query_one(PresetList).query_one(OptionList)
        count = entries.option_count
        await pilot.press("slash", *"vgg")
        await until(pilot, lambda: entries.option_count < count)
        await pilot.press("escape")
        await until(pilot, lambda: entries.option_count == count)
        assert app.focused is entries


def entries(app: Workbench) -> OptionList:
    return app.screen.query_one(PresetList).query_one(OptionList)


def marked(app: Workbench) -> list[str]:
    """The entries with the mark of what is in the form."""
    labels = (str(option.prompt) for option in entries(app).options)
    return [label for label in labels if label.startswith("●")]


def about(app: Workbench) -> str:
    return str(app.screen.query_one("#about", Static).content)


async def test_the_preset_named_on_the_command_line_is_marked_and_described() -> None:
    path = paths.shipped_presets_folder() / "baseline-resnet18.json"
    preset = load_preset(path)
    async with workbench(preset=preset, path=path) as (app, _, pilot):
        await until(pilot, lambda: marked(app) == ["● baseline-resnet18"])
        assert about(app).startswith("resnet18 on cifar10")
        option = entries(app).highlighted_option
        assert option is not None
        assert option.id == str(path)


async def test_changes_are_marked_and_counted_in_the_list_until_they_are_reset() -> None:
    async with workbench() as (app, _, pilot):
        assert marked(app) == ["● quickstart"]
        await set_field(pilot, app, "training.epochs", "7")
        await until(pilot, lambda: marked(app) == ["● quickstart •"])
        assert "1 field changed in the form" in about(app)
        await pilot.press("ctrl+z")
        await until(pilot, lambda: marked(app) == ["● quickstart"])
        assert "changed in the form" not in about(app)


async def test_an_unlisted_preset_is_marked_at_the_top(tmp_path: Path) -> None:
    elsewhere = save_preset(RunPreset(name="elsewhere", experiment=SMALL), tmp_path, "elsewhere")
    async with workbench() as (app, _, pilot):
        app.post_message(PresetRequested(RunPreset(name="[/red]", experiment=SMALL), "session 2026"))
        await until(pilot, lambda: marked(app) == ["● [/red]"])
        assert str(entries(app).get_option_at_index(0).prompt) == "In the form"
        assert about(app).startswith("session 2026\n")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(elsewhere)
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, AskTextScreen) and marked(app) == ["● elsewhere"])
        assert str(elsewhere) in about(app)
        await set_field(pilot, app, "training.epochs", "9")
        await until(pilot, lambda: marked(app) == ["● elsewhere •"])
        app.screen.query_one(PresetList).focus_list()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: marked(app) == ["● elsewhere"])
        assert form(app).to_model() == SMALL


async def test_a_listed_preset_opened_by_a_relative_path_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = own("mine")
    monkeypatch.chdir(path.parent)
    async with workbench(preset=load_preset(path), path=Path("mine.json")) as (app, _, pilot):
        await until(pilot, lambda: marked(app) == ["● mine"])
        assert "your preset" in screen_text(app)


async def test_the_mark_follows_a_saved_preset_and_one_whose_file_is_deleted() -> None:
    async with workbench() as (app, _, pilot):
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = "copy"
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, AskTextScreen) and marked(app) == ["● copy"])
        await until(pilot, lambda: app.screen.query_one(PresetList).entries and "In the form" not in about(app))
        option = entries(app).highlighted_option
        assert option is not None
        await until(pilot, lambda: (now := entries(app).highlighted_option) and str(now.prompt) == "● copy")
        saved = paths.user_presets_folder() / "copy.json"
        saved.rename(saved.with_name("other.json"))
        await pilot.press("f3", "f2")
        await until(pilot, lambda: "(file deleted)" in screen_text(app))
        assert marked(app) == ["● copy"]
        assert str(entries(app).get_option_at_index(0).prompt) == "In the form"
