"""``cnn-tui sessions compare`` and ``export``: every format, and what is refused."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnn_tui.cli.export import TABLES
from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.experiment import DataConfig, Experiment, OptimizerConfig, TrainingConfig
from cnn_tui.config.preset import RunPreset
from cnn_tui.events import Event, RunFinished
from cnn_tui.store.predictions import Predictions, save_thumbnails
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from samples import epoch, result, started

Output = pytest.CaptureFixture[str]
HOSTILE = "[/x]<b> \x1b]52;c;x\x07"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNN_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keep(
    name: str, right: list[bool], learning_rate: float = 0.001, ended: bool = True, dataset: str = "digits"
) -> str:
    """A session that got these of its test images of cats right, and no dogs wrong; returns its id."""
    session_id, folder = new_session_folder(name)
    training = TrainingConfig(epochs=2, optimizer=OptimizerConfig(learning_rate=learning_rate))
    experiment = Experiment(data=DataConfig.model_validate({"dataset": dataset}), training=training)
    hits = sum(right)
    run_events: list[Event] = [started(session_id), epoch(1), epoch(2, 0.25)]
    if ended:
        run_events.append(RunFinished(status="done", result=result(((hits, len(right) - hits), (0, 4)))))
    with SessionWriter(folder, new_record(session_id, RunPreset(name=name, experiment=experiment))) as writer:
        for event in run_events:
            writer.record(event)
    count = len(right)
    zeros, wrong = np.zeros(count, dtype=np.int64), (~np.array(right)).astype(np.int64)
    Predictions(zeros, wrong, np.ones(count, dtype=np.float32), np.arange(count, dtype=np.int64)).save(folder)
    return session_id


def two() -> tuple[str, str]:
    return keep("first", [True] * 4 + [False] * 9), keep("second", [False] * 3 + [True] * 10, 0.01)


def test_compare_shows_what_differs_and_a_sentence(capsys: Output) -> None:
    first, second = two()
    assert guarded(cli, ["sessions", "compare", first, second]) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert ["A", "first", first, "done"] in rows
    assert ["training.optimizer.learning_rate", "Learning", "rate", "0.001", "0.01"] in rows
    assert not any(row[:1] == ["training.epochs"] for row in rows)
    assert any(row[:3] == ["test", "accuracy", f"{8 / 17:.4f}"] for row in rows)
    assert "B got 9 images right that A got wrong, and 3 the other way round" in out
    assert "validation accuracy" in out
    assert "\x1b" not in out
    assert err == ""


def test_compare_as_json_lists_the_images(capsys: Output) -> None:
    first, second = two()
    assert guarded(cli, ["sessions", "compare", first, second, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (images,) = document["pictures"]
    assert images["only_first"] == [0, 1, 2]
    assert images["only_second"] == list(range(4, 13))
    assert [one["id"] for one in document["sessions"]] == [first, second]
    assert document["settings"] == [
        {"path": "training.optimizer.learning_rate", "title": "Learning rate", "values": [0.001, 0.01]}
    ]


@pytest.mark.parametrize(
    ("name", "begins"), [("c.md", "# A first vs"), ("c.html", "<!doctype html>"), ("c.tex", "%"), ("c.csv", "S")]
)
def test_compare_writes_the_format_of_the_suffix(name: str, begins: str, home: Path, capsys: Output) -> None:
    assert guarded(cli, ["sessions", "compare", *two(), "--output", name]) == 0
    assert capsys.readouterr().out == ""
    text = (home / name).read_text()
    assert text.startswith(begins)
    assert "McNemar" in text or name == "c.csv"


def test_the_same_session_twice_says_so(capsys: Output) -> None:
    first, _ = two()
    assert guarded(cli, ["sessions", "compare", first, first]) == 0
    out = capsys.readouterr().out
    assert "A and B are the same session" in out
    assert "All settings are the same." in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "at least two sessions"),
        (["latest"], 2, "at least two sessions"),
        (["latest", "nothing"], 4, "No session 'nothing'"),
        (["latest", "latest", "--json", "--format", "csv"], 2, "exclude each other"),
        (["latest", "latest", "--output", "x.docx"], 2, "does not imply a format"),
    ],
)
def test_compare_refuses_what_it_cannot_do(arguments: list[str], code: int, words: str, capsys: Output) -> None:
    two()
    assert guarded(cli, ["sessions", "compare", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err


def test_damaged_predictions_are_reported_and_the_rest_is_compared(home: Path, capsys: Output) -> None:
    first, second = two()
    (home / "home" / "sessions" / second / "predictions.npz").write_bytes(b"torn")
    assert guarded(cli, ["sessions", "compare", first, second]) == 0
    out, err = capsys.readouterr()
    assert "Cannot read the predictions" in err
    assert "B has no recorded predictions" in out
    assert "macro F1" in out


def test_a_damaged_event_log_is_the_reason_for_missing_curves(home: Path, capsys: Output) -> None:
    first, second = two()
    with (home / "home" / "sessions" / second / "events.jsonl").open("a") as file:
        file.write('{"type": "nothing"}\n')
    assert guarded(cli, ["sessions", "compare", first, second]) == 0
    out, err = capsys.readouterr()
    assert "Cannot read events.jsonl" in err
    assert "B has no curves: the event log is damaged." in out


def test_classes_tested_on_different_images_are_printed_without_colours(capsys: Output) -> None:
    first, _ = two()
    other = keep("other", [True] * 13, dataset="mnist")
    assert guarded(cli, ["sessions", "compare", first, other]) == 0
    assert "The best test results are not marked" in capsys.readouterr().out


def test_results_on_different_datasets_have_no_best(capsys: Output) -> None:
    first, _ = two()
    other = keep("other", [True] * 13, dataset="mnist")
    assert guarded(cli, ["sessions", "compare", first, other, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    scores = [row for row in document["figures"] if row["unit"] == ""]
    assert len(scores) == 9
    assert all(row["best"] == [] for row in scores)
    assert "The best test results are not marked: A was tested on digits, B on mnist." in document["notes"]


def test_export_is_markdown_by_default(capsys: Output) -> None:
    first, _ = two()
    assert guarded(cli, ["sessions", "export", first]) == 0
    out = capsys.readouterr().out
    for part in ("# first", "## Confusion matrix", "| cat | 4 | 9 |", "| macro mean |", "Learning rate | 0.001 |"):
        assert part in out
    assert "⠶⠶ validation" in out


def test_exported_curves_are_read_back_by_a_csv_reader(home: Path) -> None:
    first, _ = two()
    assert guarded(cli, ["sessions", "export", first, "--table", "epochs", "--output", "curves.csv"]) == 0
    heading, *rows = csv.reader((home / "curves.csv").read_text().splitlines())
    assert heading[:2] == ["epoch", "train loss"]
    assert [row[3] for row in rows] == ["0.5", "0.25"]


@pytest.mark.parametrize("table", TABLES)
def test_each_table_can_be_exported_alone(table: str, capsys: Output) -> None:
    first, _ = two()
    assert guarded(cli, ["sessions", "export", first, "--table", table, "--format", "csv"]) == 0
    heading, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert rows
    assert {len(row) for row in rows} == {len(heading)}


def test_csv_has_every_table_below_its_name(capsys: Output) -> None:
    first, _ = two()
    assert guarded(cli, ["sessions", "export", first, "--format", "csv"]) == 0
    tables = capsys.readouterr().out.split("\n\n")
    names = [next(csv.reader(io.StringIO(table)))[0] for table in tables]
    assert names == ["Figures", "Classes", "Confusion matrix", "Most confused", "Epochs", "Settings"]


def test_html_is_one_page_with_drawn_curves(home: Path) -> None:
    first, _ = two()
    assert guarded(cli, ["sessions", "export", first, "--output", "page.html"]) == 0
    page = (home / "page.html").read_text()
    assert page.count("<svg") == 2
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def pictured(count: int, *, side: int = 64) -> str:
    """A session with this number of cats predicted as dogs, with increasing confidence, and noise as images."""
    session_id, folder = new_session_folder("pictured")
    with SessionWriter(folder, new_record(session_id, RunPreset(name="pictured"))) as writer:
        writer.record(started(session_id))
        writer.record(RunFinished(status="done", result=result(((3, count), (0, 4)), ("cat", HOSTILE))))
    actual = np.array([0] * (3 + count) + [1] * 4)
    predicted = np.array([0] * 3 + [1] * (count + 4))
    index = np.arange(len(actual), dtype=np.int64)
    Predictions(actual, predicted, np.linspace(0.5, 1, len(actual), dtype=np.float32), index).save(folder)
    noise = np.random.default_rng(0).integers(0, 256, (len(actual), side, side, 3), dtype=np.uint8)
    save_thumbnails(folder, index, noise)
    return session_id


def test_html_shows_the_most_confident_mistakes(home: Path, capsys: Output) -> None:
    session_id = pictured(30)
    assert guarded(cli, ["sessions", "export", session_id, "--output", "page.html"]) == 0
    page = (home / "page.html").read_text()
    found = re.findall(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)">', page)
    assert len(found) == 24
    assert len(page) < 600_000
    alts = [alt for _, alt in found]
    assert alts[0].startswith("Test image 32: cat, predicted as [/x]&lt;b&gt; \ufffd]52")
    assert alts[-1].startswith("Test image 9: cat")
    with np.load(home / "home" / "sessions" / session_id / "thumbnails.npz") as kept:
        first = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[0][0]))))
        assert (first == kept["pictures"][32]).all()
    assert "<b>" not in page
    assert "actual: cat<br>predicted: [/x]&lt;b&gt;" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("chosen", ["markdown", "text", "latex", "csv"])
def test_other_formats_list_the_most_confident_mistakes(chosen: str, capsys: Output) -> None:
    assert guarded(cli, ["sessions", "export", pictured(2, side=8), "--format", chosen]) == 0
    out = capsys.readouterr().out
    assert "Most confident mistakes" in out
    assert "base64" not in out


def test_without_thumbnails_or_with_damaged_ones_the_report_has_the_rest(home: Path, capsys: Output) -> None:
    session_id = pictured(2, side=8)
    thumbnails = home / "home" / "sessions" / session_id / "thumbnails.npz"
    thumbnails.write_bytes(b"torn")
    assert guarded(cli, ["sessions", "export", session_id, "--format", "html"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("Cannot read the saved images\n")
    assert "<img" not in out
    assert "Confusion matrix" in out
    thumbnails.unlink()
    assert guarded(cli, ["sessions", "export", session_id, "--format", "html"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Most confident mistakes" not in out


def test_latex_has_a_table_for_each(capsys: Output) -> None:
    first, _ = two()
    assert guarded(cli, ["sessions", "export", first, "--format", "latex"]) == 0
    out = capsys.readouterr().out
    assert out.count(r"\begin{table}") == out.count(r"\end{table}") == 6
    assert r"actual \textbackslash{} predicted & cat & dog" in out


def test_export_as_json_is_what_show_prints(home: Path, capsys: Output) -> None:
    first, _ = two()
    assert guarded(cli, ["sessions", "show", first, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert guarded(cli, ["sessions", "export", first, "--output", "s.json"]) == 0
    assert json.loads((home / "s.json").read_text()) == shown


@pytest.mark.parametrize("chosen", ["markdown", "csv", "latex", "html", "text", "json"])
def test_hostile_names_are_harmless_in_every_format(chosen: str, capsys: Output) -> None:
    session_id = keep(HOSTILE, [True])
    assert guarded(cli, ["sessions", "export", session_id, "--format", chosen]) == 0
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07"} & set(out)
    assert "<b>" not in out or chosen in ("csv", "text", "json")


def test_a_session_without_a_result_is_exported_without_it(capsys: Output) -> None:
    session_id = keep("killed", [True], ended=False)
    assert guarded(cli, ["sessions", "export", session_id]) == 0
    assert "## Epochs" in capsys.readouterr().out
    assert guarded(cli, ["sessions", "export", session_id, "--table", "classes"]) == 2
    assert "has no table classes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing"], 4, "No session"),
        (["latest", "--format", "csv", "--output", "."], 2, "is a folder"),
        (["latest", "--format", "json", "--table", "epochs"], 2, "JSON has no tables"),
        (["latest", "--table", "nothing"], 2, "nothing"),
    ],
)
def test_export_refuses_what_it_cannot_do(arguments: list[str], code: int, words: str, capsys: Output) -> None:
    two()
    assert guarded(cli, ["sessions", "export", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
