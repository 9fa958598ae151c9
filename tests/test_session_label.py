"""What a session is called where there is little room."""

from __future__ import annotations

from typing import Any

import pytest

from cnn_tui.reports.labels import session_label
from cnn_tui.store.records import StudyPart
from study_records import study


@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        (
            {"factor": "training.optimizer.learning_rate", "values": [0.01], "repeats": 2},
            ["lr 0.01 · seed 0 · table 3", "lr 0.01 · seed 1 · table 3"],
        ),
        (
            {
                "factor": "training.epochs",
                "values": [3],
                "second_factor": "model.architecture",
                "second_values": ["vgg16"],
            },
            ["epochs 3 · vgg16 · table 3"],
        ),
        ({"factor": "training.early_stopping_patience", "values": [None]}, ["early stopping patience none · table 3"]),
    ],
)
def test_a_row_of_a_study_begins_with_its_values(settings: dict[str, Any], labels: list[str]) -> None:
    varied = study(name="table 3", **settings)
    found = [
        session_label(cell.preset(varied).name, StudyPart(name=varied.name, row=cell.index)) for cell in varied.cells()
    ]
    assert found == labels


def test_other_names_stay_as_they_are() -> None:
    part = StudyPart(name="table 3", row=4)
    assert session_label("pets seed=1", None) == "pets seed=1"
    assert session_label("renamed by a person", part) == "renamed by a person"
    assert session_label("table 3 cut off here", part) == "run 5 · table 3"
