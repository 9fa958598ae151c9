"""The confusion matrix: texts and positions of its cells, moving the cursor, and the sentence about a cell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.color import Color
from textual.geometry import Offset, Size
from textual.message import Message
from textual.pilot import Pilot

from cnn_tui.formatting import fit, shorten
from cnn_tui.metrics import Scores, score
from cnn_tui.reports.charts.heat import contrast, readable_on
from cnn_tui.tui.widgets.confusion_cells import (
    HEADER,
    HeatColors,
    MatrixLayout,
    cell_texts,
    describe_cell,
    heat_style,
    lay_out,
    shares,
)
from cnn_tui.tui.widgets.confusion_matrix import ConfusionMatrixView

HOSTILE = ("[/]", "[red]x", "a\x1b]52;c;eA==\x07", "\u202egnp.exe", "🦊🦊 fox 👩‍🚀", "n" * 200)
ANIMALS = ("cat", "dog", "deer")


def animals(*rows: tuple[int, int, int]) -> Scores:
    return score(np.array(rows, dtype=np.int64), ANIMALS)


def many(classes: int) -> Scores:
    rng = np.random.default_rng(classes)
    matrix = rng.integers(0, 5, (classes, classes))
    matrix[np.diag_indices(classes)] = 90
    return score(matrix.astype(np.int64), [f"class number {index}" for index in range(classes)])


@pytest.mark.parametrize(
    ("row", "actual", "predicted", "sentence"),
    [
        ((963, 37, 0), 0, 1, "37 of 1,000 cats were classified as dogs."),
        ((999, 1, 0), 0, 1, "1 of 1,000 cats was classified as a dog."),
        ((963, 37, 0), 0, 2, "None of 1,000 cats were classified as deer."),
        ((912, 88, 0), 0, 0, "912 of 1,000 cats were classified correctly."),
        ((12, 0, 0), 0, 0, "All 12 cats were classified correctly."),
        ((0, 0, 0), 0, 1, "There were no test images of cats."),
    ],
)
def test_the_sentence_about_a_cell(row: tuple[int, int, int], actual: int, predicted: int, sentence: str) -> None:
    assert describe_cell(animals(row, (0, 5, 0), (0, 0, 5)), actual, predicted) == sentence


@pytest.mark.parametrize(
    ("name", "plural"),
    [
        ("airplane", "airplanes"),
        ("fox", "foxes"),
        ("butterfly", "butterflies"),
        ("ray", "rays"),
        ("aquarium_fish", "aquarium fish"),
        ("maple_tree", "maple trees"),
        ("mouse", "mice"),
        ("7", "images of “7”"),
        ("T-shirt/top", "images of “T-shirt/top”"),
        ("\x1b[31m", "images of “\ufffd[31m”"),
    ],
)
def test_only_plain_nouns_are_put_in_the_plural(name: str, plural: str) -> None:
    scores = score(np.array([[3, 1], [0, 4]], dtype=np.int64), [name, "dog"])
    assert describe_cell(scores, 0, 0) == f"3 of 4 {plural} were classified correctly."


def test_shares_are_of_the_row_or_of_the_column() -> None:
    matrix = np.array([[3, 1], [0, 0]], dtype=np.int64)
    assert shares(matrix, "actual").tolist() == [[0.75, 0.25], [0.0, 0.0]]
    assert shares(matrix, "predicted").tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert shares(matrix, "counts").tolist() == shares(matrix, "actual").tolist()


def test_percentages_never_round_to_0_or_100() -> None:
    matrix = np.array([[9_999, 1], [0, 20_000]], dtype=np.int64)
    assert cell_texts(matrix, "counts") == (("9,999", "1"), ("·", "20,000"))
    assert cell_texts(matrix, "actual") == (("99", "<1"), ("·", "100"))


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_text_is_readable_on_any_background(rgb: tuple[int, int, int]) -> None:
    assert contrast(readable_on(rgb), rgb) >= 4.5


@pytest.mark.parametrize("ansi", [None, 0])
def test_hits_and_the_cursor_differ_without_color(ansi: int | None) -> None:
    dark, green, red, grey = Color(18, 18, 18, ansi=ansi), Color(78, 191, 113), Color(186, 60, 91), Color(90, 90, 90)
    colors = HeatColors(dark, green, red, grey)
    hit, error = (heat_style(colors, 0.9, hit=is_hit, cursor=False) for is_hit in (True, False))
    assert (hit.bold, error.bold) == (True, False)
    assert heat_style(colors, 0.0, hit=False, cursor=True).reverse
    assert heat_style(colors, 1e-4, hit=False, cursor=False) != heat_style(colors, 0.0, hit=False, cursor=False)


@given(st.text(max_size=30), st.integers(0, 20))
def test_a_shortened_text_fits_and_has_no_escape_sequences(text: str, width: int) -> None:
    short = shorten(text, width)
    assert cell_len(short) <= width
    assert "\x1b" not in short
    assert cell_len(fit(text, width)) == width


@pytest.mark.parametrize("classes", [2, 10, 37, 100])
@pytest.mark.parametrize("width", [30, 80, 200])
def test_cells_fit_their_texts_and_are_found_by_offset(classes: int, width: int) -> None:
    names = [f"class {index}" for index in range(classes)]
    layout = lay_out(names, [["1,000"] * classes] * classes, width)
    assert layout.cell >= len("1,000") + 2
    scroll = Offset(3, 1)
    x = layout.name + (classes - 1) * layout.cell + layout.cell // 2 - scroll.x
    assert layout.cell_at(Offset(x, HEADER + classes - 1 - scroll.y), scroll) == (classes - 1, classes - 1)
    assert layout.cell_at(Offset(layout.name - 1, HEADER), scroll) is None
    assert layout.cell_at(Offset(layout.name, HEADER - 1), scroll) is None


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 600), st.integers(0, 99))
def test_the_shown_cell_is_entirely_visible(row: int, column: int, x: int, y: int) -> None:
    layout, view = MatrixLayout(100, 12, 6), Size(60, 20)
    scroll = layout.scroll_to_show(row, column, view, Offset(x, y))
    left = layout.name + column * layout.cell - scroll.x
    assert layout.name <= left <= view.width - layout.cell
    assert HEADER <= HEADER + row - scroll.y < view.height


class Host(App[None]):
    def __init__(self, scores: Scores | None) -> None:
        super().__init__()
        self.scores = scores
        self.messages: list[Message] = []

    def compose(self) -> ComposeResult:
        yield ConfusionMatrixView(self.scores)

    def on_mount(self) -> None:
        self.view.focus()

    @property
    def view(self) -> ConfusionMatrixView:
        return self.query_one(ConfusionMatrixView)

    def on_confusion_matrix_view_cell_highlighted(self, message: ConfusionMatrixView.CellHighlighted) -> None:
        self.messages.append(message)

    def on_confusion_matrix_view_cell_selected(self, message: ConfusionMatrixView.CellSelected) -> None:
        self.messages.append(message)

    def screen_text(self) -> list[str]:
        return [self.view.render_line(y).text for y in range(self.view.size.height)]


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def test_arrows_and_letters_move_and_enter_opens() -> None:
    app = Host(animals((90, 7, 3), (1, 98, 1), (2, 2, 96)))
    async with app.run_test(size=(60, 10)) as pilot:
        await press(pilot, "right", "j", "l", "up", "h", "enter")
        walked = [(m.actual, m.predicted) for m in app.messages if isinstance(m, ConfusionMatrixView.CellHighlighted)]
        assert walked == [(0, 1), (1, 1), (1, 2), (0, 2), (0, 1)]
        last = app.messages[-1]
        assert isinstance(last, ConfusionMatrixView.CellSelected)
        assert (last.actual, last.predicted) == (0, 1)
        await press(pilot, "up", "left", "left", "left")
        assert app.view.cursor == (0, 0)


async def test_a_click_goes_to_a_cell_and_a_double_click_opens_it() -> None:
    app = Host(animals((90, 7, 3), (1, 98, 1), (2, 2, 96)))
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.pause()
        column = app.screen_text()[1].index("dog")
        assert await pilot.click(ConfusionMatrixView, offset=(column, HEADER + 2), times=2)
        await pilot.pause()
        assert app.view.cursor == (2, 1)
        assert isinstance(app.messages[-1], ConfusionMatrixView.CellSelected)


async def test_modes_change_the_numbers() -> None:
    app = Host(animals((90, 7, 3), (0, 50, 0), (2, 2, 46)))
    async with app.run_test(size=(60, 10)) as pilot:
        await pilot.pause()
        assert app.screen_text()[HEADER + 1].split() == ["dog", "·", "50", "·"]
        await press(pilot, "m")
        assert app.screen_text()[HEADER + 1].split() == ["dog", "·", "100", "·"]
        assert "% of actual" in app.screen_text()[0]
        await press(pilot, "m")
        assert app.screen_text()[HEADER + 1].split() == ["dog", "·", "85", "·"]
        await press(pilot, "m")
        assert app.view.mode == "counts"


async def test_a_hundred_classes_scroll_below_fixed_headers() -> None:
    app = Host(many(100))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "end", "ctrl+end")
        assert app.view.cursor == (99, 99)
        text = app.screen_text()
        assert "class number 99" in text[0]
        assert text[1].lstrip().startswith("actual ↓")
        rows = [line for line in text if "class number 99" in line[:24]]
        assert rows
        assert rows[-1].rstrip().endswith("90")
        assert [cell_len(line) for line in text] == [cell_len(text[0])] * len(text)
        await press(pilot, "home", "pageup")
        assert app.view.cursor == (99 - (app.view.scrollable_content_region.height - HEADER), 0)
        assert app.view.scroll_offset.x == 0


async def test_escape_sequences_in_names_stay_text() -> None:
    scores = score(np.full((6, 6), 3, dtype=np.int64), HOSTILE)
    app = Host(scores)
    async with app.run_test(size=(100, 12)) as pilot:
        await pilot.pause()
        text = "\n".join(app.screen_text())
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "[red]x" in text
        assert {cell_len(line) for line in app.screen_text()} == {100}
        for cell in ((a, p) for a in range(6) for p in range(6)):
            assert "\x1b" not in describe_cell(scores, *cell)


async def test_another_matrix_starts_at_its_first_cell() -> None:
    app = Host(None)
    async with app.run_test(size=(60, 12)) as pilot:
        await press(pilot, "right", "enter")
        assert app.messages == []
        app.view.scores = many(30)
        await press(pilot, "ctrl+end")
        assert app.view.cursor == (29, 0)
        app.view.scores = animals((90, 7, 3), (0, 50, 0), (2, 2, 46))
        await pilot.pause()
        assert app.view.cursor == (0, 0)
        assert app.screen_text()[HEADER].split() == ["cat", "90", "7", "3"]
