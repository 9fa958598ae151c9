"""The commands of the palette: the actions of keys, on this screen or another, and everything that opens by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.actions import parse
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from cnn_tui.config.fields import experiment_fields
from cnn_tui.errors import StorageError
from cnn_tui.formatting import printable
from cnn_tui.metrics import ACCURACY
from cnn_tui.store.presets import PresetEntry, list_presets
from cnn_tui.store.records import SessionRecord
from cnn_tui.store.session_writer import WEIGHTS_FILE
from cnn_tui.store.sessions import newest_sessions
from cnn_tui.tui.job_state import JobState, can_control
from cnn_tui.tui.messages import PauseRequested, PresetRequested, SessionRequested, StopRequested
from cnn_tui.tui.screen_keys import SCREENS, ModeName
from cnn_tui.tui.screens.setup import SetupScreen
from cnn_tui.tui.screens.setup_editor import source_text
from cnn_tui.tui.screens.studies import StudiesScreen
from cnn_tui.tui.screens.studies_files import StudyEntry
from cnn_tui.tui.widgets.preset_list import preset_summary

_JOB_ACTIONS = ("pause", "resume", "stop", "kill")
_MAX_SESSIONS = 20


@dataclass(frozen=True)
class Command:
    """A command of the palette.

    Attributes:
        also: more words that a search finds it by.
        rare: whether it is offered only by a search.
    """

    title: str
    help: str
    run: Callable[[], Any]
    also: str = ""
    rare: bool = False

    def __post_init__(self) -> None:
        # Names come from files: they must not contain escape sequences.
        object.__setattr__(self, "title", printable(self.title))
        object.__setattr__(self, "help", printable(self.help))


def screen_commands(screen: Screen[Any]) -> Iterator[Command]:
    """The actions of the keys on a screen, also of those that the focused field takes as text."""
    app, offered = screen.app, set()
    for node in screen.focused.ancestors_with_self if screen.focused else (screen, app):
        for binding in _own_bindings(type(node)):
            listed = node in (screen, app) or binding.show
            if listed and binding.action not in offered and _is_enabled(binding.action, node):
                offered.add(binding.action)
                help_text = f"{app.get_key_display(binding)}  {binding.tooltip}".rstrip()
                yield Command(binding.description, help_text, _running(app, binding.action, node))


def job_commands(screen: Screen[Any]) -> Iterator[Command]:
    """The control of the current run or study, where the screen itself does not offer it."""
    app = screen.app
    job: JobState | None = getattr(app, "job", None)
    if job is None or not job.active or _controls_job(screen):
        return
    kind = job.job.kind
    commands: tuple[tuple[str, str, str, Callable[[], Any]], ...] = (
        ("pause", f"Pause the {kind}", "Waits before the next batch", lambda: app.post_message(PauseRequested())),
        ("resume", f"Resume the {kind}", "It is paused", lambda: app.post_message(PauseRequested())),
        ("stop", f"Stop the {kind}", "Tests and saves it", lambda: app.post_message(StopRequested())),
        ("kill", f"Kill the {kind}", "Ends it immediately, after a question", _running_on(app, "live", "kill", "Kill")),
    )
    for action, title, help_text, run in commands:
        if can_control(action, job.stage):
            yield Command(title, help_text, run)


def go_to_commands(screen: Screen[Any]) -> Iterator[Command]:
    """The other screens."""
    app = screen.app
    for mode, keys in SCREENS.items():
        if mode in app.MODES and mode != app.current_mode:
            help_text = f"{keys.key}, or {keys.digit} outside of text fields"
            yield Command(f"Go to {keys.title}", help_text, _running(app, f"switch_mode('{mode}')", app))


def appearance_commands(screen: Screen[Any]) -> Iterator[Command]:
    """Themes, as a list or by name, and a screenshot."""
    app = screen.app
    yield Command("Change theme", "Choose from a list", app.action_change_theme, also="themes colors dark light")
    yield Command("Screenshot", "Save the screen as an SVG image", _running(app, "screenshot", app))
    for name in app.available_themes:
        yield Command(f"Theme {name}", "Use this theme", _setting_theme(app, name), rare=True)


def other_screen_commands(screen: Screen[Any]) -> Iterator[Command]:
    """The actions of the other screens, which they switch to first. Imports these: call it in a thread.

    Those of Sessions concern the session under its cursor, which is not visible from other screens.
    """
    from cnn_tui.tui.screens.live import LiveScreen
    from cnn_tui.tui.screens.results import ResultsScreen

    kinds: dict[ModeName, type[Screen[Any]]] = {
        "setup": SetupScreen,
        "live": LiveScreen,
        "results": ResultsScreen,
        "studies": StudiesScreen,
    }
    for mode, kind in kinds.items():
        if isinstance(screen, kind):
            continue
        actions = {binding.action: binding for binding in _own_bindings(kind) if binding.action not in _JOB_ACTIONS}
        for action, binding in actions.items():
            title = f"{SCREENS[mode].title}: {binding.description}"
            yield Command(title, binding.tooltip, _running_on(screen.app, mode, action, binding.description))


def preset_commands(screen: Screen[Any]) -> Iterator[Command]:
    """All valid presets and studies. Reads files: call it in a thread."""
    for entry in list_presets():
        if entry.preset is not None:
            request = PresetRequested(entry.preset, source_text(entry.path), entry.path)
            name = "" if entry.preset.name == entry.name else f"{entry.preset.name}\n"
            help_text = _one_line(name + preset_summary(entry.preset))
            yield Command(f"Open preset {entry.name}", help_text, _posting(screen, request))
        elif entry.study is not None:
            yield Command(f"Open study {entry.name}", _one_line(entry.study.description), _opening(screen, entry))


def session_commands(screen: Screen[Any]) -> Iterator[Command]:
    """The latest valid sessions, and what their networks predict. Reads files: call it in a thread."""
    try:
        entries = newest_sessions(_MAX_SESSIONS)
    except StorageError:  # the Sessions screen shows the error
        return
    for entry in entries:
        if (record := entry.record) is not None:
            request, help_text = SessionRequested(record.id), _session_summary(record)
            yield Command(f"Open session {record.name}", help_text, _posting(screen, request))
            if (entry.folder / WEIGHTS_FILE).is_file():
                predict = _predicting(screen, entry.folder)
                yield Command(f"Predict with session {record.name}", help_text, predict, rare=True)


def setting_commands(screen: Screen[Any]) -> Iterator[Command]:
    """The fields of the form in Setup."""
    for spec in experiment_fields():
        yield Command(f"Setting: {spec.title}", f"{spec.path}  {spec.description}", _going_to(screen, spec.path))


def _own_bindings(kind: type[Any]) -> Iterator[Binding]:
    """The described bindings of a class, without those of Textual and those that switch screens."""
    for base in kind.__mro__:
        if base.__module__.startswith("cnn_tui."):
            for binding in Binding.make_bindings(base.__dict__.get("BINDINGS", ())):
                if binding.description and not binding.action.startswith("switch_mode("):
                    yield binding


def _controls_job(screen: Screen[Any]) -> bool:
    """Whether a screen itself offers the control of the job."""
    return any(_is_enabled(name, screen) for name in _JOB_ACTIONS if hasattr(screen, f"action_{name}"))


def _is_enabled(action: str, node: DOMNode) -> bool:
    where, name, parameters = parse(action)
    targets: dict[str, DOMNode] = {"app": node.app, "screen": node.screen}
    return targets.get(where, node).check_action(name, parameters) is True


def _session_summary(record: SessionRecord) -> str:
    experiment = record.experiment
    parts = [record.id, f"{experiment.model.architecture} on {experiment.data.dataset}", record.status]
    if record.result is not None:
        parts.append(f"{ACCURACY.title} {ACCURACY.screen_text(record.result.accuracy)}")
    return " · ".join(parts)


def _one_line(text: str) -> str:
    return " · ".join(line for line in text.splitlines() if line)


def _running(app: App[Any], action: str, node: DOMNode) -> Callable[[], Awaitable[bool]]:
    return lambda: app.run_action(action, node)


def _running_on(app: App[Any], mode: ModeName, action: str, name: str) -> Callable[[], Awaitable[None]]:
    """Switch to a screen and run an action there; notify the user if it is disabled."""

    async def run() -> None:
        await app.switch_mode(mode)
        if not await app.run_action(action, app.screen):
            title = f"{SCREENS[mode].title}: {name}"
            app.notify("Not available now.", title=title, severity="warning", markup=False)

    return run


def _setting_theme(app: App[Any], name: str) -> Callable[[], None]:
    return lambda: setattr(app, "theme", name)


def _posting(screen: Screen[Any], message: PresetRequested | SessionRequested) -> Callable[[], object]:
    return lambda: screen.app.post_message(message)


def _opening(screen: Screen[Any], entry: PresetEntry) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        await screen.app.switch_mode("studies")
        if isinstance(screen.app.screen, StudiesScreen) and entry.study is not None:
            screen.app.screen.open_study(StudyEntry(str(entry.path), entry.name, entry.origin, entry.study))

    return run


def _predicting(screen: Screen[Any], folder: Path) -> Callable[[], None]:
    def run() -> None:
        from cnn_tui.tui.screens.predict import open_predict

        open_predict(screen, folder)

    return run


def _going_to(screen: Screen[Any], path: str) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        await screen.app.switch_mode("setup")
        if isinstance(screen.app.screen, SetupScreen):
            screen.app.screen.go_to_setting(path)

    return run
