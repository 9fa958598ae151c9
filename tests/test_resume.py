"""Interrupted runs that continue from a checkpoint, against the same runs without an interruption."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from cnn_tui import paths
from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.engine.control import Control
from cnn_tui.engine.training.checkpoint import Checkpointer
from cnn_tui.errors import ConfigError, DataError, StorageError
from cnn_tui.events import EpochFinished, Event, RunEvent, RunFinished, RunReused, RunStarted
from cnn_tui.jobs import run_job
from cnn_tui.store.checkpoints import CHECKPOINT_FOLDER, newest_checkpoint
from cnn_tui.store.predictions import PREDICTIONS_FILE
from cnn_tui.store.records import SessionRecord, resumed_experiment
from cnn_tui.store.session_writer import WEIGHTS_FILE
from cnn_tui.store.sessions import all_records, load_session, lock_of, read_history
from image_folders import write_classes

SMALL = [
    "data.dataset=digits",
    "data.train_limit=90",
    "data.test_limit=40",
    "data.image_size=32",
    "model.weights=random",
]
FROZEN = [*SMALL, "model.architecture=resnet18", "model.trainable=last_layer", "training.epochs=5"]
# Dropout, augmentation, running statistics, moments in channels-last layout, a learning rate that changes in each step.
TUNED = [
    *SMALL,
    "model.architecture=mobilenet_v3_small",
    "model.trainable=all",
    "data.augment=crop_flip",
    "training.schedule=cosine",
    "data.train_limit=40",
    "training.batch_size=16",
    "training.epochs=3",
]
STOPPED_EARLY = [
    *SMALL,
    "model.architecture=alexnet",
    "data.image_size=64",
    "model.trainable=last_layer",
    "training.optimizer.learning_rate=0.1",
    "training.early_stopping_patience=2",
    "training.epochs=30",
]
MAPS = [
    *SMALL,
    "model.architecture=squeezenet1_1",
    "data.image_size=64",
    "model.trainable=last_layer",
    "training.epochs=3",
]
KINDS = {"frozen": FROZEN, "tuned": TUNED, "stopped early": STOPPED_EARLY, "maps": MAPS}


@pytest.fixture(autouse=True)
def always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save a checkpoint after every epoch."""
    monkeypatch.setattr(Checkpointer, "due_after_epoch", True)


def preset(settings: list[str], name: str = "run") -> RunPreset:
    return RunPreset(name=name, experiment=override(Experiment(), settings))


def events_of(job: Job, interrupt_after: int | None = None, after_epochs: int | None = None) -> list[Event]:
    """Run a job; after so many events, or epochs and an event, it ends as if its process had been killed."""
    seen: list[Event] = []
    running = run_job(job, Control())
    assert isinstance(running, Generator)
    for event in running:
        if isinstance(event, RunEvent):
            seen.append(event.event)
        epochs = sum(isinstance(event, EpochFinished) for event in seen[:-1])
        if len(seen) == interrupt_after or epochs == after_epochs:
            running.close()
            break
    return seen


def resumed(record: SessionRecord, epochs: int | None = None) -> Job:
    folder = paths.sessions_folder() / record.id
    experiment = resumed_experiment(load_session(folder), epochs, len(read_history(folder).epochs))
    return Job(preset=RunPreset(name=record.name, experiment=experiment), resume=record.id)


def newest() -> SessionRecord:
    return all_records()[0]


def artifacts(folder: Path) -> tuple[dict[str, torch.Tensor], bytes, list[dict[str, Any]]]:
    epochs = [epoch.model_dump(exclude={"time", "seconds"}) for epoch in read_history(folder).epochs]
    return load_file(folder / WEIGHTS_FILE), (folder / PREDICTIONS_FILE).read_bytes(), epochs


def assert_same(one: SessionRecord, other: SessionRecord, folder: Path | None = None) -> None:
    weights, predictions, epochs = artifacts((folder or paths.sessions_folder()) / one.id)
    others, other_predictions, other_epochs = artifacts(paths.sessions_folder() / other.id)
    assert weights.keys() == others.keys()
    assert [name for name in weights if not torch.equal(weights[name], others[name])] == []
    assert predictions == other_predictions
    assert epochs == other_epochs


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_was_interrupted_three_times_ends_like_one_that_was_not(kind: str) -> None:
    expected = events_of(Job(preset=preset(KINDS[kind])))
    whole, order = newest(), random.Random(kind)
    first = next(index for index, event in enumerate(expected) if isinstance(event, EpochFinished)) + 2
    events_of(Job(preset=preset(KINDS[kind], "interrupted")), order.randint(first, len(expected) - 1))
    record = newest()
    interruptions: list[int | None] = [order.randint(first + 4, len(expected) - 1) for _ in range(2)]
    for count in [*interruptions, None]:
        if load_session(record.id).status != "done":  # how many events there are depends on the time
            assert isinstance(events_of(resumed(record), count)[0], RunStarted)
    assert load_session(record.id).status == "done"
    assert_same(whole, load_session(record.id))


