"""A line of text that takes its keys in the order in which they were typed."""

from __future__ import annotations

from textual import events
from textual.binding import NoBinding
from textual.widgets import Input


class TextLine(Input):
    """An ``Input`` for lines that arrive in bursts, as over SSH.

    Textual enters a letter at once and runs a binding only when its key has risen to the app, so that Ctrl+U would
    delete what was typed after it, and Enter submit more than stood there.
    """

    async def on_key(self, event: events.Key) -> None:
        """Run the line's own bindings here, before the next letter."""
        try:
            bindings = self._bindings.get_bindings_for_key(event.key)
        except NoBinding:
            return
        for binding in bindings:
            if await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return
