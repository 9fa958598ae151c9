"""A study as a table, its best value, and its curves."""

from __future__ import annotations

import pytest
from scipy.stats import t as student

from cnn_tui.config.study import Value
from cnn_tui.metrics import ACCURACY, METRICS
from cnn_tui.reports.labels import value_text
from cnn_tui.reports.studies.charts import factor_axis, study_curves, wants_log
from cnn_tui.reports.studies.findings import _LIMITS, best
from cnn_tui.reports.studies.table import study_table
from study_records import record, records, study

GRID = {
    "factor": "training.optimizer.learning_rate",
    "values": [0.1, 0.01],
    "second_factor": "model.architecture",
    "second_values": ["vgg16", "resnet18"],
}


def test_all_rows_of_a_study_that_has_not_started_are_waiting() -> None:
    table = study_table(study(), {})
    assert [(row.label, row.status, row.done, row.accuracy) for row in table.rows] == [
        ("1", "waiting", 0, None),
        ("3", "waiting", 0, None),
        ("10", "waiting", 0, None),
    ]
    assert (table.done, table.runs, table.criterion, table.environments) == (0, 3, "validation accuracy", ())


def test_rows_have_mean_and_deviation_over_their_seeds() -> None:
    repeated = study(values=[1, 3], repeats=3)
    table = study_table(repeated, records(repeated, [0.1, 0.2, 0.3, 0.5, 0.5, 0.5]))
    accuracy, precision = table.rows[0].accuracy, table.rows[0].score(METRICS["macro_precision"])
    assert accuracy is not None
    assert accuracy.mean == pytest.approx(0.2)
    assert accuracy.deviation == pytest.approx(0.1)
    assert precision is not None
    assert precision.mean == pytest.approx(0.21)
    assert table.rows[1].accuracy is not None
    assert table.rows[1].accuracy.deviation == 0
    assert table.rows[1].runs == (3, 4, 5)
    assert table.rows[1].sessions == ("session-3", "session-4", "session-5")
    assert len(table.environments) == 1


def test_a_single_run_has_no_deviation() -> None:
    accuracy = study_table(study(), records(study(), [0.1, 0.2, 0.3])).rows[0].accuracy
    assert accuracy is not None
    assert accuracy.deviation is None


def test_states_of_rows() -> None:
    known = {
        0: record(study(), 0, status="failed", error="The loss became NaN"),
        1: record(study(), 1, 0.9, status="stopped"),
    }
    table = study_table(study(), known, running=[2])
    assert [(row.status, row.reason) for row in table.rows] == [
        ("failed", "The loss became NaN"),
        ("stopped", "stopped before its end"),
        ("running", ""),
    ]
    assert [row.accuracy for row in table.rows] == [None, None, None]


def test_a_row_with_a_failed_seed_keeps_the_scores_of_the_others() -> None:
    repeated = study(values=[1], repeats=3)
    known = records(repeated, [0.5, 0.7, 0.0]) | {2: record(repeated, 2, status="failed", error="Out of memory")}
    (row,) = study_table(repeated, known).rows
    assert (row.status, row.reason, row.done) == ("failed", "1 of 3 runs: Out of memory", 2)
    assert row.accuracy is not None
    assert row.accuracy.mean == pytest.approx(0.6)


def test_reported_scores_and_differences() -> None:
    reporting = study(reported=[{"value": 3, "accuracy": 0.861, "macro_f1": 0.862}])
    rows = study_table(reporting, records(reporting, [0.8, 0.9, 0.9])).rows
    assert rows[0].published(ACCURACY) is None
    assert rows[0].difference(ACCURACY) is None
    assert rows[1].difference(ACCURACY) == pytest.approx(0.039)
    assert rows[1].difference(METRICS["macro_precision"]) is None
    assert rows[1].published(METRICS["cohen_kappa"]) is None


def test_runs_that_were_trained_together_are_marked() -> None:
    known = {0: record(study(), 0, 0.5, together=3), 1: record(study(), 1, 0.5)}
    assert [row.together for row in study_table(study(), known).rows] == [3, 1, 1]


def test_a_grid_has_a_row_for_each_pair() -> None:
    grid = study(**GRID)
    table = study_table(grid, records(grid, [0.1, 0.2, 0.3, 0.4]))
    assert [(row.second_label, row.label) for row in table.rows] == [
        ("vgg16", "0.1"),
        ("vgg16", "0.01"),
        ("resnet18", "0.1"),
        ("resnet18", "0.01"),
    ]
    assert (table.factor, table.second_factor) == ("Learning rate", "Model")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00001, "0.00001"), (0.1, "0.1"), (10.0, "10"), (1e-9, "1e-09"), (None, "none"), (3, "3"), ("vgg16", "vgg16")],
)
def test_values_as_text(value: Value, text: str) -> None:
    assert value_text(value) == text


def test_the_best_value_is_chosen_on_validation() -> None:
    found = best(study_table(study(), records(study(), [0.9, 0.5, 0.6], [0.5, 0.8, 0.7])))
    assert found is not None
    assert (found.row.label, found.criterion) == ("3", "validation accuracy")
    assert found.choice == "Best by validation accuracy: epochs = 3 (0.8000)."
    assert "epochs = 10 is 10.00 points behind" in found.certainty
    assert "single runs cannot show whether that is more than chance" in found.certainty


def test_without_validation_the_choice_on_test_is_stated() -> None:
    known = records(study(), [0.9, 0.5, 0.6], [0.5, 0.8, 0.7]) | {2: record(study(), 2, 0.6)}
    found = best(study_table(study(), known))
    assert found is not None
    assert (found.row.label, found.criterion) == ("1", "test accuracy")
    assert found.choice == (
        "Best by test accuracy: epochs = 1 (0.9000), chosen on the test split because there are no validation images."
    )


