"""Commands of the palette that open something by its name: presets, studies, sessions, settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from textual.screen import Screen

from cnn_tui.config.fields import experiment_fields
from cnn_tui.errors import StorageError
from cnn_tui.metrics import ACCURACY
from cnn_tui.store.presets import PresetEntry, list_presets
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.sessions import newest_sessions
from cnn_tui.tui.messages import PresetRequested, SessionRequested
from cnn_tui.tui.palette_actions import Command
from cnn_tui.tui.screens.setup import SetupScreen
from cnn_tui.tui.screens.setup_files import source_of
from cnn_tui.tui.screens.studies import StudiesScreen
from cnn_tui.tui.screens.studies_files import StudyEntry
from cnn_tui.tui.widgets.preset_list import preset_words

_MOST_SESSIONS = 20


def presets(screen: Screen[Any]) -> Iterator[Command]:
    """Each preset and each study that can be read. Reads them, so call it in a thread."""
    for entry in list_presets():
        if entry.preset is not None:
            asked = PresetRequested(entry.preset, source_of(entry.path), entry.path)
            name = "" if entry.preset.name == entry.name else f"{entry.preset.name}\n"
            words = _one_line(name + preset_words(entry.preset))
            yield Command(f"Open preset {entry.name}", words, _posting(screen, asked))
        elif entry.study is not None:
            yield Command(f"Open study {entry.name}", _one_line(entry.study.description), _opening(screen, entry))


def recent_sessions(screen: Screen[Any]) -> Iterator[Command]:
    """The newest sessions that can be read. Reads them, so call it in a thread."""
    try:
        entries = newest_sessions(_MOST_SESSIONS)
    except StorageError:  # Sessions says what is wrong
        return
    for record in (entry.record for entry in entries):
        if record is not None:
            yield Command(
                f"Open session {record.name}", _summary(record), _posting(screen, SessionRequested(record.id))
            )


def settings(screen: Screen[Any]) -> Iterator[Command]:
    """Each field of Setup's form."""
    for spec in experiment_fields():
        words = f"{spec.path}  {spec.description}"
        yield Command(f"Setting: {spec.title}", words, _going_to(screen, spec.path))


def _summary(record: SessionRecord) -> str:
    experiment = record.experiment
    parts = [record.id, f"{experiment.model.architecture} on {experiment.data.dataset}", record.status]
    if record.result is not None:
        parts.append(f"{ACCURACY.title} {ACCURACY.screen_text(record.result.accuracy)}")
    return " · ".join(parts)


def _one_line(text: str) -> str:
    return " · ".join(line for line in text.splitlines() if line)


def _posting(screen: Screen[Any], message: PresetRequested | SessionRequested) -> Callable[[], object]:
    return lambda: screen.app.post_message(message)


def _opening(screen: Screen[Any], entry: PresetEntry) -> Callable[[], Awaitable[None]]:
    async def do() -> None:
        await screen.app.switch_mode("studies")
        if isinstance(screen.app.screen, StudiesScreen) and entry.study is not None:
            screen.app.screen.open_study(StudyEntry(str(entry.path), entry.name, entry.origin, entry.study))

    return do


def _going_to(screen: Screen[Any], path: str) -> Callable[[], Awaitable[None]]:
    async def do() -> None:
        await screen.app.switch_mode("setup")
        if isinstance(screen.app.screen, SetupScreen):
            screen.app.screen.go_to_setting(path)

    return do
