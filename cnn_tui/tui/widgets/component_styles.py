"""Component styles that are resolved when a widget is drawn.

By hand: Textual resolves those of all parts of a widget every time that the widget is styled. The forms have some 200
such parts, most of them never drawn, which took half of the time that Setup needs to open.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from rich.style import Style
from textual.css.styles import RenderStyles
from textual.dom import DOMNode

if TYPE_CHECKING:
    from textual.widget import Widget as Base
else:
    Base = object  # with two base classes that are widgets, Textual would apply the style sheet of the first only


class LazyComponentStyles(Base):
    """Mixin for a widget with ``COMPONENT_CLASSES``, listed before the widget class."""

    @classmethod
    @cache
    def _get_component_classes(cls) -> frozenset[str]:
        """Those that Textual resolves at once: none."""
        return frozenset()

    def get_component_styles(self, *names: str) -> RenderStyles:
        """As in ``DOMNode``."""
        declared = super()._get_component_classes()
        for name in names:
            if name in declared and name not in self._component_styles:
                part = DOMNode(classes=name)
                part._attach(self)
                self.app.stylesheet.apply(part, animate=False)
                self._component_styles[name] = part.styles
        return super().get_component_styles(*names)

    def get_component_rich_style(self, *names: str, partial: bool = False, default: Style | None = None) -> Style:
        """As in ``Widget``, which forgets the styles at every repaint: these are kept until they change."""
        kept: dict[tuple[tuple[str, ...], bool], Style] = self.__dict__.setdefault("_kept_styles", {})
        key = names, partial
        if key not in kept:
            kept[key] = super().get_component_rich_style(*names, partial=partial, default=default)
        return kept[key]

    def notify_style_update(self) -> None:
        """Resolve the styles again when they are needed next."""
        self._component_styles.clear()
        self.__dict__.pop("_kept_styles", None)
        super().notify_style_update()
