"""Scores as tables, and tables as Markdown, CSV and TSV."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnn_tui.events import EpochFinished
from cnn_tui.metrics import Scores, score
from cnn_tui.reports.documents.tables import Table, to_csv, to_markdown, to_tsv
from cnn_tui.reports.sessions.document import epoch_table
from cnn_tui.reports.sessions.scores import class_table, confused_pairs, confused_table, matrix_table

HOSTILE = ("[/]", "[red]x", "a\x1b]52;c;eA==\x07", "\u202eabc", "👨‍👩‍👧", "a|b\nc", "=1+1", "x" * 200)


def scores(matrix: list[list[int]], names: tuple[str, ...]) -> Scores:
    return score(np.array(matrix), names)


PETS = scores([[7, 3, 0], [1, 8, 1], [0, 0, 0]], ("cat", "dog", "emu"))


def test_matrix_keeps_rows_actual_and_columns_predicted() -> None:
    table = matrix_table(PETS)
    assert table.columns == ("actual \\ predicted", "cat", "dog", "emu")
    assert table.rows[0] == ("cat", "7", "3", "0")
    assert table.rows[1] == ("dog", "1", "8", "1")


def test_matrix_of_percentages_divides_by_the_row_or_the_column() -> None:
    assert matrix_table(PETS, "actual").rows[0] == ("cat", "70.00", "30.00", "0.00")
    assert matrix_table(PETS, "predicted").rows[0] == ("cat", "87.50", "27.27", "0.00")
    assert matrix_table(PETS, "actual").rows[2] == ("emu", "0.00", "0.00", "0.00")


def test_class_table_ends_with_the_macro_means_of_the_measured_classes() -> None:
    table = class_table(PETS)
    assert table.rows[0] == ("cat", "0.8750", "0.7000", "0.7778", "10")
    assert table.rows[-1][0] == "macro mean of 2 of 3 classes"
    assert table.rows[-1][2] == "0.7500"
    assert table.rows[-1][-1] == "20"


def test_macro_row_has_a_plain_name_if_every_class_was_measured() -> None:
    assert class_table(scores([[1, 0], [0, 1]], ("a", "b"))).rows[-1][0] == "macro mean"


def test_confused_pairs_are_sorted_by_count_without_hits() -> None:
    pairs = confused_pairs(PETS)
    assert [(pair.actual, pair.predicted, pair.count) for pair in pairs] == [(0, 1, 3), (1, 0, 1), (1, 2, 1)]
    assert pairs[0].share == pytest.approx(0.3)
    assert confused_table(PETS, most=1).rows == (("cat", "dog", "3", "0.3000"),)


def test_pairs_of_equal_counts_are_sorted_by_their_share_of_the_class() -> None:
    pairs = confused_pairs(scores([[9, 1], [1, 0]], ("a", "b")))
    assert [pair.actual for pair in pairs] == [1, 0]


def test_epochs_without_validation_leave_its_cells_empty() -> None:
    epoch = EpochFinished(
        epoch=1,
        train_loss=0.5,
        train_accuracy=0.75,
        validation_loss=None,
        validation_accuracy=None,
        learning_rate=1e-3,
        seconds=1.0,
    )
    assert epoch_table([epoch]).rows == (("1", "0.5", "0.750000", "", "", "0.001"),)


def test_markdown_aligns_text_left_and_numbers_right() -> None:
    text = to_markdown(Table(("class", "F1"), (("cat", "0.5"),)))
    assert text == "| class | F1 |\n| --- | ---: |\n| cat | 0.5 |\n"


def test_hostile_names_stay_in_their_markdown_cell() -> None:
    table = matrix_table(scores(np.eye(len(HOSTILE), dtype=int).tolist(), HOSTILE))
    lines = to_markdown(table).splitlines()
    assert len(lines) == len(HOSTILE) + 2
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {len(HOSTILE) + 2}
    assert "\\[/\\]" in lines[2]
    assert not set("\x1b\x07\u202e") & set("".join(lines))
    assert "👨‍👩‍👧" in lines[6]


@given(st.lists(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])), min_size=1, max_size=4))
def test_csv_round_trips_visible_text(names: list[str]) -> None:
    table = Table(tuple(names), (tuple(names),))
    visible = ["".join(char if char.isprintable() else "\ufffd" for char in name) for name in names]
    assert list(csv.reader(io.StringIO(to_csv(table)))) == [visible, visible]


@given(st.lists(st.text(), min_size=2, max_size=4))
def test_tsv_has_a_line_per_row_and_no_control_characters(names: list[str]) -> None:
    text = to_tsv(Table(tuple(names), (tuple(names),)))
    rows = list(csv.reader(io.StringIO(text), delimiter="\t"))
    assert [len(row) for row in rows] == [len(names)] * 2
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
