"""The chart: which points survive, where they land, what is repainted, and how it degrades."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from cnn_tui.reports.charts.axis import fixed_axis, linear_axis, log_axis, round_step
from cnn_tui.reports.charts.layout import ChartPlan, lay_out
from cnn_tui.reports.charts.painting import Row, paint
from cnn_tui.reports.charts.raster import Polyline, drawable, rasterize, reduce, smooth
from cnn_tui.reports.charts.series import Series
from cnn_tui.tui.widgets.line_chart import LineChart

finite = st.floats(-1e6, 1e6, allow_nan=False)
points = st.lists(st.tuples(st.floats(0, 100), finite), min_size=1, max_size=200)


def text(rows: Iterable[Row]) -> list[str]:
    return ["".join(piece for piece, _ in row) for row in rows]


@given(points, st.integers(1, 40))
def test_reduced_points_are_the_extremes_of_each_column_in_their_order(
    given_points: list[tuple[float, float]], columns: int
) -> None:
    xs, ys = np.array([x for x, _ in given_points]), np.array([y for _, y in given_points])
    kept = list(zip(*reduce(xs, ys, 0.0, 100.0, columns), strict=True))
    expected: dict[int, list[float]] = {}
    for x, y in given_points:
        expected.setdefault(min(int(x / 100 * columns), columns - 1), []).append(y)
    found: dict[int, list[float]] = {}
    for x, y in kept:
        found.setdefault(min(int(x / 100 * columns), columns - 1), []).append(y)
    assert {column: {min(ys), max(ys)} for column, ys in expected.items()} == {c: set(ys) for c, ys in found.items()}
    assert all(len(ys) <= 2 for ys in found.values())
    remaining = iter(given_points)
    assert all(point in remaining for point in kept)


def test_a_single_spike_among_thousands_stays() -> None:
    ys = np.ones(5000)
    ys[1234] = 99.0
    assert max(reduce(np.arange(5000.0), ys, 0, 5000, 80)[1]) == 99.0


@given(st.lists(st.floats(), max_size=30))
def test_what_is_not_finite_is_dropped(ys: list[float]) -> None:
    xs, kept = drawable(list(range(len(ys))), ys)
    assert kept.tolist() == [y for y in ys if math.isfinite(y)]
    assert xs.tolist() == [x for x, y in enumerate(ys) if math.isfinite(y)]


def test_a_log_scale_drops_what_is_not_positive() -> None:
    assert drawable((1, 2, 3), (0.0, -1.0, 5.0), log=True)[1].tolist() == [5.0]


@given(st.lists(finite, min_size=1, max_size=50), st.floats(0, 0.99))
def test_smoothing_stays_within_the_values_and_starts_at_the_first(values: list[float], weight: float) -> None:
    smoothed = smooth(np.array(values), weight)
    slack = 1e-6 * max(1.0, *map(abs, values))
    assert smoothed[0] == pytest.approx(values[0], abs=slack)
    assert min(values) - slack <= smoothed.min() <= smoothed.max() <= max(values) + slack


def test_smoothing_is_the_debiased_moving_average() -> None:
    assert smooth(np.array([1.0, 0.0]), 0.5).tolist() == pytest.approx([1.0, 1 / 3])


@given(finite, finite)
@example(0.0, 5e-324)
def test_a_linear_axis_holds_its_range_and_ends_on_ticks(one: float, other: float) -> None:
    axis = linear_axis(min(one, other), max(one, other), 5)
    slack = 1e-6 * (axis.high - axis.low)
    assert axis.low - slack <= min(one, other) <= max(one, other) <= axis.high + slack
    assert axis.low < axis.high
    assert (axis.ticks[0].value, axis.ticks[-1].value) == (axis.low, axis.high)
    assert 2 <= len(axis.ticks) <= 8


def test_axes_end_on_round_numbers() -> None:
    assert [tick.label for tick in linear_axis(0.03, 2.31, 5).ticks] == ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]
    assert [tick.label for tick in linear_axis(0.62, 0.97, 4, percent=True).ticks] == [
        "60%",
        "70%",
        "80%",
        "90%",
        "100%",
    ]
    assert [tick.label for tick in fixed_axis(1, 3, 9, whole=True).ticks] == ["1", "2", "3"]
    assert [tick.label for tick in log_axis(-2.3, 0.5, 4).ticks] == ["0.001", "0.01", "0.1", "1", "10"]
    assert (round_step(0.03), round_step(30), round_step(0.3, 1.0)) == (0.05, 50, 1.0)


def test_a_curve_lands_where_the_axis_says() -> None:
    curve = Polyline((0.0, 10.0), (0.0, 10.0), (0, 10), (0, 10), width=21, height=11, marker="•")
    rows = rasterize(curve)
    assert [len(row) for row in rows] == [21] * 11
    assert (rows[0][20], rows[10][0], rows[5][10]) == ("•", "•", "•")
    assert rows[0][:18].strip() == ""


def test_a_thick_line_covers_the_thin_one_and_more() -> None:
    def dots(marker: str) -> list[int]:
        rows = rasterize(Polyline((0.0, 5.0, 10.0), (2.0, 8.0, 3.0), (0, 10), (0, 10), 30, 8, marker))
        return [(ord(char) - 0x2800) if char != " " else 0 for row in rows for char in row]

    thin, thick = dots("thin"), dots("thick")
    missing = sum((a & ~b).bit_count() for a, b in zip(thin, thick, strict=True))
    assert missing == 0
    assert sum(map(int.bit_count, thick)) > 1.5 * sum(map(int.bit_count, thin))


TRAIN = Series("train", tuple(map(float, range(1, 11))), tuple(1.0 / e for e in range(1, 11)))
VALIDATION = Series(
    "validation", TRAIN.xs, tuple(0.3 + 0.5 / e for e in range(1, 11)), role="validation", dash="dashed"
)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_single_validation_point_is_seen_beside_the_steps_of_training(order: tuple[int, int]) -> None:
    steps = Series("train", tuple(step / 50 for step in range(51)), tuple(2.0 - step / 50 for step in range(51)))
    for value in (1.0, 1.5):
        point = Series("validation", (1.0,), (value,), "validation", "dashed")
        series = tuple((steps, point)[place] for place in order)
        rows = paint(lay_out(ChartPlan(series, 80, 20, title="Loss", x_range=(0.0, 8.0), best=1.0)))
        assert [piece for row in rows[1:] for piece in row if piece[1] == "validation"] == [("●", "validation")]


def test_a_chart_has_title_legend_axes_and_the_best_epoch() -> None:
    plan = ChartPlan((TRAIN, VALIDATION), 80, 20, title="Loss", x_label="epoch", best=6.0)
    rows = text(paint(lay_out(plan)))
    assert [len(row) for row in rows] == [80] * 20
    assert rows[0].startswith("Loss")
    assert rows[0].endswith("⠤⠤ train 0.100  ⠶⠶ validation 0.350  ▲ best 6 by validation loss")
    assert rows[1].startswith(" 1.0┤")
    assert rows[-1].endswith("epoch 10")
    column = rows[-2].index("▲")
    assert rows[-1][column] == "6"
    assert {row[column] for row in rows[1:-2]} >= {"┊"}


def test_curves_keep_their_roles_and_the_later_lies_on_top() -> None:
    below = Series("a", (0.0, 1.0), (0.5, 0.5), role="train")
    above = Series("b", (0.0, 1.0), (0.5, 0.5), role="validation")
    roles = {role for row in paint(lay_out(ChartPlan((below, above), 40, 10)))[1:-2] for _, role in row}
    assert "validation" in roles
    assert "train" not in roles


@pytest.mark.parametrize("width", [20, 30, 50, 200])
@pytest.mark.parametrize("height", [5, 7, 24])
def test_every_row_has_the_width_of_the_chart(width: int, height: int) -> None:
    names = ("[red]x[/]", "a\x1b]52;c;eA==\x07", "猫" * 100)
    series = tuple(Series(name, TRAIN.xs, TRAIN.ys) for name in names)
    rows = paint(lay_out(ChartPlan(series, width, height, title="Loss", x_label="epoch", best=3)))
    from rich.cells import cell_len

    assert [cell_len(row) for row in text(rows)] == [width] * height
    assert "\x1b" not in "".join(text(rows))


@pytest.mark.parametrize(("width", "height"), [(0, 0), (1, 1), (19, 20), (40, 4)])
def test_a_tiny_chart_says_the_newest_values(width: int, height: int) -> None:
    rows = text(paint(lay_out(ChartPlan((TRAIN, VALIDATION), width, height))))
    assert [len(row) for row in rows] == [width] * height
    if height > 1:
        assert rows[0].startswith("train 0.100")


@pytest.mark.parametrize("ys", [(), (math.nan, math.inf), (0.5,), (0.5, 0.5, 0.5), (1e30, -1e30), (1e-300, 1e300)])
@pytest.mark.parametrize("log", [False, True])
def test_any_values_can_be_drawn(ys: tuple[float, ...], log: bool) -> None:
    plan = ChartPlan((Series("train", tuple(map(float, range(len(ys)))), ys),), 60, 12, log=log)
    assert len(paint(lay_out(plan))) == 12


def test_an_empty_chart_says_so() -> None:
    assert "no epochs yet" in "".join(text(paint(lay_out(ChartPlan((), 40, 10, title="Loss")))))


class Host(App[None]):
    def compose(self) -> ComposeResult:
        yield LineChart("Loss")


def shown(chart: LineChart) -> list[str]:
    return [chart.render_line(y).text for y in range(chart.size.height)]


async def settle(pilot: Pilot[None]) -> None:
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def test_new_points_appear_and_only_rows_that_differ_are_repainted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Host().run_test(size=(80, 20)) as pilot:
        chart = pilot.app.query_one(LineChart)
        await settle(pilot)
        assert "no epochs yet" in "".join(shown(chart))
        chart.series = (TRAIN,)
        await settle(pilot)
        before = shown(chart)
        assert "train 0.100" in before[0]

        refreshed: list[tuple[Region, ...]] = []
        monkeypatch.setattr(chart, "refresh", lambda *regions, **_: refreshed.append(regions))
        chart.series = (Series("train", TRAIN.xs, (*TRAIN.ys[:-1], 0.11)),)
        await settle(pilot)
        after = shown(chart)
        differing = {y for y in range(20) if before[y] != after[y]}
        assert 0 < len(differing) < 20
        (repainted,) = refreshed
        assert {(region.y, region.height) for region in repainted} == {(y, 1) for y in differing}

        chart.title = "Loss"
        chart.redraw()
        await settle(pilot)
        assert len(refreshed) == 1


async def test_resizing_draws_again_for_the_new_size() -> None:
    async with Host().run_test(size=(100, 30)) as pilot:
        chart = pilot.app.query_one(LineChart)
        chart.series = (TRAIN,)
        await settle(pilot)
        for size in ((18, 4), (60, 12)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            assert [len(row) for row in shown(chart)] == [size[0]] * size[1]
        assert shown(chart)[-2].count("┬") > 1


async def test_a_theme_recolours_the_curves() -> None:
    async with Host().run_test(size=(60, 12)) as pilot:
        chart = pilot.app.query_one(LineChart)
        chart.series = (TRAIN,)
        await settle(pilot)
        dark = chart.render_line(0)
        pilot.app.theme = "textual-light"
        await settle(pilot)
        light = chart.render_line(0)
        assert dark.text == light.text
        assert dark != light
