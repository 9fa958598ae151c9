"""Results, driven by keys: what is shown of a session, and what is asked for."""

from __future__ import annotations

import pytest
from host import Host, finished_job, screen_text, until
from kept import HOSTILE, hostile, keep
from textual.geometry import Size
from textual.pilot import Pilot

from cnn_tui.events import ErrorReport, RunFinished
from cnn_tui.store.notes import SessionNote, write_note
from cnn_tui.store.sessions import rename_session
from cnn_tui.tui.screens.pictures import PictureScreen, PicturesScreen
from cnn_tui.tui.screens.results import ResultsScreen
from cnn_tui.tui.screens.results_body import ResultsBody, arrangement
from cnn_tui.tui.screens.results_header import ResultHeader
from cnn_tui.tui.screens.results_panes import ClassTable, PairTable
from cnn_tui.tui.widgets.confusion_matrix import ConfusionMatrixView
from cnn_tui.tui.widgets.picture_grid import PictureGrid

ID = "20261123T001502Z-pets"
SMALL, MIDDLE, LARGE = (80, 24), (120, 36), (200, 50)


def shows(app: Host, *texts: str) -> bool:
    return all(text in screen_text(app) for text in texts)


async def opened(pilot: Pilot[None]) -> None:
    """Wait for the session to be read and shown."""
    await until(pilot, lambda: not pilot.app.screen.has_class("-nothing"))
    await pilot.pause()


async def test_without_a_session_it_says_how_to_get_one() -> None:
    app = Host("results")
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: shows(app, "No result yet", "f2 for Setup", "f5 for Sessions"))
        await pilot.press("r", "o", "y", "t")
        assert app.asked == []


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE])
async def test_header_matrix_and_sentence_stand_at_every_size(size: tuple[int, int]) -> None:
    keep(ID)
    app = Host("results", ID)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await until(pilot, lambda: shows(app, "pets", "done", "75.00 %", "macro of 2/3", "7 of 10 cats"))
        await pilot.press("right")
        await until(pilot, lambda: shows(app, "3 of 10 cats were taken for dogs."))


@pytest.mark.parametrize(
    ("size", "expected"), [((80, 24), "narrow"), ((120, 24), "wide"), ((120, 36), "tall"), ((200, 50), "tall")]
)
def test_the_parts_stand_as_the_size_has_it(size: tuple[int, int], expected: str) -> None:
    assert arrangement(Size(*size), classes=10) == expected
    assert arrangement(Size(*size), classes=100) != "tall"


async def test_resizing_keeps_every_part_within_reach() -> None:
    keep(ID)
    app = Host("results", ID)
    async with app.run_test(size=LARGE) as pilot:
        await opened(pilot)
        for width, height in (SMALL, (20, 5), MIDDLE, SMALL):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
        body = app.screen.query_one(ResultsBody)
        seen = set()
        for _ in range(5):
            await pilot.press("t")
            seen.add(body.active)
        assert seen == {"matrix", "classes", "confused", "curves", "settings"}


async def test_unit_goes_from_counts_to_both_percentages() -> None:
    keep(ID)
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("m")
        await until(pilot, lambda: shows(app, "% of actual"))
        await pilot.press("m")
        await until(pilot, lambda: shows(app, "% of predicted"))


async def test_classes_sort_by_key_and_keep_the_macro_row_last() -> None:
    keep(ID)
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("t")
        table = app.screen.query_one(ClassTable)
        await until(pilot, lambda: len(table.rows) == 4)
        assert shows(app, "leave out 1 class without test pictures: emu")
        await pilot.press("s", "s", "s")
        await until(pilot, lambda: table.sorted_by == ("recall", False) and len(table.rows) == 4)
        assert [line.row.name for line in table.rows] == ["emu", "cat", "dog", "macro, 2 of 3"]
        await pilot.press("S")
        await until(pilot, lambda: table.sorted_by == ("recall", True) and len(table.rows) == 4)
        assert [line.row.name for line in table.rows] == ["dog", "cat", "emu", "macro, 2 of 3"]


