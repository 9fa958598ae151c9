"""Messages while a session's network is restored."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

from cnn_tui.cli.output import print_message
from cnn_tui.engine.control import WithResult
from cnn_tui.events import Event, Phase

_Result = TypeVar("_Result")


def finish(steps: Generator[Event, None, _Result]) -> _Result:
    """The result of a generator, with a message for each download that it starts."""
    events = WithResult(steps)
    for event in events:
        if isinstance(event, Phase) and event.name == "downloading":
            print_message(f"downloading {event.detail}")
    return events.value
