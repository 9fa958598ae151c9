"""Sessions: writing, finding, reading, renaming and deleting them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import PresetError, SessionNotFoundError, StorageError
from cnn_tui.events import ErrorReport, RunFinished
from cnn_tui.metrics import score
from cnn_tui.store import hidden_folders
from cnn_tui.store.files import sha256_of
from cnn_tui.store.predictions import Predictions
from cnn_tui.store.presets import load_preset
from cnn_tui.store.session_changes import delete_session, rename_session
from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder
from cnn_tui.store.sessions import (
    find_session,
    list_sessions,
    load_session,
    read_history,
    read_record,
)
from samples import ENVIRONMENT, epoch, result, started, story


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNN_TUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def writer_for(name: str = "a run") -> SessionWriter:
    session_id, folder = new_session_folder(name)
    return SessionWriter(folder, new_record(session_id, RunPreset(name=name)))


def finished(name: str = "a run") -> Path:
    with writer_for(name) as writer:
        for event in story(writer.session.id):
            writer.record(event)
    return writer.folder


PREDICTIONS = Predictions(
    actual=np.array([0, 1, 1]),
    predicted=np.array([0, 1, 0]),
    confidence=np.array([0.5, 0.75, 1.0], np.float32),
    index=np.array([2, 0, 1]),
)


def test_an_id_consists_of_time_and_slug(home: Path) -> None:
    session_id, folder = new_session_folder("My Run: ../../x")
    assert re.fullmatch(r"\d{8}T\d{6}Z-my-run-x", session_id)
    assert folder == home / "sessions" / session_id
    assert folder.is_dir()


def test_colliding_ids_are_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_795_392_902.0)
    ids = [new_session_folder("x")[0] for _ in range(3)]
    assert ids == ["20261123T001502Z-x", "20261123T001502Z-x-2", "20261123T001502Z-x-3"]


def test_the_status_goes_from_queued_to_done() -> None:
    with writer_for() as writer:
        assert load_session(writer.folder).status == "queued"
        events = story(writer.session.id)
        writer.record(events[0])
        running = load_session(writer.folder)
        assert (running.status, running.environment, running.pid) == ("running", ENVIRONMENT, os.getpid())
        for event in events[1:]:
            writer.record(event)
    record = load_session(writer.folder)
    assert (record.status, record.result, record.error) == ("done", result(), None)
    assert (record.started, record.finished) == ("1970-01-01T00:01:40Z", "1970-01-01T00:01:50Z")
    assert writer.problem is None


def test_the_history_is_that_of_the_events() -> None:
    folder = finished()
    history = read_history(folder)
    assert history.epochs == [epoch(1), epoch(2, 0.25)]
    assert history.result == result()
    assert read_history(folder / "nowhere").epochs == []


def test_a_failure_is_recorded_with_its_reason() -> None:
    error = ErrorReport(title="The loss is not finite", detail="epoch 3", hint="A smaller learning rate.")
    with writer_for() as writer:
        writer.record(started(writer.session.id))
        writer.record(RunFinished(status="failed", error=error))
    assert load_session(writer.folder).error == error


def test_session_json_is_a_preset_of_the_same_experiment() -> None:
    folder = finished("a name")
    preset = load_preset(folder / "session.json")
    assert preset == RunPreset(name="a name")


def test_a_record_run_again_has_no_old_result() -> None:
    record = load_session(finished())
    session_id, folder = new_session_folder("again")
    with SessionWriter(folder, new_record(session_id, record)):
        again = load_session(folder)
    assert (again.status, again.result, again.experiment) == ("queued", None, record.experiment)


def test_weights_are_saved_with_their_checksum() -> None:
    def write(path: Path) -> None:
        path.write_bytes(b"weights")

    with writer_for() as writer:
        writer.save_weights_file(write)
    path = writer.folder / "weights.safetensors"
    assert path.read_bytes() == b"weights"
    assert load_session(writer.folder).weights_sha256 == sha256_of(path)


def test_a_failed_write_of_weights_leaves_no_checksum() -> None:
    def write(path: Path) -> None:
        raise OSError(28, "No space left on device")

    with writer_for() as writer, pytest.raises(StorageError, match="disk is full"):
        writer.save_weights_file(write)
    assert load_session(writer.folder).weights_sha256 is None


def test_predictions_round_trip() -> None:
    with writer_for() as writer:
        PREDICTIONS.save(writer.folder)
    loaded = Predictions.load(writer.folder)
    for name in ("actual", "predicted", "confidence", "index"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(PREDICTIONS, name))
    assert loaded.confidence.dtype == np.float32


def ranked(**changes: Any) -> Predictions:
    """The same predictions with their top classes and logits."""
    given: dict[str, Any] = {
        "top_classes": np.array([[0, 1], [1, 0], [0, 1]], np.int32),
        "top_probabilities": np.array([[0.5, 0.5], [0.75, 0.25], [1, 0]], np.float32),
        "logits": np.array([[0, 0], [1, 2], [9, 0]], np.float16),
    }
    return replace(PREDICTIONS, **given | changes)


def test_top_classes_round_trip_and_logits_on_request(tmp_path: Path) -> None:
    ranked().save(tmp_path)
    assert Predictions.load(tmp_path).logits is None
    loaded = Predictions.load(tmp_path, with_logits=True)
    for name in ("top_classes", "top_probabilities", "logits"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(ranked(), name))
        assert getattr(loaded, name).dtype == getattr(ranked(), name).dtype


@pytest.mark.parametrize(
    "changes",
    [
        {"top_classes": None},
        {"logits": np.zeros((2, 2), np.float16)},
        {"logits": np.zeros(3, np.float16)},
        {"top_probabilities": np.zeros((3, 1), np.float32)},
    ],
)
def test_shapes_of_top_classes_and_logits_must_match(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"do not match|tables of"):
        ranked(**changes)


def test_a_session_without_top_classes_opens() -> None:
    folder = Path(__file__).parent / "recorded" / "before-top-five"
    result = load_session(folder).result
    assert result is not None
    expected = score(np.array(result.confusion_matrix), result.classes)
    assert (result.cohen_kappa, result.balanced_accuracy) == (expected.cohen_kappa, expected.balanced_accuracy)
    assert result.top5_accuracy is None
    assert read_history(folder).result == result
    predictions = Predictions.load(folder, with_logits=True)
    assert len(predictions.actual) == 40
    assert (predictions.top_classes, predictions.top_probabilities, predictions.logits) == (None, None, None)


def test_shapes_of_predictions_must_match() -> None:
    with pytest.raises(ValueError, match="do not match"):
        Predictions(PREDICTIONS.actual, PREDICTIONS.predicted[:2], PREDICTIONS.confidence, PREDICTIONS.index)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 and no more", b"\x93NUMPY"])
def test_damaged_predictions_are_reported(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "predictions.npz").write_bytes(content)
    with pytest.raises(StorageError, match="Cannot read the predictions"):
        Predictions.load(tmp_path)


def test_pickles_in_predictions_are_not_executed(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "predictions.npz", actual=objects, predicted=objects, confidence=objects, index=objects)
    with pytest.raises(StorageError, match="pickle"):
        Predictions.load(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_reported_once_and_the_result_saved() -> None:
    session_id, folder = new_session_folder("full")
    (folder / "events.jsonl").symlink_to("/dev/full")
    with SessionWriter(folder, new_record(session_id, RunPreset())) as writer:
        problems = []
        for event in story(session_id):
            writer.record(event)
            problems.append(writer.problem)
    assert problems[0] is not None
    assert problems[0].title == "The disk is full"
    assert all(problem is problems[0] for problem in problems)
    assert load_session(folder).result == result()


def test_a_run_without_a_writer_is_killed() -> None:
    with writer_for() as writer:
        writer.record(started(writer.session.id))
        assert load_session(writer.folder).status == "running"
    assert load_session(writer.folder).status == "killed"
    assert read_record(writer.folder).status == "running"


def test_a_dead_process_releases_its_session() -> None:
    script = (
        "import os, sys, time\n"
        "from cnn_tui.config.preset import RunPreset\n"
        "from cnn_tui.store.session_writer import SessionWriter, new_record, new_session_folder\n"
        "session_id, folder = new_session_folder('x')\n"
        "writer = SessionWriter(folder, new_record(session_id, RunPreset()))\n"
        "print(session_id, flush=True)\n"
        "sys.stdin.read()\n"
        "os._exit(1)\n"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        session_id = process.stdout.readline().strip()
        assert load_session(session_id).status == "queued"
        process.communicate("")
    assert load_session(session_id).status == "killed"


def test_a_session_is_found_by_id_prefix_latest_and_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_795_392_902.0)
    old = finished("old")
    monkeypatch.setattr("time.time", lambda: 1_795_392_962.0)
    new = finished("new")
    assert find_session(old.name) == old
    assert find_session("20261123T0015") == old
    assert find_session("20261123T0016") == new
    assert find_session("latest") == new
    assert find_session(str(old)) == old
    assert find_session(str(old / "session.json")) == old
    assert [entry.folder for entry in list_sessions()] == [new, old]


def test_runs_of_the_same_second_are_ordered_by_their_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_795_392_902.0)
    folders = [finished("b"), finished("a")]
    for age, folder in enumerate(folders):
        os.utime(folder, ns=(age, age))
    assert find_session("latest") == folders[1]


@pytest.mark.parametrize("name", ["nothing", "../../x", "/etc", "latest", "x" * 300, "a\x00b"])
def test_an_unknown_session_has_its_own_error(name: str) -> None:
    with pytest.raises(SessionNotFoundError) as caught:
        find_session(name)
    assert caught.value.exit_code == 4


def test_an_ambiguous_prefix_lists_the_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_795_392_902.0)
    finished("a")
    finished("b")
    with pytest.raises(SessionNotFoundError, match="20261123T001502Z-a") as caught:
        find_session("2026")
    assert "20261123T001502Z-b" in caught.value.detail


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"status": "done"}', '{"schema_version": 2}'])
def test_a_damaged_session_is_listed_with_the_others(home: Path, content: str | None) -> None:
    good = finished()
    bad = home / "sessions" / "bad"
    bad.mkdir()
    if content is not None:
        (bad / "session.json").write_text(content)
    entries = {entry.id: entry for entry in list_sessions()}
    assert set(entries) == {good.name, "bad"}
    assert entries["bad"].record is None
    assert "session.json" in (entries["bad"].problem or "")
    good_record = entries[good.name].record
    assert good_record is not None
    assert good_record.status == "done"
    with pytest.raises(StorageError):
        load_session("bad")


def test_deleting_removes_the_folder_and_nothing_else(home: Path) -> None:
    first, second = finished("first"), finished("second")
    assert delete_session(first.name) == first
    assert [path.name for path in (home / "sessions").iterdir()] == [second.name]


def test_deleting_removes_what_an_interrupted_import_or_deletion_has_left(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, *deleted = finished("kept"), finished("first"), finished("second")
    for name in (".import-1", ".deleted-1", ".other"):
        (home / "sessions" / name).mkdir()
    (home / "sessions" / ".import-1" / "weights.safetensors").touch()
    delete_session(deleted[0].name)
    hidden = {path.name for path in (home / "sessions").glob(".*")}
    assert hidden == {".import-1", ".deleted-1", ".other"}  # they may be in progress
    monkeypatch.setattr(hidden_folders, "_ABANDONED_SECONDS", -1.0)
    delete_session(deleted[1].name)
    assert {path.name for path in (home / "sessions").iterdir()} == {kept.name, ".other"}


def test_a_damaged_session_can_be_deleted(home: Path) -> None:
    (home / "sessions" / "bad").mkdir(parents=True)
    delete_session("bad")
    assert list_sessions() == []


def test_a_live_session_is_neither_deleted_nor_renamed() -> None:
    with writer_for() as writer:
        with pytest.raises(StorageError, match="still queued"):
            delete_session(writer.session.id)
        with pytest.raises(StorageError, match="still queued"):
            rename_session(writer.session.id, "other")
    assert writer.folder.exists()


def test_sessions_outside_the_sessions_folder_are_not_deleted(tmp_path: Path) -> None:
    elsewhere = finished().rename(tmp_path / "elsewhere")
    with pytest.raises(SessionNotFoundError):
        delete_session(str(elsewhere))
    assert elsewhere.exists()


def test_renaming_keeps_the_id_and_the_result() -> None:
    folder = finished("before")
    rename_session(folder.name, "after")
    record = load_session(folder.name)
    assert (record.name, record.id, record.result) == ("after", folder.name, result())
    with pytest.raises(PresetError, match="not a valid"):
        rename_session(folder.name, "")


def test_a_full_disk_is_detected_before_training(home: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="sessions"):
        new_session_folder("x")
