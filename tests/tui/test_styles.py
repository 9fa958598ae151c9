"""What is styled when: component styles when they are drawn, and no screen because another one opens."""

from __future__ import annotations

from typing import ClassVar

import pytest
from rich.style import Style
from textual.app import App, ComposeResult
from textual.widget import Widget
from workbench import workbench

from cnn_tui.tui.forms.fields import FieldRow
from cnn_tui.tui.screen_keys import SCREENS
from cnn_tui.tui.widgets.component_styles import LazyComponentStyles

CSS = """
Screen { background: $surface; }
.bright { background: white; }
Eager, Lazy {
    &.bright .part--auto { color: $text; text-style: bold; }
    .part--auto { color: $text; }
    .part--muted { color: $text-muted; background: $primary 20%; }
    &:disabled .part--muted { color: red; }
}
"""
PARTS = ("part--auto", "part--muted")


class Eager(Widget):
    COMPONENT_CLASSES: ClassVar[set[str]] = set(PARTS)


class Lazy(LazyComponentStyles, Widget):
    COMPONENT_CLASSES: ClassVar[set[str]] = set(PARTS)


class Both(App[None]):
    CSS = CSS

    def compose(self) -> ComposeResult:
        yield Eager()
        yield Lazy()

    def styles_of(self, kind: type[Widget]) -> list[Style]:
        widget = self.query_one(kind)
        return [widget.get_component_rich_style(part, partial=partial) for part in PARTS for partial in (False, True)]


async def test_they_are_those_of_textual_after_every_change() -> None:
    app = Both()
    async with app.run_test() as pilot:
        seen = [app.styles_of(Lazy)]
        assert seen[0] == app.styles_of(Eager)
        for change in ("class", "disabled", "theme"):
            if change == "theme":
                app.theme = "textual-light"
            for widget in app.query("Eager, Lazy"):
                if change == "class":
                    widget.add_class("bright")
                elif change == "disabled":
                    widget.disabled = True
            await pilot.pause()
            assert app.styles_of(Lazy) == app.styles_of(Eager) != seen[-1]
            seen.append(app.styles_of(Lazy))


async def test_only_parts_that_are_drawn_are_resolved_and_others_are_unknown() -> None:
    app = Both()
    async with app.run_test():
        lazy = app.query_one(Lazy)
        lazy.get_component_styles("part--auto")
        assert set(lazy._component_styles) == {"part--auto"}
        with pytest.raises(KeyError, match="part--other"):
            lazy.get_component_styles("part--other")


async def test_a_screen_that_opens_leaves_the_others_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    styled: list[FieldRow] = []
    async with workbench() as (app, _, pilot):
        own = set(app.screen.query(FieldRow))
        monkeypatch.setattr(FieldRow, "notify_style_update", lambda row: styled.append(row) if row in own else None)
        for mode, screen in SCREENS.items():
            await pilot.press(screen.key)
            await pilot.pause()
            assert app.current_mode == mode
        assert not styled
        app.theme = "textual-light"
        await pilot.pause()
        await pilot.press(SCREENS["setup"].key)
        await pilot.pause()
        assert styled
