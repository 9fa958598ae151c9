"""Commands of the palette that do what a key does, here or on another screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from textual.actions import parse
from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from cnn_tui.formatting import printable
from cnn_tui.tui.job_state import JobState, can_control
from cnn_tui.tui.messages import PauseRequested, StopRequested
from cnn_tui.tui.screen_keys import SCREENS, ModeName

_STEERING = ("pause", "resume", "stop", "kill")


@dataclass(frozen=True)
class Command:
    """Something that the palette offers.

    Attributes:
        title: what it is called.
        help: what it is for.
        run: does it.
        also: words that it is found by too.
        rare: whether only a search finds it.
    """

    title: str
    help: str
    run: Callable[[], Any]
    also: str = ""
    rare: bool = False

    def __post_init__(self) -> None:
        # Names come from files: nothing in them may steer the terminal.
        object.__setattr__(self, "title", printable(self.title))
        object.__setattr__(self, "help", printable(self.help))


def present(screen: Screen[Any]) -> Iterator[Command]:
    """What keys do on a screen now, from its focused part to the workbench; also where a field would take the key."""
    app, done = screen.app, set()
    for node in screen.focused.ancestors_with_self if screen.focused else (screen, app):
        for binding in own_bindings(type(node)):
            offered = node in (screen, app) or binding.show
            if offered and binding.action not in done and _possible(binding.action, node):
                done.add(binding.action)
                yield Command(binding.description, _help(app, binding), _doing(app, binding.action, node))


def own_bindings(kind: type[Any]) -> Iterator[Binding]:
    """The described bindings of a class of ours, without those of Textual's classes and those that lead to screens."""
    for base in kind.__mro__:
        if base.__module__.startswith("cnn_tui."):
            for binding in Binding.make_bindings(base.__dict__.get("BINDINGS", ())):
                if binding.description and not binding.action.startswith("switch_mode("):
                    yield binding


def going_on(screen: Screen[Any]) -> Iterator[Command]:
    """How the run or study that goes on can be steered, where the screen itself does not offer it."""
    app = screen.app
    job: JobState | None = getattr(app, "job", None)
    if (
        job is None
        or not job.active
        or any(_possible(name, screen) for name in _STEERING if hasattr(screen, f"action_{name}"))
    ):
        return
    what = job.job.kind
    commands: tuple[tuple[str, str, str, Callable[[], Any]], ...] = (
        ("pause", f"Pause the {what}", "It waits at its next batch", lambda: app.post_message(PauseRequested())),
        (
            "resume",
            f"Resume the {what}",
            "It was paused",
            lambda: app.post_message(PauseRequested()),
        ),
        ("stop", f"Stop the {what}", "It is tested and saved", lambda: app.post_message(StopRequested())),
        ("kill", f"Kill the {what}", "It ends now; asks first", _doing_on(app, "live", "kill", "Kill")),
    )
    for action, title, words, run in commands:
        if can_control(action, job.stage):
            yield Command(title, words, run)


def screens(screen: Screen[Any]) -> Iterator[Command]:
    """The ways to the other screens."""
    app = screen.app
    for mode, keys in SCREENS.items():
        if mode != app.current_mode:
            words = f"{keys.key}, or {keys.digit} where no text is typed"
            yield Command(f"Go to {keys.title}", words, _doing(app, f"switch_mode('{mode}')", app))


def appearance(screen: Screen[Any]) -> Iterator[Command]:
    """Themes, all of them to choose from or one by its name, and a picture of the screen."""
    app = screen.app
    yield Command("Change theme", "Colours to choose from", app.action_change_theme, also="themes dark light")
    yield Command("Screenshot", "Save the screen as an SVG picture", _doing(app, "screenshot", app))
    for name in app.available_themes:
        yield Command(f"Theme {name}", "Take this theme's colours", _setting_theme(app, name), rare=True)


def other_screens(screen: Screen[Any]) -> Iterator[Command]:
    """What can be done on the other screens, which it leads to.

    Sessions is not among them: what it does concerns the session under its cursor, which nobody sees from here.
    """
    from cnn_tui.tui.screens.live import LiveScreen
    from cnn_tui.tui.screens.results import ResultsScreen
    from cnn_tui.tui.screens.setup import SetupScreen
    from cnn_tui.tui.screens.studies import StudiesScreen

    app = screen.app
    kinds: dict[ModeName, type[Screen[Any]]] = {
        "setup": SetupScreen,
        "live": LiveScreen,
        "results": ResultsScreen,
        "studies": StudiesScreen,
    }
    for mode, kind in kinds.items():
        actions = {binding.action: binding for binding in own_bindings(kind) if binding.action not in _STEERING}
        for action, binding in actions.items():
            if not isinstance(screen, kind):
                title = f"{SCREENS[mode].title}: {binding.description}"
                yield Command(title, binding.tooltip, _doing_on(app, mode, action, binding.description))


def _possible(action: str, node: DOMNode) -> bool:
    """Whether an action can be done now, as its key could."""
    where, name, parameters = parse(action)
    targets: dict[str, DOMNode] = {"app": node.app, "screen": node.screen}
    return targets.get(where, node).check_action(name, parameters) is True


def _help(app: App[Any], binding: Binding) -> str:
    return f"{app.get_key_display(binding)}  {binding.tooltip}".rstrip()


def _doing(app: App[Any], action: str, node: DOMNode) -> Callable[[], Awaitable[bool]]:
    return lambda: app.run_action(action, node)


def _doing_on(app: App[Any], mode: ModeName, action: str, name: str) -> Callable[[], Awaitable[None]]:
    """Go to a screen and do something there; say so where it cannot be done."""

    async def do() -> None:
        await app.switch_mode(mode)
        if not await app.run_action(action, app.screen):
            title = f"{SCREENS[mode].title}: {name}"
            app.notify("It cannot be done there at the moment.", title=title, severity="warning", markup=False)

    return do


def _setting_theme(app: App[Any], name: str) -> Callable[[], None]:
    return lambda: setattr(app, "theme", name)
