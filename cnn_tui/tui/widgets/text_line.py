"""A text input for keys that arrive in bursts, as over SSH.

By hand: ``Input`` inserts a letter immediately but runs a binding only after its key has bubbled up to the app, so
that Ctrl+U would delete what was typed after it, and Enter would submit too much.
"""

from __future__ import annotations

from textual import events
from textual.binding import NoBinding
from textual.widgets import Input

from cnn_tui.tui.widgets.component_styles import LazyComponentStyles


class TextLine(LazyComponentStyles, Input):
    """An ``Input`` that handles all keys in the order in which they were typed."""

    async def on_key(self, event: events.Key) -> None:
        """Run the bindings of the input before the next key."""
        try:
            bindings = self._bindings.get_bindings_for_key(event.key)
        except NoBinding:
            return
        for binding in bindings:
            if await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return