def test_a_study_without_validation_images_chooses_on_test_from_the_start() -> None:
    bare = study(base={"data": {"validation_fraction": 0.0}})
    assert study_table(bare, {}).criterion == "test accuracy"
    assert study_table(study(), {}).criterion == "validation accuracy"
    validated = {0: record(study(), 0, 0.5, validation=0.5), 1: record(study(), 1, 0.5, status="stopped")}
    assert study_table(study(), validated).criterion == "validation accuracy"


def test_rows_without_all_their_runs_are_not_compared() -> None:
    assert best(study_table(study(), {0: record(study(), 0, 0.5)})) is None
    known = records(study(), [0.5, 0.6, 0.9]) | {2: record(study(), 2, 0.9, status="stopped")}
    found = best(study_table(study(), known))
    assert found is not None
    assert found.row.label == "3"


def test_equal_rows_are_described_as_equal() -> None:
    found = best(study_table(study(), records(study(), [0.9, 0.9, 0.6])))
    assert found is not None
    assert "epochs = 3 did equally well" in found.certainty
    nearly = best(study_table(study(), records(study(), [0.90002, 0.9, 0.6])))
    assert nearly is not None
    assert "epochs = 3 did equally well" in nearly.certainty


def test_equal_rows_over_several_seeds_are_described_as_equal() -> None:
    repeated = study(values=[1, 3], repeats=2)
    found = best(study_table(repeated, records(repeated, [0.5, 0.7, 0.7, 0.5])))
    assert found is not None
    assert found.certainty == "Over 2 seeds, epochs = 3 did equally well on average."


@pytest.mark.parametrize(
    ("better", "verdict"),
    [
        ([0.81, 0.83, 0.82, 0.84], "the difference is significant"),
        ([0.88, 0.79, 0.84, 0.77], "the difference is not significant"),
    ],
)
def test_repeats_show_whether_the_lead_is_significant(better: list[float], verdict: str) -> None:
    repeated = study(values=[1, 3], repeats=4)
    found = best(study_table(repeated, records(repeated, [0.80, 0.82, 0.805, 0.83, *better])))
    assert found is not None
    assert found.row.label == "3"
    assert verdict in found.certainty
    assert "Over 4 seeds" in found.certainty


def test_the_limits_are_those_of_students_t() -> None:
    for degrees, limit in enumerate(_LIMITS, start=1):
        assert 0 <= limit - student.ppf(0.975, degrees) < 0.01


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ([0.1, 0.01, 0.001, 0.0001, 0.00001, 0.000001], True),
        ([1, 3, 5, 7, 10, 15, 20, 40, 80], True),
        ([8, 16, 32, 64], False),
        (list(range(1, 102, 10)), False),
        ([0, 1, 100], False),
        ([-1, 10, 1000], False),
        ([None, 1, 1000], False),
        (["a", 1, 1000], False),
        ([1, 1000], False),
        ([5], False),
        ([], False),
    ],
)
def test_a_log_axis_for_values_that_suit_it(values: list[Value], log: bool) -> None:
    assert wants_log(values) is log


def test_curves_follow_the_axis_whatever_the_order_of_the_values() -> None:
    mixed = study(values=[10, 1, 3], reported=[{"value": 3, "accuracy": 0.5}, {"value": 1, "accuracy": 0.25}])
    ours, theirs = study_curves(study_table(mixed, records(mixed, [0.9, 0.7, 0.8])), [ACCURACY])
    assert (ours.xs, ours.ys, ours.reported) == ((1.0, 3.0, 10.0), (0.7, 0.8, 0.9), False)
    assert (theirs.xs, theirs.ys, theirs.reported) == ((1.0, 3.0), (0.25, 0.5), True)


def test_a_curve_for_each_metric_and_each_value_of_the_second_factor() -> None:
    grid = study(**GRID)
    curves = study_curves(study_table(grid, records(grid, [0.1, 0.2, 0.3, 0.4])), tuple(METRICS.values())[:4])
    assert [(curve.metric.key, curve.second) for curve in curves[:2]] == [
        ("accuracy", "vgg16"),
        ("accuracy", "resnet18"),
    ]
    assert len(curves) == 8
    assert curves[1].ys == (0.4, 0.3)


def test_rows_without_scores_have_no_points() -> None:
    assert study_curves(study_table(study(), {})) == ()
    (curve,) = study_curves(study_table(study(), {1: record(study(), 1, 0.5)}), [ACCURACY])
    assert curve.xs == (3.0,)


def test_text_values_are_equidistant() -> None:
    models = study(factor="model.architecture", values=["vgg16", "alexnet"])
    axis = factor_axis(study_table(models, {}))
    assert (axis.log, axis.label) == (False, "Model")
    assert [(tick.value, tick.label) for tick in axis.ticks] == [(0.0, "vgg16"), (1.0, "alexnet")]


def test_numbers_beside_none_are_equidistant() -> None:
    limits = study(factor="data.train_limit", values=[100, None, 1000])
    axis = factor_axis(study_table(limits, {}))
    assert [(tick.value, tick.label) for tick in axis.ticks] == [(0.0, "100"), (1.0, "none"), (2.0, "1000")]


def test_numbers_are_at_their_values_and_few_of_them_are_ticks() -> None:
    axis = factor_axis(study_table(study(values=[1, 5, 80]), {}))
    assert (axis.log, axis.positions) == (True, {1: 1.0, 5: 5.0, 80: 80.0})
    assert [tick.label for tick in axis.ticks] == ["1", "5", "80"]
    assert factor_axis(study_table(study(values=list(range(1, 30))), {})).ticks == ()
