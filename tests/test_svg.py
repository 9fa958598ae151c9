"""Charts as SVG."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_tui.reports.axis import Tick
from cnn_tui.reports.svg import COLOURS, CUES, Series, line_chart

SVG = "{http://www.w3.org/2000/svg}"


def chart(*series: Series, **options: Any) -> ElementTree.Element:
    words = {"title": "Loss", "x_label": "epoch", "y_label": "loss", **options}
    return ElementTree.fromstring(line_chart(series, **words))


def texts(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


def lines(picture: ElementTree.Element) -> list[list[tuple[float, float]]]:
    """The points of each curve that is joined, without the samples of the legend."""
    found = [element.get("points", "") for element in picture.iter(f"{SVG}polyline")]
    places = [[(float(x), float(y)) for x, y in (pair.split(",") for pair in points.split())] for points in found]
    return [points for points in places if len(points) != 2 or points[0][1] != points[1][1]]


def test_a_larger_value_stands_higher_and_a_later_one_further_right() -> None:
    (points,) = lines(chart(Series("train", [1, 2, 3], [0.5, 0.25, 1.0])))
    (x1, y1), (x2, y2), (x3, y3) = points
    assert x1 < x2 < x3
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y3 < y1 < y2


def test_a_logarithmic_axis_spaces_factors_evenly_and_drops_what_has_no_logarithm() -> None:
    (points,) = lines(chart(Series("lr", [0.0, 0.001, 0.01, 0.1], [9, 1, 2, 3]), log_x=True))
    gaps = [right - left for (left, _), (right, _) in itertools.pairwise(points)]
    assert len(points) == 3
    assert gaps[0] == pytest.approx(gaps[1], abs=0.2)
    assert {"0.001", "0.01", "0.1"} <= set(texts(chart(Series("lr", [0.001, 0.1], [1, 2]), log_x=True)))


def test_values_that_cannot_be_drawn_are_left_out() -> None:
    (points,) = lines(chart(Series("train", [1, 2, 3, 4, math.inf], [1, math.nan, 0.5, -math.inf, 1])))
    assert len(points) == 2


@pytest.mark.parametrize("series", [(), (Series("train", [], []),), (Series("train", [1], [math.nan]),)])
def test_a_chart_without_points_says_so(series: Sequence[Series]) -> None:
    assert "nothing to show" in texts(chart(*series))


def test_a_lone_point_can_be_seen() -> None:
    def shapes(xs: list[float]) -> int:
        picture = chart(Series("", xs, [0.5] * len(xs), colour="test"))
        return sum(element.get("fill") == COLOURS["test"] for element in picture.iter(f"{SVG}path"))

    assert (shapes([3]), shapes([3, 4])) == (1, 0)


def test_a_series_keeps_its_cues_in_curve_and_legend() -> None:
    picture = chart(Series("validation", [1, 2], [1, 3], "validation", "dashed", "square"))
    strokes = {(line.get("stroke"), line.get("stroke-dasharray")) for line in picture.iter(f"{SVG}polyline")}
    assert strokes == {(COLOURS["validation"], "7 4")}
    squares = [path for path in picture.iter(f"{SVG}path") if path.get("fill") == COLOURS["validation"]]
    assert len(squares) == 3


def test_whiskers_reach_as_far_as_the_spread_and_stay_in_the_picture() -> None:
    assert {"0.2", "0.8"} <= set(texts(chart(Series("f1", [1, 2], [0.5, 0.5], spreads=[0.4, 0.0]))))
    with pytest.raises(ValueError, match="zip"):
        chart(Series("f1", [1, 2], [0.5, 0.5], spreads=[0.4]))


def test_given_ticks_take_the_place_of_round_numbers() -> None:
    ticks = [Tick(1, "resnet18"), Tick(2, "vgg16")]
    picture = chart(Series("f1", [1, 2], [0.5, 0.6]), x_ticks=ticks)
    assert {"resnet18", "vgg16"} <= set(texts(picture))
    assert "1.5" not in texts(picture)


def test_given_labels_that_would_touch_are_turned() -> None:
    ticks = [Tick(place, f"efficientnet_b{place}") for place in range(8)]
    picture = chart(Series("f1", range(8), range(8)), x_ticks=ticks)
    turned = {element.text for element in picture.iter(f"{SVG}text") if "rotate(-35" in element.get("transform", "")}
    assert turned == {tick.label for tick in ticks}


def test_legend_names_every_series_once_and_leaves_out_the_nameless() -> None:
    names = [f"session number {place}" for place in range(9)]
    shown = texts(chart(*(Series(name, [1, 2], [1, 2]) for name in names), Series("", [1, 2], [2, 1])))
    assert [text for text in shown if text.startswith("session")] == names


@given(st.text(), st.text(), st.text())
def test_any_text_leaves_a_picture_that_parses(title: str, name: str, label: str) -> None:
    series = Series(name, [1, 2], [1, 2], colour=name)
    picture = chart(series, title=title, y_label=label, x_ticks=[Tick(1, label)])
    assert picture.find(f"{SVG}script") is None


@pytest.mark.parametrize("colour", COLOURS.values())
def test_every_colour_can_be_read_on_white(colour: str) -> None:
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_no_two_cues_are_alike() -> None:
    assert len(set(CUES)) == len(CUES)
    assert {colour for colour, _, _ in CUES} <= set(COLOURS)
