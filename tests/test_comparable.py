"""Which results of sessions are marked as the best, why others are not, and why curves are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnn_tui.config.experiment import DataConfig, Experiment, TrainingConfig
from cnn_tui.events import Environment, EpochFinished
from cnn_tui.metrics import METRICS, Result
from cnn_tui.reports.comparison.compare import Comparison, compare
from cnn_tui.reports.comparison.document import classes_table, comparison_document, comparison_json, measurements_table
from cnn_tui.reports.comparison.measurements import Measurement, Unit
from cnn_tui.reports.documents.document import document_markdown
from cnn_tui.reports.sessions.data import SessionData
from cnn_tui.store.predictions import Predictions
from cnn_tui.store.records import SessionRecord, Status, StudyPart
from samples import ENVIRONMENT, epoch, result

WORSE, BETTER = ((6, 4), (0, 10)), ((9, 1), (0, 10))
TIMES = {"training time", "total time", "images per second", "peak memory"}
SCORES = {metric.title for metric in METRICS.values() if not metric.is_loss and metric.least_classes == 1}
VALIDATION = {"best validation loss", "validation accuracy there"}


def session(
    name: str,
    *,
    matrix: tuple[tuple[int, ...], ...] | None = WORSE,
    classes: tuple[str, ...] = ("cat", "dog"),
    data: dict[str, Any] | None = None,
    seed: int = 0,
    status: Status = "done",
    environment: Environment | None = ENVIRONMENT,
    epochs: tuple[EpochFinished, ...] = (epoch(1),),
    index: list[int] | None = None,
    together: int = 1,
    events_damage: str = "",
    **fields: float,
) -> SessionData:
    """A session with these test images; ``fields`` replace those of its result."""
    outcome: Result | None = None if matrix is None else result(matrix, classes).model_copy(update=fields)
    record = SessionRecord(
        name=name,
        experiment=Experiment(
            data=DataConfig.model_validate({"dataset": "digits"} | (data or {})), training=TrainingConfig(seed=seed)
        ),
        id=f"20261123T001502Z-{name}",
        status=status,
        created="2026-11-23T00:15:02Z",
        environment=environment,
        result=outcome,
        study=StudyPart(name="a study", row=0, together=together) if together > 1 else None,
    )
    saved = None if index is None or matrix is None else _predictions(np.array(matrix), index)
    return SessionData(Path("/sessions") / name, record, epochs, (), saved, "", events_damage)


def _predictions(matrix: np.ndarray[tuple[int, ...], np.dtype[np.int64]], index: list[int]) -> Predictions:
    actual, predicted = (np.repeat(axis.ravel(), matrix.ravel()) for axis in np.indices(matrix.shape))
    return Predictions(actual, predicted, np.ones(len(actual), dtype=np.float32), np.array(index, dtype=np.int64))


def marked(comparison: Comparison) -> dict[str, set[str]]:
    """The letters of the sessions that are marked as the best, by measurement."""
    return {row.name: {comparison.letters[index] for index in row.best} for row in comparison.measurements if row.best}


def slower(name: str = "two", **facts: Any) -> SessionData:
    """A session with better scores and worse times."""
    costs: dict[str, Any] = {
        "train_seconds": 9.0,
        "total_seconds": 19.0,
        "images_per_second": 10.0,
        "peak_memory_bytes": 5e9,
    }
    scores: dict[str, Any] = {"matrix": BETTER, "test_loss": 0.25, "epochs": (epoch(1, 0.25),)}
    return session(name, **costs | scores | facts)


def test_on_the_same_images_and_machine_everything_is_compared() -> None:
    comparison = compare([session("one"), slower()])
    found = marked(comparison)
    assert {name for name, letters in found.items() if letters == {"B"}} == SCORES | {
        "test loss",
        "best validation loss",
    }
    assert {name for name, letters in found.items() if letters == {"A"}} == TIMES
    assert comparison.notes == ()


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"data": {"dataset": "cifar10"}}, "A was tested on digits, B on cifar10"),
        ({"data": {"dataset": "folder", "root": "/pets"}}, "A was tested on digits, B on /pets"),
        ({"matrix": ((9, 1), (0, 30))}, "A was tested on 20 images, B on 40"),
        ({"matrix": ((15, 1), (0, 4))}, "A and B were tested on different images of digits"),
        ({"classes": ("cat", "emu")}, "A and B have different classes"),
    ],
)
def test_results_on_different_test_images_have_no_best_and_a_reason(facts: dict[str, Any], reason: str) -> None:
    comparison = compare([session("one"), slower(**facts)])
    assert not (SCORES | {"test loss"}) & marked(comparison).keys()
    assert f"The best test results are not marked: {reason}." in comparison.notes
    assert classes_table(comparison, comparison.classes).heat == ()
    assert f"The best test results are not marked: {reason}." in document_markdown(comparison_document(comparison))
    assert comparison_json(comparison)["notes"] == list(comparison.notes)


def test_equal_numbers_of_images_per_class_may_still_be_different_images() -> None:
    first = session("one", index=list(range(20)))
    assert "test accuracy" in marked(compare([first, slower(index=list(range(20)))]))
    shuffled = slower(index=[9, *range(1, 9), 0, *range(10, 20)])
    assert "test accuracy" in marked(compare([first, shuffled]))
    disjoint = slower(index=list(range(20, 40)))
    assert "test accuracy" not in marked(compare([first, disjoint]))
    relabelled = slower(index=[19, *range(1, 19), 0])
    assert "test accuracy" not in marked(compare([first, relabelled]))


def test_without_predictions_different_seeds_mean_different_test_images_of_a_folder() -> None:
    folder = {"dataset": "folder", "root": "/pets"}
    same = compare([session("one", data=folder), slower(data=folder)])
    other = compare([session("one", data=folder), slower(data=folder, seed=1)])
    assert "test accuracy" in marked(same)
    assert "test accuracy" not in marked(other)


@pytest.mark.parametrize(
    ("facts", "setting"),
    [
        ({"data": {"validation_fraction": 0.2}}, "validation split 0.1 and 0.2"),
        ({"data": {"train_limit": 100}}, "training limit – and 100"),
        ({"seed": 7}, "seed 0 and 7"),
    ],
)
def test_results_on_different_validation_images_have_no_best_and_test_results_do(
    facts: dict[str, Any], setting: str
) -> None:
    comparison = compare([session("one"), slower(**facts)])
    assert not VALIDATION & marked(comparison).keys()
    assert "test accuracy" in marked(comparison)
    reason = f"A and B were validated on different images ({setting})"
    assert comparison.notes == (f"The best validation results are not marked: {reason}.",)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"status": "stopped"}, "A was stopped"),
        ({"status": "killed"}, "A was killed"),
        ({"status": "failed"}, "A failed"),
        ({"together": 4}, "A was trained together with 3 other runs"),
        ({"environment": None}, "A has no recorded machine"),
        (
            {"environment": ENVIRONMENT.model_copy(update={"device": "cuda:0", "device_name": "A GPU"})},
            "A ran on A GPU (cuda, 2 processors, Linux), B ran on A processor (cpu, 2 processors, Linux)",
        ),
    ],
)
def test_only_times_of_complete_runs_on_one_machine_are_compared(facts: dict[str, Any], reason: str) -> None:
    comparison = compare([session("quick", **facts), slower()])
    assert not TIMES & marked(comparison).keys()
    assert "test accuracy" in marked(comparison)
    assert comparison.notes == (f"The best times, speed and memory are not marked: {reason}.",)


def test_a_stopped_run_never_wins_on_time_and_the_others_are_compared() -> None:
    comparison = compare([session("stopped", status="stopped", train_seconds=0.1), slower(), session("whole")])
    assert marked(comparison)["training time"] == {"C"}
    assert comparison.notes == ("Excluded from the comparison of times, speed and memory: A was stopped.",)


@pytest.mark.parametrize(
    ("values", "unit", "best"),
    [
        ((0.93121, 0.93119), "", set()),
        ((0.931249, 0.931251), "", set()),
        ((0.9312, 0.9313), "", {1}),
        ((0.93121, 0.93119, 0.5), "", {0, 1}),
        ((None, 0.5), "", set()),
        ((0.5, 0.25, None), "", {0}),
        ((6.04, 6.06), "seconds", set()),
        ((6.0, 6.1), "seconds", {1}),
        ((3700.0, 3710.0), "seconds", set()),
        ((99.96, 99.98), "rate", set()),
        ((900.2, 900.4), "rate", set()),
        ((5.01e9, 5.04e9), "bytes", set()),
        ((5.0e9, 5.2e9), "bytes", {1}),
    ],
)
def test_values_with_the_same_text_or_rounding_differences_have_no_best(
    values: tuple[float | None, ...], unit: Unit, best: set[int]
) -> None:
    assert Measurement("some measurement", values, unit, "higher").best == best


def test_cells_with_the_same_text_are_never_marked() -> None:
    comparison = compare([session("one"), session("two", test_loss=0.50001, train_seconds=1.52)])
    table = measurements_table(comparison)
    for row, heat in zip(table.rows, table.heat, strict=True):
        assert row[1] != row[2] or not any(heat)
    assert "test loss" not in marked(comparison)


def test_a_change_that_rounds_to_zero_has_no_colour() -> None:
    first, second = session("one"), session("two", classes=("cat", "dog"))
    rows = compare([first, second]).classes
    nearly = [type(row)(row.name, (row.f1[0], (row.f1[0] or 0.0) + 1e-6), row.recall) for row in rows]
    assert all(not any(heat) for heat in classes_table(compare([first, second]), nearly).heat)


def test_missing_curves_have_a_reason() -> None:
    unvalidated = (epoch(1, None),)
    comparison = compare(
        [
            session("whole"),
            session("plain", epochs=unvalidated, data={"validation_fraction": 0.0}),
            session("few", epochs=unvalidated),
            session("stopped", matrix=None, status="stopped", epochs=()),
            session("torn", epochs=(), events_damage="Cannot read events.jsonl"),
            session("bare", epochs=unvalidated, data={"validation_fraction": 0.0}),
            session("begun", matrix=None, status="running", epochs=()),
        ]
    )
    assert comparison.missing == (
        "B and F have no validation curves: validation_fraction is 0.",
        "C has no validation curves: there were no validation images.",
        "D has no curves: stopped before the first epoch finished.",
        "E has no curves: the event log is damaged.",
        "G has no curves: the first epoch has not finished yet.",
    )
    text = document_markdown(comparison_document(comparison))
    assert "E has no curves: the event log is damaged." in text