async def test_a_click_on_a_heading_sorts() -> None:
    keep(ID)
    app = Host("results", ID)
    async with app.run_test(size=MIDDLE) as pilot:
        await opened(pilot)
        table = app.screen.query_one(ClassTable)
        await until(pilot, lambda: len(table.rows) == 4)
        await pilot.click(ClassTable, offset=(2, 0))
        await until(pilot, lambda: table.sorted_by == ("class", False))
        await pilot.click(ClassTable, offset=(2, 0))
        await until(pilot, lambda: table.sorted_by == ("class", True))


async def test_enter_on_a_cell_opens_its_pictures_and_walks_in_them() -> None:
    keep(ID)
    app = Host("results", ID)
    async with app.run_test(size=MIDDLE) as pilot:
        await opened(pilot)
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(app.screen, PicturesScreen))
        grid = app.screen.query_one(PictureGrid)
        await until(pilot, lambda: len(grid.items) == 3)
        assert [item.predicted for item in grid.items] == ["dog"] * 3
        confidences = [item.confidence for item in grid.items]
        assert confidences == sorted(confidences, reverse=True)
        await until(pilot, lambda: shows(app, "3 of 10 cats were taken for dogs.", "2 of 3 pictures were not kept"))
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(app.screen, PictureScreen) and shows(app, "2 of 3"))
        await pilot.press("right", "escape")
        await until(pilot, lambda: isinstance(app.screen, PicturesScreen) and grid.cursor == 2)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ResultsScreen))


async def test_enter_on_a_class_lists_all_its_pictures_or_only_the_wrong_ones() -> None:
    keep(ID)
    app = Host("results", ID)
    async with app.run_test(size=MIDDLE) as pilot:
        await opened(pilot)
        await pilot.press("tab")
        await until(pilot, lambda: isinstance(app.focused, ClassTable) and len(app.focused.rows) == 4)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, PicturesScreen))
        grid = app.screen.query_one(PictureGrid)
        await until(pilot, lambda: len(grid.items) == 10)
        assert shows(app, "10 test pictures of “dog”, 2 of them taken for something else.")
        await pilot.press("w")
        await until(pilot, lambda: [item.predicted for item in grid.items] == ["emu", "cat"])


async def test_enter_on_a_confused_pair_opens_its_pictures() -> None:
    keep(ID)
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("t", "t")
        await until(pilot, lambda: isinstance(app.focused, PairTable) and len(app.focused.rows) == 3)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, PicturesScreen) and shows(app, "3 of 10 cats were taken"))


async def test_a_row_of_confused_pairs_or_classes_moves_the_cursor_of_the_matrix() -> None:
    keep(ID)
    app = Host("results", ID)
    async with app.run_test(size=MIDDLE) as pilot:
        await opened(pilot)
        matrix = app.screen.query_one(ConfusionMatrixView)
        assert matrix.cursor == (0, 0)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.focused, PairTable) and len(app.focused.rows) == 3)
        await until(pilot, lambda: matrix.cursor == (0, 1) and shows(app, "3 of 10 cats were taken for dogs."))
        await pilot.press("down")
        await until(pilot, lambda: matrix.cursor == (1, 0) and shows(app, "1 of 10 dogs was taken for a cat."))
        await pilot.press("T", "down")
        await until(pilot, lambda: matrix.cursor == (1, 1))
        await pilot.press("end")
        await pilot.pause()
        assert matrix.cursor == (1, 1)


async def test_pictures_of_a_session_without_predictions_say_so() -> None:
    (keep(ID) / "predictions.npz").unlink()
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: shows(app, "Cannot read the predictions", "Run the session again"))