def test_every_point_of_interruption_gives_the_same_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checkpointer, "due_within_epoch", True)
    settings = [*TUNED, "training.epochs=2"]
    expected = events_of(Job(preset=preset(settings)))
    whole = newest()
    first = next(index for index, event in enumerate(expected) if event.type == "batch_finished") + 2
    for count in range(first, len(expected), 4):
        events_of(Job(preset=preset(settings, f"after {count}")), count)
        record = newest()
        events_of(resumed(record))
        assert_same(whole, load_session(record.id))


@pytest.mark.parametrize("settings", [FROZEN, [*TUNED, "training.schedule=constant"]])
def test_a_longer_run_ends_like_one_that_was_started_with_all_epochs(settings: list[str]) -> None:
    events_of(Job(preset=preset([*settings, "training.epochs=4"])))
    whole = newest()
    events_of(Job(preset=preset([*settings, "training.epochs=2"], "extended")))
    record = newest()
    events_of(resumed(record, epochs=4))
    longer = load_session(record.id)
    assert longer.experiment.training.epochs == 4
    assert longer.result is not None
    assert longer.result.epochs_run == 4
    assert_same(whole, longer)


def test_a_stopped_run_is_tested_and_goes_on_later() -> None:
    events_of(Job(preset=preset(TUNED)))
    whole, control = newest(), Control()
    for event in run_job(Job(preset=preset(TUNED, "stopped")), control):
        if isinstance(event, RunEvent) and event.event.type == "batch_finished" and event.event.epoch == 2:
            control.stop()
    record = newest()
    assert record.status == "stopped"
    assert record.result is not None
    events_of(resumed(record))
    assert_same(whole, load_session(record.id))


def test_a_study_continues_interrupted_runs_and_reuses_finished_ones() -> None:
    base = override(Experiment(), [*TUNED, "training.epochs=2"])
    study = StudyPreset(name="rates", base=base, factor="training.optimizer.learning_rate", values=(0.01, 0.001))
    events_of(Job(preset=study))
    whole = {record.experiment: record for record in all_records()}
    aside = paths.sessions_folder().with_name("aside")
    paths.sessions_folder().rename(aside)
    events_of(Job(preset=study), after_epochs=3)  # in the last epoch of the second run
    interrupted = newest()
    assert interrupted.status == "killed"
    kinds = [type(event) for event in run_job(Job(preset=study), Control())]
    assert RunReused in kinds
    assert len(all_records()) == 2
    for record in all_records():
        earlier = whole[record.experiment]
        assert_same(earlier, record, aside)


def test_a_damaged_checkpoint_is_skipped_for_the_one_before() -> None:
    expected = events_of(Job(preset=preset(FROZEN)))
    whole = newest()
    for damage in (lambda data: data[:100], lambda data: data[:-1] + b"\0", lambda data: b"<html>"):
        events_of(Job(preset=preset(FROZEN, "damaged")), len(expected) - 3)
        record = newest()
        files = sorted((paths.sessions_folder() / record.id / CHECKPOINT_FOLDER).glob("*.safetensors"))
        assert len(files) == 2
        files[1].write_bytes(damage(files[1].read_bytes()))
        events_of(resumed(record))
        assert_same(whole, load_session(record.id))


def test_a_log_that_lost_its_end_gets_its_epochs_from_the_checkpoint() -> None:
    expected = events_of(Job(preset=preset(FROZEN)))
    whole = newest()
    events_of(Job(preset=preset(FROZEN, "torn")), len(expected) - 3)
    record = newest()
    log = paths.sessions_folder() / record.id / "events.jsonl"
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 3])
    events_of(resumed(record))
    assert_same(whole, load_session(record.id))


def test_a_finished_run_keeps_one_checkpoint_and_has_nothing_to_resume() -> None:
    events_of(Job(preset=preset(FROZEN)))
    record = newest()
    assert len(list((paths.sessions_folder() / record.id / CHECKPOINT_FOLDER).glob("*.json"))) == 1
    with pytest.raises(ConfigError, match="is finished"):
        resumed(record)
    with pytest.raises(ConfigError, match="5 epochs already"):
        resumed(record, epochs=3)


@pytest.mark.parametrize("settings", [["training.schedule=cosine"], ["training.early_stopping_patience=1"]])
def test_runs_that_cannot_be_longer_offer_a_warm_restart(settings: list[str]) -> None:
    events_of(Job(preset=preset([*FROZEN, *settings])))
    with pytest.raises(ConfigError) as caught:
        resumed(newest(), epochs=50)
    assert "warm restart" in caught.value.hint


