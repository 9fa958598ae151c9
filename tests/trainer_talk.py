"""Talking to a trainer in tests: presets, and waiting for what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.events import BatchFinished, Event, RowEvent, RunFinished, RunStarted, StudyEvent, StudyFinished
from cnn_tui.trainer.protocol import Idle, Message, RunEvent, StudySaid, Trainer

WAIT_SECONDS = 40.0
_Message = TypeVar("_Message", bound=Message)


def preset(steps: int = 3, name: str = "scripted") -> RunPreset:
    """A preset of so many epochs, which scripted runs take for steps."""
    return RunPreset.model_validate({"name": name, "experiment": {"training": {"epochs": steps}}})


def study(*steps: int, name: str = "scripted study") -> StudyPreset:
    """A study of so many rows, each of a number of epochs, which scripted runs take for steps."""
    return StudyPreset(name=name, factor="training.epochs", values=steps)


def tiny(epochs: int = 1) -> RunPreset:
    """A preset for the real engine, of a second."""
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
        assert message is not None, f"nothing came after {seen}"
        seen.append(message)
        assert wanted(message) or not isinstance(message, Idle), f"the run ended: {seen}"
    return seen


def until_type(trainer: Trainer, kind: type[_Message]) -> _Message:
    """The next message of a type."""
    found = until(trainer, lambda message: isinstance(message, kind))[-1]
    assert isinstance(found, kind)
    return found


def until_idle(trainer: Trainer) -> list[Message]:
    """All messages up to the run's end."""
    return until(trainer, lambda message: isinstance(message, Idle))


def until_batch(trainer: Trainer) -> str:
    """Wait until the run is in the middle; the session's id."""
    messages = until(trainer, lambda said: isinstance(said, RunEvent) and isinstance(said.event, BatchFinished))
    return session_id(messages)


def events(messages: list[Message]) -> list[Event]:
    """What happened in the run."""
    return [message.event for message in messages if isinstance(message, RunEvent)]


def session_id(messages: list[Message]) -> str:
    """The session of the run."""
    return next(event.session_id for event in events(messages) if isinstance(event, RunStarted))


def ending(messages: list[Message]) -> RunFinished:
    """The run's one end, after which nothing happened in it."""
    ends = [event for event in events(messages) if isinstance(event, RunFinished)]
    assert len(ends) == 1
    assert events(messages)[-1] is ends[0]
    return ends[0]


def until_row_batch(trainer: Trainer, row: int) -> list[Message]:
    """Wait until a row of a study is in the middle; all messages up to there."""

    def wanted(said: Message) -> bool:
        event = said.event if isinstance(said, StudySaid) else None
        return isinstance(event, RowEvent) and event.row == row and isinstance(event.event, BatchFinished)

    return until(trainer, wanted)


def study_events(messages: list[Message]) -> list[StudyEvent]:
    """What happened in the study."""
    return [message.event for message in messages if isinstance(message, StudySaid)]


def row_events(messages: list[Message], row: int) -> list[Event]:
    """What happened in the run of one row."""
    return [event.event for event in study_events(messages) if isinstance(event, RowEvent) and event.row == row]


def row_session(messages: list[Message], row: int) -> str:
    """The session of a row."""
    return next(event.session_id for event in row_events(messages, row) if isinstance(event, RunStarted))


def study_ending(messages: list[Message]) -> StudyFinished:
    """The study's one end, after which nothing happened in it."""
    ends = [event for event in study_events(messages) if isinstance(event, StudyFinished)]
    assert len(ends) == 1
    assert study_events(messages)[-1] is ends[0]
    return ends[0]
