"""Charts in character cells for terminals and Markdown."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len

from cnn_tui.reports.charts.axis import Tick, ticked_axis
from cnn_tui.reports.charts.painting import plain, text_chart
from cnn_tui.reports.charts.series import CURVE_STYLES, Chart, Series


def chart(*series: Series, **options: Any) -> str:
    width = options.pop("width", 60)
    return plain(
        text_chart(Chart(**{"title": "F1", "x_label": "rate", "y_label": "F1", "series": series, **options}), width, 12)
    )


def test_title_legend_curve_and_axis_are_below_each_other() -> None:
    title, legend, *body = chart(Series("first", [1, 2, 3], [0.1, 0.5, 0.9])).splitlines()
    assert title == "F1"
    assert legend.split() == ["⠤⠤", "first"]
    assert "┤" in body[0]
    assert body[-1].endswith("rate 3")


def test_a_logarithmic_axis_has_a_tick_for_each_power_and_drops_zero() -> None:
    lines = chart(Series("f1", [0, 1e-4, 1e-2], [9, 1, 2]), log_x=True).splitlines()
    assert lines[-1].split() == ["0.0001", "0.001", "rate", "0.01"]
    assert "9┤" not in "".join(lines)


def test_given_ticks_are_at_their_values() -> None:
    ticks = [Tick(1, "vgg16"), Tick(2, "vgg19")]
    assert chart(Series("f1", [1, 2], [1, 2]), x_ticks=ticks).splitlines()[-1].split() == ["vgg16", "rate", "vgg19"]
    axis = ticked_axis(-2, -1, 5, log=True, ticks=[Tick(0.1, "b"), Tick(0.01, "a")])
    assert [(tick.label, tick.value) for tick in axis.ticks] == [("a", -2), ("b", -1)]


def test_a_long_legend_takes_as_many_lines_as_it_needs() -> None:
    names = [f"session number {index}" for index in range(7)]
    text = chart(*(Series(name, [1, 2], [1, 2]) for name in names))
    assert all(text.count(name) == 1 for name in names)
    assert all(cell_len(line) <= 60 for line in text.splitlines())


def test_curves_differ_without_colour() -> None:
    legend = chart(
        *(
            Series(f"curve{place}", [1, 2], [1, 2], cue.role, cue.dash, cue.marker)
            for place, cue in enumerate(CURVE_STYLES)
        ),
        width=120,
    )
    samples = legend.splitlines()[1].split()[::2]
    assert len(set(samples)) == len(CURVE_STYLES)


@pytest.mark.parametrize("name", ["a\x1b]52;c;x\x07", "\u202eabc", "x" * 300, "日本語" * 30])
def test_names_neither_control_the_terminal_nor_break_the_chart(name: str) -> None:
    text = chart(Series(name, [1, 2], [1, 2]), title=name)
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert all(cell_len(line) <= 60 for line in text.splitlines())


def test_without_points_it_says_so() -> None:
    assert "no data" in chart(Series("none", [], []))