def test_without_a_checkpoint_the_session_stays_as_it_is() -> None:
    events_of(Job(preset=preset(FROZEN)), 3)
    record = newest()
    path = paths.sessions_folder() / record.id / "session.json"
    before = path.read_bytes()
    with pytest.raises(StorageError, match="cannot be resumed"):
        events_of(resumed(record))
    assert path.read_bytes() == before


def test_a_full_disk_costs_checkpoints_and_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full")

    monkeypatch.setattr("cnn_tui.store.session_writer.save_checkpoint", full)
    events = events_of(Job(preset=preset(FROZEN)))
    assert [event.title for event in events if event.type == "warning"] == ["The disk is full"]
    assert newest().status == "done"


KILLED = """
import sys
from cnn_tui.cli.main import cli
from cnn_tui.engine.training.checkpoint import Checkpointer
Checkpointer.due_after_epoch = True
cli(sys.argv[1:])
"""


_ALL = 1000  # epochs


def trained_for(epochs: int, *arguments: str) -> None:
    """Train in a process of its own, and kill it some milliseconds after so many epochs if it has not ended by then."""
    process = subprocess.Popen([sys.executable, "-c", KILLED, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as lines:
        for _ in zip(range(epochs), (line for line in lines if line.startswith("epoch ")), strict=False):
            pass
        time.sleep(random.random() / 20)
        if epochs < _ALL:
            process.kill()
    process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_processes_killed_at_random_times_leave_runs_that_end_as_without(kind: str) -> None:
    options = [part for setting in [*KINDS[kind], "training.epochs=30"] for part in ("--set", setting)]
    trained_for(_ALL, "run", "quickstart", "--name", "whole", *options)
    whole, kills = newest(), 0
    while kills < 6:
        arguments, epochs = ["run", "quickstart", "--name", "killed", *options], 0
        while not (sessions := [one for one in all_records() if one.id != whole.id]) or sessions[0].status != "done":
            folder = paths.sessions_folder() / sessions[0].id if sessions else None
            if folder is not None and newest_checkpoint(folder) is not None:
                arguments, epochs = ["sessions", "resume", folder.name], len(read_history(folder).epochs)
            elif folder is not None:
                shutil.rmtree(folder)
            trained_for(epochs + random.randint(1, 8), *arguments)  # a resumed run prints its earlier epochs first
            kills += 1
        assert_same(whole, sessions[0])
        shutil.rmtree(paths.sessions_folder() / sessions[0].id)


def test_a_session_that_another_process_writes_is_not_touched() -> None:
    events_of(Job(preset=preset(FROZEN)), 20)
    record = newest()
    job = resumed(record)
    folder = paths.sessions_folder() / record.id
    before = (folder / "events.jsonl").read_bytes()
    with lock_of(folder):
        with pytest.raises(ConfigError, match="is still running"):
            resumed(record)
        with pytest.raises(StorageError, match="is still running"):
            events_of(job)
    assert (folder / "events.jsonl").read_bytes() == before


@pytest.mark.parametrize("reason", ["images are missing", "the user stops it"])
def test_a_run_that_cannot_continue_leaves_its_session_as_it_was(reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    events_of(Job(preset=preset([*FROZEN, "training.epochs=2"])))
    folder, control = paths.sessions_folder() / newest().id, Control()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    job = resumed(newest(), epochs=4)
    if reason == "images are missing":

        def missing(*_: object, **__: object) -> None:
            raise DataError("The images are missing")

        monkeypatch.setattr("cnn_tui.engine.data.loading.load_for_seeds", missing)
    else:
        control.stop()
        control.stop()
    finished = [event.event for event in run_job(job, control) if isinstance(event, RunEvent)][-1]
    assert isinstance(finished, RunFinished)
    assert finished.status != "done"
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_a_resumed_run_is_shown_as_running() -> None:
    events_of(Job(preset=preset(FROZEN)), after_epochs=2)
    record = newest()
    running = (event.event for event in run_job(resumed(record), Control()) if isinstance(event, RunEvent))
    next(event for event in running if isinstance(event, EpochFinished) and event.epoch == 4)
    assert load_session(record.id).status == "running"


def test_other_images_are_noticed(tmp_path: Path) -> None:
    root = tmp_path / "images"
    write_classes(root, "cat", "dog", count=10)
    settings = [*FROZEN, "data.train_limit=null", "data.test_limit=null", "data.dataset=folder", f"data.root={root}"]
    events_of(Job(preset=preset(settings)), after_epochs=2)
    record = newest()
    picture = next(root.rglob("*.png"))
    picture.write_bytes(picture.read_bytes())
    events = events_of(resumed(record), after_epochs=3)
    assert "may have changed" in next(event.title for event in events if event.type == "warning")
    (picture.parent / "another.png").write_bytes(picture.read_bytes())
    finished = events_of(resumed(record))[-1]
    assert isinstance(finished, RunFinished)
    assert finished.error is not None
    assert "images have changed" in finished.error.title
