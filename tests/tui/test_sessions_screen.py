"""The Sessions screen, driven by keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from host import Host, finished_job, screen_text, until
from stored_sessions import store_hostile_session, store_session
from textual.pilot import Pilot
from textual.widgets import Input

from cnn_tui import paths
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import ErrorReport
from cnn_tui.store.checkpoints import CHECKPOINT_FOLDER
from cnn_tui.store.notes import SessionNote, read_note, write_note
from cnn_tui.store.sessions import load_session, lock_of
from cnn_tui.tui.messages import JobRequested, PresetRequested, SessionRequested
from cnn_tui.tui.screens import sessions_preview
from cnn_tui.tui.screens.dialogs import AskTextScreen, ConfirmScreen
from cnn_tui.tui.screens.results_data import SessionView, load_view
from cnn_tui.tui.screens.sessions import SessionsScreen, SessionsTable
from cnn_tui.tui.screens.sessions_dialogs import NoteScreen
from cnn_tui.tui.screens.sessions_preview import PreviewMatrix, SessionPreview
from cnn_tui.tui.screens.sessions_rows import format_time
from study_records import store_row, study

SIZE = (120, 36)
OLD, MIDDLE, NEW = (f"2026112{day}T001502Z-run" for day in (1, 2, 3))


def three() -> list[Path]:
    """Three sessions, oldest first: the best, a failed one and one that learned slowly."""
    error = ErrorReport(title="Not enough memory")
    return [
        store_session(OLD, name="best", matrix=((5, 0, 0), (0, 5, 0), (0, 0, 5)), architecture="vgg16"),
        store_session(MIDDLE, name="too large", matrix=None, status="failed", error=error, architecture="vgg19"),
        store_session(NEW, name="slow", learning_rate=1e-5),
    ]


def table(app: Host) -> SessionsTable:
    return app.screen.query_one(SessionsTable)


def names(app: Host) -> list[str]:
    return [row.name for row in table(app).rows]


async def listed(pilot: Pilot[None], app: Host, *expected: str) -> None:
    """Wait until exactly these sessions are listed."""
    await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and names(app) == list(expected))
    await pilot.pause()


async def test_without_sessions_it_explains_how_to_create_one() -> None:
    app = Host("sessions")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "No sessions yet" in screen_text(app))
        await pilot.press("enter", "r", "o", "n", "d")
        assert app.asked == []


async def test_sessions_come_newest_first_with_their_figures() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=(160, 36)) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        lines = screen_text(app).splitlines()
        first, second = (next(line for line in lines if name in line).split() for name in ("slow", "too large"))
        assert first[1:12] == ["resnet18", "digits", "2", "1e-05", "32", "75.00", "%", "0.7698", "2.5", "s", "done"]
        assert second[2:8] == ["vgg19", "digits", "2", "0.001", "32", "failed"]
        await pilot.press("down")
        await until(pilot, lambda: "Not enough memory · 20261122" in screen_text(app))


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_no_column_is_cut_off_at_the_right(width: int) -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=(width, 24)) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        heading = next(line for line in screen_text(app).splitlines() if "accuracy" in line)
        assert all(word in heading.split() for word in ("name", "model", "data", "macro", "F1", "status"))
        assert {"name", "model", "data", "accuracy", "macro_f1", "status"} <= set(table(app).columns)


async def test_a_broken_session_is_listed_with_its_reason_and_hides_nothing() -> None:
    three()
    folder = store_session("20261124-broken")
    (folder / "session.json").write_text('{"schema_version": 1, "name": 3}')
    app = Host("sessions")
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await listed(pilot, app, "20261124-broken", "slow", "too large", "best")
        assert "broken" in screen_text(app)
        await until(pilot, lambda: "is not a" in screen_text(app))
        await pilot.press("r", "o", "n")
        await until(pilot, lambda: "This session cannot be read" in screen_text(app))
        assert app.asked == []
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await listed(pilot, app, "slow", "too large", "best")


async def test_the_filter_matches_words_in_name_model_data_and_status() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("slash", *"VGG")
        await listed(pilot, app, "too large", "best")
        assert "2 of 3 sessions" in screen_text(app)
        await pilot.press("space", *"done")
        await listed(pilot, app, "best")
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is table(app))
        await pilot.press("escape")
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("slash", *"nothing")
        await until(pilot, lambda: "No session matches" in screen_text(app))


async def test_letters_typed_into_the_filter_are_not_commands() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("slash", *"rondsy")
        assert app.screen.query_one("#filter", Input).value == "rondsy"
        assert app.asked == []
        assert isinstance(app.screen, SessionsScreen)


async def test_sorting_by_accuracy_begins_with_the_best_and_ends_with_those_without() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        table(app).sort_by("accuracy")
        await listed(pilot, app, "best", "slow", "too large")
        await pilot.press("S")
        await listed(pilot, app, "slow", "best", "too large")
        assert table(app).sorted_by == ("accuracy", False)


async def test_the_cursor_stays_on_its_session_when_rows_move() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("end")
        assert (row := table(app).current) is not None
        assert row.name == "best"
        table(app).sort_by("name")
        await listed(pilot, app, "best", "slow", "too large")
        assert table(app).cursor == 0


async def test_many_sessions_are_all_listed_in_order() -> None:
    expected: list[str] = []
    for number in range(60):
        store_session(f"20261123T0015{number:02}Z-run", name=f"run {number:02}", matrix=None, status="stopped")
        expected.insert(0, f"run {number:02}")
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, *expected)
        await pilot.press("end")
        await until(pilot, lambda: (row := table(app).current) is not None and row.name == "run 00")


async def test_enter_rerun_and_preset_apply_to_the_selected_session() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("j", "enter", "r", "o")
        await until(pilot, lambda: len(app.asked) == 3)
    opened, rerun, preset = app.asked
    assert isinstance(opened, SessionRequested)
    assert opened.session_id == MIDDLE
    assert isinstance(rerun, JobRequested)
    assert type(rerun.job.preset) is RunPreset
    assert rerun.job.preset.experiment.model.architecture == "vgg19"
    assert isinstance(preset, PresetRequested)
    assert MIDDLE in preset.source


async def test_only_interrupted_runs_with_a_checkpoint_are_resumed() -> None:
    three()
    for session_id in (OLD, MIDDLE):
        folder = paths.sessions_folder() / session_id / CHECKPOINT_FOLDER
        folder.mkdir()
        (folder / "000001.json").touch()
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("u", "j", "u", "j", "u")
        await until(pilot, lambda: bool(app.asked) and len(app._notifications) == 2)
    (resumed,) = app.asked
    assert isinstance(resumed, JobRequested)
    assert resumed.job.resume == MIDDLE


async def test_rename_keeps_the_session_and_changes_its_name() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = "  "
        await pilot.press("enter")
        await until(pilot, lambda: "1 to 200 characters" in screen_text(app))
        app.screen.query_one(Input).value = "[red]fast"
        await pilot.press("enter")
        await listed(pilot, app, "[red]fast", "too large", "best")
    assert load_session(NEW).name == "[red]fast"


async def test_marks_stay_with_their_sessions_when_sorting_and_filtering() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("space", "down", "space")
        await until(pilot, lambda: "3 sessions, 2 marked" in screen_text(app))
        assert all(f"● {name}" in screen_text(app) for name in ("slow", "best"))
        table(app).sort_by("name")
        await listed(pilot, app, "best", "slow", "too large")
        await pilot.press("slash", *"vgg")
        await listed(pilot, app, "best", "too large")
        assert "● best" in screen_text(app)
        assert "2 of 3 sessions, 2 marked" in screen_text(app)
        await pilot.press("escape")
        await listed(pilot, app, "best", "slow", "too large")
        assert "2 marked" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: "marked" not in screen_text(app) and "●" not in screen_text(app))


async def test_a_second_space_unmarks_and_deleting_removes_the_mark() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("space", "up", "space")
        await until(pilot, lambda: "marked" not in screen_text(app))
        await pilot.press("home", "space", "up", "d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await listed(pilot, app, "too large", "best")
        assert "marked" not in screen_text(app)


async def test_fewer_than_two_marked_sessions_are_not_compared() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("space", "c")
        await until(pilot, lambda: "Mark at least two sessions with space first" in screen_text(app))
        assert isinstance(app.screen, SessionsScreen)


async def test_delete_asks_for_confirmation() -> None:
    folder = three()[2]
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("escape")
        await listed(pilot, app, "slow", "too large", "best")
        assert folder.exists()
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await listed(pilot, app, "too large", "best")
        assert not folder.exists()


async def test_a_running_session_is_neither_renamed_nor_deleted() -> None:
    folder = store_session(NEW, matrix=None, status="running")
    app = Host("sessions")
    with lock_of(folder):
        async with app.run_test(size=SIZE, notifications=True) as pilot:
            await listed(pilot, app, "pets")
            assert "running" in screen_text(app)
            await pilot.press("d")
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.press("y")
            await until(pilot, lambda: "cannot be deleted now" in screen_text(app))
    assert folder.exists()


async def test_the_list_is_reloaded_when_it_is_shown_and_when_a_run_ends() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=SIZE) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        app.switch_mode("results")
        await pilot.pause()
        store_session("20261125T001502Z-run", name="another")
        app.switch_mode("sessions")
        await listed(pilot, app, "another", "slow", "too large", "best")
        store_session("20261126T001502Z-run", name="just ended")
        state = finished_job("20261126T001502Z-run")
        app.job = state
        await listed(pilot, app, "just ended", "another", "slow", "too large", "best")


async def test_hostile_names_are_displayed_safely() -> None:
    store_hostile_session()
    app = Host("sessions")
    async with app.run_test(size=(160, 36)) as pilot:
        await until(pilot, lambda: "[bold]a\ufffd]52;c;eA==\ufffd[/]" in screen_text(app))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.pause()
        assert not {"\x1b", "\x07", "\u202e"} & set(screen_text(app))


async def test_a_note_and_tags_are_written_shown_and_found() -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=(80, 24)) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, NoteScreen))
        await pilot.press(*"[red]a first try", "tab", *"#base,slow Slow", "enter")
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and "#base #slow" in screen_text(app))
        assert read_note(paths.sessions_folder() / NEW) == SessionNote(note="[red]a first try", tags=("base", "slow"))
        details = "#base #slow  [red]a first try · 20261123"
        await until(pilot, lambda: details in screen_text(app))
        for words in ("#slow", "first", "#BASE"):
            await pilot.press("slash", *words)
            await listed(pilot, app, "slow")
            await pilot.press("escape")
            await listed(pilot, app, "slow", "too large", "best")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, NoteScreen))
        assert [line.value for line in app.screen.query(Input)] == ["[red]a first try", "base slow"]
        await pilot.press("tab", "end", "ctrl+u", *("x" * 41), "enter")
        await until(pilot, lambda: "tags" in screen_text(app) and isinstance(app.screen, NoteScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen))
        assert read_note(paths.sessions_folder() / NEW).tags == ("base", "slow")


async def test_a_running_session_can_be_annotated_and_a_broken_note_hides_nothing() -> None:
    folder = store_session(NEW, matrix=None, status="running")
    (folder / "note.json").write_text("{")
    app = Host("sessions")
    with lock_of(folder):
        async with app.run_test(size=SIZE) as pilot:
            await listed(pilot, app, "pets")
            await until(pilot, lambda: "note.json" in screen_text(app))
            await pilot.press("e")
            await until(pilot, lambda: isinstance(app.screen, NoteScreen))
            await pilot.press(*"still going", "enter")
            await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and "still going ·" in screen_text(app))
            assert "running" in screen_text(app)


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_rows_of_a_study_can_be_distinguished_at_every_width(width: int) -> None:
    grid = study(
        name="the-report-of-table-3-again",
        factor="training.optimizer.learning_rate",
        values=[0.01, 0.001],
        repeats=2,
        base={"model": {"architecture": "efficientnet_b0"}},
    )
    for row in range(4):
        store_row(grid, row, 0.5)
    app = Host("sessions")
    async with app.run_test(size=(width, 50)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and len(table(app).rows) == 4)
        await pilot.pause()
        for rate in ("0.01", "0.001"):
            for seed in (0, 1):
                assert f"lr {rate} · seed {seed}" in screen_text(app)


async def test_a_large_terminal_shows_a_preview_of_the_selected_session() -> None:
    three()
    write_note(paths.sessions_folder() / OLD, SessionNote(note="the one to beat", tags=("keep",)))
    app = Host("sessions")
    async with app.run_test(size=(200, 50)) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        preview = app.screen.query_one(SessionPreview)
        await until(pilot, lambda: in_preview(app, "slow", "validation 0.250", "Learning rate  1e-05", "Dataset"))
        await pilot.press("down")
        await until(pilot, lambda: in_preview(app, "too large", "no test result", "Model    vgg19"))
        assert not preview.query_one(PreviewMatrix).display
        await pilot.press("down")
        await until(
            pilot, lambda: in_preview(app, "best", "100.00 %", "#keep  the one to beat", "actual ↓  cat  dog  emu")
        )
        await pilot.press("slash", *"nothing")
        await until(pilot, lambda: preview.has_class("-empty"))


async def test_moving_fast_loads_only_where_the_cursor_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        store_session(f"20261123T0015{number:02}Z-run", name=f"run {number:02}")
    read: list[str] = []

    def counted(session_id: str) -> SessionView:
        read.append(session_id)
        return load_view(session_id)

    monkeypatch.setattr(sessions_preview, "load_view", counted)
    app = Host("sessions")
    async with app.run_test(size=(200, 50)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and len(table(app).rows) == 20)
        for place in range(20):
            table(app).cursor = place
        await until(pilot, lambda: in_preview(app, "run 00"))
    assert len(read) <= 3
    assert read[-1] == "20261123T001500Z-run"


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 36)])
async def test_without_space_for_a_preview_the_list_has_the_full_width(size: tuple[int, int]) -> None:
    three()
    app = Host("sessions")
    async with app.run_test(size=size) as pilot:
        await listed(pilot, app, "slow", "too large", "best")
        preview = app.screen.query_one(SessionPreview)
        assert not preview.display
        assert preview.session_id is None
        assert table(app).region == app.screen.query_one("#body").region


async def test_a_broken_session_is_reported_in_the_preview() -> None:
    (store_session(NEW) / "session.json").write_text("{")
    app = Host("sessions")
    async with app.run_test(size=(200, 50)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SessionsScreen) and len(table(app).rows) == 1)
        await until(pilot, lambda: in_preview(app, "cannot be read as JSON"))


def in_preview(app: Host, *texts: str) -> bool:
    """Whether the preview shows all of these texts."""
    preview = app.screen.query_one(SessionPreview)
    lines = screen_text(app).splitlines()[preview.region.y : preview.region.bottom]
    shown = "\n".join(line[preview.region.x :] for line in lines)
    return all(text in shown for text in texts)


def test_recent_times_are_shorter() -> None:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC).astimezone()
    assert format_time(now - timedelta(minutes=5), now) == f"{now - timedelta(minutes=5):%H:%M}"
    assert format_time(now - timedelta(days=9), now) == f"14 Nov {now:%H:%M}"
    assert format_time(now - timedelta(days=400), now) == "19 Oct 2025"
    assert format_time(None, now) == ""
