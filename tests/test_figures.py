"""Charts of reports as matplotlib figures, and as SVG, PDF and PNG files."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.legend import Legend

from cnn_tui.formatting import shorten
from cnn_tui.reports.charts.axis import Tick
from cnn_tui.reports.charts.figure_files import to_pdf, to_png, to_svg
from cnn_tui.reports.charts.figures import STYLE, figure_of, report_style
from cnn_tui.reports.charts.heat import MatrixChart
from cnn_tui.reports.charts.series import COLOURS, CURVE_STYLES, Chart, Marker, Series
from cnn_tui.reports.labels import visible

SVG = "{http://www.w3.org/2000/svg}"
EVIL = (
    "$x_1$ \\frac{",
    "_hidden",
    "<script>alert(1)</script>&amp;",
    "a\x1b]52;c;x\x07",
    "\u202eabc",
    "日本語",
    "%s {0}",
)
MATRIX = MatrixChart("Confusion matrix", ("cat", "dog", "bird"), ((8, 2, 0), (1, 9, 0), (0, 0, 0)))


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    with report_style():
        yield


def chart(*series: Series, **options: Any) -> Chart:
    return Chart(**{"title": "Loss", "x_label": "epoch", "y_label": "loss", "series": series, **options})


def axes_of(*series: Series, **options: Any) -> Axes:
    figure = figure_of(chart(*series, **options))
    figure.draw_without_rendering()
    (axes,) = figure.axes
    return axes


def x_labels(axes: Axes) -> list[str]:
    low, high = sorted(axes.get_xlim())
    ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    return [label.get_text() for value, label in ticks if low <= value <= high]


def legend_of(axes: Axes) -> Legend:
    legend = axes.get_legend()
    assert legend is not None
    return legend


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_points_are_drawn_at_their_values_within_the_axes() -> None:
    axes = axes_of(Series("train", [1, 2, 3], [0.5, 0.25, 1.0]))
    (line,) = axes.lines
    assert np.asarray(line.get_xydata()).tolist() == [[1, 0.5], [2, 0.25], [3, 1.0]]
    assert axes.get_xlim() == pytest.approx((0.94, 3.06))
    low, high = axes.get_ylim()
    assert low < 0.25
    assert high > 1.0
    assert x_labels(axes) == ["1", "2", "3"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")


def test_a_logarithmic_axis_drops_values_without_a_logarithm_and_labels_plain_numbers() -> None:
    axes = axes_of(Series("lr", [0.0, 0.001, 0.01, 0.1], [9, 1, 2, 3]), log_x=True)
    assert axes.get_xscale() == "log"
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == [0.001, 0.01, 0.1]
    assert x_labels(axes) == ["0.001", "0.01", "0.1"]


def test_values_that_cannot_be_drawn_are_left_out() -> None:
    axes = axes_of(Series("train", [1, 2, 3, 4, math.inf], [1, math.nan, 0.5, -math.inf, 1]))
    assert np.asarray(axes.lines[0].get_xdata()).tolist() == [1, 3]


@pytest.mark.parametrize("series", [(), (Series("train", [], []),), (Series("train", [1], [math.nan]),)])
def test_a_chart_without_points_says_so(series: Sequence[Series]) -> None:
    axes = axes_of(*series)
    assert [text.get_text() for text in axes.texts] == ["no data"]
    assert "no data" in chart(*series).alt


def test_a_single_point_is_visible() -> None:
    assert axes_of(Series("", [3], [0.5])).lines[0].get_marker() == "o"
    assert axes_of(Series("", [3, 4], [0.5, 0.5])).lines[0].get_marker() == ""


def test_a_series_has_the_same_style_in_curve_and_legend() -> None:
    axes = axes_of(Series("validation", [1, 2], [1, 3], "validation", "dashed", "square"))
    (sample,) = legend_of(axes).get_lines()
    for line in (axes.lines[0], sample):
        assert (line.get_color(), line.get_marker()) == (COLOURS["validation"].light, "s")
        assert line.is_dashed()


def test_error_bars_have_the_length_of_the_deviation_and_fit_the_axes() -> None:
    axes = axes_of(Series("f1", [1, 2], [0.5, 0.5], "test", deviations=[0.4, 0.0]))
    low, high = axes.get_ylim()
    assert low < 0.1
    assert high > 0.9
    (bars,) = axes.collections
    assert to_hex(np.asarray(bars.get_edgecolor())[0].tolist()) == COLOURS["test"].light


def test_given_ticks_replace_round_numbers_and_are_rotated_if_they_would_overlap() -> None:
    ticks = (Tick(1, "resnet18"), Tick(2, "vgg16"))
    axes = axes_of(Series("f1", [1, 2], [0.5, 0.6]), x_ticks=ticks)
    assert x_labels(axes) == ["resnet18", "vgg16"]
    assert {label.get_rotation() for label in axes.get_xticklabels()} == {0.0}
    many = tuple(Tick(index, f"efficientnet_b{index}") for index in range(8))
    rotated = axes_of(Series("f1", range(8), range(8)), x_ticks=many)
    assert {label.get_rotation() for label in rotated.get_xticklabels()} == {35.0}


def test_short_labels_that_would_overlap_are_left_out() -> None:
    ticks = tuple(Tick(value, str(value)) for value in (1, 2, 3, 10, 400))
    axes = axes_of(Series("f1", [1, 400], [0.5, 0.6]), x_ticks=ticks)
    assert x_labels(axes) == ["1", "", "", "", "400"]


def test_accuracy_is_in_percent() -> None:
    axes = axes_of(Series("train", [1, 2], [0.5, 1.0]), percent=True)
    assert {"50%", "100%"} <= {label.get_text() for label in axes.get_yticklabels()}


def test_the_legend_has_every_name_once_and_the_figure_grows_with_it() -> None:
    few = figure_of(chart(Series("a", [1, 2], [1, 2])))
    names = [f"session number {index} of a name that is long" for index in range(12)]
    many = figure_of(chart(*(Series(name, [1, 2], [1, 2]) for name in names), Series("", [1, 2], [2, 1])))
    assert [text.get_text() for text in legend_of(many.axes[0]).get_texts()] == names
    assert many.get_figheight() > few.get_figheight()


@pytest.mark.parametrize("name", EVIL)
def test_names_are_neither_formulas_nor_markup(name: str) -> None:
    drawn = chart(Series(name, [1, 2], [1, 2]), title=name, x_label=name, x_ticks=(Tick(1, name),))
    svg = to_svg(drawn, "a")
    shown = [text for text in texts(svg) if not text.replace(".", "").isdigit()]
    assert len(shown) == 5
    assert set(shown) <= {"loss", shorten(name, 90), shorten(name, 20), visible(name)}
    assert not {"\x1b", "\x07", "\u202e"} & set(svg)
    assert "<script" not in svg


def test_any_names_can_be_drawn_in_a_pdf_and_a_png() -> None:
    drawn = [chart(Series(name, [1, 2], [1, 2]), title=name, x_label=name, x_ticks=(Tick(1, name),)) for name in EVIL]
    title = " ".join(EVIL)
    assert to_pdf(drawn, title).startswith(b"%PDF")
    assert to_png(drawn, title).startswith(b"\x89PNG")


@settings(max_examples=15, deadline=None)
@given(st.text(), st.lists(st.tuples(st.floats(), st.floats()), max_size=4), st.booleans())
def test_any_text_and_any_numbers_leave_an_svg_that_parses(
    text: str, points: list[tuple[float, float]], log_x: bool
) -> None:
    series = Series(text, [x for x, _ in points], [y for _, y in points])
    root = ElementTree.fromstring(to_svg(chart(series, title=text, y_label=text, log_x=log_x), "a"))
    assert root.find(f".//{SVG}script") is None


def test_an_svg_has_a_role_and_alternative_text() -> None:
    ticks = (Tick(1, "resnet18"), Tick(2, "vgg16"))
    drawn = chart(Series("train", [1, 2], [0.5, math.nan]), Series("test", [1, 2], [0.25, 1.5]), x_ticks=ticks)
    root = ElementTree.fromstring(to_svg(drawn, "a"))
    assert root.get("role") == "img"
    assert root.get("aria-label") == (
        "Loss. Line chart of loss by epoch: train 0.5 at resnet18; test 0.25 at resnet18 to 1.5 at vgg16."
    )
    assert (root.get("width"), root.get("height")) == ("640", "360")


def test_the_ids_of_two_charts_of_a_page_differ_and_every_reference_is_kept() -> None:
    drawn = chart(Series("train", [1, 2], [1, 3], marker="square"))
    first, second = (ElementTree.fromstring(to_svg(drawn, prefix)) for prefix in ("a", "b"))

    def ids(root: ElementTree.Element) -> set[str]:
        return {element.attrib["id"] for element in root.iter() if "id" in element.attrib}

    assert not ids(first) & ids(second)
    links = {element.get("href", "") for element in first.iter(f"{SVG}use")}
    clips = {path.removeprefix("url(").removesuffix(")") for e in first.iter() if (path := e.get("clip-path"))}
    assert clips
    assert {link.removeprefix("#") for link in links | clips} <= ids(first)


def test_the_same_chart_gives_the_same_bytes() -> None:
    drawn = chart(Series("train", [1, 2], [1, 3], marker="square"))
    assert to_svg(drawn, "a") == to_svg(drawn, "a")
    pdf = to_pdf((drawn, MATRIX), "x")
    assert pdf == to_pdf((drawn, MATRIX), "x")
    assert b"CreationDate" not in pdf


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def test_a_pdf_has_a_page_for_each_chart() -> None:
    drawn = chart(Series("train", [1, 2], [1, 3]))
    assert pages(to_pdf((drawn, drawn, MATRIX), "x")) == 3
    assert pages(to_pdf((), "x")) == 1


def test_a_matrix_is_a_heat_map_with_its_counts() -> None:
    figure = figure_of(MATRIX)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (image,) = axes.images
    pixels = np.asarray(image.get_array())
    assert pixels.shape == (3, 3, 3)
    assert pixels[0, 0, 2] > pixels[0, 0, 0]  # right is blue
    assert pixels[0, 1, 0] > pixels[0, 1, 2]  # wrong is red
    assert pixels[2].tolist() == [[255, 255, 255]] * 3
    assert [text.get_text() for text in axes.texts] == ["8", "2", "", "1", "9", "", "", "", ""]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(MATRIX.classes)
    assert MATRIX.alt == "Confusion matrix of 3 classes as a heat map: 17 of 20 on the diagonal."


def test_a_matrix_of_many_classes_has_neither_counts_nor_names() -> None:
    figure = figure_of(MatrixChart("m", tuple(map(str, range(100))), ((1,) * 100,) * 100))
    figure.draw_without_rendering()
    assert len(figure.axes[0].texts) == 0
    assert max(figure.get_size_inches()) < 10


@pytest.mark.parametrize("colour", COLOURS.values())
def test_every_colour_is_legible_on_white(colour: Any) -> None:
    shares = [int(colour.light[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_the_style_has_the_colours_of_the_workbench() -> None:
    cycle = mpl.rc_params_from_file(STYLE, use_default_template=False)["axes.prop_cycle"]
    assert cycle.by_key()["color"] == [colour.light for colour in COLOURS.values()]


def test_the_user_s_own_settings_are_neither_changed_nor_used() -> None:
    drawn = chart(Series("train", [1, 2], [1, 3]))
    expected = to_svg(drawn, "a")
    with mpl.rc_context({"lines.linewidth": 9, "axes.facecolor": "yellow"}):
        assert to_svg(drawn, "a") == expected
        assert mpl.rcParams["lines.linewidth"] == 9


def test_curve_styles_differ_and_pyplot_is_not_loaded() -> None:
    assert len(set(CURVE_STYLES)) == len(CURVE_STYLES)
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize("marker", ["circle", "cross", "plus", "triangle", "diamond"])
def test_every_marker_has_a_legend_sample(marker: Marker) -> None:
    axes = axes_of(Series("a", [1, 2], [1, 2], dash="none", marker=marker))
    assert legend_of(axes).get_lines()[0].get_marker() == axes.lines[0].get_marker()
