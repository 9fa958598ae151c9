"""The Studies screen, driven by keys with a scripted trainer: from the form to the table to an opened row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from host import screen_text, until, until_shown
from scripted_trainer import ScriptedTrainer
from textual.pilot import Pilot
from textual.widgets import Input
from workbench import workbench

from cnn_tui import paths
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import ErrorReport, JobFinished, JobStarted, RunReused
from cnn_tui.store.presets import load_study, save_preset
from cnn_tui.trainer.protocol import Idle, Lost
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.forms.experiment_form import ExperimentForm
from cnn_tui.tui.forms.study_form import StudyForm
from cnn_tui.tui.messages import CompareRequested, SessionRequested, StudyDrafted
from cnn_tui.tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cnn_tui.tui.screens.quit import QuitScreen
from cnn_tui.tui.screens.studies import StudiesScreen
from cnn_tui.tui.screens.studies_list import StudyList
from cnn_tui.tui.screens.studies_results import StudyResults
from cnn_tui.tui.screens.studies_table import StudyLine, StudyTableView
from cnn_tui.tui.widgets.table_model import GAP
from study_records import row_failed, row_finished, row_started, store_row, study

EPOCHS = study(name="how long", values=[1, 2, 3])


def save_as_user_preset(preset: StudyPreset) -> Path:
    """Save a study as a preset of the user, the first in the list."""
    return save_preset(preset, paths.user_presets_folder(), preset.name)


def screen(app: Workbench) -> StudiesScreen:
    assert isinstance(app.screen, StudiesScreen)
    return app.screen


def lines(app: Workbench) -> list[StudyLine]:
    return screen(app).query_one(StudyTableView).rows


def states(app: Workbench) -> list[str]:
    return [line.state for line in lines(app)]


async def open_study(app: Workbench, pilot: Pilot[None], name: str) -> None:
    """Open Studies, and choose a study in its list."""
    await pilot.press("5")
    await until(pilot, lambda: isinstance(app.screen, StudiesScreen))
    listed = screen(app).query_one(StudyList)
    await until(pilot, lambda: any(entry.name == name for entry in listed.entries))
    entry = next(entry for entry in listed.entries if entry.name == name)
    listed.post_message(StudyList.Chosen(entry))
    await until(pilot, lambda: screen(app).study == entry.study)
    await until(pilot, lambda: any(text in screen_text(app) for text in ("runs", "1 run", "its run")))


async def start_study(app: Workbench, trainer: ScriptedTrainer, pilot: Pilot[None], preset: StudyPreset) -> None:
    """Save a study as a preset of the user, open and start it."""
    save_as_user_preset(preset)
    await open_study(app, pilot, "how-long")
    await pilot.press("ctrl+r")
    await until(pilot, lambda: trainer.studies)
    trainer.emit_job(JobStarted(preset=preset, runs=len(list(preset.cells()))))


async def test_a_list_of_values_in_setup_opens_as_a_study() -> None:
    async with workbench() as (app, _, pilot):
        app.screen.query_one(ExperimentForm).focus_field("training.optimizer.learning_rate")
        await pilot.press("end", "ctrl+u", *"0.0001,")
        await pilot.pause()
        assert "ctrl+t" not in screen_text(app)
        await pilot.press("space", *"0.01")
        await until(pilot, lambda: "several values: ctrl+t" in screen_text(app))
        await until(pilot, lambda: "^t Study" in screen_text(app))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and screen(app).study is not None)
        draft = screen(app).study
        assert draft is not None
        assert (draft.name, draft.factor) == ("quickstart by learning rate", "training.optimizer.learning_rate")
        assert draft.values == (0.0001, 0.01)
        assert draft.base.data.dataset == "digits"
        assert isinstance(app.focused, Input)
        assert app.focused.value == "0.0001, 0.01"


async def test_a_draft_of_the_preset_in_setup_is_shown_first() -> None:
    async with workbench() as (app, _, pilot):
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen))
        await until(pilot, lambda: "quickstart by learning rate" in screen_text(app))
        await until(pilot, lambda: "✓ Ready: 3 runs" in screen_text(app))
        names = [entry.name for entry in screen(app).query_one(StudyList).entries]
        assert "report-table3" in names
        assert "quickstart" not in names


async def test_invalid_values_show_an_error_below_their_field() -> None:
    save_as_user_preset(EPOCHS)
    errors = {
        "1, x": '"x" is not allowed: a whole number is expected',
        "1, 0": "0 is not allowed: at least 1",
        "1, 2, 1": "1 is listed more than once",
        "": "values is empty: at least one value is needed",
    }
    async with workbench(size=(80, 24)) as (app, trainer, pilot):
        await open_study(app, pilot, "how-long")
        form = screen(app).query_one(StudyForm)
        for typed, error in errors.items():
            form.focus_field("values")
            await pilot.press("end", "ctrl+u", *typed)
            await until_shown(pilot, app, f"↑ {error}")
            assert form.study is None
            assert f"✗ Cannot start: {error}" in screen_text(app)
        form.focus_field("repeats")
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert trainer.studies == []
        assert app.focused is form.query("TextControl").first()


async def test_the_table_fills_row_by_row_and_shows_the_running_row() -> None:
    async with workbench() as (app, trainer, pilot):
        await start_study(app, trainer, pilot, EPOCHS)
        assert trainer.studies == [(EPOCHS, False)]
        await until(pilot, lambda: states(app) == ["waiting"] * 3)
        trainer.emit_job(*row_started(EPOCHS, 0))
        await until(pilot, lambda: states(app)[0].startswith("▶ epoch 1/1"))
        await until(pilot, lambda: "1/3 · epoch 1/1" in screen_text(app).splitlines()[0])
        trainer.emit_job(row_finished(EPOCHS, 0, 0.5), *row_started(EPOCHS, 1))
        await until(pilot, lambda: states(app)[0] == "done" and states(app)[1].startswith("▶"))
        assert (figure := lines(app)[0].row.accuracy) is not None
        assert figure.mean == 0.5
        trainer.emit_job(row_finished(EPOCHS, 1, 0.9), *row_started(EPOCHS, 2), row_finished(EPOCHS, 2, 0.7))
        trainer.emit_job(JobFinished(status="done"))
        await until(pilot, lambda: states(app) == ["done"] * 3)
        assert [line.best for line in lines(app)] == [False, True, False]
        await until(pilot, lambda: "✓ Done: all 3 runs finished" in screen_text(app))
        assert "Best by validation accuracy: epochs = 2 (0.9000)" in screen_text(app)
        assert app.current_mode == "studies"


async def test_all_rows_trained_together_show_their_progress() -> None:
    async with workbench() as (app, trainer, pilot):
        await start_study(app, trainer, pilot, EPOCHS)
        trainer.emit_job(*row_started(EPOCHS, 0), *row_started(EPOCHS, 1), *row_started(EPOCHS, 2))
        await until(pilot, lambda: all(state.startswith("▶") for state in states(app)))
        await until(pilot, lambda: "3 together" in screen_text(app))


async def test_a_failed_row_shows_the_reason_and_the_study_continues() -> None:
    async with workbench() as (app, trainer, pilot):
        await start_study(app, trainer, pilot, EPOCHS)
        trainer.emit_job(
            *row_started(EPOCHS, 0), row_failed(EPOCHS, 0, "Not [/] enough memory"), *row_started(EPOCHS, 1)
        )
        await until(pilot, lambda: states(app)[0] == "failed: Not [/] enough memory")
        assert states(app)[1].startswith("▶")
        trainer.emit_job(row_finished(EPOCHS, 1, 0.9), *row_started(EPOCHS, 2), row_finished(EPOCHS, 2, 0.7))
        trainer.emit_job(JobFinished(status="failed", failed=1))
        await until(pilot, lambda: "1 of 3 runs left" in screen_text(app))


async def test_x_stops_and_p_pauses_the_study_in_live_too() -> None:
    async with workbench() as (app, trainer, pilot):
        await start_study(app, trainer, pilot, EPOCHS)
        trainer.emit_job(*row_started(EPOCHS, 0))
        await until(pilot, lambda: states(app)[0].startswith("▶"))
        await pilot.press("p")
        await until(pilot, lambda: "paused" in screen_text(app))
        await pilot.press("p")
        await until(pilot, lambda: trainer.calls[-1] == "resume")
        await pilot.press("2")
        await until(pilot, lambda: app.current_mode == "live" and "how long epochs=1" in screen_text(app))
        await pilot.press("x")
        await until(pilot, lambda: trainer.calls[-1] == "stop")
        assert "stopping" in screen_text(app)
        assert app.job is not None
        assert app.job.stage == "stopping"


async def test_letters_typed_into_the_form_are_not_commands() -> None:
    async with workbench() as (app, trainer, pilot):
        await start_study(app, trainer, pilot, EPOCHS)
        trainer.emit_job(*row_started(EPOCHS, 0))
        await until(pilot, lambda: states(app)[0].startswith("▶"))
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press("end", *"xpc 5")
        await pilot.pause()
        assert isinstance(app.focused, Input)
        assert app.focused.value == "1, 2, 3xpc 5"
        assert "stop" not in trainer.calls


async def test_enter_opens_the_results_of_a_finished_row_and_live_for_a_running_one() -> None:
    async with workbench() as (app, trainer, pilot):
        await start_study(app, trainer, pilot, EPOCHS)
        trainer.emit_job(*row_started(EPOCHS, 0), row_finished(EPOCHS, 0, 0.5), *row_started(EPOCHS, 1))
        await until(pilot, lambda: states(app)[0] == "done")
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "results")
        assert app.shown_session == "20261123T001500Z-0"
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.focused, StudyTableView))
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.current_mode == "live")


async def test_opening_a_row_of_several_seeds_asks_which_run() -> None:
    seeds = study(name="how long", values=[1, 2], repeats=2)
    sessions = [store_row(seeds, row, 0.5 + row / 10) for row in range(4)]
    save_as_user_preset(seeds)
    async with workbench() as (app, _, pilot):
        await open_study(app, pilot, "how-long")
        await until(pilot, lambda: states(app) == ["done", "done"])
        await pilot.press("down", "enter")
        await until(pilot, lambda: "run 2, accuracy 0.8000" in screen_text(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.shown_session == sessions[3])


async def test_marked_rows_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions = [store_row(EPOCHS, row, 0.5) for row in range(3)]
    save_as_user_preset(EPOCHS)
    requests: list[CompareRequested] = []
    monkeypatch.setattr(Workbench, "on_compare_requested", lambda _, message: requests.append(message))
    async with workbench(size=(80, 24)) as (app, _, pilot):
        await open_study(app, pilot, "how-long")
        await until(pilot, lambda: states(app) == ["done"] * 3)
        assert "Compare" not in screen_text(app)
        await pilot.press("space")
        await until(pilot, lambda: "c Compare" in screen_text(app))
        assert "f1 Help" in screen_text(app).splitlines()[-1]
        await pilot.press("c", "end", "space")
        await until(pilot, lambda: [line.marked for line in lines(app)] == [True, False, True])
        assert requests == []
        await pilot.press("c")
        await until(pilot, lambda: requests)
    assert [message.session_ids for message in requests] == [(sessions[0], sessions[2])]


async def test_finished_rows_are_reused_and_a_finished_study_is_only_repeated_after_confirmation() -> None:
    first = store_row(EPOCHS, 0, 0.5)
    save_as_user_preset(EPOCHS)
    async with workbench() as (app, trainer, pilot):
        await open_study(app, pilot, "how-long")
        await until(pilot, lambda: "✓ Ready: 2 of 3 runs left" in screen_text(app))
        assert states(app) == ["done", "waiting", "waiting"]
        await pilot.press("ctrl+r")
        await until(pilot, lambda: trainer.studies == [(EPOCHS, False)])
        trainer.emit_job(JobStarted(preset=EPOCHS, runs=3), RunReused(run=0, session_id=first))
        for row in (1, 2):
            trainer.emit_job(*row_started(EPOCHS, row), row_finished(EPOCHS, row, 0.6))
        trainer.emit_job(JobFinished(status="done"))
        await until(pilot, lambda: "✓ Done" in screen_text(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: trainer.studies[1:] == [(EPOCHS, True)])
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and states(app) == ["waiting"] * 3)


async def test_relative_paths_become_absolute_and_finished_rows_are_found_by_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    starts = study(name="how long", factor="model.weights", values=["random", "w.pth"])
    absolute = starts.model_copy(update={"values": ("random", str(tmp_path / "w.pth"))})
    store_row(absolute, 1, 0.5)
    save_as_user_preset(starts)
    async with workbench() as (app, trainer, pilot):
        await open_study(app, pilot, "how-long")
        await until(pilot, lambda: states(app) == ["waiting", "done"])
        await pilot.press("ctrl+r")
        await until(pilot, lambda: trainer.studies == [(absolute, False)])
        trainer.emit_job(JobStarted(preset=absolute, runs=2), *row_started(absolute, 0))
        await until(pilot, lambda: "epoch 1/10" in states(app)[0])


async def test_values_that_are_the_same_file_are_refused_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_as_user_preset(study(name="how long", factor="model.weights", values=["w.pth", str(tmp_path / "w.pth")]))
    async with workbench() as (app, trainer, pilot):
        await open_study(app, pilot, "how-long")
        await pilot.press("ctrl+r")
        await until(pilot, lambda: any("is listed more than once" in one.message for one in app._notifications))
        assert trainer.studies == []
        assert not app.busy


async def test_changed_values_replace_the_description_of_a_study() -> None:
    save_as_user_preset(study(name="how long", values=[1, 2, 3], description="One to three."))
    async with workbench() as (app, trainer, pilot):
        await open_study(app, pilot, "how-long")
        for typed in ("1, 2, 4", "1, 2, 5"):
            screen(app).query_one(StudyForm).focus_field("values")
            await pilot.press("end", "ctrl+u", *typed)
        await until(pilot, lambda: (found := screen(app).study) is not None and found.values == (1, 2, 5))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: trainer.studies)
        assert trainer.studies[0][0].description == "From study how long, changed: values."


async def test_a_past_study_is_reconstructed_from_its_sessions() -> None:
    for row in range(3):
        store_row(EPOCHS, row, 0.5 + row / 10)
    async with workbench() as (app, trainer, pilot):
        await open_study(app, pilot, "how long")
        await until(pilot, lambda: states(app) == ["done"] * 3)
        assert "past study" in screen_text(app)
        assert isinstance(app.focused, StudyTableView)
        assert trainer.studies == []


async def test_saving_creates_a_user_preset_and_confirms_before_overwriting() -> None:
    async with workbench() as (app, _, pilot):
        await open_study(app, pilot, "report-table3")
        for name in ("mine", "mine"):
            await pilot.press("ctrl+s")
            await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
            app.screen.query_one(Input).value = name
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, StudiesScreen | ConfirmScreen))
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and "your study" in screen_text(app))
    saved = load_study(paths.user_presets_folder() / "mine.json")
    assert saved.name == "mine"
    assert saved.reported == load_study(paths.shipped_presets_folder() / "report-table3.json").reported


@pytest.mark.parametrize(
    ("suffix", "part"), [("md", "| epochs"), ("csv", "epochs,"), ("html", "<svg"), ("tex", "\\begin")]
)
async def test_the_suffix_of_the_file_selects_the_format_of_the_report(tmp_path: Path, suffix: str, part: str) -> None:
    for row in range(3):
        store_row(EPOCHS, row, 0.5)
    save_as_user_preset(EPOCHS)
    async with workbench() as (app, _, pilot):
        await open_study(app, pilot, "how-long")
        await until(pilot, lambda: states(app) == ["done"] * 3)
        await pilot.press("ctrl+e")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(tmp_path / "report.doc")
        await pilot.press("enter")
        await until(pilot, lambda: "must end in one of" in screen_text(app))
        file = tmp_path / f"report.{suffix}"
        app.screen.query_one(Input).value = str(file)
        await pilot.press("enter")
        await until(pilot, file.exists)
    assert part.casefold() in file.read_text().casefold()


@pytest.mark.parametrize(("key", "mode"), [("1", "setup"), ("2", "studies"), ("4", "sessions")])
async def test_the_end_of_a_study_opens_its_table_only_from_live(key: str, mode: str) -> None:
    async with workbench() as (app, trainer, pilot):
        await start_study(app, trainer, pilot, EPOCHS)
        trainer.emit_job(*row_started(EPOCHS, 0))
        await until(pilot, lambda: states(app)[0].startswith("▶"))
        await pilot.press(key)
        await until(pilot, lambda: app.current_mode != "studies")
        trainer.emit_job(row_finished(EPOCHS, 0, 0.5), JobFinished(status="stopped"))
        await until(pilot, lambda: not app.busy and app.current_mode == mode)


async def test_no_run_starts_during_a_study_and_the_quit_dialog_names_the_study() -> None:
    async with workbench() as (app, trainer, pilot):
        await start_study(app, trainer, pilot, EPOCHS)
        await pilot.press("1")
        await until(pilot, lambda: "The next can start when it ends" in screen_text(app))
        await pilot.press("ctrl+r")
        await until(pilot, lambda: any(note.title == "A study is running" for note in app._notifications))
        assert trainer.submitted == []
        await pilot.press("ctrl+q")
        await until(
            pilot, lambda: isinstance(app.screen, QuitScreen) and "A study is still running" in screen_text(app)
        )
        await pilot.press("escape")


async def test_a_lost_trainer_ends_the_study_and_is_reported_once() -> None:
    async with workbench() as (app, trainer, pilot):
        await start_study(app, trainer, pilot, EPOCHS)
        trainer.emit_job(*row_started(EPOCHS, 0))
        await until(pilot, lambda: states(app)[0].startswith("▶"))
        error = ErrorReport(title="The trainer was killed")
        trainer.emit_job(row_failed(EPOCHS, 0, error.title), JobFinished(status="failed", failed=1, error=error))
        trainer.send(Lost(status="failed", session_id=None, error=error, log_tail=""))
        trainer.send(Idle())
        await until(pilot, lambda: states(app)[0] == "failed: The trainer was killed")
        assert [note.title for note in app._notifications].count(error.title) == 1
        assert not app.busy


async def test_a_small_terminal_shows_either_list_or_form_or_table() -> None:
    for row in range(3):
        store_row(EPOCHS, row, 0.5)
    save_as_user_preset(EPOCHS)
    async with workbench(size=(80, 24)) as (app, _, pilot):
        await pilot.press("5")
        await until(pilot, lambda: "Choose a study" in screen_text(app) and "how-long" in screen_text(app))
        assert "^r Start" not in screen_text(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "✓ Done" in screen_text(app) and states(app) == ["done"] * 3)
        assert not screen(app).query_one(StudyForm).display
        assert screen(app).query_one("#curves").region.height >= 8
        await pilot.press("f9")
        await until(pilot, lambda: screen(app).query_one(StudyForm).display and isinstance(app.focused, Input))
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.focused, StudyTableView))
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "Choose a study" in screen_text(app))


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_no_column_is_cut_off_on_the_right(size: tuple[int, int]) -> None:
    async with workbench(size=size) as (app, _, pilot):
        await open_study(app, pilot, "report-table3")
        await until(pilot, lambda: "f1 Help" in screen_text(app).splitlines()[-1])
        await until(pilot, lambda: "reported" in screen_text(app))
        heading = next(line for line in screen_text(app).splitlines() if "reported" in line)
        assert {"accuracy", "reported", "difference", "time", "state"} <= set(heading.split())


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
@pytest.mark.parametrize("fraction", [0.1, 0.0])
async def test_the_column_of_the_criterion_is_always_shown(size: tuple[int, int], fraction: float) -> None:
    wide = study(
        name="how long",
        base={"data": {"validation_fraction": fraction}},
        factor="training.optimizer.learning_rate",
        values=[0.1, 0.01],
        second_factor="model.architecture",
        second_values=["mobilenet_v3_large", "efficientnet_v2_s"],
        repeats=2,
    )
    for row in range(8):
        store_row(wide, row, 0.5 + row / 100, validation=0.9 - row / 100 if fraction else None)
    save_as_user_preset(wide)
    async with workbench(size=size) as (app, _, pilot):
        await open_study(app, pilot, "how-long")
        await until(pilot, lambda: states(app) == ["done"] * 4)
        table = screen(app).query_one(StudyTableView)
        await until(pilot, lambda: "state" in table.columns)
        assert "validation" in table.columns if fraction else "validation" not in table.columns
        heading = next(line for line in screen_text(app).splitlines() if "accuracy" in line and "state" in line)
        assert "★ validation" in heading if fraction else "★ accuracy" in heading
        assert sum(table._model.widths.values()) + GAP * len(table.columns) <= table.size.width
        criterion = "validation accuracy" if fraction else "test accuracy"
        await until(pilot, lambda: f"Best by {criterion}: learning rate = " in screen_text(app))


async def test_texts_of_users_are_never_markup() -> None:
    hostile = study(name="[/] [red]x\x1b]52;c;eA==\x07\u202e", description="[/nope]", values=[1, 2])
    store_row(hostile, 0, 0.5)
    async with workbench() as (app, _, pilot):
        await open_study(app, pilot, hostile.name)
        await until(pilot, lambda: "[/] [red]x" in screen_text(app))
        assert not {"\x1b", "\x07", "\u202e"} & set(screen_text(app))
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.focused, Input))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))


async def test_the_base_opens_in_setup() -> None:
    save_as_user_preset(study(name="how long", base={"data": {"dataset": "mnist"}}))
    async with workbench() as (app, _, pilot):
        await open_study(app, pilot, "how-long")
        await pilot.press("ctrl+b")
        await until(pilot, lambda: app.current_mode == "setup" and "mnist" in screen_text(app))
        assert app.preset_in_setup is not None
        assert app.preset_in_setup.preset.description == "The base of the study how long."


async def test_a_broken_preset_hides_no_other_study() -> None:
    save_as_user_preset(EPOCHS)
    (paths.user_presets_folder() / "broken.json").write_text(json.dumps({"kind": "study", "factor": "nope"}))
    async with workbench() as (app, _, pilot):
        await open_study(app, pilot, "how-long")


async def test_a_draft_opens_by_message_and_is_named_after_its_factor() -> None:
    async with workbench() as (app, _, pilot):
        await pilot.press("5")
        await until(pilot, lambda: "quickstart by learning rate" in screen_text(app))
        assert app.edited_preset is not None
        app.post_message(StudyDrafted(app.edited_preset, "training.epochs", "1, 2, 3"))
        await until(pilot, lambda: "quickstart by epochs" in screen_text(app))
        await until(pilot, lambda: (draft := screen(app).study) is not None and draft.values == (1, 2, 3))
        results = screen(app).query_one(StudyResults)
        results.post_message(SessionRequested("gone"))
        await until(pilot, lambda: app.current_mode == "results")


async def test_sessions_finds_the_runs_of_a_study_by_its_name() -> None:
    for row in range(2):
        store_row(EPOCHS, row, 0.5)
    store_row(study(name="another"), 2, 0.5)
    async with workbench() as (app, _, pilot):
        await pilot.press("4")
        await until(pilot, lambda: app.current_mode == "sessions" and "epochs 10 · another" in screen_text(app))
        await pilot.press("slash", *"study", "space", *"long")
        await until(pilot, lambda: "2 of 3 sessions" in screen_text(app))
        await until(pilot, lambda: "run 2 of “how long”" in screen_text(app))
