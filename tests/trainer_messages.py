"""Helpers for tests of trainers: jobs, and waiting for messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cnn_tui.config.job import Job
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import BatchFinished, Event, JobEvent, JobFinished, RunEvent, RunFinished, RunStarted
from cnn_tui.trainer.protocol import Idle, JobUpdate, Message, Trainer

WAIT_SECONDS = 40.0
_Message = TypeVar("_Message", bound=Message)


def run(steps: int = 3, name: str = "scripted") -> Job:
    """A single run. Scripted runs have as many steps as their preset has epochs."""
    return Job(preset=RunPreset.model_validate({"name": name, "experiment": {"training": {"epochs": steps}}}))


def study(*steps: int, name: str = "scripted study") -> Job:
    """A study with a run for each number of steps."""
    return Job(preset=StudyPreset(name=name, factor="training.epochs", values=steps))


def tiny(epochs: int = 1) -> RunPreset:
    """A preset for the real engine that takes a second."""
    data = {"dataset": "digits", "image_size": 32, "train_limit": 64, "test_limit": 40}
    model = {"architecture": "resnet18", "weights": "random", "trainable": "all"}
    training = {"epochs": epochs, "device": "cpu", "precision": "float32"}
    return RunPreset.model_validate(
        {"name": "tiny", "experiment": {"data": data, "model": model, "training": training}}
    )


def until(trainer: Trainer, wanted: Callable[[Message], bool]) -> list[Message]:
    """All messages up to the first wanted one."""
    seen: list[Message] = []
    while not seen or not wanted(seen[-1]):
        message = trainer.next_message(WAIT_SECONDS)
        assert message is not None, f"no message after {seen}"
        seen.append(message)
        assert wanted(message) or not isinstance(message, Idle), f"the job ended: {seen}"
    return seen


def until_type(trainer: Trainer, kind: type[_Message]) -> _Message:
    """The next message of a type."""
    found = until(trainer, lambda message: isinstance(message, kind))[-1]
    assert isinstance(found, kind)
    return found


def until_idle(trainer: Trainer) -> list[Message]:
    """All messages up to the end of the job."""
    return until(trainer, lambda message: isinstance(message, Idle))


def until_batch(trainer: Trainer, run: int = 0) -> list[Message]:
    """All messages up to a batch of a run."""

    def wanted(message: Message) -> bool:
        event = message.event if isinstance(message, JobUpdate) else None
        return isinstance(event, RunEvent) and event.run == run and isinstance(event.event, BatchFinished)

    return until(trainer, wanted)


def job_events(messages: list[Message]) -> list[JobEvent]:
    """The events of the job."""
    return [message.event for message in messages if isinstance(message, JobUpdate)]


def events(messages: list[Message], run: int = 0) -> list[Event]:
    """The events of a run."""
    return [event.event for event in job_events(messages) if isinstance(event, RunEvent) and event.run == run]


def session_id(messages: list[Message], run: int = 0) -> str:
    """The session of a run."""
    return next(event.session_id for event in events(messages, run) if isinstance(event, RunStarted))


def ending(messages: list[Message], run: int = 0) -> RunFinished:
    """The end of a run: a single event, its last."""
    ends = [event for event in events(messages, run) if isinstance(event, RunFinished)]
    assert len(ends) == 1
    assert events(messages, run)[-1] is ends[0]
    return ends[0]


def job_ending(messages: list[Message]) -> JobFinished:
    """The end of the job: a single event, its last."""
    ends = [event for event in job_events(messages) if isinstance(event, JobFinished)]
    assert len(ends) == 1
    assert job_events(messages)[-1] is ends[0]
    return ends[0]
