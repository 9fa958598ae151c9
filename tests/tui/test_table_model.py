"""Tables: the order of rows and the columns that fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cnn_tui.tui.widgets.table_model import TableColumn, fit_columns, in_order

Row = tuple[str, float | None]
NAME: TableColumn[Row] = TableColumn("name", "name", lambda row: row[0], lambda row: row[0], narrowest=6)
FIGURE: TableColumn[Row] = TableColumn("figure", "figure", lambda row: f"{row[1]}", lambda row: row[1], right=True)
EXTRA: TableColumn[Row] = TableColumn("extra", "extra", lambda row: row[0], lambda row: row[0], rank=1)
FIRST_TO_GO: TableColumn[Row] = TableColumn("last", "last", lambda row: row[0], lambda row: row[0], rank=2)
COLUMNS = (NAME, FIGURE, EXTRA, FIRST_TO_GO)


@given(st.lists(st.tuples(st.text(max_size=3), st.none() | st.floats(-9, 9))), st.booleans())
def test_rows_without_a_value_come_last_in_both_directions(rows: list[Row], falling: bool) -> None:
    ordered = in_order(rows, FIGURE, falling=falling)
    values = [value for _, value in ordered if value is not None]
    assert values == sorted(values, reverse=falling)
    assert all(value is None for _, value in ordered[len(values) :])
    assert sorted(map(repr, ordered)) == sorted(map(repr, rows))


def test_names_are_cut_before_columns_are_left_out_by_rank() -> None:
    widths = (20, 7, 5, 5)
    assert fit_columns(COLUMNS, widths, space=45, gap=2) == {NAME: 20, FIGURE: 7, EXTRA: 5, FIRST_TO_GO: 5}
    assert fit_columns(COLUMNS, widths, space=31, gap=2) == {NAME: 6, FIGURE: 7, EXTRA: 5, FIRST_TO_GO: 5}
    assert fit_columns(COLUMNS, widths, space=30, gap=2) == {NAME: 12, FIGURE: 7, EXTRA: 5}
    assert fit_columns(COLUMNS, widths, space=4, gap=2) == {NAME: 6, FIGURE: 7}


@given(st.lists(st.integers(1, 60), min_size=4, max_size=4), st.integers(0, 200))
def test_columns_fit_unless_no_more_may_be_left_out(widths: list[int], space: int) -> None:
    kept = fit_columns(COLUMNS, widths, space, gap=2)
    least = sum(min(width, column.narrowest or width) + 2 for column, width in zip(COLUMNS[:2], widths, strict=False))
    assert {NAME, FIGURE} <= set(kept)
    assert sum(width + 2 for width in kept.values()) <= max(space, least)


def test_cells_have_no_markup_and_no_escape_sequences() -> None:
    assert NAME.cell(("[red]\x1b[2Jx", None), 12) == "[red]\ufffd[2Jx  "
