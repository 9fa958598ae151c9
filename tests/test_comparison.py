"""Sessions side by side: settings, results, classes, images, and McNemar's test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2

from cnn_tui.config.experiment import DataConfig, Experiment, OptimizerConfig, TrainingConfig
from cnn_tui.events import EpochFinished
from cnn_tui.reports.comparison.compare import Comparison, compare, differences, letter
from cnn_tui.reports.comparison.document import (
    comparison_document,
    comparison_json,
    main_curves,
    overlay,
    settings_blocks,
)
from cnn_tui.reports.comparison.images import ImageComparison, compare_images, mcnemar
from cnn_tui.reports.comparison.measurements import Measurement
from cnn_tui.reports.documents.document import document_csv, document_markdown
from cnn_tui.reports.documents.html import document_html
from cnn_tui.reports.documents.latex import document_latex
from cnn_tui.reports.sessions.data import SessionData
from cnn_tui.store.predictions import Predictions
from cnn_tui.store.records import SessionRecord
from samples import epoch, result

PETS = ("cat", "dog", "emu")
HOSTILE = "[/]<b>&\\`|\x1b]52;c;eA==\x07\u202e$_#%"


def predictions(actual: list[int], predicted: list[int], index: list[int] | None = None) -> Predictions:
    count = len(actual)
    return Predictions(
        np.array(actual, dtype=np.int64),
        np.array(predicted, dtype=np.int64),
        np.ones(count, dtype=np.float32),
        np.arange(count, dtype=np.int64) if index is None else np.array(index, dtype=np.int64),
    )


def session(
    name: str,
    saved: Predictions | None = None,
    *,
    learning_rate: float = 0.001,
    dataset: str = "digits",
    root: str | None = None,
    classes: tuple[str, ...] = PETS,
    matrix: tuple[tuple[int, ...], ...] | None = ((7, 3, 0), (1, 8, 1), (0, 0, 0)),
    epochs: tuple[EpochFinished, ...] = (epoch(1), epoch(2, 0.25)),
) -> SessionData:
    training = TrainingConfig(epochs=2, optimizer=OptimizerConfig(learning_rate=learning_rate))
    data = DataConfig.model_validate({"dataset": dataset, "root": root})
    record = SessionRecord(
        name=name,
        experiment=Experiment(data=data, training=training),
        id=f"20261123T001502Z-{len(name)}",
        status="done",
        created="2026-11-23T00:15:02Z",
        result=None if matrix is None else result(matrix, classes),
    )
    return SessionData(Path("/sessions") / name, record, epochs, (), saved)


def pair(right: int, only_first: int, only_second: int, wrong: int) -> tuple[SessionData, SessionData]:
    """Two sessions with these numbers of images that both, one or neither of them got right."""
    first = [0] * (right + only_first) + [1] * (only_second + wrong)
    second = [0] * right + [1] * only_first + [0] * only_second + [1] * wrong
    actual = [0] * len(first)
    return session("one", predictions(actual, first)), session("two", predictions(actual, second))


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_agrees_with_scipy(only_first: int, only_second: int) -> None:
    test = mcnemar(only_first, only_second)
    differing = only_first + only_second
    if test.exact:
        expected = binomtest(only_first, differing, 0.5).pvalue if differing else 1.0
    else:
        expected = chi2.sf(max(0, abs(only_first - only_second) - 1) ** 2 / differing, 1)
    assert test.exact == (differing < 25)
    assert test.p_value == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_a_clear_difference_names_the_better_one_with_the_counts() -> None:
    found = compare_images(*pair(900, 12, 37, 51))
    assert found.sentence == (
        "B got 37 images right that A got wrong, and 12 the other way round: a difference this large would occur by "
        "chance in 0.061 % of cases (McNemar's test), so B is better on these images."
    )
    assert (found.shared, found.both_right, found.both_wrong) == (1000, 900, 51)
    assert found.only_first == tuple(range(900, 912))
    assert found.only_second == tuple(range(912, 949))


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            (50, 14, 12, 4),
            ["A got 14 images right that B got wrong, and 12", "84 % of cases", "is not significant"],
        ),
        ((50, 1, 0, 4), ["A got 1 image right that B got wrong, and 0", "100 % of cases", "is not significant"]),
        ((50, 0, 200, 4), ["B got 200 images right", "fewer than 0.01 % of cases", "B is better on these images"]),
        ((50, 0, 0, 4), ["A and B got the same 50 of 54 images right: no significant difference."]),
    ],
)
def test_verdicts_are_significant_or_not(counts: tuple[int, int, int, int], words: list[str]) -> None:
    sentence = compare_images(*pair(*counts)).sentence
    assert all(word in sentence for word in words), sentence


def test_only_images_of_both_sessions_are_compared() -> None:
    first = session("one", predictions([0, 0, 1, 1], [0, 0, 0, 1], [10, 20, 30, 40]))
    second = session("two", predictions([1, 0, 0], [0, 1, 0], [40, 20, 50]))
    found = compare_images(first, second)
    assert (found.shared, found.only_first, found.only_second) == (2, (20, 40), ())
    assert found.sentence.startswith("Of the 2 images that both were tested on, A got 2 images right")


def test_classes_are_matched_by_name() -> None:
    first = session("one", predictions([0, 1], [0, 1]), classes=("cat", "dog"), matrix=((1, 0), (0, 1)))
    second = session("two", predictions([1, 0], [1, 1]), classes=("dog", "cat"), matrix=((0, 1), (0, 1)))
    assert compare_images(first, second).only_first == (1,)
    (cat, dog) = compare([first, second]).classes
    assert (cat.name, cat.recall, dog.name, dog.recall) == ("cat", (1.0, 1.0), "dog", (1.0, 0.0))


def test_different_test_images_are_not_compared() -> None:
    saved = predictions([0, 1], [0, 1])
    first, other = session("one", saved), session("two", saved, dataset="cifar10")
    assert compare_images(first, other).sentence == (
        "A and B were not tested on the same images: A on digits, B on cifar10."
    )
    x, y = (session(name, saved, dataset="folder", root=f"/{name}") for name in ("x", "y"))
    assert "A on /x, B on /y" in compare_images(x, y).sentence
    apart = session("two", predictions([0, 1], [0, 1], [7, 8]))
    assert compare_images(first, apart).sentence == "A and B have no test images in common."


def test_a_changed_folder_is_noticed() -> None:
    first, second = session("one", predictions([0, 1, 1], [0, 1, 1])), session("two", predictions([0, 0, 1], [0, 1, 1]))
    found = compare_images(first, second)
    assert found.test is None
    assert "1 image of 3 has another class" in found.sentence


def test_a_session_cannot_be_compared_with_itself_nor_without_predictions() -> None:
    one, bare = session("one", predictions([0], [0])), session("two")
    assert compare_images(one, one).sentence == "A and B are the same session, so there is nothing to compare."
    assert compare_images(one, bare).sentence.startswith("B has no recorded predictions")
    assert compare_images(session("three"), bare).sentence.startswith("A and B have no recorded predictions")


def test_several_comparisons_have_a_stricter_level() -> None:
    first, second = pair(100, 10, 25, 5)
    alone, among = compare_images(first, second), compare_images(first, second, comparisons=4)
    assert alone.test == among.test
    assert 0.05 / 4 < (alone.test.p_value if alone.test else 0.0) < 0.05
    assert alone.sentence.endswith("B is better on these images.")
    assert among.sentence.endswith("the difference is not significant.")


def test_only_settings_that_differ_are_listed() -> None:
    comparison = compare([session("one"), session("two", learning_rate=0.01), session("three", dataset="cifar10")])
    assert [(row.path, row.values) for row in comparison.settings] == [
        ("data.dataset", ("digits", "digits", "cifar10")),
        ("training.optimizer.learning_rate", (0.001, 0.01, 0.001)),
    ]
    assert settings_blocks(compare([session("one"), session("two")])) == ("All settings are the same.",)


def test_results_are_side_by_side_and_the_best_is_known() -> None:
    better = ((10, 0, 0), (0, 10, 0), (0, 0, 0))
    comparison = compare([session("one"), session("two", matrix=better), session("none", matrix=None, epochs=())])
    rows = {row.name: row for row in comparison.measurements}
    assert rows["test accuracy"].values == (0.75, 1.0, None)
    assert rows["test accuracy"].best == {1}
    assert rows["best validation loss"].values == (0.25, 0.25, None)
    assert rows["best validation loss"].best == frozenset()
    assert "trained parameters" not in rows


def test_the_best_of_a_loss_is_the_lowest_and_counts_have_none() -> None:
    assert Measurement("loss", (0.5, 0.2, 0.2), "", "lower").best == {1, 2}
    assert Measurement("epochs", (5, 3), "count", "neither").best == frozenset()


def test_class_differences_are_relative_to_the_first_and_leave_out_what_was_not_measured() -> None:
    comparison = compare([session("one"), session("two", matrix=((10, 0, 0), (1, 8, 1), (0, 0, 0)))])
    cat, _, emu = comparison.classes
    assert differences(cat.recall)[0] == pytest.approx(0.3)
    assert (emu.f1, differences(emu.f1)) == ((None, None), (None,))
    assert emu.largest_change == 0.0


def test_curves_are_of_validation_only_where_all_have_it() -> None:
    plain = session("plain", epochs=(epoch(1, None), epoch(2, None)))
    both, mixed = compare([session("one"), session("two")]), compare([session("one"), plain])
    assert main_curves(both) == ("validation_loss", "validation_accuracy")
    assert main_curves(mixed) == ("train_loss", "train_accuracy")
    assert main_curves(compare([session("one"), session("stopped", epochs=())])) == main_curves(both)
    assert [curve.values for curve in mixed.curves("validation_loss")] == [(0.5, 0.25), ()]
    assert [series.name for series in overlay(mixed, "validation_loss").series] == ["A one"]


def test_fewer_than_two_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than two"):
        compare([session("one")])


def test_letters_continue_after_z() -> None:
    assert [letter(index) for index in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


def hostile() -> Comparison:
    saved = predictions([0, 1], [0, 1])
    names = (f"{HOSTILE}1", f"{HOSTILE}2")
    return compare([session(name, saved, classes=(HOSTILE, "b", "c")) for name in names])


@pytest.mark.parametrize("write", [document_markdown, document_html, document_latex, document_csv])
def test_hostile_names_are_harmless_in_every_format(write: object) -> None:
    assert callable(write)
    text = write(comparison_document(hostile()))
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    if write is document_html:
        assert "<b>" not in text
    if write is document_latex:
        assert r"\_\#\%" in text


def test_json_has_unrounded_numbers() -> None:
    first, second = pair(3, 1, 2, 1)
    document = json.loads(json.dumps(comparison_json(compare([first, second]))))
    (images,) = document["pictures"]
    assert (images["only_first"], images["only_second"], images["both_right"]) == ([3], [4, 5], 3)
    assert images["test"]["p_value"] == 1.0
    assert [one["letter"] for one in document["sessions"]] == ["A", "B"]
    assert document["curves"]["train_loss"][0] == {"epochs": [1, 2], "values": [1.0, 0.5]}
    assert document["classes"][0]["recall"] == [0.7, 0.7]


def test_sessions_without_results_still_have_a_document() -> None:
    bare = [session(name, matrix=None, epochs=()) for name in ("one", "two")]
    text = document_markdown(comparison_document(compare(bare)))
    assert "no recorded predictions" in text
    assert "A and B have no curves: no epochs were recorded." in text
    assert "<svg" not in document_html(comparison_document(compare(bare)))
    assert isinstance(compare(bare).images[0], ImageComparison)