@pytest.mark.parametrize("size", [SMALL, MIDDLE])
async def test_a_failed_session_shows_its_error_instead_of_a_matrix(size: tuple[int, int]) -> None:
    error = ErrorReport(title="Not enough memory", detail="[red]4096[/] did not fit", hint="Try smaller batches")
    keep(ID, matrix=None, status="failed", error=error)
    app = Host("results", ID)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await until(pilot, lambda: shows(app, "Not enough memory", "[red]4096[/] did not fit", "Try smaller batches"))
        assert not app.screen.query_one(ConfusionMatrixView).display
        await pilot.press("t", "t", "t", "enter")
        assert isinstance(app.screen, ResultsScreen)


async def test_a_stopped_session_without_a_test_says_so() -> None:
    keep(ID, matrix=None, status="stopped")
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: shows(app, "This run has no result", "Press r to run it again"))


async def test_a_damaged_record_is_told_with_its_reason() -> None:
    (keep(ID) / "session.json").write_text("{")
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await until(pilot, lambda: shows(app, "cannot be read as JSON"))


async def test_damaged_events_cost_only_the_curves() -> None:
    (keep(ID) / "events.jsonl").write_text("nonsense\n")
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        assert shows(app, "75.00 %")
        await pilot.press("t", "t", "t")
        await until(pilot, lambda: shows(app, "line 1 is no"))


async def test_hostile_names_show_harmlessly_wherever_they_stand() -> None:
    hostile("20261123T001502Z-hostile")
    app = Host("results", "20261123T001502Z-hostile")
    async with app.run_test(size=LARGE) as pilot:
        await opened(pilot)
        for key in ("right", "down", "t", "t", "t"):
            await pilot.press(key)
            await pilot.pause()
            assert not {"\x1b", "\x07", "\u202e"} & set(screen_text(app))
        assert shows(app, "[bold]a\ufffd]52;c;eA==\ufffd[/]", "[red]x")
        for place in range(0, len(HOSTILE), 2):
            app.screen.query_one(ConfusionMatrixView).cursor = (place, (place + 1) % len(HOSTILE))
            app.screen.query_one(ConfusionMatrixView).action_select()
            await until(pilot, lambda: isinstance(app.screen, PicturesScreen))
            await until(pilot, lambda: app.screen.query_one(PictureGrid).items)
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, PictureScreen))
            await pilot.pause()
            assert not {"\x1b", "\x07", "\u202e"} & set(screen_text(app))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, PicturesScreen))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, ResultsScreen))


async def test_another_session_takes_the_place_of_the_first() -> None:
    keep(ID)
    keep("20261123T001503Z-other", name="other", classes=("one", "two"), matrix=((1, 0), (0, 1)))
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        await pilot.press("down", "down")
        app.shown_session = "20261123T001503Z-other"
        await until(pilot, lambda: shows(app, "other", "100.00 %", "The only one of 1"))


async def test_coming_back_shows_what_changed_meanwhile() -> None:
    keep(ID)
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        app.switch_mode("sessions")
        await pilot.pause()
        rename_session(ID, "called otherwise")
        app.switch_mode("results")
        await until(pilot, lambda: shows(app, "called otherwise"))


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE])
async def test_the_header_has_note_and_tags_as_soon_as_they_are_written(size: tuple[int, int]) -> None:
    folder = keep(ID)
    app = Host("results", ID)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        assert app.screen.query_one(ResultHeader).size.height == 2
        app.switch_mode("sessions")
        await pilot.pause()
        write_note(folder, SessionNote(note="[red]a first try", tags=("base", "slow")))
        app.switch_mode("results")
        await until(pilot, lambda: shows(app, "#base #slow  [red]a first try"))


async def test_a_run_that_ends_fills_in_its_result() -> None:
    keep(ID, matrix=None, status="stopped")
    app = Host("results", ID)
    async with app.run_test(size=SMALL) as pilot:
        await opened(pilot)
        state = finished_job(ID)
        assert isinstance(state.run.history.finished, RunFinished)
        rename_session(ID, "ended")
        app.job = state
        await until(pilot, lambda: shows(app, "ended"))
